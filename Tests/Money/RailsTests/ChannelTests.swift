import Encoding
import Ledger
import Node
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Storage
import Testing
import World

/// A robot that pays a node from a channel: everything real but the wires.
@Suite struct ChannelTests {
    static let terms = ChannelSales(withdrawDelay: 3_600, minDeposit: 1_000, claimSeconds: 60)
    static let opening = Order.ChannelUse.open(deposit: .units(10_000))

    private func end(_ purchase: PurchaseEnd) -> String {
        switch purchase {
        case .answered(_, let response): "answered \(response.status)"
        case .unanswered: "unanswered"
        case .unpaid(let reason): "unpaid: \(reason)"
        case .unpriced(let response): "unpriced \(response.status)"
        case .unreachable: "unreachable"
        case .denied(let denial), .waiting(_, let denial): "denied \(denial.rule)"
        case .open(_, let reason): "open: \(reason)"
        }
    }

    private func channel(_ ledger: PaymentLedger) async throws -> ChannelRecord {
        try #require(try await ledger.read { try $0.channels().first })
    }

    private func balance(_ market: TestMarket, _ ledger: PaymentLedger) async throws -> Balance {
        try #require(try await ledger.read { try $0.balances().first { $0.asset.id == market.asset.id } })
    }

    /// The ledger's books and the chain say the same.
    private func expectBooks(
        _ market: TestMarket, _ ledger: PaymentLedger, spent: Int64, escrowed: Int64, _ comment: Comment = ""
    ) async throws {
        let balance = try await self.balance(market, ledger)
        #expect(balance.spent == spent, comment)
        #expect(balance.escrowed == escrowed, comment)
        #expect(balance.available == Int64(TestMarket.money) - spent - escrowed, comment)
        #expect(balance.reserved == 0, comment)
        #expect(try await ledger.read { try $0.faults() + $0.chainFaults() } == [], comment)
        let supply = await market.cluster.withBank {
            $0.tokenSupplies[market.mint].map { [$0.supply, $0.held] }
        }
        #expect(supply == [TestMarket.money, TestMarket.money], comment)
    }

