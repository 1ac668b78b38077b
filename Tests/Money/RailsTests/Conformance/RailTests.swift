import Encoding
import Ledger
import PaymentSupport
import Payments
import TestSupport
import Testing
import Wallet
import World

@testable import Rails

/// What every network that is paid on has to hold.
@Suite struct RailTests {
    /// Books and network say the same, and say that `paid` units are gone.
    private func expectBooks(
        _ scene: any RailScene, _ ledger: PaymentLedger, paid: UInt64, reserved: Int64 = 0,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let money = type(of: scene).money
        let balance = try #require(try await ledger.read { try $0.balances().first })
        #expect(
            [balance.spent, balance.reserved, balance.available]
                == [Int64(paid), reserved, Int64(money - paid) - reserved], sourceLocation: location)
        #expect(try await ledger.read { try $0.faults() }.isEmpty, sourceLocation: location)
        #expect(try await scene.holdings() == [money - paid, paid], sourceLocation: location)
    }

    @Test(arguments: TestedRail.allCases) func `a purchase is paid once, and the books are the network's`(
        network: TestedRail
    ) async throws {
        try await network.with { scene in
            let ledger = try await scene.ledger()
            for _ in 0..<2 {
                #expect(try await scene.buyer(ledger).buy(scene.order(tries: 6)).word == "answered 200")
            }
            #expect(await scene.transfers() == 1)
            try await self.expectBooks(scene, ledger, paid: 1_000)
            let record = try #require(try await ledger.read { try $0.intents().first })
            #expect(record.state == .settled && record.transaction != nil)
            // Money that comes in is seen, and seen once.
            let holdings = try await scene.buyer(ledger).bookDeposits()
            #expect(holdings.map(\.amount) == [type(of: scene).money - 1_000])
            try await self.expectBooks(scene, ledger, paid: 1_000)
        }
    }

    @Test(arguments: TestedRail.allCases) func `a lost answer is asked for again with the same bytes`(
        network: TestedRail
    ) async throws {
        try await network.with { scene in
            let ledger = try await scene.ledger()
            scene.loseAnswers(2)
            #expect(try await scene.buyer(ledger).buy(scene.order(tries: 6)).word == "answered 200")
            #expect(scene.payments.count == 3 && Set(scene.payments).count == 1)
            #expect(await scene.transfers() == 1)
            try await self.expectBooks(scene, ledger, paid: 1_000)
        }
    }

    @Test(arguments: TestedRail.allCases)
    func `what a seller keeps stays in doubt while it can happen, and goes on with the same bytes`(
        network: TestedRail
    ) async throws {
        try await network.with { scene in
            let ledger = try await scene.ledger()
            scene.keepPayments(true)
            #expect(try await scene.buyer(ledger).buy(scene.order(tries: 1)).word == "open")
            try await scene.passALittle()
            try await scene.buyer(ledger).reconcileOpenPayments()
            try await self.expectBooks(scene, ledger, paid: 0, reserved: 1_000)
            // After a restart as well.
            scene.keepPayments(false)
            let later = try await scene.ledger()
            #expect(try await scene.buyer(later).buy(scene.order(tries: 6)).word == "answered 200")
            #expect(Set(scene.payments).count == 1)
            #expect(await scene.transfers() == 1)
            try await self.expectBooks(scene, later, paid: 1_000)
        }
    }

    @Test(arguments: TestedRail.allCases)
    func `what never happened frees its money after its horizon, and the next round is paid once`(
        network: TestedRail
    ) async throws {
        try await network.with { scene in
            let ledger = try await scene.ledger()
            scene.keepPayments(true)
            #expect(try await scene.buyer(ledger).buy(scene.order(tries: 1)).word == "open")
            try await scene.passHorizon()
            try await scene.buyer(ledger).reconcileOpenPayments()
            #expect(try await ledger.read { try $0.intents().first?.state } == .expired)
            try await self.expectBooks(scene, ledger, paid: 0)
            scene.keepPayments(false)
            #expect(try await scene.buyer(ledger).buy(scene.order(tries: 6)).word == "answered 200")
            #expect(Set(scene.payments).count == 2)
            #expect(await scene.transfers() == 1)
            try await self.expectBooks(scene, ledger, paid: 1_000)
        }
    }

    @Test(arguments: TestedRail.allCases) func `a node that has forgotten proves no absence`(
        network: TestedRail
    ) async throws {
        try await network.with { scene in
            let ledger = try await scene.ledger()
            scene.keepPayments(true)
            #expect(try await scene.buyer(ledger).buy(scene.order(tries: 1)).word == "open")
            try await scene.passHorizon()
            await scene.forgetHistory()
            try await scene.buyer(ledger).reconcileOpenPayments()
            #expect(try await ledger.read { try $0.intents().first?.state } == .unknown)
            try await self.expectBooks(scene, ledger, paid: 0, reserved: 1_000)
        }
    }

    @Test(arguments: TestedRail.allCases) func `while nobody knows the network nothing is signed`(
        network: TestedRail
    ) async throws {
        try await network.with { scene in
            let ledger = try await scene.ledger()
            scene.silence(true)
            #expect(try await scene.buyer(ledger).buy(scene.order(tries: 1)).word == "unpaid")
            #expect(scene.payments.isEmpty)
            #expect(try await ledger.read { try $0.intents().map(\.state) } == [.reserved])
            await #expect(throws: (any Error).self) { try await scene.buyer(ledger).lookAtBooks() }
            scene.silence(false)
            #expect(try await scene.buyer(ledger).buy(scene.order(tries: 6)).word == "answered 200")
            try await self.expectBooks(scene, ledger, paid: 1_000)
        }
    }

    /// The message that the rail would sign, and what it is for.
    private func message(_ scene: any RailScene) async throws -> (bytes: [UInt8], terms: Terms) {
        let ledger = try await scene.ledger()
        guard
            case .wouldSign(let quote, .allowed, let message) = try await scene.buyer(ledger).preview(
                scene.order(tries: 1))
        else { throw Denial(rule: "test", reason: "nothing would be signed") }
        return (message, quote.proposal.terms)
    }

    @Test(arguments: TestedRail.allCases) func `the wallet's decoder takes what was authorized alone`(
        network: TestedRail
    ) async throws {
        try await network.with { scene in
            let (bytes, terms) = try await self.message(scene)
            let reader = scene.reader
            let key = scene.wallet.publicKey(reader.payer.role)
            try reader.check(bytes, does: .pay(terms), signedBy: key)
            let asset = terms.asset
            let foreign = Asset(id: "other:net/token:x", symbol: asset.symbol, decimals: asset.decimals)
            let coarse = Asset(id: asset.id, symbol: asset.symbol, decimals: asset.decimals - 1)
            let payer = scene.rail(try await scene.ledger()).payer
            let network =
                String(terms.payee.prefix { $0 != ":" }) + ":" + terms.payee.split(separator: ":")[1]
            let wrong: [MessageEffect] = [
                .pay(Terms(payee: terms.payee, asset: asset, amount: terms.amount + 1)),
                .pay(Terms(payee: terms.payee, asset: asset, amount: terms.amount - 1)),
                .pay(Terms(payee: "\(network):\(payer)", asset: asset, amount: terms.amount)),
                .pay(Terms(payee: "other:net:x", asset: asset, amount: terms.amount)),
                .pay(Terms(payee: terms.payee, asset: foreign, amount: terms.amount)),
                .pay(Terms(payee: terms.payee, asset: coarse, amount: terms.amount)),
                .fill(channel: "x", terms), .leave(channel: "x"),
                .promise(channel: "x", cumulative: terms.amount), .sponsor(message: "x", limit: .max),
            ]
            for effect in wrong {
                #expect(throws: SigningRefusal.self, "\(effect)") {
                    try reader.check(bytes, does: effect, signedBy: key)
                }
            }
            #expect(throws: SigningRefusal.self) {
                try reader.check(bytes, does: .pay(terms), signedBy: scene.wallet.publicKey(.identity))
            }
        }
    }

    @Test(arguments: TestedRail.allCases) func `no change of bytes makes it pay otherwise`(
        network: TestedRail
    ) async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = Seeded(seed)
        try await network.with { scene in
            let (bytes, terms) = try await self.message(scene)
            let reader = scene.reader
            let key = scene.wallet.publicKey(reader.payer.role)
            let other = Terms(payee: terms.payee, asset: terms.asset, amount: terms.amount ^ 0x5555_5555)
            for _ in 0..<2_000 {
                var changed = bytes
                for _ in 0...Int.random(in: 0...2, using: &random) { Self.change(&changed, &random) }
                // It may be refused; it is never taken for another amount, and never ends the process.
                #expect(throws: SigningRefusal.self, "seed \(seed)") {
                    try reader.check(changed, does: .pay(other), signedBy: key)
                }
            }
        }
    }

    private static func change(_ bytes: inout [UInt8], _ random: inout Seeded) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0 where place < bytes.count: bytes[place] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes.removeSubrange(place...)
        default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        }
    }
}
