import Devices
import Encoding
import Linux
import Messaging
import Synchronization
import SystemPackage
import TestSupport
import Testing
import World

@testable import Agent

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
                            for number in 1...10 { try await store.log("test", "event \(number) of \(life)") }
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
