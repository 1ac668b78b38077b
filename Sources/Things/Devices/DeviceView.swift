internal import Database
public import SystemPackage

/// Reads a command journal while the robot runs and after it stopped. Changes nothing.
public struct DeviceView: ~Copyable {
    private let database: Connection

    public init(path: FilePath) throws { self.database = try Connection.read(path, CommandJournal.schema) }

    /// All commands that are remembered, oldest first.
    public borrowing func commands() throws -> [CommandRecord] {
        try CommandJournal.entries(self.database).map(\.record)
    }

    /// How many commands are remembered in each state.
    package borrowing func stateCounts() throws -> [String: Int64] {
        let rows = try self.database.query("SELECT state, COUNT(*) FROM command GROUP BY state")
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.text(0), $0.integer(1)) })
    }
}
