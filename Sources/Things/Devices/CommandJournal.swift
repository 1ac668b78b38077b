internal import Database
internal import Encoding
internal import SystemPackage
internal import World

/// The commands on disk. A commit that returned survives a power cut (`synchronous=FULL`).
final class CommandJournal {
    /// A stored command.
    struct Entry {
        let id: String
        let content: Command.Content
        let state: CommandState
        let result: JSON?
        let sequence: UInt64
        let at: Timestamp

        var record: CommandRecord {
            CommandRecord(
                id: self.id, thing: self.content.thing, affordance: self.content.affordance,
                input: self.content.input,
                state: self.state, result: self.result, at: self.at)
        }
    }

    private let database: Connection

    /// Settled commands that are remembered; the oldest leave first. An id that left could act again: callers
    /// must not repeat anything that old.
    static let historyLimit: Int64 = 100_000

    /// The tables of its file.
    static let schema = Schema(
        """
        CREATE TABLE command (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL CHECK (kind IN ('write', 'invoke')),
            thing TEXT NOT NULL, affordance TEXT NOT NULL, input TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('received', 'started', 'done', 'unknown', 'failed')),
            result TEXT, at INTEGER NOT NULL, clock TEXT NOT NULL
        ) STRICT;
        CREATE INDEX command_open ON command (state, seq);
        CREATE TABLE name (one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL) STRICT;
        """
    )

    init(path: FilePath?) throws {
        self.database = try Connection.open(path, Self.schema)
    }

    private static let columns = "id, kind, thing, affordance, input, state, result, seq, at, clock"

    func entry(_ id: String) throws -> Entry? {
        try self.database.query("SELECT \(Self.columns) FROM command WHERE id = ?", .text(id)).first.flatMap(
            Self.entry)
    }

    /// Adds a command in the state `received`.
    func add(_ id: String, _ content: Command.Content, at: Timestamp) throws -> Entry {
        let rows = try self.database.transaction {
            try self.database.run(
                """
                DELETE FROM command WHERE state IN ('done', 'failed')
                AND seq <= (SELECT COALESCE(MAX(seq), 0) FROM command) - ?
                """, .integer(Self.historyLimit))
            return try self.database.query(
                """
                INSERT INTO command (id, kind, thing, affordance, input, state, at, clock)
                VALUES (?, ?, ?, ?, ?, 'received', ?, ?) RETURNING seq
                """, .text(id), .text(content.kind.rawValue), .text(content.thing), .text(content.affordance),
                .text(content.input.text), .integer(at.milliseconds), .text(at.quality.rawValue))
        }
        return Entry(
            id: id, content: content, state: .received, result: nil,
            sequence: UInt64(clamping: rows.first?.integer(0) ?? 0), at: at)
    }

    func save(_ id: String, _ state: CommandState, _ result: JSON?, at: Timestamp) throws {
        try self.database.run(
            "UPDATE command SET state = ?, result = ?, at = ?, clock = ? WHERE id = ?", .text(state.rawValue),
            result.map { .text($0.text) } ?? .null, .integer(at.milliseconds), .text(at.quality.rawValue),
            .text(id))
    }

    /// The last write to each property, oldest first.
    func lastWrites() throws -> [Entry] {
        try self.database.query(
            """
            SELECT \(Self.columns) FROM command WHERE seq IN
            (SELECT MAX(seq) FROM command WHERE kind = 'write' GROUP BY thing, affordance) ORDER BY seq
            """
        ).compactMap(Self.entry)
    }

    /// Commands that came to their state at or after `at`, in milliseconds since 1970.
    func recent(since at: Int64, limit: Int) throws -> [Entry] {
        try self.database.query(
            """
            SELECT \(Self.columns) FROM command WHERE at >= ? AND state <> 'received'
            ORDER BY seq DESC LIMIT ?
            """,
            .integer(at), .integer(Int64(limit))
        ).compactMap(Self.entry)
    }

    /// The name by which devices that answer a named caller know us; made once.
    func ownName(_ make: () -> String) throws -> String {
        if let name = try self.database.query("SELECT value FROM name").first?.text(0) { return name }
        let name = make()
        try self.database.run("INSERT INTO name (one, value) VALUES (1, ?)", .text(name))
        return name
    }

    /// A row in the order of ``columns``; nil for one that this program did not write.
    static func entry(_ row: Row) -> Entry? {
        guard let kind = Command.Content.Kind(rawValue: row.text(1)), let input = try? JSON.read(row.text(4)),
            let state = CommandState(rawValue: row.text(5))
        else { return nil }
        return Entry(
            id: row.text(0),
            content: Command.Content(kind: kind, thing: row.text(2), affordance: row.text(3), input: input),
            state: state, result: row.optionalText(6).flatMap { try? JSON.read($0) },
            sequence: UInt64(clamping: row.integer(7)),
            at: Timestamp(milliseconds: row.integer(8), quality: ClockQuality(rawValue: row.text(9)) ?? .none)
        )
    }

    /// For ``DeviceView``.
    static func entries(_ database: borrowing Connection) throws -> [Entry] {
        try database.query("SELECT \(Self.columns) FROM command ORDER BY seq").compactMap(Self.entry)
    }
}