    @Test func `five purchases are one transaction, and the rest comes back`() async throws {
        try await TestMarket.with { market in
            let (_, node) = try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            for number in 1...5 {
                let order = try market.order("map \(number)", channel: Self.opening)
                #expect(self.end(try await buyer.buy(order)) == "answered 200", "purchase \(number)")
            }
            #expect(await market.transfers().count == 1)
            let channel = try await self.channel(ledger)
            #expect((channel.state, channel.spent, channel.free) == (.open, 5_000, 5_000))
            try await self.expectBooks(market, ledger, spent: 5_000, escrowed: 5_000)
            #expect(try await market.tokens(of: market.payer) == TestMarket.money - 10_000)
            let closing = try await buyer.closeChannel(channel.id)
            guard case .closed(5_000, 5_000, let transaction) = closing else {
                Issue.record("\(closing)")
                return
            }
            try await self.expectBooks(market, ledger, spent: 5_000, escrowed: 0)
            #expect(try await market.tokens(of: market.payTo) == 5_000)
            #expect(try await market.tokens(of: market.payer) == TestMarket.money - 5_000)
            let earned = try await self.balance(market, node)
            #expect(earned.earned == 5_000)
            #expect(await market.cluster.withBank { $0.entry(transaction)?.failure } == nil)
            #expect(
                try await buyer.closeChannel(channel.id) == .refused(reason: "the channel is closed already"))
        }
    }

    @Test func `the same order again is the stored answer and no second voucher`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let order = try market.order(channel: Self.opening)
            #expect(self.end(try await market.buyer(ledger).buy(order)) == "answered 200")
            #expect(self.end(try await market.buyer(ledger).buy(order)) == "answered 200")
            #expect(Set(market.web.change { $0.payments }).count == 1)
            try await self.expectBooks(market, ledger, spent: 1_000, escrowed: 9_000)
        }
    }

    @Test func `a lost answer is asked for again with the same voucher`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            for number in 1...3 {
                market.web.change { $0.loseAnswers = 2 }
                let order = try market.order("map \(number)", channel: Self.opening)
                #expect(self.end(try await market.buyer(ledger).buy(order)) == "answered 200")
            }
            let payments = market.web.change { $0.payments }
            #expect(payments.count == 9 && Set(payments).count == 3)
            try await self.expectBooks(market, ledger, spent: 3_000, escrowed: 7_000)
        }
    }

    @Test func `a voucher that was accepted in silence is taken up with the next purchase`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            #expect(self.end(try await buyer.buy(market.order("1", channel: Self.opening))) == "answered 200")
            market.web.change { $0.loseAnswers = 1 }
            #expect(self.end(try await buyer.buy(market.order("2", tries: 1))).hasPrefix("open"))
            #expect(try await self.balance(market, ledger).spent == 1_000)
            #expect(try await self.channel(ledger).reserved == 1_000)
            let third = self.end(try await buyer.buy(market.order("3")))
            #expect(third == "answered 200")
            try await self.expectBooks(market, ledger, spent: 3_000, escrowed: 7_000)
            // What was paid for in silence is still there to be had.
            #expect(self.end(try await buyer.buy(market.order("2"))) == "answered 200")
        }
    }

    @Test func `a voucher that never arrived is covered by the next one`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            #expect(self.end(try await buyer.buy(market.order("1", channel: Self.opening))) == "answered 200")
            market.web.change { state in
                state.impostor = { request in
                    request.headers.contains { $0.name == X402.signatureHeader }
                        ? WebResponse(status: 500, headers: [], body: []) : nil
                }
            }
            let lost = try market.order("2", tries: 1)
            #expect(self.end(try await buyer.buy(lost)).hasPrefix("open"))
            try await self.expectBooks(market, ledger, spent: 1_000, escrowed: 9_000)
            market.web.change { $0.impostor = nil }
            #expect(self.end(try await buyer.buy(market.order("3"))) == "answered 200")
            try await self.expectBooks(market, ledger, spent: 2_000, escrowed: 8_000)
            let states = try await ledger.read { try $0.intents().map(\.state) }
            #expect(states.filter { $0 == .expired }.count == 1)
            // It can be bought now: nothing is owed for it.
            #expect(self.end(try await buyer.buy(lost)) == "answered 200")
            try await self.expectBooks(market, ledger, spent: 3_000, escrowed: 7_000)
        }
    }

    @Test func `a seller that shows no signature of ours is not believed`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            #expect(self.end(try await buyer.buy(market.order("1", channel: Self.opening))) == "answered 200")
            let id = try await self.channel(ledger).id
            let forged = ChannelOffer(
                receiverAuthorizer: Address(market.nodeWallet.publicKey(.identity)).description,
                withdrawDelay: 3_600, tokenProgram: Address.tokenProgram.description, minDeposit: nil,
                state: ChannelStanding(channel: id, balance: 10_000, claimed: 0, charged: 9_000),
                proof: (9_000, try key(66).signature(over: [1])))
            let requirements = PaymentRequirements(
                network: market.network.chainID, amount: 1_000, asset: market.mint.description,
                payTo: market.payTo.description, maxTimeoutSeconds: 60,
                feePayer: market.sponsor.description, channel: forged)
            let header = PaymentRequired(
                resource: "/", accepts: [requirements], error: BatchSettlement.mismatch
            ).header
            market.web.change { state in
                state.impostor = { request in
                    request.headers.contains { $0.name == X402.signatureHeader }
                        ? WebResponse(
                            status: 402, headers: [Header(X402.requiredHeader, header)], body: []) : nil
                }
            }
            guard case .open(_, let reason) = try await buyer.buy(market.order("2", tries: 2)) else {
                Issue.record("it was believed")
                return
            }
            #expect(reason.contains("no voucher of ours"))
            let payments = market.web.change { $0.payments }
            #expect(Set(payments).count == 2, "the second purchase was signed once")
        }
    }

    @Test func `what a channel does not have is paid on the chain, or filled up`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            let small = Order.ChannelUse.open(deposit: .units(1_500))
            #expect(self.end(try await buyer.buy(market.order("1", channel: small))) == "answered 200")
            #expect(self.end(try await buyer.buy(market.order("2"))) == "answered 200")
            try await self.expectBooks(market, ledger, spent: 2_000, escrowed: 500)
            #expect(await market.transfers().count == 2)
            #expect(self.end(try await buyer.buy(market.order("3", channel: small))) == "answered 200")
            try await self.expectBooks(market, ledger, spent: 3_000, escrowed: 1_000)
            #expect(try await ledger.read { try $0.channels().count } == 1)
            #expect(self.end(try await buyer.buy(market.order("4"))) == "answered 200")
            try await self.expectBooks(market, ledger, spent: 4_000, escrowed: 0)
            #expect(await market.transfers().count == 3)
        }
    }

    @Test func `a deposit that dies takes its channel and its voucher along`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            market.web.change { state in
                state.impostor = { request in
                    request.headers.contains { $0.name == X402.signatureHeader }
                        ? WebResponse(status: 500, headers: [], body: []) : nil
                }
            }
            let order = try market.order(tries: 1, channel: Self.opening)
            #expect(self.end(try await market.buyer(ledger).buy(order)).hasPrefix("open"))
            try await market.timeline.pass(slots: 400)
            market.web.change { $0.impostor = nil }
            try await market.buyer(ledger).reconcileOpenPayments()
            try await self.expectBooks(market, ledger, spent: 0, escrowed: 0)
            #expect(try await self.channel(ledger).state == .closed)
            #expect(self.end(try await market.buyer(ledger).buy(order)) == "answered 200")
            try await self.expectBooks(market, ledger, spent: 1_000, escrowed: 9_000)
        }
    }

    @Test func `the policy limits deposits apart, and vouchers like other payments`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            let huge = Order.ChannelUse.open(deposit: .units(100_001))
            #expect(self.end(try await buyer.buy(market.order("1", channel: huge))) == "denied limit:escrow")
            try await self.expectBooks(market, ledger, spent: 0, escrowed: 0)
            let most = Order.ChannelUse.open(deposit: .units(100_000))
            // 50,000 a payment, 100,000 in an hour; a deposit counts for neither.
            for (number, end) in [(1, "answered 200"), (2, "answered 200"), (3, "denied limit:all")] {
                let order = try StorageClient.order(
                    market.object("big \(number)"), days: 365, at: market.provider, name: "a",
                    ceiling: 50_000, channel: most)
                #expect(self.end(try await buyer.buy(order)) == end)
            }
            #expect(await market.transfers().count == 1)
        }
    }

    @Test func `vouchers are redeemed in time, and all of them when the payer wants out`() async throws {
        try await TestMarket.with { market in
            let (shop, node) = try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            #expect(self.end(try await buyer.buy(market.order("1", channel: Self.opening))) == "answered 200")
            try await shop.keepBooks()
            #expect(try await market.tokens(of: market.payTo) == 0)
            try await market.timeline.pass(slots: 200)
            try await shop.keepBooks()
            #expect(try await market.tokens(of: market.payTo) == 1_000)
            #expect(try await self.balance(market, node).earned == 1_000)
            #expect(self.end(try await buyer.buy(market.order("2"))) == "answered 200")
            // The robot goes to the chain; its key signs what no wallet would without the owner.
            let id = try Address(try await self.channel(ledger).id)
            try await market.cluster.withBank { bank in
                let message = try TransactionMessage.build(
                    version: .zero, feePayer: market.sponsor,
                    instructions: [.requestCloseOfChannel(id, payer: market.payer)],
                    recentBlockhash: bank.latestBlockhash(.processed).blockhash)
                var transaction = try Transaction(message)
                try transaction.sign(with: TestMarket.robotKey())
                try transaction.sign(with: TestMarket.sponsorKey())
                #expect(try bank.execute(transaction).failure == nil)
            }
            try await market.timeline.pass(slots: 5)
            try await shop.keepBooks()
            #expect(try await market.tokens(of: market.payTo) == 2_000)
            guard case .closed(2_000, 8_000, _) = try await buyer.closeChannel(id.description) else {
                Issue.record("the end was not seen")
                return
            }
            try await self.expectBooks(market, ledger, spent: 2_000, escrowed: 0)
        }
    }

    @Test func `a seller that takes no deposit is paid the price alone`() async throws {
        try await TestMarket.with { market in
            // Its owner lends nobody the rent of a channel.
            try await market.openShop(channels: Self.terms, feeCap: "20000")
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            let order = try market.order("1", channel: Self.opening)
            for _ in 0..<2 {
                #expect(self.end(try await buyer.buy(order)).hasPrefix("open"))
                #expect(await market.transfers().isEmpty)
                try await market.timeline.pass(slots: 400)
                #expect(self.end(try await buyer.buy(order)).hasPrefix("unpaid"))
            }
            #expect(self.end(try await buyer.buy(order)) == "answered 200")
            #expect(try await market.tokens(of: market.payer) == TestMarket.money - 1_000)
            try await self.expectBooks(market, ledger, spent: 1_000, escrowed: 0)
        }
    }

    @Test func `without its seller a channel is closed by the chain`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger(change: market.rulesWithFees)
            let sponsor = Address(market.robotWallet.publicKey(.sponsor))
            await market.cluster.withBank { _ = $0.airdrop(10_000_000, to: sponsor) }
            await market.cluster.tick(40)
            let buyer = market.buyer(ledger)
            try await buyer.bookDeposits()
            #expect(self.end(try await buyer.buy(market.order("1", channel: Self.opening))) == "answered 200")
            market.web.change { $0.shop = nil }
            let id = try await self.channel(ledger).id
            guard case .refused = try await buyer.closeChannel(id) else {
                Issue.record("nobody could close it")
                return
            }
            guard case .closing(let until) = try await buyer.forceClose(id) else {
                Issue.record("it is not closing")
                return
            }
            #expect(try await buyer.forceClose(id) == .closing(until: until))
            #expect(try await self.channel(ledger).state == .closing)
            // An hour in slots of 400 milliseconds. The seller never redeemed its voucher.
            try await market.timeline.pass(slots: 9_100)
            guard case .closed(0, 10_000, _) = try await buyer.forceClose(id) else {
                Issue.record("it is not closed")
                return
            }
            #expect(try await market.tokens(of: market.payer) == TestMarket.money)
            let balance = try await self.balance(market, ledger)
            #expect((balance.available, balance.escrowed) == (Int64(TestMarket.money), 0))
            #expect(try await ledger.read { try $0.faults() + $0.chainFaults() } == [])
        }
    }

    @Test func `prices without measure and a silent chain end nothing but the purchase`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            #expect(self.end(try await buyer.buy(market.order("1", channel: Self.opening))) == "answered 200")
            let offer = ChannelOffer(
                receiverAuthorizer: Address(market.nodeWallet.publicKey(.identity)).description,
                withdrawDelay: 3_600, tokenProgram: Address.tokenProgram.description, minDeposit: 1_000)
            let terms = PaymentRequirements(
                network: market.network.chainID, amount: .max, asset: market.mint.description,
                payTo: market.payTo.description, maxTimeoutSeconds: 60,
                feePayer: market.sponsor.description, channel: offer)
            let greedy = try market.order("2", ceiling: .max, channel: Self.opening)
            let answer = try await market.quote([terms.json], for: greedy)
            market.web.change { $0.impostor = { _ in answer } }
            #expect(self.end(try await buyer.buy(greedy)).hasPrefix("unpaid"))
            market.web.change { state in
                state.impostor = nil
                state.rpcSilent = true
            }
            // Vouchers need no chain; filling a channel does.
            #expect(self.end(try await buyer.buy(market.order("3"))) == "answered 200")
            for number in 4...11 {
                #expect(self.end(try await buyer.buy(market.order("\(number)"))) == "answered 200")
            }
            let last = try market.order("12", channel: Self.opening)
            #expect(self.end(try await buyer.buy(last)).contains("the chain does not answer"))
            market.web.change { $0.rpcSilent = false }
            #expect(self.end(try await buyer.buy(last)) == "answered 200")
            try await self.expectBooks(market, ledger, spent: 11_000, escrowed: 9_000)
        }
    }

    @Test func `a shop that starts again knows what is charged`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            #expect(
                self.end(try await market.buyer(ledger).buy(market.order("1", channel: Self.opening)))
                    == "answered 200")
            try await market.openShop(channels: Self.terms)
            #expect(self.end(try await market.buyer(ledger).buy(market.order("2"))) == "answered 200")
            try await self.expectBooks(market, ledger, spent: 2_000, escrowed: 8_000)
        }
    }
}
