import Encoding
import Ledger
import Node
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Testing
import World

/// What anybody can put on the chain about a channel: lamports at its address, transactions that name it.
/// None of it stops a robot from buying, or changes what it books.
@Suite struct StrayAccountTests {
    private static let terms = ChannelSales(
        withdrawDelay: 3_600, minDeposit: 1_000, claimSeconds: 60, maxIdleSeconds: 600)

    private struct Scene {
        let market: TestMarket
        let shop: Shop
        let ledger: PaymentLedger
        let buyer: Buyer
        let channel: Address
    }

    /// A robot with an open channel of 10,000 from which 1,000 are spent.
    private func scene(_ market: TestMarket) async throws -> Scene {
        let (shop, _) = try await market.openShop(channels: Self.terms)
        let ledger = try await market.robotLedger(change: market.rulesWithFees)
        let buyer = market.buyer(ledger)
        guard
            case .answered = try await buyer.buy(
                market.order("first", channel: .open(deposit: .units(10_000))))
        else { throw Denial(rule: "test", reason: "no channel") }
        let id = try #require(try await ledger.read { try $0.channels().first?.id })
        return Scene(
            market: market, shop: shop, ledger: ledger, buyer: buyer, channel: try Address(id))
    }

    /// The seller closes the idle channel; the robot has not looked yet.
    private func close(_ scene: Scene) async throws {
        try await scene.market.timeline.pass(slots: 2_000)
        #expect(try await scene.shop.keepBooks().isEmpty)
        try await scene.market.timeline.pass(slots: 40)
    }

    private func expectClosed(_ scene: Scene, _ comment: Comment = "") async throws {
        let report = try await scene.buyer.lookAtBooks()
        #expect(report.faults.isEmpty, comment)
        let channel = try #require(try await scene.ledger.read { try $0.channel("\(scene.channel)") })
        #expect(channel.state == .closed && channel.spent == 1_000, comment)
        let balance = try #require(
            try await scene.ledger.read { try $0.balances().first { $0.asset.id == scene.market.asset.id } })
        #expect(
            [balance.available, balance.escrowed, balance.spent, balance.deposited] == [
                999_000, 0, 1_000, 1_000_000,
            ], comment)
    }

    private func expectBuys(_ scene: Scene) async throws {
        guard case .answered = try await scene.buyer.buy(scene.market.order("another")) else {
            Issue.record("the robot does not buy any more")
            return
        }
    }

    @Test func `lamports at the address of a closed channel are no channel`() async throws {
        try await TestMarket.with { market in
            let scene = try await self.scene(market)
            try await self.close(scene)
            await market.cluster.withBank { bank in
                bank.replace(scene.channel, by: nil)
                _ = bank.airdrop(890_880, to: scene.channel)
            }
            try await self.expectClosed(scene)
            try await self.expectBuys(scene)
            guard case .refused(let reason) = try await scene.buyer.closeChannel("\(scene.channel)") else {
                Issue.record("it was closed twice")
                return
            }
            #expect(reason.contains("closed already"))
        }
    }

    /// A version 0 message whose only call names an account of an address table.
    private func tabled(_ data: [UInt8]) throws -> [UInt8] {
        let payer = Address(try key(90).publicKey)
        let bytes =
            [0x80, 1, 0, 1, 2] + payer.bytes + Address.paymentChannelsProgram.bytes
            + [UInt8](repeating: 7, count: 32) + [1, 1, 1, 2, UInt8(data.count)] + data + [1]
            + Address(try key(91).publicKey).bytes + [1, 0, 0]
        #expect(throws: Never.self) { try TransactionMessage(decoding: bytes) }
        return [1] + [UInt8](repeating: 9, count: 64) + bytes
    }

    @Test func `what names a channel, before and after its end, hides the end from nobody`() async throws {
        for (name, isAfter) in [("before", false), ("after", true)] {
            try await TestMarket.with { market in
                let scene = try await self.scene(market)
                let strays = [
                    try self.tabled([7]), try self.tabled([9]), try self.tabled([2]), [0x81, 1, 2, 3], [],
                ]
                func stray() async throws {
                    try await market.cluster.withBank { bank in
                        for bytes in strays { bank.clutter(scene.channel, with: bytes) }
                        try bank.clutter(scene.channel, with: 300)
                    }
                }
                if !isAfter { try await stray() }
                try await self.close(scene)
                await market.cluster.withBank { $0.replace(scene.channel, by: nil) }
                if isAfter { try await stray() }
                try await self.expectClosed(scene, "\(name)")
                try await self.expectBuys(scene)
            }
        }
    }

    @Test func `an end that cannot be found holds its own money up, and nothing else`() async throws {
        try await TestMarket.with { market in
            let scene = try await self.scene(market)
            try await self.close(scene)
            await market.cluster.withBank { bank in
                bank.replace(scene.channel, by: nil)
                bank.faults.prunedBefore = bank.slot
            }
            let report = try await scene.buyer.lookAtBooks()
            #expect(report.faults.map(\.subject) == ["channel \(scene.channel)"])
            // What came back is not taken for money of the owner's.
            let balance = try #require(
                try await scene.ledger.read { try $0.balances().first { $0.asset.id == market.asset.id } })
            #expect([balance.available, balance.deposited] == [990_000, 1_000_000])
            try await self.expectBuys(scene)
            await market.cluster.withBank { $0.faults.prunedBefore = 0 }
            #expect(try await scene.buyer.lookAtBooks().faults.isEmpty)
        }
    }

    @Test(arguments: ["close was cut off", "bytes that pay nothing"])
    func `one open payment that cannot be followed does not stop the start`(what: String) async throws {
        try await TestMarket.with { market in
            let scene = try await self.scene(market)
            let sponsor = Address(market.robotWallet.publicKey(.sponsor))
            await market.cluster.withBank { _ = $0.airdrop(10_000_000, to: sponsor) }
            try await scene.buyer.bookDeposits()
            let own = Facilitator(
                ledger: scene.ledger, wallet: market.robotWallet, rpc: market.rpc, network: market.network,
                timeline: market.timeline, patience: .zero)
            // The chain takes the wish to close and does not execute it in time.
            var faults = Faults()
            faults.dropNext = .max
            await market.cluster.set(faults)
            let impatient = market.buyer(scene.ledger, facilitator: own)
            _ = try? await impatient.forceClose("\(scene.channel)")
            #expect(
                try await scene.ledger.read { try $0.intents(in: [.signed, .submitted, .unknown]) }
                    .contains { $0.proposal.purpose == .fee })
            await market.cluster.set(Faults())
            let report = try await scene.buyer.lookAtBooks()
            #expect(report.faults.isEmpty)
            try await market.timeline.pass(slots: 250)
            #expect(try await scene.buyer.lookAtBooks().faults.isEmpty)
            #expect(
                try await scene.ledger.read { try $0.intents(in: [.signed, .submitted, .unknown]) }
                    .filter { $0.proposal.purpose == .fee }.isEmpty)
            try await self.expectBuys(scene)
        }
    }
}
