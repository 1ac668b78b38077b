internal import Synchronization
package import World

/// Where the bus's thread leaves messages for an actor: bounded in number and bytes, the newest is dropped
/// and counted by source. One source fills at most half of it, so that a device that chatters leaves room for
/// the others. Nothing here waits.
package final class Inbox: Sendable {
    /// One message, stamped when it came.
    package struct Arrival: Sendable {
        /// Which subscription it came through.
        package let source: Int
        package let message: Message
        /// What its receiver made of it already.
        package let note: (any Sendable)?
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
        /// What waits, by source.
        var loads: [Int: (messages: Int, bytes: Int)] = [:]
        /// Messages above the payload limit, and messages without room, by source; since the last look.
        var oversized: [Int: UInt64] = [:]
        var crowded: [Int: UInt64] = [:]
        var isClosed = false

        /// Whether one more of `size` bytes from `source` has room.
        func hasRoom(for size: Int, from source: Int) -> Bool {
            let load = self.loads[source] ?? (0, 0)
            return self.arrivals.count < Inbox.messageLimit && self.bytes + size <= Inbox.byteLimit
                && load.messages < Inbox.messageLimit / 2 && load.bytes + size <= Inbox.byteLimit / 2
        }
    }

    /// What waited, and what did not get that far.
    package struct Haul: Sendable {
        /// In the order of arrival.
        package let arrivals: [Arrival]
        /// Above the payload limit since the last call, by source.
        package let oversized: [(source: Int, count: UInt64)]
        /// Without room since the last call, by source.
        package let crowded: [(source: Int, count: UInt64)]
    }

    private let state = Mutex(State())
    private let waker: AsyncStream<Void>.Continuation
    private let timeline: any Timeline
    /// Yields when something came; one owner iterates it.
    package let wakes: AsyncStream<Void>

    /// The most messages and bytes that wait.
    package static let messageLimit = 4_096
    package static let byteLimit = 4 << 20
    /// The longest payload that is taken, in bytes.
    package static let payloadLimit = 64 << 10

    package init(timeline: any Timeline) {
        (self.wakes, self.waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.timeline = timeline
    }

    /// Called on the bus's thread.
    /// - Parameters:
    ///   - note: what the receiver made of it already.
    ///   - stamp: when it came, where the receiver has looked at the clocks.
    package func put(
        _ message: Message, source: Int, note: (any Sendable)? = nil,
        stamp: (at: Timestamp, uptime: Duration)? = nil
    ) {
        let (at, uptime) = stamp ?? (self.timeline.now, self.timeline.uptime)
        self.state.withLock { state in
            guard !state.isClosed else { return }
            let size = message.payload.count
            if size > Self.payloadLimit {
                state.oversized[source, default: 0] += 1
            } else if !state.hasRoom(for: size, from: source) {
                state.dropped += 1
                state.crowded[source, default: 0] += 1
            } else {
                state.last += 1
                state.arrivals.append(
                    Arrival(
                        source: source, message: message, note: note, at: at, uptime: uptime,
                        number: state.last))
                state.bytes += size
                let load = state.loads[source] ?? (0, 0)
                state.loads[source] = (load.messages + 1, load.bytes + size)
            }
        }
        self.waker.yield()
    }

    /// Has the owner look, though nothing came.
    package func wake() { self.waker.yield() }

    /// Everything that waits, and how much was lost since the last call.
    package func take() -> Haul {
        self.state.withLock { state in
            defer {
                state.arrivals = []
                state.bytes = 0
                (state.loads, state.oversized, state.crowded) = ([:], [:], [:])
            }
            return Haul(
                arrivals: state.arrivals, oversized: Self.sorted(state.oversized),
                crowded: Self.sorted(state.crowded))
        }
    }

    private static func sorted(_ counts: [Int: UInt64]) -> [(source: Int, count: UInt64)] {
        counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
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
