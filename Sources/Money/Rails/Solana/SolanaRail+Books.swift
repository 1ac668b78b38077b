package import Ledger
package import Payments
internal import Solana
internal import Wallet

/// What the chain shows of payments and money.
extension SolanaRail {
    package func greet() async throws { _ = try await self.rpc.blockHeight(.finalized) }

    package func isBusy(_ channel: String) async -> Bool { await self.locks.isTaken(channel) }

    package func look(
        for payment: JournalledPayment, hint: String?
    ) async throws -> Purchasing.Finding {
        guard payment.proposal.purpose != .fee else { return try await self.reconciler.reconcileFee(payment) }
        let account = try Self.payingAccount(payment)
        switch try await self.reconciler.reconcile(payment, hint: hint, account: account) {
        case .settled: return .settled
        case .failed(_, let why): return .failed(why)
        case .dead: return .dead
        case .open: return .open
        }
    }

    package func holdings(
        noting faults: inout [BookFault]
    ) async throws -> [(asset: Asset, amount: UInt64)] {
        var amounts: [(asset: Asset, amount: UInt64)] = []
        for asset in try await self.ledger.read({ try $0.assets() }) {
            guard let mint = SolanaNames.mint(of: asset, on: self.chain) else { continue }
            var found: [BookFault] = []
            _ = try await BookFault.apart("token \(asset.id)", noting: &faults) {
                // A token that is refused when it is paid with is still counted.
                let program = try await self.programOfDeposits(mint)
                let account = Address.associatedToken(owner: self.address, mint: mint, tokenProgram: program)
                let amount = try await self.reconciler.bookDeposits(of: asset, account: account, mint: mint) {
                    try await self.bookEndedChannels(in: asset, noting: &found)
                }
                amounts.append((asset, amount))
            }
            faults += found
        }
        let sol = SolanaNames.sol(on: self.chain)
        if try await self.ledger.read({ try $0.assets().contains { $0.id == sol.id } }) {
            _ = try await BookFault.apart("token \(sol.id)", noting: &faults) {
                // What the wallet pays fees with itself.
                let account = Address(self.wallet.publicKey(.sponsor))
                amounts.append(
                    (sol, try await self.reconciler.bookDeposits(of: sol, account: account, mint: nil)))
            }
        }
        return amounts
    }

    /// Of a token that this chain does not have there is nothing to count.
    private func programOfDeposits(_ mint: Address) async throws -> Address {
        do {
            return try await self.mints.mint(at: mint, from: self.rpc).tokenProgram
        } catch is X402Error {
            return .tokenProgram
        }
    }

    /// The token account that a journalled payment draws on, read from its bytes.
    private static func payingAccount(_ payment: JournalledPayment) throws -> Address {
        for content in InstructionContent.contents(of: try TransactionMessage(decoding: payment.message)) {
            switch content {
            case .transferChecked(let transfer): return transfer.source
            case .openChannel(let opening): return opening.source
            case .topUpChannel(_, _, let source, _, _, _, _): return source
            case .requestCloseOfChannel(_, let channel): return channel
            default: continue
            }
        }
        throw X402Error.malformed("the journalled message pays nothing")
    }
}
