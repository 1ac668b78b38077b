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
}
