import Console
import Devices
import Encoding
import Linux
import Synchronization
import World

/// Listens to what a broker keeps of the conventions by which devices describe themselves.
struct DeviceFinder {
    let broker: BrokerAddress
    /// How long to listen, in seconds.
    var seconds = 3
    /// The first level of a convention's topics, where it was changed.
    var base: String?

    /// Kept messages and bytes that are looked at.
    private static let messageLimit = 8_192
    private static let byteLimit = 64 << 20

    init(_ broker: BrokerAddress) {
        var broker = broker
        // A name of its own: the robot's would take the robot's connection away.
        broker.clientID = "depai-import-\(Hex.encode(SystemEntropy().bytes(4)))"
        (broker.birth, broker.will) = (nil, nil)
        self.broker = broker
    }

    /// The broker as people write it.
    var place: String { "\(self.broker.host):\(self.broker.port)" }

    func find(
        _ convention: DiscoveryConvention
    ) async throws -> (things: [DiscoveredThing], skipped: [String]) {
        try await self.find([convention])[0].found
    }

    /// What describes itself by each of some conventions, in one connection.
    func find(
        _ conventions: [DiscoveryConvention]
    ) async throws -> [(
        convention: DiscoveryConvention, found: (things: [DiscoveredThing], skipped: [String])
    )] {
        let heard = try await self.listen(to: conventions.flatMap { $0.filters(base: self.base) })
        return conventions.map { convention in
            var found = convention.things(from: heard.messages, base: self.base, broker: self.place)
            found.skipped += heard.troubles
            return (convention, found)
        }
    }

    /// The newest message of each topic that comes within the time, and what kept others from coming.
    private func listen(to filters: [String]) async throws -> (messages: [Message], troubles: [String]) {
        // A list of all devices of a large house is one message.
        var limits = LinkLimits()
        limits.packetBytes = UInt32(clamping: Self.byteLimit)
        let troubles = Troubles()
        let bus = MosquittoBus(self.broker, entropy: SystemEntropy(), limits: limits) { troubles.take($0) }
        let heard = Heard(messages: Self.messageLimit, bytes: Self.byteLimit)
        for filter in Set(filters).sorted() {
            try bus.subscribe(to: filter, quality: .atLeastOnce) { heard.take($0) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            group.addTask { try await Task.sleep(for: .seconds(self.seconds)) }
            try await group.next()
            group.cancelAll()
        }
        guard bus.connections > 0 else {
            if let refusal = troubles.refusal {
                throw Failure(
                    Failure.unreachable, "the broker at \(self.place) refuses us: \(refusal)",
                    hint: "check --username and --password-file")
            }
            let reason = troubles.end.map { ": \($0)" } ?? ""
            throw Failure(
                Failure.unreachable, "no connection to the broker at \(self.place)\(reason)",
                hint: "check --broker")
        }
        let (messages, lost) = heard.taken
        var reasons = troubles.filters.map { "\($0.filter): the broker refuses it: \($0.reason)" }
        if lost > 0 { reasons.append("\(lost) messages: more was kept than is looked at") }
        if let end = troubles.end { reasons.append("the connection ended meanwhile: \(end)") }
        return (messages, reasons)
    }
}

/// What went wrong with a connection.
private final class Troubles: Sendable {
    private struct State {
        var refusal: String?
        var end: String?
        var filters: [(filter: String, reason: String)] = []
    }

    private let state = Mutex(State())

    /// Called on the bus's thread.
    func take(_ event: LinkEvent) {
        self.state.withLock { state in
            switch event {
            case .connected, .refusedBirth: break
            case .refused(let reason): state.refusal = reason
            case .ended(let reason): state.end = reason
            case .refusedFilter(let filter, let reason):
                if state.filters.count < 64 { state.filters.append((filter, reason)) }
            }
        }
    }

    var refusal: String? { self.state.withLock { $0.refusal } }
    var end: String? { self.state.withLock { $0.end } }
    var filters: [(filter: String, reason: String)] { self.state.withLock { $0.filters } }
}

/// What was heard, by topic: bounded in number and in bytes.
private final class Heard: Sendable {
    private struct State {
        var messages: [[UInt8]: Message] = [:]
        var bytes = 0
        var lost = 0
    }

    private let state = Mutex(State())
    private let messageLimit: Int
    private let byteLimit: Int

    init(messages: Int, bytes: Int) {
        self.messageLimit = messages
        self.byteLimit = bytes
    }

    func take(_ message: Message) {
        let topic = Array(message.topic.utf8)
        self.state.withLock { state in
            let old = state.messages[topic]
            let bytes = state.bytes - (old?.payload.count ?? 0) + message.payload.count
            guard state.messages.count < self.messageLimit || old != nil, bytes <= self.byteLimit else {
                state.lost += 1
                return
            }
            state.messages[topic] = message
            state.bytes = bytes
        }
    }

    /// In the order of their topics, and how many more there were.
    var taken: (messages: [Message], lost: Int) {
        self.state.withLock { state in
            let order = state.messages.keys.sorted { $0.lexicographicallyPrecedes($1) }
            return (order.compactMap { state.messages[$0] }, state.lost)
        }
    }
}
