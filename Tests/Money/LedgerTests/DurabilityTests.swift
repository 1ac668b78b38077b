import Database
import Glibc
import Ledger
import Synchronization
import SystemPackage
import TestSupport
import Testing
import World

/// What is on disk, when, and what is noticed when it is not any more.
@Suite struct DurabilityTests {
    private func copy(_ name: String, of folder: FilePath, to target: FilePath) throws {
        try DurableFile.write(try DurableFile.read(folder.appending(name)), to: target.appending(name))
    }

    /// Whoever wrote it is gone, timers included: SQLite has put everything into the one file.
    private func closed(_ path: FilePath) async throws {
        _ = try await eventually("the ledger is closed") {
            DurableFile.exists(FilePath(path.string + "-wal")) ? nil : true
        }
    }

    @Test func `a ledger that lost its tail stops until the owner looked`() async throws {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            let old = folder.appending("old")
            try DurableFile.createFolder(old)
            do { try await Scene.ledger(path: path).settled(Scene.proposal(10)) }
            try await self.closed(path)
            try self.copy("ledger.db", of: folder, to: old)
            do { try await Scene.open(path: path).settled(Scene.proposal(20, job: "later")) }
            try await self.closed(path)
            // The head file stays, the ledger is the one of yesterday.
            try self.copy("ledger.db", of: old, to: folder)
            for name in ["ledger.db-wal", "ledger.db-shm"] { unlink(folder.appending(name).string) }
            for _ in 0..<2 {
                let ledger = try Scene.open(path: path)
                let hold = try await ledger.read { try $0.hold() }
                #expect(hold?.by == "ledger" && hold?.reason.contains("without its last 4 steps") == true)
                #expect(
                    try await ledger.answer(to: Scene.proposal(5, job: "new"))
                        == .denied("hold", allowedNow: nil))
            }
        }
    }

    @Test func `a torn or missing head file is no alarm`() async throws {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            let head = folder.appending("ledger.db.head")
            do { try await Scene.ledger(path: path).settled(Scene.proposal(10)) }
            var bytes = try DurableFile.read(head)
            #expect(bytes.count == 256)
            // The newer of the two records is torn.
            for index in 20..<60 { bytes[index] = 0x20 }
            for content in [bytes, [], Array(repeating: 0xff, count: 4_096)] {
                try DurableFile.write(content, to: head)
                let ledger = try Scene.open(path: path)
                #expect(try await ledger.read { try $0.hold() } == nil)
            }
        }
    }

    @Test func `a changed row of the journal is found`() async throws {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            do { try await Scene.ledger(path: path).settled(Scene.proposal(10)) }
            let database = try Connection(path: path.string)
            try database.execute("DROP TRIGGER journal_keep; UPDATE journal SET detail = 'x' WHERE seq = 3")
            let error = #expect(throws: LedgerError.self) { try Scene.open(path: path) }
            #expect(error?.description.contains("row 3 was changed") == true)
        }
    }

    @Test func `payments at the same time share a commit, and each is durable before it may leave`()
        async throws
    {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            let reader = Mutex<[Int64]>([])
            let ledger = try await Scene.ledger(path: path) { entry in
                // Another connection sees the step at the moment it is announced.
                let seen = try? LedgerView(path: path).head().sequence
                reader.withLock { $0.append((seen ?? 0) - entry.sequence) }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<40 {
                    group.addTask { try await ledger.settled(Scene.proposal(10, job: "\(index)")) }
                }
                try await group.waitForAll()
            }
            let behind = reader.withLock { $0 }
            #expect(behind.allSatisfy { $0 >= 0 })
            // At least one commit carried several steps.
            #expect(behind.contains { $0 > 0 })
            #expect(try await ledger.balance()?.spent == 400)
            #expect(try await ledger.read { try $0.faults() + $0.chainFaults() } == [])
        }
    }

    @Test func `a reservation alone is committed soon, too`() async throws {
        try await withFolder { folder in
            let path = folder.appending("ledger.db")
            let ledger = try await Scene.ledger(path: path)
            guard case .authorized(let authorization) = try await ledger.authorize(Scene.proposal(10)) else {
                Issue.record("not authorized")
                return
            }
            let intent = authorization.intent
            let state = try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await ledger.run() }
                defer { group.cancelAll() }
                return try await eventually("committed") {
                    try LedgerView(path: path).intent(intent)?.state
                }
            }
            #expect(state == .reserved)
            try await ledger.suspend(authorization)
        }
    }

    /// A clock that nobody disciplines may say anything.
    @Test func `a wrong clock that jumps ahead refills no window and outlives no lease`() async throws {
        let clock = LooseClock()
        let ledger = try PaymentLedger(
            path: nil, wallet: key(2).publicKey, owner: key(11).publicKey, timeline: clock)
        try await ledger.apply(
            policy: Scene.policy {
                $0["limits"] = [
                    [
                        "id": "hour", "asset": .string(Scene.dollar.id), "window_seconds": 3_600,
                        "sum": "100",
                    ]
                ]
            })
        try await ledger.deposit(1_000, asset: Scene.dollar, reference: "first")
        try await ledger.settled(Scene.proposal(100))
        clock.wall.withLock { $0 += 1_000_000_000 }
        #expect(
            try await ledger.answer(to: Scene.proposal(1, job: "2")) == .denied("limit:hour", allowedNow: 0))
        clock.awake.withLock { $0 += 3_600 }
        #expect(try await ledger.answer(to: Scene.proposal(1, job: "2")) == .authorized(attempt: 1))
    }
}

private final class LooseClock: Timeline {
    let wall = Mutex<Int64>(1_800_000_000_000)
    let awake = Mutex<Int64>(0)
    var now: Timestamp { Timestamp(milliseconds: self.wall.withLock { $0 }, quality: .rtc) }
    var uptime: Duration { .seconds(self.awake.withLock { $0 }) }
    func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}
