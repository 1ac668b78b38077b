import Control
import Database
import Encoding
import Ledger
import Linux
import PaymentSupport
import Synchronization
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

    @Test func `work, what it was made of, and what tells of it are written together or not at all`()
        async throws
    {
        try await withFolder { folder in
            let path = folder.appending("agent.db")
            let told = Mutex<[String]>([])
            let store = try AgentStore(path: path, timeline: SystemTimeline()) { event in
                told.withLock { $0.append("\(event.kind): \(event.text)") }
            }
            var project = try await store.open(
                kind: "archive", bytes: [1], context: "", mark: 7,
                events: [.batch(readings: 7, cid: "c", root: "r", size: 1)])
            project.state = .bought
            // A disk that takes the work and not the word.
            let other = try Connection(path: path.string)
            try other.execute("ALTER TABLE event RENAME TO away")
            await #expect(throws: DatabaseError.self) {
                try await store.save(project, events: [.doubt("lost")])
            }
            await #expect(throws: DatabaseError.self) {
                try await store.open(
                    kind: "archive", bytes: [2], context: "", mark: 9, events: [.doubt("lost")])
            }
            try other.execute("ALTER TABLE away RENAME TO event")
            #expect(try await store.unfinished(kind: "archive")?.state == .open)
            #expect(try await store.mark("archive") == 7)
            #expect(try other.query("SELECT COUNT(*) FROM project").first?.integer(0) == 1)
            project.state = .done
            try await store.save(project, events: [.done("it is stored", kind: "archive")])
            #expect(
                told.withLock { $0 } == ["batch: 7 readings sealed into 1 bytes", "done: it is stored"])
            #expect(try AgentView(path: path).events().map(\.kind) == ["batch", "done"])
        }
    }

    /// Each word that a version before wrote, with what followed from it, and one that nobody knows.
    @Test func `events of versions before are listed as they were written`() async throws {
        try await withFolder { folder in
            let path = folder.appending("agent.db")
            do {
                let old = try Connection.open(path, Schema(Array(AgentView.schema.steps.prefix(2))))
                try old.execute(
                    """
                    INSERT INTO event (at, kind, text, body) VALUES (5, 'loss', 'Aurora: paid, no answer',
                        '{"intent":"e75f15b4"}'), (6, 'purchase', 'bought it', '{}'), (7, 'porch', 'lamp on', '{}')
                    """)
            }
            _ = try AgentStore(path: path, timeline: SystemTimeline())
            let events = try AgentView(path: path).lastEvents(10)
            #expect(events.map(\.kind) == ["loss", "purchase", "porch"] && events.map(\.at) == [5, 6, 7])
            #expect(events.first?.text == "Aurora: paid, no answer")
            #expect(events.first?.body["intent"] == "e75f15b4")
            #expect(events.map(\.isTrouble) == [true, false, false])
            let troubles = EventRecord.Kind.allCases.filter(\.isTrouble).map(\.rawValue)
            #expect(
                Set(troubles) == [
                    "chain", "configuration", "control", "fault", "home", "loss", "metrics", "report",
                ])
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
            try await store.log(.note(kind: "test", "nobody was told of the first", body: [:]))
            #expect(try await store.events(after: 0, limit: 1).first?.sequence == 1)
            await store.told(upTo: 1)
            try await store.log(.note(kind: "test", "now somebody was", body: [:]))
            #expect(try await store.events(after: 0, limit: 1).first?.sequence == AgentStore.eventLimit + 5)
            // The bound stays, whoever is away.
            try database.execute(
                "INSERT INTO event (seq, at, kind, text, body) "
                    + "VALUES (\(AgentStore.eventLimit + 5 + AgentStore.untoldLimit), 0, 'new', '', '{}')")
            try await store.log(.note(kind: "test", "far too many", body: [:]))
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
