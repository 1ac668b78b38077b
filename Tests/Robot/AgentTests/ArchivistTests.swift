import Devices
import Encoding
import PaymentSupport
import TestSupport
import Testing
import ThingSupport
import World

@testable import Agent

/// Keeping readings, in memory.
@Suite(.endsHangs) struct ArchivistTests {
    private static func archivist() throws -> Archivist {
        let settings: JSON = ["archive": ["readings": 4, "days": 10, "challenges": 2, "batches": 1]]
        let read = try AgentConfiguration.Behaviours(JSONField(["behaviours": settings]), in: "/")
        return Archivist(settings: try #require(read.archive))
    }

    /// Each message is two readings.
    private static func speak(_ bus: MemoryBus, _ messages: Int) {
        for number in 1...messages {
            bus.arrive("env/env-1/state", #"{"temperature":\#(number),"humidity":50}"#)
        }
    }

    private static func log(_ market: TestMarket) throws -> ReadingLog {
        try ReadingLog(path: market.folder.appending("readings.db"), timeline: market.timeline)
    }

    /// One life of the robot.
    /// - Returns: whether it ended before its work was done.
    private func live(
        _ market: TestMarket, dying step: Int? = nil, isFirst: Bool = false
    ) async throws -> Bool {
        let (bus, death, archivist) = (MemoryBus(), Death(), try Self.archivist())
        // What a node is asked is a step as well.
        market.web.change { state in
            state.impostor = { _ in
                death.step()
                return nil
            }
        }
        let log = try Self.log(market)
        let things = [try shipped("environment-sensor", "env-1")]
        try await withHub(things, bus: bus, log: log) { hub async throws in
            let start = try await TestBench(archivist, in: market, hub, log, isFirst: isFirst, death: death)
            if isFirst { Self.speak(bus, 2) }
            try await start.run(archivist, death, at: step)
        }
        return death.isOver
    }

    private func check(_ market: TestMarket, _ death: String) async throws {
        try await withHub([], bus: MemoryBus()) { hub async throws in
            let end = try await TestBench(
                try Self.archivist(), in: market, hub, try Self.log(market), isFirst: false, death: Death())
            for kind in ["batch", "purchase", "done"] {
                #expect(try await end.events(kind).count == 1, "\(kind), \(death)")
            }
            let proofs = try await end.events("proof")
            #expect(proofs.count >= 3 && proofs.allSatisfy { $0.body["valid"] == true }, "\(death)")
            #expect(proofs.last?.text.hasPrefix("read back and opened") == true, "\(death)")
            #expect(try await end.waitingReadings == 0, "\(death)")
            #expect(try await end.store.finished(kind: Archivist.name) == 1, "\(death)")
            let intents = try await end.ledger.read { try $0.intents() }
            #expect(intents.map(\.state) == [.settled] && intents.map(\.delivery) == [.delivered], "\(death)")
            #expect(await market.transfers().count == 1, "\(death)")
        }
    }

    @Test func `readings become one sealed batch, bought once and proved, wherever the robot dies`()
        async throws
    {
        var deaths = 0
        for step in 1...40 {
            var isOver = false
            try await TestMarket.with { market in
                try await market.openShop()
                isOver = try await !self.live(market, dying: step, isFirst: true)
                if !isOver { _ = try await self.live(market) }
                try await self.check(market, isOver ? "no death" : "died at \(step)")
            }
            if isOver { break }
            deaths += 1
        }
        #expect((8..<40).contains(deaths), "\(deaths)")
    }

    @Test func `readings are kept while nobody sells, and the batch is bought when somebody does`()
        async throws
    {
        try await TestMarket.with { market in
            let (bus, archivist, death) = (MemoryBus(), try Self.archivist(), Death())
            let log = try Self.log(market)
            let things = [try shipped("environment-sensor", "env-1")]
            try await withHub(things, bus: bus, log: log) { hub async throws in
                let start = try await TestBench(archivist, in: market, hub, log, isFirst: true, death: death)
                Self.speak(bus, 2)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await start.run(archivist, death, at: nil) }
                    _ = try await eventually("an event that says so") {
                        try await start.events("offers").isEmpty ? nil : true
                    }
                    Self.speak(bus, 3)
                    _ = try await eventually("readings beside the batch") {
                        try await start.waitingReadings == 6 ? true : nil
                    }
                    try await market.openShop()
                    try await group.waitForAll()
                }
                #expect(try await start.events("purchase").count == 1)
                #expect(try await start.waitingReadings == 6)
            }
        }
    }
}
