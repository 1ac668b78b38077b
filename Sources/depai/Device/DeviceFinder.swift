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

    /// Kept messages that are looked at.
    private static let messageLimit = 8_192

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
        let messages = try await self.listen(to: conventions.flatMap { $0.filters(base: self.base) })
        return conventions.map { ($0, $0.things(from: messages, base: self.base, broker: self.place)) }
    }

    /// The newest message of each topic that comes within the time.
    private func listen(to filters: [String]) async throws -> [Message] {
        let bus = MosquittoBus(self.broker, entropy: SystemEntropy())
        let heard = Heard(limit: Self.messageLimit)
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
            throw Failure(
                Failure.unreachable, "the broker at \(self.place) does not answer",
                hint: "check --broker, --username and --password-file")
        }
        return heard.messages
    }
}

/// What was heard, by topic.
private final class Heard: Sendable {
    private let state = Mutex<[String: Message]>([:])
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    func take(_ message: Message) {
        self.state.withLock { messages in
            guard messages.count < self.limit || messages[message.topic] != nil else { return }
            messages[message.topic] = message
        }
    }

    var messages: [Message] { self.state.withLock { $0.values.sorted { $0.topic < $1.topic } } }
}
