internal import Messaging
internal import Synchronization
package import World

/// A bus in memory that can be offline, refuse, lose acknowledgements, and tells what was published.
package final class MemoryBus: MessageBus {
    package enum Mode: Equatable { case online, offline, losesAcknowledgements, dropsSilently, refuses }

    private struct State {
        var subscriptions: [(filter: String, receive: @Sendable (Message) -> Void)] = []
        var settlers: [@Sendable () throws -> Void] = []
        var published: [Message] = []
        var mode = Mode.online
        var onPublish: (@Sendable (Message) -> Void)?
    }

    private let state = Mutex(State())

    package init(_ mode: Mode = .online) { self.state.withLock { $0.mode = mode } }

    package var isConnected: Bool { self.state.withLock { $0.mode != .offline } }
    package var published: [Message] { self.state.withLock { $0.published } }
    package var filters: [String] { self.state.withLock { $0.subscriptions.map(\.filter) } }

    package func set(_ mode: Mode) { self.state.withLock { $0.mode = mode } }

    /// What the device does when it gets a message.
    package func device(_ body: @escaping @Sendable (Message) -> Void) {
        self.state.withLock { $0.onPublish = body }
    }

    package func subscribe(
        to filter: String, quality: DeliveryQuality, receive: @escaping @Sendable (Message) -> Void
    ) throws(BusError) {
        self.state.withLock { $0.subscriptions.append((filter, receive)) }
    }

    package func beforeAcknowledging(_ body: @escaping @Sendable () throws -> Void) {
        self.state.withLock { $0.settlers.append(body) }
    }

    package func confirm(_ filter: String) async throws(BusError) {}

    package func publish(_ message: Message) async throws(BusError) {
        let (mode, device) = self.state.withLock { ($0.mode, $0.onPublish) }
        if mode == .offline { throw .offline }
        if mode == .refuses { throw .refused("test") }
        self.state.withLock { $0.published.append(message) }
        if mode != .dropsSilently { device?(message) }
        if mode == .losesAcknowledgements { throw .unacknowledged }
    }

    /// A message from a device.
    package func arrive(_ topic: String, _ payload: String, retained: Bool = false) {
        self.arrive(topic, Array(payload.utf8), retained: retained)
    }

    package func arrive(_ topic: String, _ payload: [UInt8], retained: Bool = false) {
        self.arrive([Message(topic: topic, payload: payload, retained: retained)])
    }

    /// Messages that come together.
    /// - Returns: whether they were acknowledged.
    @discardableResult
    package func arrive(_ messages: [Message]) -> Bool {
        let (subscriptions, settlers) = self.state.withLock { ($0.subscriptions, $0.settlers) }
        for message in messages {
            for receiver in subscriptions where TopicFilter.matches(message.topic, filter: receiver.filter) {
                receiver.receive(message)
            }
        }
        do {
            for settler in settlers { try settler() }
            return true
        } catch {
            return false
        }
    }
}
