internal import CSQLite

/// What a database call failed with: SQLite's extended code and its words.
public struct DatabaseError: Error, Equatable, CustomStringConvertible {
    /// SQLite's extended result code.
    public let code: Int32
    public let message: String
    /// The statement or the file that it was about.
    public let subject: String

    public var description: String { "\(self.message) (SQLite \(self.code)) at \(self.subject)" }

    /// The disk is full or does not write: nothing that came after the last commit is stored.
    public var isStorageFault: Bool {
        [SQLITE_FULL, SQLITE_IOERR, SQLITE_READONLY].contains(self.code & 0xff)
    }
    /// A row with the same key is there already.
    public var isConstraint: Bool { self.code & 0xff == SQLITE_CONSTRAINT }
}

/// A value as SQLite stores it.
public enum DatabaseValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])
}

/// One connection to one SQLite file. Not Sendable: an actor or a lock owns it.
///
/// Writing connections run in WAL mode with `synchronous=FULL`: a commit that returned survives a power cut.
/// One process owns the file for writing; SQLite 3.40 has a rare fault when two connections reset the log at
/// once.
public final class Connection {
    /// Who may do what with the file.
    public enum Access: Sendable {
        /// Creates the file where there is none. It is its owner's alone, whatever the umask, and so are the
        /// log and the index that SQLite puts beside it, which take the file's mode.
        case write
        /// Never changes the file; sees what is committed, also while another process writes.
        case read
    }

    private let handle: OpaquePointer
    let path: String
    /// Statements that were prepared once; a robot says the same few dozen things again and again.
    private var prepared: [String: OpaquePointer] = [:]
    private static let preparedLimit = 96

    /// SQLite would take memory for twenty pages at once with each file; a robot has several, and most are
    /// smaller. Only before the first file is opened: SQLite refuses it later, and keeps its own way.
    private static let isFrugal = depai_sqlite_set_first_pages(0) == SQLITE_OK

    /// Opens `path`, or a database that lives in memory when the path is nil.
    public init(path: String?, access: Access = .write) throws(DatabaseError) {
        _ = Self.isFrugal
        var handle: OpaquePointer?
        let flags = access == .write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY
        let name = path ?? ":memory:"
        if let path, access == .write {
            DurableFile.makePrivate(path)
            for suffix in ["-wal", "-shm"] { DurableFile.shutOthersOut(path + suffix) }
        }
        let code = sqlite3_open_v2(name, &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let handle else {
            let message = String(cString: sqlite3_errstr(code))
            sqlite3_close(handle)
            throw DatabaseError(code: code, message: message, subject: name)
        }
        self.handle = handle
        self.path = name
        sqlite3_busy_timeout(handle, 5_000)
        try self.execute("PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON")
        if access == .write {
            // A payment or a reading changes a little of several tables, and the log holds whole pages: with
            // half of the usual size a tenth to a fifth more of them fit into a second. A file that is there
            // keeps its own. Two thousand pages of log are as long as SQLite's thousand of the usual size.
            try self.execute("PRAGMA page_size=2048; PRAGMA journal_mode=WAL")
            try self.execute("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2000")
        }
    }

    deinit {
        self.forgetStatements()
        sqlite3_close_v2(self.handle)
    }

    /// Runs statements without parameters and results.
    public func execute(_ sql: String) throws(DatabaseError) {
        guard sqlite3_exec(self.handle, sql, nil, nil, nil) == SQLITE_OK else { throw self.fault(sql) }
    }

    /// Runs one statement to its end.
    public func run(_ sql: String, _ parameters: DatabaseValue...) throws(DatabaseError) {
        _ = try self.rows(sql, parameters: parameters, limit: 0)
    }

    /// All rows of one query; more than `limit` are an error, never a shorter answer.
    public func query(
        _ sql: String, _ parameters: DatabaseValue..., limit: Int = 100_000
    ) throws(DatabaseError) -> [Row] {
        try self.rows(sql, parameters: parameters, limit: limit)
    }

    /// The rows of one query with the parameters in a list.
    public func query(
        _ sql: String, parameters: [DatabaseValue], limit: Int = 100_000
    ) throws(DatabaseError) -> [Row] {
        try self.rows(sql, parameters: parameters, limit: limit)
    }

    /// Runs `body` in one write transaction: all of it is durable when this returns, or nothing of it
    /// happened.
    public func transaction<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws -> Result {
        try self.begin()
        do {
            let result = try body()
            try self.commit()
            return result
        } catch {
            self.rollback()
            throw error
        }
    }

    /// Opens a write transaction that several pieces of work share; ends with ``commit()`` or ``rollback()``.
    public func begin() throws(DatabaseError) { try self.run("BEGIN IMMEDIATE") }

    /// Makes everything since ``begin()`` durable.
    public func commit() throws(DatabaseError) { try self.run("COMMIT") }

    /// Undoes everything since ``begin()``. The error that led here counts; when the file is gone, this fails
    /// too.
    public func rollback() { try? self.run("ROLLBACK") }

    /// Runs `body` as one piece of an open transaction: when it throws, only this piece is undone.
    public func piece<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws -> Result {
        try self.run("SAVEPOINT piece")
        do {
            let result = try body()
            try self.run("RELEASE piece")
            return result
        } catch {
            // After a full disk SQLite has undone the whole transaction already, savepoints and all.
            try? self.run("ROLLBACK TO piece")
            try? self.run("RELEASE piece")
            throw error
        }
    }

    /// What SQLite finds wrong with the file; empty when it is sound.
    public func integrityFaults() throws(DatabaseError) -> [String] {
        try self.query("PRAGMA integrity_check").map { $0.text(0) }.filter { $0 != "ok" }
    }

    private func rows(_ sql: String, parameters: [DatabaseValue], limit: Int) throws(DatabaseError) -> [Row] {
        let statement = try self.statement(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, parameter) in parameters.enumerated() {
            guard self.bind(parameter, to: statement, at: Int32(index + 1)) == SQLITE_OK else {
                throw self.fault(sql)
            }
        }
        var rows: [Row] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW where limit == 0: break
            case SQLITE_ROW:
                guard rows.count < limit else {
                    throw DatabaseError(
                        code: SQLITE_TOOBIG, message: "more than \(limit) rows", subject: sql)
                }
                rows.append(Row(copying: statement))
            case SQLITE_DONE: return rows
            default: throw self.fault(sql)
            }
        }
    }

    private func statement(_ sql: String) throws(DatabaseError) -> OpaquePointer {
        if let statement = self.prepared[sql] { return statement }
        if self.prepared.count >= Self.preparedLimit { self.forgetStatements() }
        var statement: OpaquePointer?
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        guard sqlite3_prepare_v3(self.handle, sql, -1, flags, &statement, nil) == SQLITE_OK, let statement
        else { throw self.fault(sql) }
        self.prepared[sql] = statement
        return statement
    }

    private func forgetStatements() {
        for statement in self.prepared.values { sqlite3_finalize(statement) }
        self.prepared.removeAll()
    }

    private func bind(_ value: DatabaseValue, to statement: OpaquePointer, at index: Int32) -> Int32 {
        // SQLite copies the bytes before it returns (SQLITE_TRANSIENT, a macro that Swift does not see).
        let copy = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        return switch value {
        case .null: sqlite3_bind_null(statement, index)
        case .integer(let integer): sqlite3_bind_int64(statement, index, integer)
        case .text(let text):
            sqlite3_bind_text64(
                statement, index, text, UInt64(text.utf8.count), copy, UInt8(SQLITE_UTF8))
        case .blob(let bytes):
            bytes.isEmpty
                ? sqlite3_bind_zeroblob(statement, index, 0)
                : sqlite3_bind_blob64(statement, index, bytes, UInt64(bytes.count), copy)
        }
    }

    private func fault(_ subject: String) -> DatabaseError {
        DatabaseError(
            code: sqlite3_extended_errcode(self.handle),
            message: String(cString: sqlite3_errmsg(self.handle)),
            subject: self.path + ": " + String(subject.prefix(120)))
    }
}

