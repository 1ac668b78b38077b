internal import Synchronization
package import World

/// Where the bus's thread leaves messages for an actor: bounded in number and bytes, the newest is dropped
/// and counted. Nothing here waits.
package final class Inbox: Sendable {
    /// One message, stamped when it came.
    package struct Arrival: Sendable {
        /// Which subscription it came through.
        package let source: Int
        package let message: Message
        package let at: Timestamp
        package let uptime: Duration
        /// Counts arrivals, from 1: tells before from after where two clock readings are equal.
        package let number: UInt64
    }

    private struct State: ~Copyable {
        var arrivals: [Arrival] = []
        var bytes = 0
        var last: UInt64 = 0
        var dropped: UInt64 = 0
        /// Messages above the payload limit, by source.
        var oversized: [Int: UInt64] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let waker: AsyncStream<Void>.Continuation
    private let timeline: any Timeline
    /// Yields when something came; one owner iterates it.
    package let wakes: AsyncStream<Void>

    /// The most messages and bytes that wait.
    package static let messageLimit = 4_096
    package static let byteLimit = 4 << 20

    package init(timeline: any Timeline) {
        (self.wakes, self.waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.timeline = timeline
    }

    /// Called on the bus's thread.
    package func put(_ message: Message, source: Int) {
        let at = self.timeline.now
        let uptime = self.timeline.uptime
        self.state.withLock { state in
            guard !state.isClosed else { return }
            let size = message.payload.count
            if size > WireFormat.payloadLimit {
                state.oversized[source, default: 0] += 1
            } else if state.arrivals.count >= Self.messageLimit || state.bytes + size > Self.byteLimit {
                state.dropped += 1
            } else {
                state.last += 1
                state.arrivals.append(
                    Arrival(source: source, message: message, at: at, uptime: uptime, number: state.last))
                state.bytes += size
            }
        }
        self.waker.yield()
    }

    /// Everything that waits, in the order of arrival, and how many were too large since the last call.
    package func take() -> (arrivals: [Arrival], oversized: [(source: Int, count: UInt64)]) {
        self.state.withLock { state in
            defer {
                state.arrivals = []
                state.bytes = 0
                state.oversized = [:]
            }
            return (state.arrivals, state.oversized.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        }
    }

    /// The number of the newest arrival.
    package var last: UInt64 { self.state.withLock { $0.last } }

    /// How many messages found no room.
    package var dropped: UInt64 { self.state.withLock { $0.dropped } }

    /// Takes nothing more and ends ``wakes``.
    package func close() {
        self.state.withLock { $0.isClosed = true }
        self.waker.finish()
    }
}
