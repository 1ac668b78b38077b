internal import Database
internal import Encoding
internal import SystemPackage

/// The orders that a fleet gave to one robot, and the numbers of its messages. An id is known for ever
/// short of ``historyLimit``: the same order is never given twice.
final class FleetStore {
    private let database: Database.Connection
    private var numbers: MessageNumbers

    /// Ended orders that are remembered; the oldest leave first.
    static let historyLimit: Int64 = 10_000

    /// The tables of its file.
    static let schema = Schema(
        """
        CREATE TABLE dispatch (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, robot TEXT NOT NULL, id TEXT NOT NULL,
            is_open INTEGER NOT NULL, content TEXT NOT NULL, UNIQUE (robot, id)
        ) STRICT;
        CREATE INDEX dispatch_open ON dispatch (robot, is_open);
        """ + MessageNumbers.schema
    )

    init(path: FilePath?) throws {
        self.database = try Database.Connection.open(path, Self.schema)
        self.numbers = try MessageNumbers(self.database)
    }

    func dispatch(_ id: String, robot: String) throws -> Dispatch? {
        try self.database.query(
            "SELECT content FROM dispatch WHERE robot = ? AND id = ?", .text(robot), .text(id)
        ).first.map(Self.dispatch)
    }

    /// The order that has not ended; at most one.
    func open(robot: String) throws -> Dispatch? {
        try self.database.query(
            "SELECT content FROM dispatch WHERE robot = ? AND is_open = 1 ORDER BY seq", .text(robot)
        ).first.map(Self.dispatch)
    }

    /// Durable when this returns.
    func save(_ dispatch: Dispatch, robot: String) throws {
        let content = try dispatch.written(.stored, at: "").text
        try self.database.transaction {
            try self.database.run(
                """
                INSERT INTO dispatch (robot, id, is_open, content) VALUES (?, ?, ?, ?)
                ON CONFLICT (robot, id) DO UPDATE
                SET is_open = excluded.is_open, content = excluded.content
                """, .text(robot), .text(dispatch.orderId), .integer(dispatch.outcome == nil ? 1 : 0),
                .text(content))
            try self.database.run(
                """
                DELETE FROM dispatch WHERE is_open = 0
                AND seq <= (SELECT COALESCE(MAX(seq), 0) FROM dispatch) - ?
                """, .integer(Self.historyLimit))
        }
    }

    func headerId(_ topic: Topic) throws -> Int64 { try self.numbers.take(topic, self.database) }
    func close() throws { try self.numbers.giveBack(self.database) }

    private static func dispatch(_ row: Row) throws -> Dispatch {
        try Dispatch.read(JSONField(try JSON.read(row.text(0))), .stored)
    }
}
