import Linux
import Synchronization
import TestSupport
import World

/// Things that happened, in order, from any thread.
final class Record<Element: Sendable>: Sendable {
    private let state = Mutex<[Element]>([])
    var all: [Element] { self.state.withLock { $0 } }
    func add(_ element: Element) { self.state.withLock { $0.append(element) } }
}

/// A link that runs while `body` does, and comes back fast.
func withLink(
    _ address: BrokerAddress, limits: LinkLimits = LinkLimits(), events: Record<LinkEvent>? = nil,
    prepare: (MosquittoBus) throws -> Void = { _ in }, _ body: @Sendable (MosquittoBus) async throws -> Void
) async throws {
    let bus = MosquittoBus(
        address, entropy: SystemEntropy(), limits: limits,
        pause: RetryPause(leastMilliseconds: 5, mostMilliseconds: 40)
    ) { events?.add($0) }
    try prepare(bus)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await bus.run() }
        defer { group.cancelAll() }
        try await body(bus)
    }
}

extension Broker {
    func address(
        _ client: String, will: Message? = nil, birth: Message? = nil, sessionSeconds: UInt32 = 60
    ) -> BrokerAddress {
        BrokerAddress(
            host: "127.0.0.1", port: self.port, clientID: client, will: will, birth: birth,
            sessionSeconds: sessionSeconds)
    }
}

extension MosquittoBus {
    func connected() async throws {
        _ = try await eventually("a connection") { self.isConnected ? true : nil }
    }
}

extension Message {
    init(_ topic: String, _ text: String, retained: Bool = false) {
        self.init(topic: topic, payload: Array(text.utf8), retained: retained)
    }

    var text: String { String(decoding: self.payload, as: UTF8.self) }
}
