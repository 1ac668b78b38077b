internal import Dispatch
internal import Synchronization
public import Wasm
public import World

/// Runs jobs on threads of their own, a few at a time. A job is as long as its units; the threads that
/// everything else shares must not be busy with it meanwhile.
public final class JobRunner: Sendable {
    private struct State {
        var running = 0
        /// Told whether they may go on.
        var waiting: [CheckedContinuation<Bool, Never>] = []
    }

    private let width: Int
    /// Jobs that may wait.
    public let room: Int
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "depai.jobs", attributes: .concurrent)

    /// - Parameters:
    ///   - width: jobs at once.
    ///   - room: jobs that may wait for one of them to end; more are refused.
    public init(width: Int = 2, room: Int = 32) {
        self.width = max(1, width)
        self.room = room
    }

    /// How long a job may take here: far longer than its units take on the slowest board of ours.
    public static func patience(units: UInt64) -> Duration {
        .seconds(30 + Int64(clamping: units / 1_000_000))
    }

    /// Runs the job, whole. A cancelled task's job ends within milliseconds.
    /// - Throws: `ModuleError`, `JobError`, ``JobRunnerError``, `CancellationError`.
    public func run(_ job: Job, timeline: any Timeline) async throws -> StepJob.Outcome {
        try await self.enter()
        defer { self.leave() }
        try Task.checkCancellation()
        let (patience, wish) = (Self.patience(units: job.unitLimit), Wish())
        return try await withThrowingTaskGroup(of: StepJob.Outcome?.self) { group in
            group.addTask { try await self.perform(job, wish) }
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

    private func perform(_ job: Job, _ wish: Wish) async throws -> StepJob.Outcome {
        let result: Result<StepJob.Outcome, any Error> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.queue.async {
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

    private func enter() async throws(JobRunnerError) {
        let goesOn = await withCheckedContinuation { (answer: CheckedContinuation<Bool, Never>) in
            let now: Bool? = self.state.withLock { state in
                if state.running < self.width {
                    state.running += 1
                    return true
                }
                guard state.waiting.count < self.room else { return false }
                state.waiting.append(answer)
                return nil
            }
            if let now { answer.resume(returning: now) }
        }
        guard goesOn else { throw .busy(self.room) }
    }

    private func leave() {
        let next: CheckedContinuation<Bool, Never>? = self.state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.running -= 1
            return nil
        }
        next?.resume(returning: true)
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
