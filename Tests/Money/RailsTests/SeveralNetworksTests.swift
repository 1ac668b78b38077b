import Encoding
import Ledger
import PaymentSupport
import Payments
import Testing
import World

@testable import Rails

/// One robot, one ledger, two networks, and a seller that takes money on both.
@Suite struct SeveralNetworksTests {
    private struct Scene {
        let market: TestMarket
        let stellar: StellarScene
        let ledger: PaymentLedger
        let buyer: Buyer

        /// - Parameter solanaLimit: the most that the policy lets a payment on Solana be.
        init(_ market: TestMarket, solanaLimit: String = "5000") async throws {
            self.market = market
            let stellar = try StellarScene(market)
            self.stellar = stellar
            let dollar = JSON.string(market.asset.id)
            self.ledger = try await stellar.ledger { policy in
                let field = JSONField(policy)
                let first = { (member: String) in field[member][0].value ?? .null }
                let assets: JSON = ["asset": dollar, "symbol": "USD", "decimals": 6]
                policy["assets"] = [first("assets"), assets]
                let payee: JSON = [
                    "id": "seller on solana", "purposes": ["service"],
                    "account": .string(SolanaNames.account(market.payTo, on: .devnet)),
                ]
                policy["payees"] = [first("payees"), payee]
                let limit: JSON = ["id": "solana", "asset": dollar, "per_payment": .string(solanaLimit)]
                policy["limits"] = [first("limits"), limit]
            }
            try await self.ledger.deposit(TestMarket.money, asset: market.asset, reference: "solana")
            let solana = SolanaRail(
                ledger: self.ledger, wallet: market.robotWallet, rpc: market.rpc, network: .devnet,
                web: stellar.seller, timeline: stellar.timeline, entropy: CountingEntropy())
            self.buyer = Buyer(
                ledger: self.ledger, rails: [solana, stellar.rail(self.ledger)], web: stellar.seller,
                timeline: stellar.timeline)
            stellar.seller.change { state in
                state.otherWays = [
                    [
                        "scheme": "exact", "network": .string(market.network.chainID), "amount": "1000",
                        "asset": .string(market.mint.description), "maxTimeoutSeconds": 60,
                        "payTo": .string(market.payTo.description),
                        "extra": ["feePayer": .string(market.sponsor.description)],
                    ]
                ]
            }
        }

        func states() async throws -> [String: IntentState] {
            try await self.ledger.read { view in
                Dictionary(
                    try view.intents().map { (String($0.proposal.asset.id.prefix { $0 != ":" }), $0.state) },
                    uniquingKeysWith: { first, _ in first })
            }
        }
    }

    @Test func `the network that the policy allows is taken`() async throws {
        try await TestMarket.with { market in
            let scene = try await Scene(market, solanaLimit: "999")
            guard case .answered = try await scene.buyer.buy(scene.stellar.order(tries: 6)) else {
                Issue.record("it was not bought")
                return
            }
            #expect(try await scene.states() == ["stellar": .settled])
            #expect(try await scene.stellar.holdings() == [999_000, 1_000])
            #expect(try await market.tokens(of: market.payer) == TestMarket.money)
        }
    }

    @Test func `while a payment is in doubt on one network, none is tried on another`() async throws {
        try await TestMarket.with { market in
            let scene = try await Scene(market)
            scene.stellar.keepPayments(true)
            guard case .open = try await scene.buyer.buy(scene.stellar.order(tries: 1)) else {
                Issue.record("it is decided")
                return
            }
            #expect(try await scene.states() == ["solana": .unknown])
            // The seller asks for money on Stellar alone now, and would answer.
            scene.stellar.keepPayments(false)
            scene.stellar.seller.change { $0.otherWays = [] }
            for _ in 0..<3 { _ = try? await scene.buyer.buy(scene.stellar.order(tries: 1)) }
            #expect(try await scene.stellar.holdings() == [1_000_000, 0])
            #expect(try await scene.states() == ["solana": .unknown])
            #expect(Set(scene.stellar.payments).count == 1)
            // Proved dead there, it is paid here, once.
            try await market.timeline.pass(slots: 250)
            try await scene.buyer.reconcileOpenPayments()
            #expect(try await scene.states() == ["solana": .expired])
            guard case .answered = try await scene.buyer.buy(scene.stellar.order(tries: 6)) else {
                Issue.record("it was not bought")
                return
            }
            #expect(try await scene.stellar.holdings() == [999_000, 1_000])
            #expect(try await market.tokens(of: market.payer) == TestMarket.money)
        }
    }

    @Test func `a network that is away does not hold up the books of the other`() async throws {
        try await TestMarket.with { market in
            let scene = try await Scene(market)
            market.web.change { $0.rpcSilent = true }
            let report = try await scene.buyer.lookAtBooks()
            #expect(report.holdings.map(\.asset.symbol) == ["USDC"])
            #expect(report.faults.contains { $0.subject == "network \(market.network.chainID)" })
            scene.stellar.silence(true)
            await #expect(throws: (any Error).self) { try await scene.buyer.lookAtBooks() }
        }
    }
}
