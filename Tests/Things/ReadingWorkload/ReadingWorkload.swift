import Devices
import Encoding
import Glibc
import Linux
import SystemPackage
import World

/// The runtime's side of the device benchmark, over a real broker:
///
/// depai-readings subscribe PORT QOS COUNT follows bench/value to its twin; prints readings per second and
///                                               how many were lost
///     depai-readings echo PORT JOURNAL          answers bench/ping by a command on bench/pong, journalled,
///                                               until killed
@main
struct ReadingWorkload {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4, let port = Int32(arguments[2]) else {
            self.say("usage: depai-readings subscribe PORT QOS COUNT | echo PORT JOURNAL")
            exit(2)
        }
        // A name of its own each time: what an earlier run left in its session is not for this one.
        let bus = MosquittoBus(
            BrokerAddress(host: "127.0.0.1", port: port, clientID: "depai-readings-\(getpid())"),
            entropy: SystemEntropy())
        switch arguments[1] {
        case "subscribe" where arguments.count == 5:
            guard let count = UInt64(arguments[4]) else { exit(2) }
            try await self.follow(bus, quality: arguments[3], count: count)
        case "echo": try await self.echo(bus, journal: FilePath(arguments[3]))
        default: exit(2)
        }
    }

    /// One system call, nothing buffered.
    private static func say(_ text: String) {
        _ = try? FileDescriptor.standardOutput.writeAll((text + "\n").utf8)
    }

    private static func thing(_ properties: JSON) throws -> Thing {
        try Thing(description: [
            "@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "urn:bench", "title": "bench",
            "securityDefinitions": ["nosec_sc": ["scheme": "nosec"]], "security": ["nosec_sc"],
            "depai:name": "bench", "properties": properties,
        ])
    }

    private static func hub(_ thing: Thing, _ bus: MosquittoBus, journal: FilePath?) throws -> DeviceHub {
        try DeviceHub(
            things: [thing], bus: bus, store: journal, timeline: SystemTimeline(), entropy: SystemEntropy())
    }

    /// From the first reading in the twin to the last.
    private static func follow(_ bus: MosquittoBus, quality: String, count: UInt64) async throws {
        let thing = try self.thing([
            "value": [
                "type": "integer",
                "forms": [
                    [
                        "href": "mqtt://localhost/bench/value", "op": "observeproperty",
                        "mqv:qos": .string(quality), "depai:pointer": "/value",
                    ]
                ],
            ]
        ])
        let hub = try self.hub(thing, bus, journal: nil)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            group.addTask { try await hub.run() }
            while !bus.isConnected { try await Task.sleep(for: .milliseconds(5)) }
            try await Task.sleep(for: .milliseconds(200))
            Self.say("ready")
            var start: ContinuousClock.Instant?
            var version: UInt64 = 0
            var changed = ContinuousClock.now
            while version < count, start == nil || ContinuousClock.now - changed < .seconds(2) {
                try await Task.sleep(for: .milliseconds(1))
                let now = await hub.twin("bench")?.reported["value"]?.version ?? 0
                guard now != version else { continue }
                if start == nil { start = ContinuousClock.now }
                changed = ContinuousClock.now
                version = now
            }
            let seconds = start.map { (changed - $0) / .seconds(1) } ?? 1
            Self.say("\(Int(Double(version) / seconds)) \(Int(count) - Int(version))")
            group.cancelAll()
        }
    }

    /// Each reading is answered by a command that is in the journal before it leaves.
    private static func echo(_ bus: MosquittoBus, journal: FilePath) async throws {
        let thing = try self.thing([
            "ping": [
                "type": "integer",
                "forms": [["href": "mqtt://localhost/bench/ping", "op": "observeproperty"]],
            ],
            "pong": [
                "type": "integer", "writeOnly": true,
                "forms": [["href": "mqtt://localhost/bench/pong", "op": "writeproperty"]],
            ],
        ])
        let hub = try self.hub(thing, bus, journal: journal)
        let readings = hub.readings(capacity: 64)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            group.addTask { try await hub.run() }
            var number = 0
            for await reading in readings {
                number += 1
                _ = try await hub.write(reading.value, to: "pong", of: "bench", id: "answer \(number)")
            }
            group.cancelAll()
        }
    }
}
