import Encoding
import Foundation
import Ledger
import Node
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Statements
import Storage
import Synchronization
import Testing
import World

/// A robot buys a handful of things from a real shop, each with a payment of its own or from a channel, over
/// wires that lose, keep, double and reorder, with a chain's node that lies, a shop that starts anew, and a
/// robot that is killed at any durable step. At the end everybody is honest: then each thing was paid exactly
/// once, and the books say what the chain says.
@Suite struct PurchaseWorldTests {
    /// More of them with `Tests/Attacks/run`.
    static let rounds = ProcessInfo.processInfo.environment["DEPAI_ATTACK_ROUNDS"].flatMap { Int($0) } ?? 40
    /// Where a long run goes on.
    static let first = ProcessInfo.processInfo.environment["DEPAI_ATTACK_SEED"].flatMap { UInt64($0) } ?? 0
    /// Worlds that ended badly once.
    static let seeds: [UInt64] = [110_474, 201_937, 218_169, 218_512, 301_494, 562_864, 573_946]
    private static let terms = ChannelSales(withdrawDelay: 3_600, minDeposit: 1_000, claimSeconds: 60)

    @Test func `each thing is paid exactly once, and the books say what the chain says`() async throws {
        let seeds = Self.seeds + (0..<UInt64(Self.rounds)).map { Self.first + $0 }
        // Each world is one thread's work; two at a time use what there is.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for half in 0..<2 {
                group.addTask {
                    for seed in stride(from: half, to: seeds.count, by: 2).map({ seeds[$0] }) {
                        try await TestMarket.with { market in try await Self.play(market, seed) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func play(_ market: TestMarket, _ seed: UInt64) async throws {
        var world = try await PurchaseWorld(market, seed, Self.terms)
        for _ in 0..<Int.random(in: 4...10, using: &world.dice) { try await world.step() }
        try await world.end()
        let comment: Comment = "seed \(seed): \(world.story.joined(separator: ", "))"
        #expect(world.done.count == world.things.count, comment)
        let paid = try await market.tokens(of: market.payTo)
        #expect(paid == 1_000 * UInt64(world.things.count + world.losses), comment)
        let (balance, channels, open) = try await world.ledger.read { view in
            (
                try view.balances().first, try view.channels(),
                try view.intents(in: [.signed, .submitted, .unknown])
            )
        }
        let books = try #require(balance)
        #expect(books.spent == Int64(paid) && books.lost == Int64(1_000 * world.losses), comment)
        #expect(books.inWallet == (try await market.tokens(of: market.payer)), comment)
        #expect(books.available == Int64(TestMarket.money) - books.spent, comment)
        #expect(channels.allSatisfy { $0.state == .closed } && open.isEmpty, comment)
        #expect(try await world.ledger.read { try $0.faults() }.isEmpty, comment)
    }
}

/// One world and what has happened in it.
struct PurchaseWorld {
    let market: TestMarket
    let terms: ChannelSales
    let wire: HostileWire
    let node: BadNode
    let rpc: RPCClient
    let killer = Killer()
    let things: [String]
    var dice: Dice
    var ledger: PaymentLedger
    var file = "robot.db"
    var lives = 0
    var done: Set<String> = []
    /// Payments for which the robot got rubbish.
    var losses = 0
    /// What happened, for whoever looks into a seed.
    var story: [String] = []

    init(_ market: TestMarket, _ seed: UInt64, _ terms: ChannelSales) async throws {
        self.market = market
        self.terms = terms
        self.dice = Dice(seed: seed)
        self.things = (0..<Int.random(in: 2...5, using: &self.dice)).map { "thing \($0)" }
        let badness = self.dice.happens(30) ? 0 : 20
        self.node = BadNode(market, seed: seed, badness: badness)
        self.wire = HostileWire(self.node, seed: seed, badness: self.dice.happens(20) ? 0 : 50)
        self.rpc = RPCClient(url: TestMarket.rpcURL, web: self.wire, timeline: market.timeline)
        self.ledger = try await Self.open(market, "robot.db", self.killer, self.wire)
        try await market.openShop(channels: terms)
    }

    /// The robot's ledger, with somebody who pulls the plug at one of its durable steps.
    private static func open(
        _ market: TestMarket, _ file: String, _ killer: Killer, _ wire: HostileWire
    ) async throws -> PaymentLedger {
        try await market.robotLedger(
            file: file,
            observer: { _ in
                guard killer.isDue() else { return }
                wire.die()
                for end in ["", "-wal"] { try? market.copy(file + end, to: "killed" + end) }
            })
    }

    private var buyer: Buyer { self.market.buyer(self.ledger, rpc: self.rpc, web: self.wire) }

    mutating func step() async throws {
        if let thing = self.things.filter({ !self.done.contains($0) }).randomElement(using: &self.dice) {
            if self.dice.happens(40) { self.killer.arm(after: Int.random(in: 0...9, using: &self.dice)) }
            let uses: [Order.ChannelUse] = [.never, .existing, .open(deposit: .units(3_000))]
            try await self.buy(
                thing, uses.randomElement(using: &self.dice) ?? .never,
                tries: Int.random(in: 1...3, using: &self.dice))
        }
        if self.dice.happens(30) { try await self.look() }
        if self.dice.happens(30) { await self.wire.land() }
        if self.dice.happens(15) {
            let account = self.market.tokenAccount(of: self.market.payer)
            let count = Int.random(in: 1...250, using: &self.dice)
            try await self.market.cluster.withBank { try $0.clutter(account, with: count, memo: "dust") }
        }
        if self.dice.happens(15) {
            self.story.append("the shop starts anew")
            try await self.market.openShop(channels: self.terms)
        }
        if self.dice.happens(10), let channel = try await self.ledger.read({ try $0.channels().first }) {
            self.story.append("closes \(channel.state)")
            _ = try? await self.buyer.closeChannel(channel.id)
        }
        try await self.market.timeline.pass(slots: Int.random(in: 0...200, using: &self.dice))
        try await self.revive()
    }

    private mutating func look() async throws {
        _ = try? await self.buyer.lookAtBooks()
        try await self.revive()
    }

    private mutating func buy(_ thing: String, _ use: Order.ChannelUse, tries: Int) async throws {
        let order = try self.market.order(thing, tries: tries, channel: use)
        var end: PurchaseEnd?
        do {
            end = try await self.buyer.buy(order)
        } catch {
            self.story.append("\(thing): \(error)")
        }
        if self.wire.isDead { return try await self.revive() }
        guard let end else { return }
        self.story.append("\(thing): \(end.reason.prefix(120))")
        if case .unanswered(let intent, _) = end {
            // Paid, and its seller does not answer: written off, and bought anew.
            try await self.ledger.lose(intent, reason: "silence", evidence: #"{"schema":"depai.loss/1"}"#)
            self.losses += 1
            return try await self.revive()
        }
        guard case .answered(let intent, let response) = end else { return }
        do {
            _ = try StorageClient.receipt(
                response.body, for: ObjectSummary(self.market.object(thing)), days: 10,
                from: self.market.provider)
            try await self.ledger.deliver(intent, receipt: "{}")
            self.done.insert(thing)
        } catch is StatementError {
            let evidence = #"{"schema":"depai.loss/1"}"#
            try await self.ledger.lose(intent, reason: "rubbish", evidence: evidence)
            self.losses += 1
        }
        try await self.revive()
    }

    /// What was on the disk when the plug was pulled goes on.
    private mutating func revive() async throws {
        self.killer.disarm()
        guard self.wire.isDead else { return }
        self.lives += 1
        self.file = "robot-\(self.lives).db"
        for end in ["", "-wal"] { try self.market.copy("killed" + end, to: self.file + end) }
        self.story.append("killed")
        self.wire.live()
        self.ledger = try await Self.open(self.market, self.file, self.killer, self.wire)
        // What was paid for and judged in the life that ended is judged again by what the disk knows.
        let records = try await self.ledger.read { try $0.intents() }
        for thing in self.things {
            let subject = Subject.object(try self.market.object(thing).id.description)
            let isHere = records.contains {
                $0.proposal.purchase.subject == subject && $0.delivery == .delivered
            }
            if !isHere { self.done.remove(thing) }
        }
        self.losses = records.count { $0.delivery == .lost }
    }

    /// Everybody tells the truth, and time passes.
    mutating func end() async throws {
        self.node.badness.withLock { $0 = 0 }
        self.wire.calm()
        await self.market.cluster.withBank { $0.faults = Faults() }
        await self.wire.land()
        try await self.market.timeline.pass(slots: 400)
        for _ in 0..<3 { try await self.look() }
        for _ in 0..<6 {
            for thing in self.things where !self.done.contains(thing) {
                try await self.buy(thing, .existing, tries: 4)
            }
            try await self.market.timeline.pass(slots: 200)
            try await self.look()
        }
        for _ in 0..<4 {
            for channel in try await self.ledger.read({ try $0.channels() }) where channel.state != .closed {
                let closing = try? await self.buyer.closeChannel(channel.id)
                self.story.append("end: \(channel.state) \(String(describing: closing).prefix(90))")
            }
            try await self.market.timeline.pass(slots: 100)
            try await self.look()
        }
    }
}

/// Pulls the plug at one durable step.
final class Killer: Sendable {
    private let left = Mutex<Int?>(nil)

    func arm(after steps: Int) { self.left.withLock { $0 = steps } }
    func disarm() { self.left.withLock { $0 = nil } }

    /// Whether it is this step.
    func isDue() -> Bool {
        self.left.withLock { left in
            guard let steps = left else { return false }
            left = steps == 0 ? nil : steps - 1
            return steps == 0
        }
    }
}

/// What lies between the robot and everybody else: it loses, keeps, doubles and reorders.
final class HostileWire: Web {
    private struct State {
        var dice: Dice
        var badness: Int
        var isDead = false
        /// Payments on their way that have not arrived.
        var late: [WebRequest] = []
    }

    private let web: any Web
    private let state: Mutex<State>

    init(_ web: any Web, seed: UInt64, badness: Int) {
        self.web = web
        self.state = Mutex(State(dice: Dice(seed: seed ^ 0x77), badness: badness))
    }

    var isDead: Bool { self.state.withLock { $0.isDead } }
    func die() { self.state.withLock { $0.isDead = true } }
    func live() { self.state.withLock { $0.isDead = false } }
    func calm() { self.state.withLock { $0.badness = 0 } }

    /// Lets arrive what is on its way, in any order.
    func land() async {
        let late = self.state.withLock { state in
            defer { state.late = [] }
            return state.late.shuffled(using: &state.dice)
        }
        for request in late { _ = try? await self.web.send(request) }
    }

    private enum Trouble: CaseIterable { case lost, kept, answerLost, doubled, refused, rubbish }

    func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        if self.isDead { throw .cancelled }
        let isPayment = request.headers.contains { $0.name == X402.signatureHeader }
        let trouble = self.state.withLock { state -> Trouble? in
            guard request.url != TestMarket.rpcURL, state.dice.happens(state.badness) else { return nil }
            return Trouble.allCases.randomElement(using: &state.dice)
        }
        let response: WebResponse
        switch trouble {
        case nil: response = try await self.web.send(request)
        case .lost?: throw .timedOut
        case .kept?:
            if isPayment { self.state.withLock { $0.late.append(request) } }
            throw .timedOut
        case .answerLost?:
            _ = try await self.web.send(request)
            throw .broken("hung up")
        case .doubled?:
            _ = try await self.web.send(request)
            response = try await self.web.send(request)
        case .refused?: response = WebResponse(status: 503, headers: [], body: [])
        case .rubbish?:
            let honest = try await self.web.send(request)
            // A payment's answer with other goods; of a price only the seller's signature counts.
            response =
                isPayment
                ? WebResponse(status: honest.status, headers: honest.headers, body: Array("rubbish".utf8))
                : honest
        }
        // Who died meanwhile learns nothing any more.
        if self.isDead { throw .cancelled }
        return response
    }
}