/// One row of a result, copied out of SQLite.
public struct Row: Sendable {
    private let values: [DatabaseValue]

    init(copying statement: OpaquePointer) {
        self.values = (0..<sqlite3_column_count(statement)).map { column in
            switch sqlite3_column_type(statement, column) {
            case SQLITE_INTEGER: .integer(sqlite3_column_int64(statement, column))
            case SQLITE_TEXT: .text(Self.text(copying: statement, column))
            case SQLITE_BLOB:
                .blob(
                    [UInt8](
                        UnsafeRawBufferPointer(
                            start: sqlite3_column_blob(statement, column),
                            count: Int(sqlite3_column_bytes(statement, column)))))
            default: .null
            }
        }
    }

    /// By its length, not to its first zero byte: what was stored is what comes back, and a hash over it
    /// holds.
    private static func text(copying statement: OpaquePointer, _ column: Int32) -> String {
        guard let start = sqlite3_column_text(statement, column) else { return "" }
        let count = Int(sqlite3_column_bytes(statement, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// The column (0-based) as a number; 0 for null. Another type is a bug of the query.
    public func integer(_ column: Int) -> Int64 { self.optionalInteger(column) ?? 0 }

    public func optionalInteger(_ column: Int) -> Int64? {
        switch self.values[column] {
        case .integer(let value): value
        case .null: nil
        default: preconditionFailure("column \(column) is not a number")
        }
    }

    /// The column as text; empty for null.
    public func text(_ column: Int) -> String { self.optionalText(column) ?? "" }

    public func optionalText(_ column: Int) -> String? {
        switch self.values[column] {
        case .text(let value): value
        case .null: nil
        default: preconditionFailure("column \(column) is not text")
        }
    }

    /// The column as bytes; empty for null.
    public func blob(_ column: Int) -> [UInt8] { self.optionalBlob(column) ?? [] }

    public func optionalBlob(_ column: Int) -> [UInt8]? {
        switch self.values[column] {
        case .blob(let value): value
        case .null: nil
        default: preconditionFailure("column \(column) is not bytes")
        }
    }
}
