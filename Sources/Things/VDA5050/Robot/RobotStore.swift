internal import Database
internal import Encoding
internal import SystemPackage

/// What a robot must not forget: its order and actions, and the numbers of its messages.
final class RobotStore {
    private let database: Database.Connection
    private var numbers: MessageNumbers

    /// The tables of its file.
    static let schema = Schema(
        """
        CREATE TABLE machine (
            one INTEGER PRIMARY KEY CHECK (one = 1), version TEXT NOT NULL, memory TEXT NOT NULL
        ) STRICT;
        """ + MessageNumbers.schema
    )

    /// - Parameter path: nil keeps it in memory.
    init(path: FilePath?) throws {
        self.database = try Database.Connection.open(path, Self.schema)
        self.numbers = try MessageNumbers(self.database)
    }

    /// What the last process knew; nil where there was none, or where it spoke another version: the fleet
    /// that speaks this one never heard of that order.
    func memory(_ version: Version) throws -> JSON? {
        guard let row = try self.database.query("SELECT version, memory FROM machine").first,
            row.text(0) == version.rawValue
        else { return nil }
        return try JSON.read(row.text(1))
    }

    /// Durable when this returns.
    func save(_ memory: JSON, _ version: Version) throws {
        try self.database.run(
            "INSERT OR REPLACE INTO machine (one, version, memory) VALUES (1, ?, ?)",
            .text(version.rawValue), .text(memory.text))
    }

    func headerId(_ topic: Topic) throws -> Int64 { try self.numbers.take(topic, self.database) }
    func close() throws { try self.numbers.giveBack(self.database) }
}
