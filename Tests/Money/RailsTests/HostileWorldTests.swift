import Encoding
import Foundation
import Ledger
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Synchronization
import Testing
import World

/// A seller that lands payments when it likes, a chain's node that forgets, lags and breaks off, dust, and a
/// robot that is killed: whatever comes together, one purchase is paid at most once, and the books end where
/// the chain is.
@Suite struct HostileWorldTests {
    /// More of them with `Tests/Attacks/run`.
    static let rounds = ProcessInfo.processInfo.environment["DEPAI_ATTACK_ROUNDS"].flatMap { Int($0) } ?? 40
    /// Worlds that ended badly once.
    static let seeds: [UInt64] = [49, 142, 178, 179, 192, 219, 1461]

    /// Keeps every payment that it is shown, and answers as the dice say.
    private final class Seller: Sendable {
        let market: TestMarket
        let quote: WebResponse
        private let state: Mutex<(dice: Dice, payments: [PaymentPayload])>

        init(_ market: TestMarket, seed: UInt64, quote: WebResponse) {
            self.market = market
            self.quote = quote
            self.state = Mutex((Dice(seed: seed), []))
        }

        func answer(to request: WebRequest) -> WebResponse {
            guard let header = request.headers.first(where: { $0.name == X402.signatureHeader }),
                let payload = try? PaymentPayload(header: header.value)
            else { return self.quote }
            let answer = self.state.withLock { state in
                if !state.payments.contains(payload) { state.payments.append(payload) }
                return Int.random(in: 0..<3, using: &state.dice)
            }
            switch answer {
            case 0: return self.quote
            case 1: return WebResponse(status: 500, headers: [], body: [])
            default: return WebResponse(status: 503, headers: [], body: Array("later".utf8))
            }
        }

        /// Brings what it has to the chain, in any order.
        func land() async throws {
            for payload in self.state.withLock({ state in state.payments.shuffled(using: &state.dice) }) {
                var transaction = try Transaction(decoding: payload.transaction)
                try transaction.sign(with: TestMarket.sponsorKey())
                await self.market.cluster.withBank { [transaction] bank in
                    _ = try? bank.execute(transaction)
                }
            }
        }
    }

    @Test func `one purchase is paid at most once, whatever the seller and the nodes do`() async throws {
        for seed in Self.seeds + Array(0..<UInt64(Self.rounds)) {
            try await TestMarket.with { market in try await self.play(market, seed) }
        }
    }

    private func play(_ market: TestMarket, _ seed: UInt64) async throws {
        var dice = Dice(seed: seed)
        var terms = Draft.requirements(market).json
        let memos = ["", "order", String(repeating: "m", count: 256), "[5] order; [0] "]
        if dice.happens(60) { terms["extra"]?["memo"] = .string(memos.randomElement(using: &dice) ?? "") }
        let quote = try await market.quote([terms], for: market.order())
        let seller = Seller(market, seed: seed, quote: quote)
        market.web.change { $0.impostor = { seller.answer(to: $0) } }
        let node = BadNode(market, seed: seed, badness: dice.happens(30) ? 0 : 25)
        let rpc = RPCClient(url: TestMarket.rpcURL, web: node, timeline: market.timeline)
        let account = market.tokenAccount(of: market.payer)
        var file = "robot.db"
        var ledger = try await market.robotLedger(file: file)
        for step in 0..<Int.random(in: 3...8, using: &dice) {
            let buyer = market.buyer(ledger, rpc: rpc)
            _ = try? await buyer.buy(market.order(tries: Int.random(in: 1...2, using: &dice)))
            if dice.happens(40) { try await seller.land() }
            if dice.happens(30) {
                let (count, memo) = (Int.random(in: 1...450, using: &dice), memos.randomElement(using: &dice))
                let isSilent = dice.happens(50)
                try await market.cluster.withBank {
                    try $0.clutter(account, with: count, memo: isSilent ? nil : memo)
                }
            }
            try await market.timeline.pass(slots: Int.random(in: 0...260, using: &dice))
            if dice.happens(20) {
                await market.cluster.withBank { $0.faults.prunedBefore = $0.slot - 100 }
            }
            if dice.happens(30) { _ = try? await buyer.lookAtBooks() }
            if dice.happens(30) {
                // Killed: what is on the disk goes on.
                let next = "robot-\(step).db"
                for end in ["", "-wal"] { try market.copy(file + end, to: next + end) }
                file = next
                ledger = try await market.robotLedger(file: file)
            }
        }
        // Everybody tells the truth again, and time passes.
        node.badness.withLock { $0 = 0 }
        await market.cluster.withBank { $0.faults = Faults() }
        try await market.timeline.pass(slots: 300)
        for _ in 0..<6 { _ = try? await market.buyer(ledger, rpc: rpc).lookAtBooks() }
        let paid = try await market.tokens(of: market.payTo)
        #expect(paid <= 1_000, "seed \(seed): paid \(paid)")
        let balance = try #require(try await ledger.read { try $0.balances().first })
        let chain = try await market.tokens(of: market.payer)
        #expect(balance.inWallet <= chain, "seed \(seed): \(balance) on chain \(chain)")
        // What was set aside and never signed waits for the same order; what was signed has its end.
        let open = try await ledger.read { try $0.intents(in: [.signed, .submitted, .unknown]) }
        #expect(open.isEmpty, "seed \(seed): \(open.map(\.state))")
        #expect(try await ledger.read { try $0.faults() }.isEmpty, "seed \(seed)")
    }
}
