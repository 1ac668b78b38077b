import Encoding
import Ledger
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Testing
import Wallet
import World

/// Money above the owner's ceiling goes back.
@Suite struct SweepTests {
    /// The owner's account is the node's here: it exists.
    private func ledger(_ market: TestMarket, above: UInt64) async throws -> PaymentLedger {
        try await market.robotLedger(change: { rules in
            rules["assets"] = [
                ["asset": .string(market.asset.id), "symbol": "USD", "decimals": 6],
                ["asset": .string(market.sol.id), "symbol": "SOL", "decimals": 9],
            ]
            rules["payees"] = [["id": "network", "account": "network", "purposes": ["fee"]]]
            rules["limits"] = [
                ["id": "fees", "purpose": "fee", "asset": .string(market.sol.id), "per_payment": "20000"]
            ]
            rules["sweep"] = [
                [
                    "asset": .string(market.asset.id), "above": .string(String(above)),
                    "account": .string(SolanaNames.account(market.payTo, on: market.network)),
                ]
            ]
        })
    }

    private func fund(_ market: TestMarket) async {
        let sponsor = Address(market.robotWallet.publicKey(.sponsor))
        await market.cluster.withBank { _ = $0.airdrop(10_000_000, to: sponsor) }
        await market.cluster.tick(40)
    }

    @Test func `what is above the ceiling goes to the owner, once`() async throws {
        try await TestMarket.with { market in
            let ledger = try await self.ledger(market, above: 300_000)
            await self.fund(market)
            let buyer = market.buyer(ledger)
            try await buyer.bookDeposits()
            let account = SolanaNames.account(market.payTo, on: market.network)
            #expect(
                try await buyer.sweep()
                    == [.swept(amount: 700_000, asset: market.asset, to: account)])
            #expect(try await buyer.sweep().isEmpty)
            #expect(try await market.tokens(of: market.payTo) == 700_000)
            #expect(try await market.tokens(of: market.payer) == 300_000)
            let balances = try await ledger.read { try $0.balances() }
            let dollars = try #require(balances.first { $0.asset.id == market.asset.id })
            #expect((dollars.available, dollars.spent, dollars.deposited) == (300_000, 0, 300_000))
            let lamports = try #require(balances.first { $0.asset.id == market.sol.id })
            // Two signatures, and up to 20 lamports by which a payment is another one than all others.
            #expect((10_001...10_020).contains(10_000_000 - lamports.available))
            #expect(try await ledger.read { try $0.faults() + $0.chainFaults() } == [])
        }
    }

    @Test func `without lamports it waits and says so, and goes on when they come`() async throws {
        try await TestMarket.with { market in
            let ledger = try await self.ledger(market, above: 999_999)
            let buyer = market.buyer(ledger)
            for _ in 0..<2 {
                guard case .waits(_, let reason)? = try await buyer.sweep().first else {
                    Issue.record("it was swept")
                    return
                }
                #expect(reason.contains("no lamports"), "\(reason)")
            }
            #expect(await market.transfers().isEmpty)
            await self.fund(market)
            try await buyer.bookDeposits()
            // The first one died with its blockhash; its money was never gone.
            try await market.timeline.pass(slots: 400)
            try await buyer.reconcileOpenPayments()
            guard case .swept(1, _, _)? = try await buyer.sweep().first else {
                Issue.record("it was not swept")
                return
            }
            #expect(try await market.tokens(of: market.payTo) == 1)
        }
    }

    /// The HTTP interface of a facilitator that sponsors for everybody.
    private struct FacilitatorWeb: Web {
        let facilitator: Facilitator

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            do {
                let answer: JSON
                if request.method == "GET", request.url == "http://sponsor/supported" {
                    answer = FacilitatorSupport.json([self.facilitator.supported(schemes: ["exact"])])
                } else {
                    let root = JSONField(try JSON.read(request.body))
                    let payload = try #require(root["paymentPayload"].value)
                    answer =
                        try await self.facilitator.settle(
                            PaymentPayload(bytes: Array(payload.text.utf8)),
                            against: PaymentRequirements(facilitator: root["paymentRequirements"])
                        ).json
                }
                return WebResponse(status: 200, headers: [], body: Array(answer.text.utf8))
            } catch {
                return WebResponse(status: 500, headers: [], body: [])
            }
        }
    }

    @Test func `a facilitator elsewhere pays the fee`() async throws {
        try await TestMarket.with { market in
            let ledger = try await self.ledger(market, above: 400_000)
            let node = try await market.nodeLedger()
            let sponsor = Sponsor.service(
                url: "http://sponsor", web: FacilitatorWeb(facilitator: market.facilitator(node)))
            guard case .swept(600_000, _, _)? = try await market.buyer(ledger, sponsor: sponsor).sweep().first
            else {
                Issue.record("it was not swept")
                return
            }
            #expect(try await market.tokens(of: market.payTo) == 600_000)
            // The robot has no lamports, and its ledger says that it paid none.
            let coins = try await ledger.read { try $0.balances().first { $0.asset.id == market.sol.id } }
            #expect(coins?.spent == 0)
        }
    }

    @Test func `only what the policy says is swept`() async throws {
        try await TestMarket.with { market in
            let ledger = try await self.ledger(market, above: 300_000)
            func verdict(_ amount: UInt64, to payee: Address) async throws -> String {
                let proposal = Proposal(
                    Purchase(.surplus(asset: market.asset.id)),
                    Terms(
                        payee: SolanaNames.account(payee, on: market.network), asset: market.asset,
                        amount: amount), note: "")
                switch try await ledger.foresee(proposal) {
                case .allowed: return "allowed"
                case .approvalNeeded(let denial), .denied(let denial): return denial.rule
                }
            }
            #expect(try await verdict(700_000, to: market.payTo) == "allowed")
            #expect(try await verdict(700_001, to: market.payTo) == "sweep")
            #expect(try await verdict(1, to: market.sponsor) == "sweep")
            try await ledger.freeze(reason: "test")
            #expect(try await verdict(1, to: market.payTo) == "hold")
        }
    }
}
