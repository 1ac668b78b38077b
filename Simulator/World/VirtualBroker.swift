import Devices
import Messaging
import Synchronization
package import World

/// A broker in memory for a robot and its devices: retained messages, wildcards, and delivery before the
/// publisher goes on. Nothing is lost on it; who wants faults takes the real one.
package final class VirtualBroker: MessageBus {
    private struct State {
        /// By topic, for filters without wildcards: nearly all are.
        var exact: [String: [@Sendable (Message) -> Void]] = [:]
        var wild: [(filter: String, receive: @Sendable (Message) -> Void)] = []
        var retained: [String: Message] = [:]
        var settlers: [@Sendable () throws -> Void] = []
        var count = 0
    }

    private let state = Mutex(State())

    package init() {}

    package var isConnected: Bool { true }

    /// Messages published so far.
    package var count: Int { self.state.withLock { $0.count } }

    package func subscribe(
        to filter: String, quality: DeliveryQuality, receive: @escaping @Sendable (Message) -> Void
    ) throws(BusError) {
        let kept = self.state.withLock { state in
            guard !TopicFilter.isTopic(filter) else {
                state.exact[filter, default: []].append(receive)
                return state.retained[filter].map { [$0] } ?? []
            }
            state.wild.append((filter, receive))
            return state.retained.values.filter { TopicFilter.matches($0.topic, filter: filter) }
        }
        for message in kept { receive(message) }
        if !kept.isEmpty { try self.settle() }
    }

    package func beforeAcknowledging(_ body: @escaping @Sendable () throws -> Void) {
        self.state.withLock { $0.settlers.append(body) }
    }

    private func settle() throws(BusError) {
        for settler in self.state.withLock({ $0.settlers }) {
            do { try settler() } catch { throw .unacknowledged }
        }
    }

    package func confirm(_ filter: String) async throws(BusError) {}

    package func publish(_ message: Message) async throws(BusError) {
        let receivers = self.state.withLock { state in
            state.count += 1
            if message.retained {
                // An empty one clears what was kept.
                state.retained[message.topic] = message.payload.isEmpty ? nil : message
            }
            return (state.exact[message.topic] ?? [])
                + state.wild.filter { TopicFilter.matches(message.topic, filter: $0.filter) }.map(\.receive)
        }
        // Only what is sent later, to who subscribes later, is marked as kept.
        let news = Message(
            topic: message.topic, payload: message.payload, quality: message.quality,
            properties: message.properties)
        for receive in receivers { receive(news) }
        try self.settle()
    }
}
