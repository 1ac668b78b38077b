import Control
import Database
import Encoding
import Ledger
import Linux
import PaymentSupport
import SystemPackage
import TestSupport
import Testing
import World

@testable import Agent

/// The agent's own file: what leaves it, and what must not.
@Suite struct AgentStoreTests {
    private func store() throws -> AgentStore { try AgentStore(path: nil, timeline: SystemTimeline()) }

    @Test func `done work loses its bytes and is counted for ever`() async throws {
        try await withFolder { folder in
            let path = folder.appending("agent.db")
            let store = try AgentStore(path: path, timeline: SystemTimeline())
            let total = Int(AgentStore.doneLimit) + 20
            for number in 0..<total {
                var project = try await store.open(
                    kind: "archive", bytes: [UInt8](repeating: 7, count: 1_000), context: "\(number)")
                project.result = [1, 2, 3]
                project.state = .done
                try await store.save(project)
            }
            #expect(try await store.finished(kind: "archive") == total)
            #expect(try await store.finished(kind: "errand") == 0)
            #expect(try AgentView(path: path).finished(kind: "archive") == total)
            let database = try Connection(path: path.string, access: .read)
            let row = try #require(
                try database.query("SELECT COUNT(*), SUM(LENGTH(bytes) + LENGTH(result)) FROM project").first)
            #expect(row.integer(0) == AgentStore.doneLimit && row.integer(1) == 0)
        }
    }

    @Test func `a price that no ledger holds is refused and not trapped on`() async throws {
        let store = try self.store()
        var project = try await store.open(kind: "archive", bytes: [1], context: "")
        project.ceiling = .max
        await #expect(throws: StoreError.self) { try await store.save(project) }
        project.ceiling = UInt64(Int64.max)
        try await store.save(project)
        #expect(try await store.unfinished(kind: "archive")?.ceiling == UInt64(Int64.max))
    }

    @Test func `an event leaves only when it was told`() async throws {
        try await withFolder { folder in
            let path = folder.appending("agent.db")
            do { _ = try AgentStore(path: path, timeline: SystemTimeline()) }
            // As after a hundred thousand others.
            let database = try Connection(path: path.string)
            try database.execute(
                "INSERT INTO event (seq, at, kind, text, body) VALUES (1, 0, 'old', '', '{}'), "
                    + "(\(AgentStore.eventLimit + 5), 0, 'old', '', '{}')")
            let store = try AgentStore(path: path, timeline: SystemTimeline())
            await store.told(upTo: 0)
            try await store.log("test", "nobody was told of the first")
            #expect(try await store.events(after: 0, limit: 1).first?.sequence == 1)
            await store.told(upTo: 1)
            try await store.log("test", "now somebody was")
            #expect(try await store.events(after: 0, limit: 1).first?.sequence == AgentStore.eventLimit + 5)
            // The bound stays, whoever is away.
            try database.execute(
                "INSERT INTO event (seq, at, kind, text, body) "
                    + "VALUES (\(AgentStore.eventLimit + 5 + AgentStore.untoldLimit), 0, 'new', '', '{}')")
            try await store.log("test", "far too many")
            #expect(
                try await store.events(after: 0, limit: 1).first?.sequence
                    ?? 0 > AgentStore.eventLimit + 5)
        }
    }
}

/// What fails and is waited for.
@Suite(.endsHangs) struct PatienceTests {
    private struct Off: Error, CustomStringConvertible {
        let number: Int
        var description: String { "60000,1 is not on the map" }
    }

    /// Time passes when somebody sleeps.
    private final class Clock: Timeline {
        private let state = PatienceTests.Box()
        var now: Timestamp { Timestamp(milliseconds: self.state.milliseconds) }
        var uptime: Duration { .milliseconds(self.state.milliseconds) }
        var sleeps: Int { self.state.sleeps }
        func sleep(for duration: Duration) async throws {
            try Task.checkCancellation()
            self.state.pass(duration)
        }
    }

    @Test func `what a behaviour fails at is said once, tried ever less often, and ends nothing`()
        async throws
    {
        let (store, clock) = (try AgentStore(path: nil, timeline: SystemTimeline()), Clock())
        var tries = 0
        try await goOn("errand", store, clock) {
            tries += 1
            if tries < 100 { throw Off(number: tries) }
        }
        let events = try await store.events(after: 0, limit: 10)
        #expect(events.map(\.text) == ["errand waits: 60000,1 is not on the map"])
        // 2, 4, 8, 16, 32 seconds and then a minute each.
        #expect(clock.uptime > .seconds(90 * 60) && clock.uptime < .seconds(100 * 60))
    }

    @Test func `a broken ledger and the wish to end do end it`() async throws {
        let (store, clock) = (try AgentStore(path: nil, timeline: SystemTimeline()), Clock())
        for error: any Error in [LedgerError.storageFault, LedgerError.damaged(["x"]), CancellationError()] {
            await #expect(throws: (any Error).self) { try await goOn("x", store, clock) { throw error } }
        }
        #expect(clock.sleeps == 0)
    }

    @Test func `one outage is one event, and the next one another`() {
        var outage = Outage()
        #expect((0..<50).count { _ in outage.failed("away").isNews } == 1)
        #expect(outage.failed("away").pause == Outage.longest)
        outage.over()
        #expect(outage.failed("away") == (true, Outage.first))
    }
}

extension PatienceTests {
    fileprivate final class Box: @unchecked Sendable {
        // One task at a time uses it.
        var milliseconds: Int64 = 1_000
        var sleeps = 0
        func pass(_ duration: Duration) {
            self.milliseconds += duration.components.seconds * 1_000
            self.sleeps += 1
        }
    }
}
