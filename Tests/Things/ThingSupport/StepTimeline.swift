internal import Synchronization
package import World

/// A clock that stands still until somebody sleeps; then it is later.
package final class StepTimeline: Timeline {
    private let time = Mutex(Duration.seconds(1_000))

    package init() {}

    package var now: Timestamp {
        Timestamp(milliseconds: 1_700_000_000_000 + self.uptime.milliseconds, quality: .virtual)
    }
    package var uptime: Duration { self.time.withLock { $0 } }

    /// Lets others run a while, then jumps: whoever waits for a message gets it before the deadline.
    package func sleep(for duration: Duration) async throws {
        for _ in 0..<200 {
            try Task.checkCancellation()
            try await Task.sleep(for: .microseconds(50))
        }
        self.time.withLock { $0 += duration }
    }

    package func advance(by duration: Duration) { self.time.withLock { $0 += duration } }
}

package struct CountingEntropy: Entropy {
    package init() {}

    package func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        for index in buffer.indices { buffer[index] = UInt8(index & 0xff) }
    }
}
