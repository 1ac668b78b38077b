import Devices
import Encoding
import Glibc
import Linux
import Synchronization
import SystemPackage
import World

/// The runtime's side of the device benchmark, over a real broker:
///
/// depai-readings subscribe PORT QOS COUNT follows bench/value to its twin; prints readings per second and
///                                               how many were lost
///     depai-readings keep PORT COUNT FILE       keeps bench/value in a reading log; prints durable readings per
///                                               second
///     depai-readings write GROUP COUNT FILE     the same without a broker, GROUP readings before each
///                                               acknowledgement
///     depai-readings say GROUP COUNT FILE       the same, and says after each group what is kept
///     depai-readings echo PORT JOURNAL          answers bench/ping by a command on bench/pong, journalled,
///                                               until killed
@main
struct ReadingWorkload {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4, let port = Int32(arguments[2]) else {
            self.say(
                "usage: depai-readings subscribe PORT QOS COUNT | keep PORT COUNT FILE "
                    + "| write|say GROUP COUNT FILE | echo PORT JOURNAL")
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
        case "keep" where arguments.count == 5:
            guard let count = Int64(arguments[3]), count > 1 else { exit(2) }
            try await self.keep(bus, count: count, file: FilePath(arguments[4]))
        case "write" where arguments.count == 5, "say" where arguments.count == 5:
            guard let count = Int(arguments[3]), count > 0, port > 0 else { exit(2) }
            try await self.write(
                group: Int(port), count: count, file: FilePath(arguments[4]), says: arguments[1] == "say")
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

    private static func hub(
        _ thing: Thing, _ bus: MosquittoBus, journal: FilePath?, log: ReadingLog? = nil
    ) throws -> DeviceHub {
        try DeviceHub(
            things: [thing], bus: bus, store: journal, timeline: SystemTimeline(), entropy: SystemEntropy(),
            log: log)
    }

    private static func sensor(quality: String) throws -> Thing {
        try self.thing([
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
    }

    /// From the first reading on the disk to the last.
    private static func keep(_ bus: MosquittoBus, count: Int64, file: FilePath) async throws {
        let log = try ReadingLog(
            path: file, timeline: SystemTimeline(), followers: [.init(name: "bench", wanted: nil, mark: 0)])
        let hub = try self.hub(try self.sensor(quality: "1"), bus, journal: nil, log: log)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            group.addTask { try await hub.run() }
            while !bus.isConnected { try await Task.sleep(for: .milliseconds(5)) }
            try await Task.sleep(for: .milliseconds(200))
            Self.say("ready")
            while try log.entries(after: 0, limit: 1).isEmpty { try await Task.sleep(for: .milliseconds(1)) }
            let start = ContinuousClock.now
            while try log.entries(after: count - 1, limit: 1).isEmpty {
                try await Task.sleep(for: .milliseconds(1))
            }
            Self.say("\(Int(Double(count) / ((ContinuousClock.now - start) / .seconds(1)))) 0")
            group.cancelAll()
        }
    }

    /// What the log itself does, with a bus that only hands over.
    private static func write(group size: Int, count: Int, file: FilePath, says: Bool) async throws {
        let log = try ReadingLog(
            path: file, timeline: SystemTimeline(), followers: [.init(name: "bench", wanted: nil, mark: 0)])
        let bus = HandingBus()
        let hub = try DeviceHub(
            things: [try self.sensor(quality: "1")], bus: bus, store: nil, timeline: SystemTimeline(),
            entropy: SystemEntropy(), log: log)
        try await hub.listenToAll()
        let payload = Array(#"{"value":12345,"filler":"\#(String(repeating: "x", count: 100))"}"#.utf8)
        var packet: UInt16 = 0
        let start = ContinuousClock.now
        for first in stride(from: 0, to: count, by: size) {
            let messages = (first..<min(first + size, count)).map { number in
                packet &+= 1
                return Message(
                    topic: "bench/value", payload: payload,
                    delivery: .init(
                        packet: packet, number: UInt64(number), connection: 1, isResumed: true))
            }
            try bus.hand(messages)
            if says { Self.say("kept \(first + messages.count)") }
            // As who follows it does.
            log.taken(upTo: Int64(first), by: "bench")
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        Self.say("\(Int(Double(count) / seconds))")
    }

    /// From the first reading in the twin to the last.
    private static func follow(_ bus: MosquittoBus, quality: String, count: UInt64) async throws {
        let hub = try self.hub(try self.sensor(quality: quality), bus, journal: nil)
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

/// A bus that hands over what it is given, and is connected to nobody.
private final class HandingBus: MessageBus {
    private let receivers = Mutex<[@Sendable (Message) -> Void]>([])
    private let settlers = Mutex<[@Sendable () throws -> Void]>([])
    var isConnected: Bool { true }

    func subscribe(
        to filter: String, quality: DeliveryQuality, receive: @escaping @Sendable (Message) -> Void
    ) throws(BusError) { self.receivers.withLock { $0.append(receive) } }

    func beforeAcknowledging(_ body: @escaping @Sendable () throws -> Void) {
        self.settlers.withLock { $0.append(body) }
    }

    func confirm(_ filter: String) async throws(BusError) {}
    func publish(_ message: Message) async throws(BusError) {}

    func hand(_ messages: [Message]) throws {
        let (receivers, settlers) = (self.receivers.withLock { $0 }, self.settlers.withLock { $0 })
        for message in messages { for receive in receivers { receive(message) } }
        for settle in settlers { try settle() }
    }
}
