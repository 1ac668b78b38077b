import Encoding
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import World

@testable import Devices

/// The repository's `Devices` folder.
let families = Repository.root.appending(path: "Devices")

func json(_ path: String) throws -> JSON {
    try JSON.read([UInt8](Data(contentsOf: families.appending(path: path))))
}

/// A shipped thing: `shipped("relay-plug", "plug-1")`.
func shipped(_ family: String, _ name: String) throws -> Thing {
    try Thing(description: try json("\(family)/\(name).td.json"))
}

/// A description with one property or action, to be bent.
func description(_ members: JSON, of kind: String = "properties") -> JSON {
    [
        "@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "urn:test:one", "title": "one",
        "securityDefinitions": ["nosec_sc": ["scheme": "nosec"]], "security": ["nosec_sc"],
        .init(kind): members,
    ]
}

/// A clock that stands still until somebody sleeps; then it is later.
final class StepTimeline: Timeline {
    private let time = Mutex(Duration.seconds(1_000))

    var now: Timestamp {
        Timestamp(milliseconds: 1_700_000_000_000 + self.uptime.milliseconds, quality: .virtual)
    }
    var uptime: Duration { self.time.withLock { $0 } }

    /// Lets others run a while, then jumps: whoever waits for a message gets it before the deadline.
    func sleep(for duration: Duration) async throws {
        for _ in 0..<200 {
            try Task.checkCancellation()
            try await Task.sleep(for: .microseconds(50))
        }
        self.time.withLock { $0 += duration }
    }

    func advance(by duration: Duration) { self.time.withLock { $0 += duration } }
}

struct CountingEntropy: Entropy {
    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        for index in buffer.indices { buffer[index] = UInt8(index & 0xff) }
    }
}

/// A bus in memory that can be offline, refuse, lose acknowledgements, and tells what was published.
final class MemoryBus: MessageBus {
    enum Mode: Equatable { case online, offline, losesAcknowledgements, dropsSilently, refuses }

    struct State {
        var subscriptions: [(filter: String, receive: @Sendable (Message) -> Void)] = []
        var published: [Message] = []
        var mode = Mode.online
        var onPublish: (@Sendable (Message) -> Void)?
    }

    let state = Mutex(State())

    init(_ mode: Mode = .online) { self.state.withLock { $0.mode = mode } }

    var isConnected: Bool { self.state.withLock { $0.mode != .offline } }
    var published: [Message] { self.state.withLock { $0.published } }
    var filters: [String] { self.state.withLock { $0.subscriptions.map(\.filter) } }

    func set(_ mode: Mode) { self.state.withLock { $0.mode = mode } }

    /// What the device does when it gets a message.
    func device(_ body: @escaping @Sendable (Message) -> Void) { self.state.withLock { $0.onPublish = body } }

    func subscribe(
        to filter: String, quality: DeliveryQuality, receive: @escaping @Sendable (Message) -> Void
    ) throws(BusError) {
        self.state.withLock { $0.subscriptions.append((filter, receive)) }
    }

    func confirm(_ filter: String) async throws(BusError) {}

    func publish(_ message: Message) async throws(BusError) {
        let (mode, device) = self.state.withLock { ($0.mode, $0.onPublish) }
        if mode == .offline { throw .offline }
        if mode == .refuses { throw .refused("test") }
        self.state.withLock { $0.published.append(message) }
        if mode != .dropsSilently { device?(message) }
        if mode == .losesAcknowledgements { throw .unacknowledged }
    }

    /// A message from a device.
    func arrive(_ topic: String, _ payload: String, retained: Bool = false) {
        self.arrive(topic, Array(payload.utf8), retained: retained)
    }

    func arrive(_ topic: String, _ payload: [UInt8], retained: Bool = false) {
        let receivers = self.state.withLock { $0.subscriptions }.filter {
            TopicFilter.matches(topic, filter: $0.filter)
        }
        for receiver in receivers {
            receiver.receive(Message(topic: topic, payload: payload, retained: retained))
        }
    }
}

/// A hub that runs while `body` does.
func withHub(
    _ things: [Thing], bus: MemoryBus, store: FilePath? = nil, timeline: StepTimeline = StepTimeline(),
    _ body: @Sendable (DeviceHub) async throws -> Void
) async throws {
    let hub = try DeviceHub(
        things: things, bus: bus, store: store, timeline: timeline, entropy: CountingEntropy())
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await hub.run() }
        defer { group.cancelAll() }
        while !(await hub.isListening) { await Task.yield() }
        try await body(hub)
    }
}

/// Waits until `hub` has worked off what arrived.
func settled<Value>(_ condition: () async throws -> Value?) async throws -> Value {
    for _ in 0..<20_000 {
        if let value = try await condition() { return value }
        try await Task.sleep(for: .microseconds(100))
    }
    throw DeviceError.unknownThing("nothing happened in two seconds")
}
