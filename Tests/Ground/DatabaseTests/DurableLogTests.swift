import SystemPackage
import TestSupport
import Testing

@testable import Database

@Suite struct DurableLogTests {
    private static func add(_ log: DurableLog, _ count: Int, at: Int64 = 0, bytes: Int = 1) throws -> Int64 {
        let drafts = (0..<count).map { _ in
            DurableLog.Draft(
                sequence: log.claim(), at: at, subject: "s", body: String(repeating: "x", count: bytes))
        }
        return try log.add(drafts, now: at)
    }

    private static func sequences(_ log: DurableLog, after mark: Int64 = 0) throws -> [Int64] {
        try log.entries(after: mark, limit: .max).map(\.sequence)
    }

    @Test func `entries stay until everybody took them, and numbers go on over restarts`() async throws {
        try await withFolder { folder in
            let path = folder.appending("log.db")
            do {
                let log = try DurableLog(path: path, marks: ["fast": 0, "slow": 0])
                #expect(try Self.add(log, 600) == 0)
                log.mark("fast", at: 600)
                log.mark("slow", at: 299)
                #expect(try Self.add(log, 1) == 0)
                #expect(try Self.sequences(log) == Array(300...601))
                #expect(log.waiting(after: 299) == 302)
            }
            let log = try DurableLog(path: path, marks: ["slow": 601])
            #expect(try Self.sequences(log).count == 302)
            #expect(try Self.add(log, 1) == 0)
            // Those that nobody needs left; the new number is none of the old ones.
            #expect(try Self.sequences(log) == [602])
            log.release("slow")
            #expect(try DurableLogView(path: path).count(after: 0) == 1)
        }
    }

    @Test func `a log that was lost gives no number that a follower knows`() throws {
        let log = try DurableLog(path: nil, marks: ["archive": 77])
        #expect(try Self.add(log, 1) == 0)
        #expect(try Self.sequences(log, after: 77) == [78])
    }

    @Test func `what everybody took stays as long as the owner says`() throws {
        let log = try DurableLog(path: nil, limits: .init(retention: .seconds(10)), marks: ["one": 0])
        _ = try Self.add(log, 500, at: 1_000)
        log.mark("one", at: 500)
        _ = try Self.add(log, 500, at: 9_000)
        log.mark("one", at: 1_000)
        _ = try Self.add(log, 1, at: 10_000)
        #expect(try Self.sequences(log).first == 1)
        _ = try Self.add(log, 1, at: 12_000)
        #expect(try Self.sequences(log).first == 501)
    }

    @Test func `the bounds hold, whoever is behind`() throws {
        let log = try DurableLog(path: nil, limits: .init(rows: 1_000), marks: ["away": 0])
        #expect(try Self.add(log, 1_000) == 0)
        #expect(try Self.add(log, 1) == 251)
        #expect(try Self.sequences(log) == Array(252...1_001))
        let large = try DurableLog(path: nil, limits: .init(bytes: 100_000), marks: ["away": 0])
        #expect(try Self.add(large, 90, bytes: 1_000) == 0)
        #expect(try Self.add(large, 10, bytes: 1_000) > 0)
        let left = try large.entries(after: 0, limit: .max)
        #expect(left.last?.sequence == 100 && left.count * 1_033 <= 100_000 && left.count > 85)
    }

    @Test func `a short answer ends with what fits`() throws {
        let log = try DurableLog(path: nil)
        _ = try Self.add(log, 10, bytes: 99)
        #expect(try log.entries(after: 2, limit: 3).map(\.sequence) == [3, 4, 5])
        #expect(try log.entries(after: 0, limit: 10, byteLimit: 250).map(\.sequence) == [1, 2])
        #expect(try log.entries(after: 0, limit: 10, byteLimit: 1).map(\.sequence) == [1])
    }

    @Test func `entries of another file keep their numbers, however often they are brought`() throws {
        let log = try DurableLog(path: nil, marks: ["archive": 0])
        let old = (5...7).map { DurableLog.Draft(sequence: $0, at: 0, subject: "", body: "\($0)") }
        try log.adopt(old)
        try log.adopt(old)
        _ = try Self.add(log, 1)
        #expect(try Self.sequences(log) == [5, 6, 7, 8])
        #expect(log.waiting(after: 0) == 4)
    }
}
