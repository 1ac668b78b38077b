import SimulatedChain
import Solana
import Testing

@Suite struct ConservationTests {
    @Test(arguments: [1, 2, 3, 20_261_107] as [UInt64], [Address.tokenProgram, .token2022Program])
    func `no lamport and no token appears or vanishes`(seed: UInt64, program: Address) async throws {
        var session = try RandomSession(seed: seed, tokenProgram: program)
        let total = session.scene.bank.totalLamports
        #expect(total == session.scene.bank.genesis.faucetLamports + self.fixedLamports(session.scene.bank))
        for step in 0..<250 {
            try await session.step()
            let bank = session.scene.bank
            #expect(bank.totalLamports == total, "seed \(seed), step \(step)")
            for (mint, tokens) in bank.tokenSupplies {
                #expect(tokens.supply == tokens.held, "seed \(seed), step \(step), mint \(mint)")
            }
            for account in bank.accounts.values {
                #expect(
                    account.lamports >= Rent.minimumBalance(space: account.data.count),
                    "seed \(seed), step \(step): an account without its deposit")
            }
        }
        let entries = session.scene.bank.history
        #expect(entries.reduce(0) { $0 + $1.fee } == session.scene.bank.burntFees, "seed \(seed)")
        let failed = entries.count { $0.failure != nil }
        #expect(
            failed > 30 && entries.count - failed > 30, "seed \(seed): \(failed) of \(entries.count) failed")
    }

    /// Lamports of programs and system variables.
    private func fixedLamports(_ bank: Bank) -> UInt64 {
        bank.accounts.values.filter { $0.executable || $0.owner == .sysvarOwner }.reduce(0) {
            $0 + $1.lamports
        }
    }
}
