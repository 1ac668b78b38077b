package import Database
public import Encoding
public import SystemPackage

/// Something that happened, for people and for the simulator: what the robot did and why.
public struct Event: Sendable {
    public let sequence: Int64
    /// Milliseconds since 1970.
    public let at: Int64
    /// `batch`, `offers`, `purchase`, `proof`, `loss`, `route`, `command`, `done`, ...
    public let kind: String
    public let text: String
    public let body: JSON

    /// Whether somebody should look: something was lost, refused or is away.
    public var isTrouble: Bool { Self.troubles.contains(self.kind) }

    package init(sequence: Int64, at: Int64, kind: String, text: String, body: JSON) {
        self.sequence = sequence
        self.at = at
        self.kind = kind
        self.text = text
        self.body = body
    }

    private static let troubles: Set = [
        "chain", "configuration", "control", "fault", "home", "loss", "metrics", "report",
    ]

    /// One object, `depai.event/1`.
    public var json: JSON {
        [
            "schema": "depai.event/1", "seq": .integer(self.sequence), "at": .integer(self.at),
            "kind": .string(self.kind), "text": .string(self.text), "body": self.body,
        ]
    }

    fileprivate static func list(
        _ sql: String, _ parameters: [DatabaseValue], in database: Connection
    ) throws -> [Event] {
        try database.query(sql, parameters: parameters).map {
            Event(
                sequence: $0.integer(0), at: $0.integer(1), kind: $0.text(2), text: $0.text(3),
                body: (try? JSON.read($0.text(4))) ?? .null)
        }
    }
}

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
        """
    )

    public init(path: FilePath) throws { self.database = try Connection.read(path, Self.schema) }

    /// Looks through the connection of who writes the file.
    package init(_ database: Connection) { self.database = database }

    /// The newest events, oldest of them first.
    public borrowing func lastEvents(_ count: Int) throws -> [Event] {
        try Event.list(
            "SELECT seq, at, kind, text, body FROM event ORDER BY seq DESC LIMIT ?",
            [.integer(Int64(clamping: count))], in: self.database
        ).reversed()
    }

    /// The events after `sequence`, oldest first.
    public borrowing func events(after sequence: Int64 = 0, limit: Int = 1_000) throws -> [Event] {
        try Event.list(
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
