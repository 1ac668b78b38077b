import Control
import Database
import Encoding
import Linux
import Messaging
import Synchronization
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import World

@testable import Agent
@testable import Devices

/// The robot's events on their way to the owner.
@Suite(.enabled(if: Broker.isInstalled), .endsHangs)
struct ReporterTests {
    @Test func `events reach the owner in order and once, through outages and restarts`() async throws {
        try await withFolder { folder in
            try await Broker.with { broker in
                let heard = Mutex<[Int]>([])
                let owner = Self.bus("owner", broker)
                try owner.subscribe(to: "robots/one/events", quality: .atLeastOnce) { message in
                    let event = (try? JSON.read(message.payload)).map { JSONField($0) }
                    heard.withLock { $0.append((try? event?["seq"].integer(Int.self)) ?? -1) }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await owner.run() }
                    defer { group.cancelAll() }
                    try await owner.confirm("robots/one/events")
                    for life in 1...3 {
                        if life == 2 { try await broker.halt() }
                        if life == 3 {
                            try await broker.resume()
                            try await owner.confirm("robots/one/events")
                        }
                        try await Self.live(folder, broker) { store, outbox in
                            for number in 1...10 {
                                try await store.log(
                                    .note(kind: "test", "event \(number) of \(life)", body: [:]))
                            }
                            let expected = life * 10
                            _ = try await eventually("the events of life \(life)") {
                                let isDone =
                                    life == 2
                                    ? try outbox.mark("events") == 20
                                    : heard.withLock { $0.count } >= expected
                                return isDone ? true : nil
                            }
                        }
                    }
                }
                #expect(heard.withLock { $0 } == Array(1...30))
            }
        }
    }

    /// A home of the version before: what waits for a batch and what waits for the broker is still there.
    @Test func `readings of the version before are in the next batch, and told once`() async throws {
        try await withFolder { folder in
            let (path, timeline) = (folder.appending("agent.db"), SystemTimeline())
            do {
                let old = try Connection.open(path, Schema(Array(AgentView.schema.steps.prefix(2))))
                for number in 11...13 {
                    try old.run(
                        "INSERT INTO reading (seq, at, text) VALUES (?, 0, ?)", .integer(Int64(number)),
                        .text(#"{"thing":"t","property":"p","value":\#(number)}"#))
                }
                try Outbox(path: folder.appending("outbox.db"), bus: MemoryBus(), timeline: timeline).add(
                    Message(topic: "robots/one/readings", payload: Array("old".utf8)), .must)
            }
            let report = AgentConfiguration.Report(topic: "robots/one", readings: ["t/p"])
            let log = try ReadingLog(path: folder.appending("readings.db"), timeline: timeline)
            for _ in 1...2 {
                let telling = try Telling(
                    report, path: folder.appending("outbox.db"), bus: MemoryBus(.offline), timeline: timeline)
                // The second time is after a crash in between.
                try log.takeOver(from: path) { try telling.told(upTo: $0) }
            }
            let store = try AgentStore(path: path, timeline: timeline)
            #expect(
                try log.entries(after: try await store.mark("archive") ?? 99, limit: 9).map(\.sequence) == [
                    11, 12, 13,
                ])
            let telling = try Telling(
                report, path: folder.appending("outbox.db"), bus: MemoryBus(.offline), timeline: timeline)
            #expect(try telling.follower?.mark == 13)
            let waiting = try OutboxView(path: folder.appending("outbox.db"))
            #expect(try waiting.waiting(on: "robots/one/readings") == [Array("old".utf8)])
        }
    }

    @Test func `readings reach the owner in order and once, through outages and restarts`() async throws {
        try await withFolder { folder in
            try await Broker.with { broker in
                let heard = Mutex<[Int]>([])
                let owner = Self.bus("owner", broker)
                try owner.subscribe(to: "robots/one/readings", quality: .atLeastOnce) { message in
                    let json = (try? JSON.read(message.payload)).map { JSONField($0) }
                    heard.withLock { $0.append((try? json?["seq"].integer(Int.self)) ?? -1) }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await owner.run() }
                    defer { group.cancelAll() }
                    try await owner.confirm("robots/one/readings")
                    for life in 1...3 {
                        if life == 2 { try await broker.halt() }
                        if life == 3 {
                            try await broker.resume()
                            try await owner.confirm("robots/one/readings")
                        }
                        try await Self.tell(folder, broker, life: life) { telling in
                            _ = try await eventually("the readings of life \(life)") {
                                let isDone =
                                    life == 2
                                    ? try telling.follower?.mark == 20
                                    : heard.withLock { $0.count } >= life * 10
                                return isDone ? true : nil
                            }
                        }
                    }
                }
                #expect(heard.withLock { $0 } == Array(1...30))
            }
        }
    }

    /// One life of a robot that hears ten readings.
    private static func tell(
        _ folder: FilePath, _ broker: Broker, life: Int, _ body: @Sendable (Telling) async throws -> Void
    ) async throws {
        let (bus, timeline) = (Self.bus("robot", broker), SystemTimeline())
        let store = try AgentStore(path: folder.appending("agent.db"), timeline: timeline)
        let telling = try Telling(
            AgentConfiguration.Report(topic: "robots/one", readings: ["plug-1/power"]),
            path: folder.appending("outbox.db"), bus: bus, timeline: timeline)
        let log = try ReadingLog(path: folder.appending("readings.db"), timeline: timeline)
        log.follow(try #require(try telling.follower))
        let devices = MemoryBus()
        let hub = try DeviceHub(
            things: [try shipped("relay-plug", "plug-1")], bus: devices, store: nil, timeline: timeline,
            entropy: SystemEntropy(), log: log)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            group.addTask { try await hub.run() }
            group.addTask { try await telling.run(store, log, timeline) }
            defer { group.cancelAll() }
            _ = try await eventually("the hub") { await hub.isListening ? true : nil }
            for number in 0..<10 {
                devices.arrive("stat/plug-1/POWER", Array((number % 2 == 0 ? "ON" : "OFF").utf8))
            }
            try await body(telling)
        }
    }

    private static func bus(_ name: String, _ broker: Broker) -> MosquittoBus {
        MosquittoBus(
            BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: name), entropy: SystemEntropy(),
            pause: RetryPause(leastMilliseconds: 5, mostMilliseconds: 20))
    }

    private static func live(
        _ folder: FilePath, _ broker: Broker,
        _ body: @Sendable (AgentStore, Outbox) async throws -> Void
    ) async throws {
        let bus = Self.bus("robot", broker)
        let timeline = SystemTimeline()
        let store = try AgentStore(path: folder.appending("agent.db"), timeline: timeline)
        let outbox = try Outbox(path: folder.appending("outbox.db"), bus: bus, timeline: timeline)
        let reporter = Reporter(outbox: outbox, topic: "robots/one/events", store: store, timeline: timeline)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            group.addTask { try await reporter.run() }
            defer { group.cancelAll() }
            try await body(store, outbox)
        }
    }
}
