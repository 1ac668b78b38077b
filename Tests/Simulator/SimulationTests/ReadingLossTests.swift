import Encoding
import Foundation
import Linux
import Synchronization
import SystemPackage
import TestSupport
import Testing
import World

/// Readings that the owner wants each of, from a robot that dies.
@Suite(
    .serialized, .endsHangs,
    .enabled(if: Broker.isInstalled, "mosquitto is not installed"))
struct ReadingLossTests {
    /// A sensor that says one number.
    private static let sensor = """
        {"@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "urn:test:counter", "title": "counter",
         "depai:name": "counter", "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
         "security": ["nosec_sc"],
         "properties": {"value": {"type": "integer", "observable": true,
           "forms": [{"op": ["observeproperty"], "href": "mqtt://b/counter", "mqv:qos": "1"}]}}}
        """

    /// What the broker took, and what the owner heard, each value with the numbers of its readings.
    private final class Tally: Sendable {
        private let state = Mutex<(taken: Set<Int64>, heard: [Int64: Set<Int64>])>(([], [:]))
        var taken: Set<Int64> { self.state.withLock { $0.taken } }
        var heard: Set<Int64> { self.state.withLock { Set($0.heard.keys) } }
        /// Values that were kept more than once.
        var doubled: [Int64] {
            self.state.withLock { $0.heard.filter { $0.key > 0 && $0.value.count > 1 }.keys.sorted() }
        }
        func hear(_ value: Int64, as sequence: Int64) {
            self.state.withLock { _ = $0.heard[value, default: []].insert(sequence) }
        }

        func publish(_ value: Int64, on bus: MosquittoBus) async throws {
            try await bus.publish(Message(topic: "counter", payload: Array("\(value)".utf8)))
            self.state.withLock { _ = $0.taken.insert(value) }
        }
    }

    @Test func `a robot that is killed again and again loses none of the readings, and keeps none twice`()
        async throws
    {
        let seed = UInt64.random(in: .min ... .max)
        print("reading loss: seed \(seed)")
        var random = Seeded(seed)
        let pauses = (0..<5).map { _ in Int.random(in: 0...120, using: &random) }
        try await Broker.with { broker in
            try await withFolder { folder in
                let scene = try await OwnerScene(folder, broker)
                try Data(Self.sensor.utf8).write(
                    to: URL(filePath: folder.appending("devices/counter.td.json").string))
                try scene.configure("report: {topic: robots/one, readings: [counter/value]}")
                let tally = Tally()
                let owner = MosquittoBus(
                    BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "owner"),
                    entropy: SystemEntropy())
                try owner.subscribe(to: "robots/one/readings", quality: .atLeastOnce) { message in
                    guard let json = try? JSON.read(message.payload),
                        case .integer(let value)? = json["value"], case .integer(let sequence)? = json["seq"]
                    else { return }
                    tally.hear(value, as: sequence)
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await owner.run() }
                    defer { group.cancelAll() }
                    try await owner.confirm("robots/one/readings")
                    // From its first connection on the broker keeps for it what it misses.
                    try await scene.whileRobotRuns {
                        _ = try await eventually("the robot listens") {
                            try await tally.publish(0, on: owner)
                            return tally.heard.contains(0) ? true : nil
                        }
                    }
                    var next: Int64 = 1
                    for pause in pauses {
                        try await scene.whileRobotRuns(endingWith: SIGKILL) {
                            let first = next
                            let publishing = Task {
                                for value in first..<first + 100 {
                                    try await tally.publish(value, on: owner)
                                }
                            }
                            try await Task.sleep(for: .milliseconds(pause))
                            // Half of them die while readings come, the others with what came.
                            if pause % 2 == 0 { try await publishing.value }
                            publishing.cancel()
                        }
                        next += 100
                    }
                    try await scene.whileRobotRuns {
                        let wanted = tally.taken
                        #expect(wanted.count > 100)
                        _ = try await eventually("all readings") {
                            wanted.isSubset(of: tally.heard) ? true : nil
                        }
                        // Each was published once: what the broker brought again was known.
                        #expect(tally.doubled == [])
                    }
                }
            }
        }
    }
}
