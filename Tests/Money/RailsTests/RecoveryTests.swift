import ChainNodes
import Encoding
import Ledger
import Node
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Sodium
import Solana
import Testing
import World

/// A robot whose ledger is lost, with its keys and its policy kept: what is in channels comes back, to the
/// unit.
@Suite struct RecoveryTests {
    private static let terms = ChannelSales(withdrawDelay: 3_600, minDeposit: 1_000, claimSeconds: 60)

    private struct Lost {
        let market: TestMarket
        let shop: Shop
        let node: PaymentLedger
        /// The new one, which knows nothing but the policy.
        let ledger: PaymentLedger
        let buyer: Buyer
        let id: String
    }

    /// Opens a channel of 10,000, buys `purchases` things for 1,000 each, and loses the ledger.
    private func lose(
        _ market: TestMarket, purchases: Int = 3, rpc: RPCClient? = nil,
        after: (Int, Shop) async throws -> Void = { _, _ in }
    ) async throws -> Lost {
        let (shop, node) = try await market.openShop(channels: Self.terms)
        let id: String
        do {
            let ledger = try await market.robotLedger(file: "lost.db", change: market.rulesWithFees)
            let buyer = market.buyer(ledger)
            for number in 1...purchases {
                let order = try market.order("\(number)", channel: .open(deposit: .units(10_000)))
                guard case .answered = try await buyer.buy(order) else {
                    throw Denial(rule: "test", reason: "purchase \(number) did not end")
                }
                try await after(number, shop)
            }
            id = try #require(try await ledger.read { try $0.channels().first?.id })
        }
        let sponsor = Address(market.robotWallet.publicKey(.sponsor))
        await market.cluster.withBank { _ = $0.airdrop(10_000_000, to: sponsor) }
        await market.cluster.tick(40)
        let ledger = try await market.robotLedger(
            file: "new.db", knowsMoney: false, change: market.rulesWithFees)
        let buyer = market.buyer(ledger, rpc: rpc)
        try await buyer.bookDeposits()
        return Lost(market: market, shop: shop, node: node, ledger: ledger, buyer: buyer, id: id)
    }

