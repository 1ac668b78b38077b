internal import Synchronization

/// One source, several listeners, each with a bounded stream that loses its oldest elements.
package final class Broadcast<Element: Sendable>: Sendable {
    private struct State: ~Copyable {
        var listeners: [Int: AsyncStream<Element>.Continuation] = [:]
        var next = 0
        var dropped: UInt64 = 0
        var isFinished = false
    }

    private let state = Mutex(State())
    /// The most listeners at once; the stream of one more ends at once.
    private let listenerLimit: Int

    package init(listenerLimit: Int) { self.listenerLimit = listenerLimit }

    package func stream(capacity: Int) -> AsyncStream<Element> {
        let (stream, continuation) = AsyncStream<Element>.makeStream(
            bufferingPolicy: .bufferingNewest(max(1, capacity)))
        let number: Int? = self.state.withLock { state in
            guard !state.isFinished, state.listeners.count < self.listenerLimit else { return nil }
            state.next += 1
            state.listeners[state.next] = continuation
            return state.next
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.remove(number) }
        return stream
    }

    package func send(_ element: Element) {
        let listeners = self.state.withLock { $0.listeners }
        var dropped: UInt64 = 0
        // Outside the lock: a continuation may end its stream, which comes back to us.
        for (_, listener) in listeners {
            if case .dropped = listener.yield(element) { dropped += 1 }
        }
        if dropped > 0 { self.state.withLock { $0.dropped += dropped } }
    }

    package func finish() {
        let listeners = self.state.withLock { state in
            state.isFinished = true
            defer { state.listeners = [:] }
            return state.listeners
        }
        for (_, listener) in listeners { listener.finish() }
    }

    /// Elements that some listener lost because it was slow.
    package var dropped: UInt64 { self.state.withLock { $0.dropped } }

    private func remove(_ number: Int) { self.state.withLock { $0.listeners[number] = nil } }
}
