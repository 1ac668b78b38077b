import Ledger
import Node
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Testing
import World

/// Channels that end without their payer: the seller's sponsor closes what nobody uses (`maxIdleSecs`).
@Suite struct IdleChannelTests {
    private static let terms = ChannelSales(
        withdrawDelay: 3_600, minDeposit: 1_000, claimSeconds: 60, maxIdleSeconds: 600)
    private static let opening = Order.ChannelUse.open(deposit: .units(10_000))

    private func buy(_ buyer: Buyer, _ order: Order) async throws -> String {
        switch try await buyer.buy(order) {
        case .answered: "answered"
        case .unpaid(let reason): reason
        case let other: "\(other)"
        }
    }

    private func expectBooks(
        _ market: TestMarket, _ ledger: PaymentLedger, spent: Int64, escrowed: Int64,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let balance = try #require(
            try await ledger.read { try $0.balances().first { $0.asset.id == market.asset.id } })
        let money = Int64(TestMarket.money)
        #expect(
            [balance.spent, balance.escrowed, balance.available, balance.deposited]
                == [spent, escrowed, money - spent - escrowed, money], sourceLocation: location)
        #expect(
            try await market.tokens(of: market.payer) == UInt64(balance.available), sourceLocation: location)
        #expect(try await ledger.read { try $0.faults() + $0.chainFaults() } == [])
    }

    /// Seconds in slots of 400 milliseconds.
    private func pass(_ market: TestMarket, seconds: Int) async throws {
        try await market.timeline.pass(slots: seconds * 5 / 2)
    }

    @Test(arguments: [601, 700]) func `an idle channel is closed, and what comes back is no deposit`(
        seconds: Int
    ) async throws {
        try await TestMarket.with { market in
            let (shop, node) = try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            for number in 1...2 {
                #expect(
                    try await self.buy(buyer, market.order("\(number)", channel: Self.opening)) == "answered")
            }
            try await self.pass(market, seconds: 500)
            try await shop.keepBooks()
            try await buyer.bookDeposits()
            try await self.expectBooks(market, ledger, spent: 2_000, escrowed: 8_000)
            // A payment in between begins the time anew.
            #expect(try await self.buy(buyer, market.order("3")) == "answered")
            try await self.pass(market, seconds: 200)
            try await shop.keepBooks()
            try await self.expectBooks(market, ledger, spent: 3_000, escrowed: 7_000)
            try await self.pass(market, seconds: seconds)
            try await shop.keepBooks()
            #expect(try await market.tokens(of: market.payTo) == 3_000)
            #expect(try await market.tokens(of: market.payer) == TestMarket.money - 3_000)
            try await buyer.bookDeposits()
            try await buyer.bookDeposits()
            try await self.expectBooks(market, ledger, spent: 3_000, escrowed: 0)
            #expect(try await ledger.read { try $0.channels().map(\.state) } == [.closed])
            let earned = try await node.read { try $0.balances().first { $0.asset.id == market.asset.id } }
            #expect(earned?.earned == 3_000)
            #expect(try await self.buy(buyer, market.order("4", channel: Self.opening)) == "answered")
        }
    }

    @Test func `who pays from a channel that was closed meanwhile pays nothing, and then anew`() async throws
    {
        try await TestMarket.with { market in
            let (shop, _) = try await market.openShop(channels: Self.terms)
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            #expect(try await self.buy(buyer, market.order("1", channel: Self.opening)) == "answered")
            try await self.pass(market, seconds: 700)
            try await shop.keepBooks()
            let late = try await self.buy(buyer, market.order("2"))
            #expect(late.contains("closed the channel"), "\(late)")
            try await self.expectBooks(market, ledger, spent: 1_000, escrowed: 0)
            #expect(try await self.buy(buyer, market.order("2")) == "answered")
            try await self.expectBooks(market, ledger, spent: 2_000, escrowed: 0)
        }
    }

    @Test func `a customer is told how long a channel may lie idle`() async throws {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            var request = try market.order().request
            request.body = []
            let header = try #require(try await market.web.send(request).header(X402.requiredHeader))
            let offer = try PaymentRequired(header: header).accepts.compactMap(\.channel).first
            #expect(offer?.maxIdleSeconds == 600)
        }
    }
}