    private func expectBooks(
        _ lost: Lost, spent: Int64, escrowed: Int64, _ comment: Comment = "",
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let market = lost.market
        let balance = try #require(
            try await lost.ledger.read { try $0.balances().first { $0.asset.id == market.asset.id } })
        let found = [balance.spent, balance.escrowed, balance.available, balance.reserved, balance.lost]
        let money = Int64(TestMarket.money)
        #expect(
            found == [spent, escrowed, money - spent - escrowed, 0, 0], comment, sourceLocation: location)
        #expect(balance.deposited == money, comment, sourceLocation: location)
        #expect(try await lost.ledger.read { try $0.faults() + $0.chainFaults() } == [])
        let supply = await market.cluster.withBank {
            $0.tokenSupplies[market.mint].map { [$0.supply, $0.held] }
        }
        #expect(supply == [TestMarket.money, TestMarket.money])
    }

    /// Amounts of the vouchers that went over the wire since the ledger was lost.
    private func vouchers(_ market: TestMarket, after count: Int) throws -> [UInt64] {
        try market.web.change { $0.payments }.dropFirst(count).compactMap {
            guard case .channel(let payment) = try PaymentPayload(header: $0).content else { return nil }
            return payment.voucher.voucher.cumulative
        }
    }

    @Test func `the seller shows what it accepted, and the rest comes back`() async throws {
        try await TestMarket.with { market in
            let lost = try await self.lose(market)
            try await self.expectMissing(lost)
            guard case .booked(let record)? = try await lost.buyer.recoverChannels().first else {
                Issue.record("nothing was found")
                return
            }
            #expect((record.id, record.state, record.spent, record.free) == (lost.id, .closing, 0, 10_000))
            try await self.expectBooks(lost, spent: 0, escrowed: 10_000)
            #expect(try await lost.buyer.recoverChannels() == [.known(record)])
            let sent = market.web.change { $0.payments }.count
            // Nothing is spent from it, though the seller would take it.
            guard case .answered = try await lost.buyer.buy(market.order("another")) else {
                Issue.record("the purchase did not end")
                return
            }
            try await self.expectBooks(lost, spent: 1_000, escrowed: 10_000)
            #expect(try self.vouchers(market, after: sent).isEmpty)
            guard case .refused(let reason) = try await lost.buyer.closeChannel(lost.id) else { return }
            #expect(reason.contains("lost with the ledger"))
            let closing = try await lost.buyer.closeChannel(lost.id, at: TestMarket.nodeURL + "/")
            guard case .closed(3_000, 7_000, _) = closing else {
                Issue.record("\(closing)")
                return
            }
            // A question that promises nothing, then the voucher that the seller showed: none in between.
            #expect(try self.vouchers(market, after: sent) == [0, 3_000])
            try await self.expectBooks(lost, spent: 4_000, escrowed: 0)
            #expect(try await market.tokens(of: market.payer) == TestMarket.money - 4_000)
            #expect(try await market.tokens(of: market.payTo) == 4_000)
            let signed = try await lost.ledger.read { view in
                try view.intents().filter { $0.channel != nil }.map { ($0.proposal.amount, $0.state) }
            }
            #expect(signed.count == 1 && signed[0] == (0, .expired))
        }
    }

    /// Before it is looked for, the money in the channel is missing in the books, and not on the chain.
    private func expectMissing(_ lost: Lost) async throws {
        let balance = try await lost.ledger.read { try $0.balances() }
        let dollars = balance.first { $0.asset.id == lost.market.asset.id }
        #expect(dollars?.available == Int64(TestMarket.money) - 10_000 && dollars?.escrowed == 0)
    }

    @Test func `what the chain shows as settled is spent at once, and the difference when it is shown`()
        async throws
    {
        try await TestMarket.with { market in
            let lost = try await self.lose(market, purchases: 4) { number, shop in
                // The third purchase is redeemed, the fourth is not.
                guard number == 3 else { return }
                try await market.timeline.pass(slots: 200)
                try await shop.keepBooks()
            }
            _ = try await lost.buyer.recoverChannels()
            try await self.expectBooks(lost, spent: 3_000, escrowed: 7_000)
            let closing = try await lost.buyer.closeChannel(lost.id, at: TestMarket.nodeURL + "/")
            guard case .closed(4_000, 6_000, _) = closing else {
                Issue.record("\(closing)")
                return
            }
            try await self.expectBooks(lost, spent: 4_000, escrowed: 0)
            #expect(try await market.tokens(of: market.payer) == TestMarket.money - 4_000)
            #expect(try await market.tokens(of: market.payTo) == 4_000)
        }
    }

    @Test(arguments: [true, false]) func `without its seller a found channel is closed by the chain`(
        sellerComes: Bool
    ) async throws {
        try await TestMarket.with { market in
            let lost = try await self.lose(market)
            _ = try await lost.buyer.recoverChannels()
            guard case .closing = try await lost.buyer.forceClose(lost.id) else {
                Issue.record("it is not closing")
                return
            }
            // A seller that is there shows its last voucher within the grace period.
            if sellerComes { try await lost.shop.keepBooks() }
            try await market.timeline.pass(slots: sellerComes ? 40 : 9_100)
            let spent: UInt64 = sellerComes ? 3_000 : 0
            guard
                case .closed(spent, let rest, _) = try await lost.buyer.forceClose(lost.id)
            else {
                Issue.record("it is not closed")
                return
            }
            #expect(rest == 10_000 - spent)
            try await self.expectBooks(lost, spent: Int64(spent), escrowed: 0)
            #expect(try await market.tokens(of: market.payer) == TestMarket.money - spent)
            #expect(try await market.tokens(of: market.payTo) == spent)
        }
    }

    @Test func `a seller is believed only what our own signature says`() async throws {
        try await TestMarket.with { market in
            let lost = try await self.lose(market)
            _ = try await lost.buyer.recoverChannels()
            let real = try await self.shown(lost)
            let forged = try key(66).signature(over: [1])
            for (charged, amount, signature) in [
                (9_000, 9_000, forged), (9_000, 9_000, real), (3_000, 3_000, forged), (2_000, 3_000, real),
                (4_000, 3_000, real),
            ] as [(UInt64, UInt64, Signature)] {
                let offer = ChannelOffer(
                    receiverAuthorizer: Address(market.nodeWallet.publicKey(.identity)).description,
                    withdrawDelay: 3_600, tokenProgram: Address.tokenProgram.description, minDeposit: nil,
                    state: ChannelStanding(channel: lost.id, balance: 10_000, claimed: 0, charged: charged),
                    proof: (amount, signature))
                let terms = PaymentRequirements(
                    network: market.network.chainID, amount: 0, asset: market.mint.description,
                    payTo: market.payTo.description, maxTimeoutSeconds: 60,
                    feePayer: market.sponsor.description, channel: offer)
                let header = PaymentRequired(resource: "/", accepts: [terms]).header
                market.web.change {
                    $0.impostor = { _ in
                        WebResponse(
                            status: 402, headers: [Header(X402.requiredHeader, header)], body: [])
                    }
                }
                let closing = try await lost.buyer.closeChannel(lost.id, at: TestMarket.nodeURL + "/")
                guard case .refused(let reason) = closing else {
                    Issue.record("\(charged) \(amount): \(closing)")
                    continue
                }
                #expect(reason.contains("no voucher of ours"), "\(reason)")
                try await self.expectBooks(lost, spent: 0, escrowed: 10_000, "\(charged) \(amount)")
            }
        }
    }

    /// The real signature over 3,000, as the shop has it.
    private func shown(_ lost: Lost) async throws -> Signature {
        let header = try #require(lost.market.web.change { $0.payments }.last)
        guard case .channel(let payment) = try PaymentPayload(header: header).content else {
            throw Denial(rule: "test", reason: "no voucher")
        }
        return payment.voucher.signature
    }

    /// A chain's node that has forgotten old transactions, or shows accounts that are none of ours.
    private struct Forgetful: Web {
        let market: TestMarket

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            let call = (try? JSON.read(request.body)).map { JSONField($0) }
            guard (try? call?["method"].string()) == "getSignaturesForAddress" else {
                return try await self.market.web.send(request)
            }
            let answer: JSON = ["jsonrpc": "2.0", "id": 1, "result": []]
            return WebResponse(status: 200, headers: [], body: Array(answer.text.utf8))
        }
    }

    @Test func `where the chain's history is gone the policy's payee is recognised by the hash`() async throws
    {
        try await TestMarket.with { market in
            let rpc = RPCClient(url: TestMarket.rpcURL, web: Forgetful(market: market))
            let lost = try await self.lose(market, rpc: rpc)
            guard case .booked(let record)? = try await lost.buyer.recoverChannels().first else {
                Issue.record("nothing was found")
                return
            }
            #expect(record.payee == SolanaNames.account(market.payTo, on: .devnet))
            // Of a payee that nobody names nothing is booked.
            let other = try await market.robotLedger(
                file: "other.db", knowsMoney: false,
                change: { rules in
                    market.rulesWithFees(&rules)
                    rules["payees"] = [["id": "network", "account": "network", "purposes": ["fee"]]]
                })
            guard case .left(_, let reason)? = try await market.buyer(other, rpc: rpc).recoverChannels().first
            else {
                Issue.record("it was booked")
                return
            }
            #expect(reason.contains("who is paid"), "\(reason)")
            #expect(try await other.read { try $0.channels().isEmpty })
        }
    }

    @Test func `what ended is not found, and who is asked in vain says so`() async throws {
        try await TestMarket.with { market in
            let lost = try await self.lose(market)
            _ = try await lost.buyer.recoverChannels()
            _ = try await lost.buyer.closeChannel(lost.id, at: TestMarket.nodeURL + "/")
            let third = try await market.robotLedger(
                file: "third.db", knowsMoney: false, change: market.rulesWithFees)
            let buyer = market.buyer(third)
            try await buyer.bookDeposits()
            for finding in try await buyer.recoverChannels() {
                guard case .left(_, let reason) = finding else {
                    Issue.record("\(finding)")
                    continue
                }
                #expect(reason.contains("only rent is left"))
            }
            #expect(try await third.read { try $0.channels().isEmpty })
            market.web.change { $0.rpcSilent = true }
            await #expect(throws: ChainNodeError.self) { try await buyer.recoverChannels() }
        }
    }
}
