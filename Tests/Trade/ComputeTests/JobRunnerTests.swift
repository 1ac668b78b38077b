import Compute
import Encoding
import Linux
import Synchronization
import TestSupport
import Testing
import Wasm
import World

/// Jobs on threads of their own.
@Suite(.endsHangs) struct JobRunnerTests {
    /// `alloc`, `start`, `step` and `output`; `step` never ends.
    static let endless: [UInt8] =
        [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
        // Types: (i32) -> i32, (i32, i32) -> i32, () -> i64.
        + [1, 16, 3, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 1, 0x7e]
        + [3, 5, 4, 0, 1, 0, 2, 5, 3, 1, 0, 1]
        + [7, 33, 4] + name("alloc", 0) + name("start", 1) + name("step", 2) + name("output", 3)
        + [10, 26, 4, 4, 0, 0x41, 0, 0x0b, 4, 0, 0x41, 0, 0x0b]
        + [9, 0, 3, 0x40, 0x0c, 0, 0x0b, 0x41, 1, 0x0b, 4, 0, 0x42, 0, 0x0b]

    private static func name(_ text: String, _ function: UInt8) -> [UInt8] {
        [UInt8(text.utf8.count)] + Array(text.utf8) + [0, function]
    }

    private static let job = Job(module: Self.endless, input: [], unitLimit: .max)

    @Test func `as many endless jobs as there are threads hold up nothing else`() async throws {
        let runner = JobRunner(width: 2, room: 8)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { _ = try await runner.run(Self.job, timeline: SystemTimeline()) }
            }
            // Everybody else's threads are free.
            let start = ContinuousClock.now
            for _ in 0..<20 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(ContinuousClock.now - start < .seconds(60))
            group.cancelAll()
            while let result = await group.nextResult() {
                #expect(throws: CancellationError.self) { try result.get() }
            }
        }
    }

    @Test func `a job ends after its time, and that is no verdict about it`() async throws {
        let runner = JobRunner(width: 1, room: 1)
        // Time that passes at once.
        await #expect(throws: JobRunnerError.self) {
            try await runner.run(Self.job, timeline: HurriedTimeline())
        }
        // The place is free again.
        let short = Job(module: Self.endless, input: [], unitLimit: 1_000)
        await #expect(throws: JobError.self) { try await runner.run(short, timeline: SystemTimeline()) }
    }

    @Test func `more than may wait are refused`() async throws {
        let runner = JobRunner(width: 1, room: 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask { _ = try await runner.run(Self.job, timeline: SystemTimeline()) }
            }
            // One runs, one waits.
            try await Task.sleep(for: .milliseconds(500))
            _ = try await eventually("a refusal") { () async throws -> Bool? in
                let brief = Job(module: Self.endless, input: [], unitLimit: 1)
                do {
                    _ = try await runner.run(brief, timeline: SystemTimeline())
                    return nil
                } catch JobRunnerError.busy {
                    return true
                } catch {
                    return nil
                }
            }
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
    }
}

/// Sleeps no longer than a moment.
private struct HurriedTimeline: Timeline {
    var now: Timestamp { SystemTimeline().now }
    var uptime: Duration { SystemTimeline().uptime }
    func sleep(for duration: Duration) async throws { try await Task.sleep(for: .milliseconds(50)) }
}
