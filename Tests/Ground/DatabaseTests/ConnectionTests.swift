import Database
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite struct ConnectionTests {
    struct Stop: Error {}

    @Test(arguments: ["", "\u{0}", "sorry\u{0}bye", "\u{0}\u{0}", "a\u{0}", "Ü\u{0}東"])
    func `a text comes back whole, zero bytes and all`(text: String) throws {
        let connection = try Connection(path: nil)
        try connection.execute("CREATE TABLE note(text TEXT NOT NULL) STRICT")
        try connection.run("INSERT INTO note VALUES (?)", .text(text))
        let row = try #require(
            try connection.query("SELECT text FROM note WHERE text = ?", .text(text)).first)
        #expect(row.text(0).utf8.elementsEqual(text.utf8))
    }

    @Test func `a writing connection survives a power cut: WAL and FULL are read back`() async throws {
        try await withFolder { folder in
            let database = try Connection(path: folder.appending("a.db").string)
            #expect(try database.query("PRAGMA journal_mode")[0].text(0) == "wal")
            // 2 is FULL, see sqlite.org/pragma.html#pragma_synchronous.
            #expect(try database.query("PRAGMA synchronous")[0].integer(0) == 2)
            #expect(try database.query("PRAGMA foreign_keys")[0].integer(0) == 1)
            #expect(try database.query("PRAGMA trusted_schema")[0].integer(0) == 0)
            #expect(mode(of: folder.appending("a.db")).map { $0 & 0o022 } == 0)
        }
    }

    @Test func `every kind of value comes back as it went in`() throws {
        let database = try Connection(path: nil)
        try database.execute("CREATE TABLE t (i INTEGER, s TEXT, b BLOB) STRICT")
        let rows: [(Int64, String, [UInt8])] = [
            (.max, "", []), (.min, "é e\u{301} 😂 '; DROP TABLE t; --", [0, 255, 0]),
            (0, "x", Array(repeating: 7, count: 100_000)),
        ]
        for row in rows {
            try database.run("INSERT INTO t VALUES (?, ?, ?)", .integer(row.0), .text(row.1), .blob(row.2))
        }
        try database.run("INSERT INTO t VALUES (?, ?, ?)", .null, .null, .null)
        let found = try database.query("SELECT i, s, b FROM t ORDER BY rowid")
        for (row, expected) in zip(found, rows) {
            #expect(row.integer(0) == expected.0)
            #expect(row.text(1).utf8.elementsEqual(expected.1.utf8))
            #expect(row.optionalBlob(2) == expected.2)
        }
        #expect(
            found[3].integer(0) == 0 && found[3].optionalText(1) == nil && found[3].optionalBlob(2) == nil)
        // Fewer rows than there are would be a lie.
        #expect(throws: DatabaseError.self) { try database.query("SELECT i FROM t", limit: 2) }
        #expect(try database.query("SELECT i FROM t", limit: 4).count == 4)
    }

    @Test func `what throws inside a transaction leaves nothing behind`() throws {
        let database = try Connection(path: nil)
        try database.execute("CREATE TABLE t (x INTEGER PRIMARY KEY) STRICT")
        #expect(throws: Stop.self) {
            try database.transaction {
                try database.run("INSERT INTO t VALUES (1)")
                throw Stop()
            }
        }
        #expect(throws: DatabaseError.self) {
            try database.transaction {
                try database.run("INSERT INTO t VALUES (2)")
                try database.run("INSERT INTO nowhere VALUES (2)")
            }
        }
        #expect(try database.query("SELECT * FROM t").isEmpty)
        // The connection still works, and a transaction gives its result.
        let count = try database.transaction {
            try database.run("INSERT INTO t VALUES (3)")
            return try database.query("SELECT * FROM t").count
        }
        #expect(count == 1)
    }

    @Test func `errors say what they are about`() throws {
        let database = try Connection(path: nil)
        try database.execute(
            "CREATE TABLE t (x INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT; INSERT INTO t VALUES (1, 'a')")
        let double = #expect(throws: DatabaseError.self) { try database.run("INSERT INTO t VALUES (1, 'b')") }
        #expect(double?.isConstraint == true && double?.isStorageFault == false)
        let type = #expect(throws: DatabaseError.self) { try database.run("INSERT INTO t VALUES ('x', 'b')") }
        #expect(type?.description.contains("INSERT INTO t") == true)
        #expect(throws: DatabaseError.self) {
            try database.run("INSERT INTO t VALUES (?, ?)", .integer(1), .text("a"), .null)
        }
        #expect(throws: DatabaseError.self) { try Connection(path: "/nowhere/at/all.db") }
        #expect(throws: DatabaseError.self) { try Connection(path: "/nowhere/at/all.db", access: .read) }
    }

    @Test func `a reader sees what is committed while the writer works`() async throws {
        try await withFolder { folder in
            let path = folder.appending("a.db").string
            let writer = try Connection(path: path)
            try writer.execute("CREATE TABLE t (x INTEGER) STRICT")
            let reader = try Connection(path: path, access: .read)
            try writer.transaction {
                try writer.run("INSERT INTO t VALUES (1)")
                #expect(try reader.query("SELECT * FROM t").isEmpty)
            }
            #expect(try reader.query("SELECT * FROM t").count == 1)
            let error = #expect(throws: DatabaseError.self) { try reader.run("INSERT INTO t VALUES (2)") }
            #expect(error?.isStorageFault == true)
        }
    }

    /// The three files as they lie after a kill: nobody closed them, the log was not copied back.
    @Test func `commits survive a process that never closed the file`() async throws {
        try await withFolder { folder in
            let path = folder.appending("a.db").string
            let copy = folder.appending("copy.db")
            do {
                let writer = try Connection(path: path)
                try writer.execute("CREATE TABLE t (x INTEGER) STRICT")
                for number in Int64(0)..<10 { try writer.run("INSERT INTO t VALUES (?)", .integer(number)) }
                try writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (10)")
                for end in ["", "-wal"] {
                    let bytes = try DurableFile.read(FilePath(path + end))
                    try DurableFile.write(bytes, to: FilePath(copy.string + end))
                }
                try writer.execute("ROLLBACK")
            }
            let reader = try Connection(path: copy.string, access: .read)
            #expect(try reader.query("SELECT * FROM t").count == 10)
            #expect(try reader.integrityFaults().isEmpty)
            let writer = try Connection(path: copy.string)
            #expect(try writer.query("SELECT MAX(x) FROM t")[0].integer(0) == 9)
        }
    }

    @Test func `a damaged file is found out`() async throws {
        try await withFolder { folder in
            let path = folder.appending("a.db")
            do {
                let database = try Connection(path: path.string)
                try database.execute(
                    "CREATE TABLE t (x INTEGER PRIMARY KEY, s TEXT) STRICT; CREATE INDEX i ON t (s)")
                for _ in 0..<200 {
                    try database.run(
                        "INSERT INTO t (s) VALUES (?)", .text(String(repeating: "x", count: 100)))
                }
                #expect(try database.integrityFaults().isEmpty)
            }
            var bytes = try DurableFile.read(path)
            for place in 3 * 4_096..<3 * 4_096 + 60 { bytes[place] ^= 0xff }
            try DurableFile.write(bytes, to: path)
            let faults = Result { try Connection(path: path.string).integrityFaults() }
            #expect((try? faults.get())?.isEmpty != true)
        }
    }

    /// Needs the right to mount; everywhere else the test says that it did not look.
    @Test func `a full disk is told apart and keeps what was committed`() async throws {
        try await withFolder { folder in
            let disk = folder.appending("disk")
            try DurableFile.createFolder(disk)
            guard mount("tmpfs", disk.string, "tmpfs", 0, "size=256k") == 0 else {
                withKnownIssue(
                    "tmpfs cannot be mounted here: the full disk was not tried", isIntermittent: true
                ) {}
                return
            }
            defer { umount(disk.string) }
            let database = try Connection(path: disk.appending("a.db").string)
            try database.execute("CREATE TABLE t (x BLOB) STRICT")
            var committed = 0
            let error = #expect(throws: DatabaseError.self) {
                while committed < 100 {
                    try database.transaction {
                        try database.run("INSERT INTO t VALUES (?)", .blob(Array(repeating: 7, count: 8_192)))
                    }
                    committed += 1
                }
            }
            #expect(error?.isStorageFault == true)
            #expect(committed > 0)
            #expect(try database.query("SELECT * FROM t").count == committed)
            #expect(throws: FileError.self) {
                try DurableFile.write(Array(repeating: 1, count: 300_000), to: disk.appending("file"))
            }
            #expect(!DurableFile.exists(disk.appending("file")))
        }
    }
}
