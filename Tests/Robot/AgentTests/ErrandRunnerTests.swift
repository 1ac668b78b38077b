import Database
import Devices
import Encoding
import Node
import PaymentSupport
import Synchronization
import TestSupport
import Testing
import ThingSupport
import World

@testable import Agent

/// Going somewhere, in memory.
@Suite(.endsHangs) struct ErrandRunnerTests {
    /// The base and the plug, which outlive the robot's process.
    private final class Yard: Sendable {
        private let drives = Mutex<[JSON]>([])
        private let switches = Atomic<Int>(0)

        var driven: [JSON] { self.drives.withLock { $0 } }
        var switched: Int { self.switches.load(ordering: .relaxed) }

        /// - Parameter death: dies with each command that the base gets, and then nobody answers.
        func connect(_ bus: MemoryBus, _ death: Death) {
            bus.device { [weak bus] message in
                switch message.topic {
                case "base/base-1/follow":
                    guard let order = try? JSON.read(message.payload), let id = order["id"]?.plainText else {
                        return
                    }
                    self.drives.withLock { $0.append(order) }
                    death.step()
                    guard !death.isOver else { return }
                    bus?.arrive(
                        "base/base-1/follow/result",
                        #"{"id":"\#(id)","state":"arrived","pose":{"x":4,"y":0,"theta":0}}"#)
                case "cmnd/plug-1/POWER":
                    self.switches.add(1, ordering: .relaxed)
                    bus?.arrive("stat/plug-1/POWER", message.payload)
                default: break
                }
            }
        }
    }

    /// A wall with its door at the far end.
    private static let map = "type octile\nheight 3\nwidth 5\nmap\n..@..\n..@..\n.....\n"

    private static func errand(_ market: TestMarket, goals: [JSON]) throws -> ErrandRunner {
        let map = market.folder.appending("yard.map")
        try DurableFile.write(Array(self.map.utf8), to: map)
        let settings: JSON = [
            "errand": [
                "base": "base-1", "plug": "plug-1", "map": .string(map.string),
                "module": .string(Repository.path.appending("Simulator/Jobs/route/route.wasm").string),
                "goals": .array(goals), "pause_seconds": 5, "units": 20_000_000,
            ]
        ]
        let read = try AgentConfiguration.Behaviours(JSONField(["behaviours": settings]), in: "/")
        return ErrandRunner(settings: try #require(read.errand))
    }

    private func openShop(_ market: TestMarket) async throws {
        try await market.openShop(timeline: UnhurriedTimeline(market.timeline))
    }

    private func live(
        _ market: TestMarket, _ yard: Yard, dying step: Int? = nil, isFirst: Bool = false,
        goals: [JSON] = [["x": 4, "y": 0]],
        _ check: @Sendable (TestBench) async throws -> Void = { _ in }
    ) async throws {
        let (bus, death, runner) = (MemoryBus(), Death(), try Self.errand(market, goals: goals))
        yard.connect(bus, death)
        let things = [try shipped("mobile-base", "base-1"), try shipped("relay-plug", "plug-1")]
        let store = market.folder.appending("devices.db")
        try await withHub(things, bus: bus, store: store) { hub async throws in
            bus.arrive(
                "base/base-1/state", #"{"pose":{"x":0,"y":0,"theta":0},"battery":90}"#, retained: true)
            // The ledger's steps are not counted here: what counts is the command.
            let start = try await TestBench(
                runner, in: market, hub, try ReadingLog(path: nil, timeline: market.timeline),
                isFirst: isFirst, death: Death())
            try await start.run(runner, death, at: step, times: goals.count)
            try await check(start)
        }
    }

    @Test func `a route is bought once, re-executed, and driven under one id over a restart`() async throws {
        try await TestMarket.with { market in
            try await self.openShop(market)
            let yard = Yard()
            try await self.live(market, yard, dying: 1, isFirst: true)
            #expect(yard.driven.count == 1 && yard.switched == 0)
            try await self.live(market, yard) { start in
                let proofs = try await start.events("proof")
                #expect(proofs.count == 1 && proofs.first?.body["valid"] == true)
                #expect(proofs.first?.text.hasPrefix("re-executed here: the same") == true)
                #expect(try await start.events("purchase").count == 1)
                #expect(try await start.events("done").count == 1)
                let intents = try await start.ledger.read { try $0.intents() }
                #expect(intents.map(\.state) == [.settled] && intents.map(\.delivery) == [.delivered])
            }
            #expect(await market.transfers().count == 1)
            #expect(yard.driven.count == 2 && yard.switched == 1)
            #expect(yard.driven.allSatisfy { $0["id"]?.plainText == "errand-1-drive" })
            #expect(yard.driven.first?["path"] == yard.driven.last?["path"])
            // The way through the door, from corner to corner.
            let path = try yard.driven.map { try JSONField($0)["path"].elements() }
            #expect(path.first.map { $0.count >= 5 } == true)
            // What is done is not done again.
            try await self.live(market, yard)
            #expect(yard.driven.count == 2 && yard.switched == 1)
        }
    }

    @Test func `one place comes after the other, each once, over a restart between them`() async throws {
        try await TestMarket.with { market in
            try await self.openShop(market)
            let yard = Yard()
            let goals: [JSON] = [["x": 4, "y": 0], ["x": 3, "y": 2]]
            try await self.live(market, yard, dying: 2, isFirst: true, goals: goals)
            #expect(yard.driven.count == 2 && yard.switched == 1)
            try await self.live(market, yard, goals: goals) { start in
                let (bought, done) = (try await start.events("purchase"), try await start.events("done"))
                #expect(bought.count == 2 && done.count == 2)
            }
            #expect(await market.transfers().count == 2)
            let ends = try yard.driven.map { try JSONField($0)["path"].elements().last?.value }
            #expect(ends == [goals[0], goals[1], goals[1]])
            try await self.live(market, yard, goals: goals)
            #expect(yard.driven.count == 3 && yard.switched == 2)
        }
    }
}
