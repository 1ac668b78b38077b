import Database
import SystemPackage
import TestSupport
import Testing
import World

@testable import Simulation

/// Time that costs nothing, and robots that live in it.
struct CrowdTests {
    private static func crowd(
        _ robots: Int, seconds: Int = 30, seed: UInt64, in folder: FilePath,
        fault: Scenario.NodeFault? = nil
    ) -> Crowd {
        Crowd(
            robots: robots, duration: .seconds(seconds), interval: .seconds(10),
            sources: Sources(root: Repository.path), folder: folder.appending("crowd"), seed: seed,
            fault: fault)
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

    @Test func `who has a name in the web of a world is asked by it, nobody else`() async throws {
        let web = VirtualWeb()
        web.host("here") { request in
            WebResponse(status: 200, headers: [], body: Array(VirtualWeb.parts(of: request.url).target.utf8))
        }
        let answer = try await web.send(WebRequest("GET", "http://here/there?a=1"))
        #expect(answer.body == Array("/there?a=1".utf8))
        for url in ["http://elsewhere/there", "https://here/there", "here"] {
            await #expect(throws: WebError.unreachable(url)) { try await web.send(WebRequest("GET", url)) }
        }
        await #expect(throws: WebError.tooLarge(limit: 3)) {
            try await web.send(WebRequest("GET", "http://here/there", bodyLimit: 3))
        }
    }

    /// The first and the third pay for the same route at the same time, the second from channels.
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
                // Two batches and a route each, and what was put into two channels.
                #expect(outcome.purchases == 9 && outcome.payments == 11)
                lives.append([
                    outcome.readings, outcome.messages, outcome.jobs, outcome.purchases, outcome.payments,
                ])
            }
        }
        #expect(lives[0] == lives[1])
    }

    @Test(arguments: Scenario.NodeFault.allCases)
    func `what was paid for and did not come is told`(fault: Scenario.NodeFault) async throws {
        try await withFolder { folder in
            let crowd = Self.crowd(1, seconds: 20, seed: 3, in: folder, fault: fault)
            try crowd.prepare()
            let faults = try crowd.run().faults
            #expect(faults.contains { $0.hasPrefix("robot-0 storage payment") }, "\(faults)")
        }
    }
}
