import Database
import Foundation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// Files of older and newer programs.
@Suite struct SchemaTests {
    private let first = Schema("CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7)")
    private let second = Schema(
        "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7)",
        "CREATE TABLE b (x INTEGER) STRICT; INSERT INTO b SELECT x FROM a")

    private func schema(_ count: Int) -> Schema {
        // A history of any length, of which each step can be told from the one before.
        switch count {
        case 1: self.first
        case 2: self.second
        case 3: Schema(self.second.steps[0], self.second.steps[1], "UPDATE b SET x = x + 1")
        default:
            Schema(
                self.second.steps[0], self.second.steps[1], "UPDATE b SET x = x + 1",
                "ALTER TABLE b ADD COLUMN y INTEGER")
        }
    }

    /// All files of a folder with what is in them.
    private func content(_ folder: FilePath) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try DurableFile.names(in: folder) where !name.hasSuffix("-shm") {
            files[name] = try DurableFile.read(folder.appending(name))
        }
        return files
    }

    @Test func `steps are taken once and in order, and the old file is kept beside`() async throws {
        try await withFolder { folder in
            let path = folder.appending("a.db")
            _ = try Connection.open(path, self.first)
            #expect(try DurableFile.names(in: folder) == ["a.db"], "a new file has nothing to keep")
            for _ in 0..<2 { _ = try Connection.open(path, self.second) }
            let database = try Connection.read(path, self.second)
            #expect(try database.query("SELECT x FROM b").map { $0.integer(0) } == [7])
            #expect(try Schema.version(of: path) == 2)
            let copy = folder.appending("a.db.schema-1")
            #expect(try Set(DurableFile.names(in: folder)).isSuperset(of: ["a.db", "a.db.schema-1"]))
            let old = try Connection.read(copy, self.first)
            #expect(try old.query("SELECT x FROM a").map { $0.integer(0) } == [7])
            #expect(try old.integrityFaults() == [])
        }
    }

    @Test func `two copies are kept, the newest`() async throws {
        try await withFolder { folder in
            let path = folder.appending("a.db")
            for count in 1...4 { _ = try Connection.open(path, self.schema(count)) }
            let names = try DurableFile.names(in: folder).filter { $0.contains("schema") }.sorted()
            #expect(names == ["a.db.schema-2", "a.db.schema-3"])
        }
    }

    @Test func `a file of a newer program is refused and stays as it is, with all that a crash left`()
        async throws
    {
        try await withFolder { folder in
            let live = folder.appending("live"), copy = folder.appending("copy")
            try DurableFile.createFolder(live)
            try DurableFile.createFolder(copy)
            // A process that never closed its file: the newest version stands in the log alone.
            _ = try Connection.open(live.appending("a.db"), self.first)
            let writer = try Connection.open(live.appending("a.db"), self.second)
            try writer.run("INSERT INTO b VALUES (8)")
            for (name, bytes) in try self.content(live) {
                try DurableFile.write(bytes, to: copy.appending(name))
            }
            let path = copy.appending("a.db")
            let before = try self.content(copy)
            #expect(before["a.db-wal"]?.isEmpty == false)
            for refused in [
                { _ = try Connection.open(path, self.first) }, { _ = try Connection.read(path, self.first) },
                { try self.first.check(path) },
            ] {
                let error = #expect(throws: SchemaError.self) { try refused() }
                #expect(
                    error
                        == .newer(
                            path: path.string, found: 2, known: 1,
                            copy: copy.appending("a.db.schema-1").string))
            }
            #expect(try self.content(copy) == before)
            // Whoever knows it finds everything.
            let database = try Connection.open(path, self.second)
            #expect(try database.query("SELECT x FROM b").map { $0.integer(0) } == [7, 8])
        }
    }

    @Test func `whoever only reads leaves an older file alone and says so`() async throws {
        try await withFolder { folder in
            let path = folder.appending("a.db")
            _ = try Connection.open(path, self.first)
            let before = try DurableFile.read(path)
            #expect(throws: SchemaError.older(path: path.string, found: 1, known: 2)) {
                _ = try Connection.read(path, self.second)
            }
            #expect(try DurableFile.read(path) == before)
        }
    }

    @Test func `a step that fails leaves the old version and its copy`() async throws {
        try await withFolder { folder in
            let path = folder.appending("a.db")
            _ = try Connection.open(path, self.first)
            let broken = Schema(
                self.second.steps[0], self.second.steps[1],
                "CREATE TABLE c (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1)")
            #expect(throws: DatabaseError.self) { _ = try Connection.open(path, broken) }
            #expect(try Schema.version(of: path) == 1)
            let database = try Connection.open(path, self.second)
            #expect(try database.query("SELECT x FROM b").map { $0.integer(0) } == [7])
        }
    }
}

/// The power goes at every write of a migration, and the disk keeps what it likes of what was not synced.
@Suite(
    .endsHangs,
    .enabled(if: PowerCut.isPossible, "strace is not installed"))
struct MigrationPowerLossTests {
    @Test func `a power cut leaves the old file or the new one, never something between`() async throws {
        try await withFolder { folder in
            let live = folder.appending("live")
            try DurableFile.createFolder(live)
            let path = live.appending("a.db")
            let program = Repository.program("depai-payments").string
            func migrate(_ path: FilePath, _ steps: Int) async throws -> TerminationStatus {
                try await run(
                    .path(FilePath(program)), arguments: ["migrate", path.string, String(steps), "300"],
                    output: .discarded, error: .discarded
                ).terminationStatus
            }
            #expect(try await migrate(path, 1).isSuccess)
            let start = try DurableFile.read(path)
            let cut = try await PowerCut(
                "depai-payments", ["migrate", path.string, "3", "300"], writing: live, in: folder)
            var (count, old) = (0, 0)
            let states = try await cut.each(
                from: CrashingDisk(["a.db": start]), onlyAfterWrites: false
            ) { target, comment in
                defer { count += 1 }
                let found = try Schema.version(of: target.appending("a.db"))
                #expect([1, 3].contains(found), comment)
                if found == 1 { old += 1 }
                // The copy is whole from the moment it has its name.
                let copy = target.appending("a.db.schema-1")
                if DurableFile.exists(copy) {
                    #expect(
                        try Connection(path: copy.string, access: .read).integrityFaults() == [], comment)
                    #expect(try Schema.version(of: copy) == 1, comment)
                } else {
                    #expect(found == 1, "migrated without a copy: \(comment)")
                }
                // The next start ends it.
                if count % 5 == 0 {
                    #expect(try await migrate(target.appending("a.db"), 3).isSuccess, comment)
                    let database = try Connection(path: target.appending("a.db").string, access: .read)
                    let row = try #require(
                        database.query("SELECT COUNT(*), SUM(x) FROM row").first, comment)
                    #expect(row.integer(0) == 300 && row.integer(1) == 300 * 301 / 2 + 600, comment)
                    #expect(try database.integrityFaults() == [], comment)
                }
            }
            print("migration: \(states) states after a power cut, \(old) of them old, seed \(cut.seed)")
            #expect(old > 0 && old < states && states > 60)
        }
    }
}
