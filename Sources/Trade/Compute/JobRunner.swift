internal import Dispatch
internal import Synchronization
public import Wasm
public import World

/// Runs jobs on threads of their own, a few at a time. A job is as long as its units; the threads that
/// everything else shares must not be busy with it meanwhile.
public final class JobRunner: Sendable {
    private struct State {
        /// Threads that have nothing to do.
        var idle: [Thread]
        /// Told on which thread they go on; nil for none.
        var waiting: [CheckedContinuation<Thread?, Never>] = []
    }

    /// A serial queue, because only such a one has a thread beside those of the system's width: a concurrent
    /// queue's are the very threads that tasks run on.
    private struct Thread: Sendable {
        let queue = DispatchQueue(label: "depai.jobs")
    }

    /// Jobs that may wait.
    public let room: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - width: jobs at once.
    ///   - room: jobs that may wait for one of them to end; more are refused.
    public init(width: Int = 2, room: Int = 32) {
        self.room = room
        self.state = Mutex(State(idle: (0..<max(1, width)).map { _ in Thread() }))
    }

    /// How long a job may take here: far longer than its units take on the slowest board of ours.
    public static func patience(units: UInt64) -> Duration {
        .seconds(30 + Int64(clamping: units / 1_000_000))
    }

    /// Runs the job, whole. A cancelled task's job ends within milliseconds.
    /// - Throws: `ModuleError`, `JobError`, ``JobRunnerError``, `CancellationError`.
    public func run(_ job: Job, timeline: any Timeline) async throws -> StepJob.Outcome {
        if timeline.standsStillForWork {
            try Task.checkCancellation()
            return try job.run { false }
        }
        let thread = try await self.enter()
        defer { self.leave(thread) }
        try Task.checkCancellation()
        let (patience, wish) = (Self.patience(units: job.unitLimit), Wish())
        return try await withThrowingTaskGroup(of: StepJob.Outcome?.self) { group in
            group.addTask { try await self.perform(job, wish, on: thread) }
            group.addTask {
                try await timeline.sleep(for: patience)
                wish.end(asTooLong: true)
                return nil
            }
            defer { group.cancelAll() }
            while let outcome = try await group.next() {
                if let outcome { return outcome }
            }
            throw JobRunnerError.tooLong(patience)
        }
    }

    private func perform(_ job: Job, _ wish: Wish, on thread: Thread) async throws -> StepJob.Outcome {
        let result: Result<StepJob.Outcome, any Error> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                thread.queue.async {
                    continuation.resume(returning: Result { try job.run { wish.isEnd } })
                }
            }
        } onCancel: {
            wish.end(asTooLong: false)
        }
        if case .failure(JobError.trapped(.interrupted, _)) = result {
            throw wish.isTooLong
                ? JobRunnerError.tooLong(Self.patience(units: job.unitLimit)) : CancellationError()
        }
        return try result.get()
    }

    private func enter() async throws(JobRunnerError) -> Thread {
        let thread = await withCheckedContinuation { (answer: CheckedContinuation<Thread?, Never>) in
            let (isNow, thread): (Bool, Thread?) = self.state.withLock { state in
                if let thread = state.idle.popLast() { return (true, thread) }
                guard state.waiting.count < self.room else { return (true, nil) }
                state.waiting.append(answer)
                return (false, nil)
            }
            if isNow { answer.resume(returning: thread) }
        }
        guard let thread else { throw .busy(self.room) }
        return thread
    }

    private func leave(_ thread: Thread) {
        let next: CheckedContinuation<Thread?, Never>? = self.state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.idle.append(thread)
            return nil
        }
        next?.resume(returning: thread)
    }
}

/// Whether a job shall end before it is done, and why.
private final class Wish: Sendable {
    private let end = Atomic<Bool>(false)
    private let tooLong = Atomic<Bool>(false)

    var isEnd: Bool { self.end.load(ordering: .relaxed) }
    var isTooLong: Bool { self.tooLong.load(ordering: .acquiring) }

    func end(asTooLong: Bool) {
        if asTooLong { self.tooLong.store(true, ordering: .releasing) }
        self.end.store(true, ordering: .relaxed)
    }
}

/// Why a job was not run to its end here. No verdict about the job.
public enum JobRunnerError: Error, Equatable, CustomStringConvertible {
    /// As many wait as may.
    case busy(Int)
    /// It took longer than this machine gives it.
    case tooLong(Duration)

    public var description: String {
        switch self {
        case .busy(let room): "\(room) jobs wait here already"
        case .tooLong(let limit): "the job took longer than \(limit.components.seconds) seconds here"
        }
    }
}
