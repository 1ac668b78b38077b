package import Database
public import SystemPackage

/// Reads the agent's file while the robot runs and after it stopped.
public struct AgentView: ~Copyable {
    private let database: Connection

    /// The tables of its file.
    package static let schema = Schema(
        """
        CREATE TABLE event (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,
            text TEXT NOT NULL, body TEXT NOT NULL
        ) STRICT;
        CREATE TABLE reading (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, text TEXT NOT NULL
        ) STRICT;
        CREATE TABLE project (
            id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, state TEXT NOT NULL,
            bytes BLOB NOT NULL, context TEXT NOT NULL, provider TEXT, ceiling INTEGER NOT NULL DEFAULT 0,
            result BLOB NOT NULL DEFAULT x''
        ) STRICT;
        """,
        // What is done needs its bytes no more, and after a while is a number only.
        """
        CREATE TABLE tally (kind TEXT PRIMARY KEY, done INTEGER NOT NULL) STRICT;
        UPDATE project SET bytes = x'', result = x'' WHERE state = 'done';
        """,
        // Readings have a file of their own, which took those that waited here; the archive goes on there.
        """
        CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
        INSERT INTO mark SELECT 'archive', MIN(seq) - 1 FROM reading HAVING COUNT(*) > 0;
        DROP TABLE reading;
        """,
        // Of what the ceiling is counted in; null where that is whatever is asked for.
        "ALTER TABLE project ADD COLUMN decimals INTEGER"
    )

    public init(path: FilePath) throws { self.database = try Connection.read(path, Self.schema) }

    /// Looks through the connection of who writes the file.
    package init(_ database: Connection) { self.database = database }

    /// The newest events, oldest of them first.
    public borrowing func lastEvents(_ count: Int) throws -> [EventRecord] {
        try EventRecord.list(
            "SELECT seq, at, kind, text, body FROM event ORDER BY seq DESC LIMIT ?",
            [.integer(Int64(clamping: count))], in: self.database
        ).reversed()
    }

    /// The events after `sequence`, oldest first.
    public borrowing func events(after sequence: Int64 = 0, limit: Int = 1_000) throws -> [EventRecord] {
        try EventRecord.list(
            "SELECT seq, at, kind, text, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
            [.integer(sequence), .integer(Int64(clamping: limit))], in: self.database)
    }

    /// How many projects of a kind are done, with those that are numbers only.
    public borrowing func finished(kind: String) throws -> Int {
        let rows = try self.database.query(
            """
            SELECT (SELECT COUNT(*) FROM project WHERE kind = ?1 AND state = 'done')
                + COALESCE((SELECT done FROM tally WHERE kind = ?1), 0)
            """, .text(kind))
        return Int(clamping: rows.first?.integer(0) ?? 0)
    }

    /// Number of the newest event; 0 before the first.
    package borrowing func lastSequence() throws -> Int64 {
        try self.database.query("SELECT MAX(seq) FROM event").first?.integer(0) ?? 0
    }

    /// How far somebody has read of the readings; nil for who never followed them.
    package borrowing func mark(_ name: String) throws -> Int64? {
        try self.database.query("SELECT value FROM mark WHERE name = ?", .text(name)).first?.integer(0)
    }
}
