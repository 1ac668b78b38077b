import Database
import SystemPackage
import TestSupport
import Testing
import World

@testable import Simulation

/// Time that costs nothing, and robots that live in it.
struct CrowdTests {
    private static func crowd(_ robots: Int, seed: UInt64, in folder: FilePath) -> Crowd {
        Crowd(
            robots: robots, duration: .seconds(30), sources: Sources(root: Repository.path),
            folder: folder.appending("crowd"), seed: seed)
    }

    @Test func `who sleeps wakes in the order of the deadlines, and a year is over at once`() throws {
        let time = VirtualTime()
        let timeline = VirtualTimeline(time)
        let order = try time.run {
            await withTaskGroup(of: Int.self) { group in
                for day in [365, 2, 1, 3, 2] {
                    group.addTask {
                        try? await timeline.sleep(for: .seconds(86_400 * day))
                        return day
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        #expect(order == [1, 2, 2, 3, 365])
        #expect(time.now == .seconds(86_400 * 365))
        #expect(timeline.now.milliseconds == (1_800_000_000 + 86_400 * 365) * 1_000)
    }

    @Test func `a cancelled sleeper leaves at once, and time does not pass for him`() throws {
        let time = VirtualTime()
        let timeline = VirtualTimeline(time)
        let ended = try time.run {
            await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do {
                        try await timeline.sleep(for: .seconds(1_000))
                        return false
                    } catch {
                        return error is CancellationError
                    }
                }
                try? await timeline.sleep(for: .seconds(1))
                group.cancelAll()
                return await group.next() ?? false
            }
        }
        #expect(ended && time.now == .seconds(1))
    }

    @Test func `who waits for nobody is found out`() {
        let time = VirtualTime()
        let stream = AsyncStream<Void> { _ in }
        #expect(throws: VirtualTime.Stuck.self) { try time.run { for await _ in stream {} } }
    }

    @Test func `robots live half a minute, tell every reading once, and the same seed is the same life`()
        async throws
    {
        var lives: [[Int]] = []
        for _ in 0..<2 {
            try await withFolder { folder in
                let crowd = Self.crowd(3, seed: 7, in: folder)
                try crowd.prepare()
                let outcome = try crowd.run()
                #expect(outcome.faults.isEmpty, "\(outcome.faults)")
                // One a second from each; the first may come at once or after a second.
                #expect((87...93).contains(outcome.readings))
                lives.append([outcome.readings, outcome.messages, outcome.jobs])
            }
        }
        #expect(lives[0] == lives[1])
    }
}
