import HeapModule
import Synchronization
package import World

/// A world whose time costs nothing: runs everything that was started in it one job at a time, on the thread
/// that calls ``run(_:)``, and jumps to the next deadline when nothing is left to do.
///
/// Who waits for anything but ``VirtualTimeline`` or another task of the same world leaves it: the world then
/// goes on without him, and says ``Stuck`` when nobody else is due.
package final class VirtualTime: TaskExecutor, SerialExecutor {
    /// Nothing is ready and nobody sleeps, and yet the work has not ended.
    package struct Stuck: Error {
        package let at: Duration
    }

    private struct Deadline: Comparable {
        let due: Duration
        /// Who went to sleep first wakes first.
        let number: Int

        static func < (left: Self, right: Self) -> Bool {
            (left.due, left.number) < (right.due, right.number)
        }
    }

    private struct State {
        var now = Duration.zero
        var ready: [UnownedJob] = []
        var next = 0
        var deadlines = Heap<Deadline>()
        var sleepers: [Int: CheckedContinuation<Void, any Error>] = [:]
        var count = 0
        var jobs = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Since the world began.
    package var now: Duration { self.state.withLock { $0.now } }
    /// How many jobs ran so far.
    package var jobs: Int { self.state.withLock { $0.jobs } }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.state.withLock { $0.ready.append(job) }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    /// Runs `body` and what it starts to the end of `body`.
    ///
    /// - Throws: what `body` throws, or ``Stuck``.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let outcome = Outcome<Value>()
        Task(executorPreference: self) {
            do { outcome.set(.success(try await body())) } catch { outcome.set(.failure(error)) }
        }
        while true {
            if let result = outcome.value { return try result.get() }
            if let job = self.nextJob() {
                job.runSynchronously(on: self.asUnownedTaskExecutor())
            } else if let sleeper = self.nextSleeper() {
                sleeper.resume()
            } else {
                throw Stuck(at: self.now)
            }
        }
    }

    private func nextJob() -> UnownedJob? {
        self.state.withLock { state in
            guard state.next < state.ready.count else {
                state.ready.removeAll(keepingCapacity: true)
                state.next = 0
                return nil
            }
            state.next += 1
            state.jobs += 1
            return state.ready[state.next - 1]
        }
    }

    private func nextSleeper() -> CheckedContinuation<Void, any Error>? {
        self.state.withLock { state in
            while let deadline = state.deadlines.popMin() {
                // Who was cancelled has left already.
                guard let sleeper = state.sleepers.removeValue(forKey: deadline.number) else { continue }
                state.now = max(state.now, deadline.due)
                return sleeper
            }
            return nil
        }
    }

    fileprivate func sleep(for duration: Duration) async throws {
        let number = self.state.withLock { state in
            state.count += 1
            return state.count
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = self.state.withLock { state in
                    // Looked at under the lock: the handler below comes either before or after.
                    guard !Task.isCancelled else { return true }
                    state.deadlines.insert(Deadline(due: state.now + max(.zero, duration), number: number))
                    state.sleepers[number] = continuation
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let sleeper = self.state.withLock { $0.sleepers.removeValue(forKey: number) }
            sleeper?.resume(throwing: CancellationError())
        }
    }
}

/// What a task left behind.
private final class Outcome<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)

    var value: Result<Value, any Error>? { self.result.withLock { $0 } }

    func set(_ result: Result<Value, any Error>) { self.result.withLock { $0 = result } }
}

/// The clock of a ``VirtualTime``.
package struct VirtualTimeline: Timeline {
    private let time: VirtualTime
    private let epoch: Int64

    /// - Parameter unixSeconds: what the calendar says at the beginning.
    package init(_ time: VirtualTime, unixSeconds: Int64 = 1_800_000_000) {
        self.time = time
        self.epoch = unixSeconds * 1_000
    }

    package var uptime: Duration { self.time.now }

    package var standsStillForWork: Bool { true }

    package var now: Timestamp {
        let (seconds, attoseconds) = self.uptime.components
        return Timestamp(
            milliseconds: self.epoch + seconds * 1_000 + attoseconds / 1_000_000_000_000_000,
            quality: .virtual)
    }

    package func sleep(for duration: Duration) async throws { try await self.time.sleep(for: duration) }
}
