internal import CSQLite
public import SystemPackage

/// How the tables of one file came to be: `steps[n]` leads from version n to n + 1. The file says its version
/// itself (`PRAGMA user_version`).
///
/// A step that a released program took is never changed; what is new is a new step.
public struct Schema: Sendable, Hashable {
    public let steps: [String]
    /// The version that this program reads and writes.
    public var version: Int64 { Int64(self.steps.count) }

    public init(_ steps: String...) { self.steps = steps }

    public init(_ steps: [String]) { self.steps = steps }

    /// Copies of older versions that are kept beside a file; the oldest leave first.
    public static let copyLimit = 2

    /// The version of a file; 0 where there is no file, or nothing in it yet. Changes nothing, not even what
    /// a crash left unfinished.
    public static func version(of path: FilePath) throws -> Int64 {
        guard let signature = FileSignature(of: path), signature.size > 0 else { return 0 }
        do {
            return try Connection(path: path.string, access: .read).schemaVersion()
        } catch let error as DatabaseError where error.code == self.readOnlyRollback {
            return try self.headerVersion(of: path)
        }
    }

    /// SQLite's SQLITE_READONLY_ROLLBACK, a macro that Swift does not see: a crash left a journal that only a
    /// writing connection may play back.
    private static let readOnlyRollback = SQLITE_READONLY | 3 << 8

    /// The version as the file itself says it. Our files have such a journal only while they become WAL
    /// files, and that does not touch the version.
    private static func headerVersion(of path: FilePath) throws -> Int64 {
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        var bytes = [UInt8](repeating: 0, count: 4)
        let count = try file.closeAfter {
            // Source: the database file format, section 1.3.
            try bytes.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: 60, into: $0) }
        }
        guard count == bytes.count else { return 0 }
        return Int64(Int32(bitPattern: bytes.reduce(0) { $0 << 8 | UInt32($1) }))
    }

    /// - Throws: ``SchemaError/newer(path:found:known:copy:)`` when a newer program wrote the file; nothing
    ///   in it was changed.
    public func check(_ path: FilePath) throws { try self.check(path, found: Self.version(of: path)) }

    fileprivate func check(_ path: FilePath, found: Int64) throws(SchemaError) {
        // A number below zero is no version of ours, either.
        guard (0...self.version).contains(found) else {
            throw SchemaError.newer(
                path: path.string, found: found, known: self.version,
                copy: self.copies(of: path).last?.path.string)
        }
    }

    /// The copies beside a file that this program can read, oldest first.
    public func copies(of path: FilePath) -> [(version: Int64, path: FilePath)] {
        Self.copies(of: path).filter { $0.version <= self.version }
    }

    private static func copies(of path: FilePath) -> [(version: Int64, path: FilePath)] {
        let folder = path.removingLastComponent()
        let stem = (path.lastComponent?.string ?? "") + self.mark
        let names = (try? DurableFile.names(in: folder.isEmpty ? "." : folder)) ?? []
        return names.compactMap { name in
            guard name.hasPrefix(stem), let version = Int64(name.dropFirst(stem.count)) else { return nil }
            return (version, folder.appending(name))
        }.sorted { $0.version < $1.version }
    }

    private static let mark = ".schema-"

    /// Keeps the file as it is beside it, under the version that it has.
    fileprivate static func keep(_ path: FilePath, version: Int64) throws {
        let copy = FilePath(path.string + self.mark + String(version))
        let unfinished = FilePath(copy.string + ".new")
        try DurableFile.remove(unfinished)
        try Connection(path: path.string, access: .read).copy(to: unfinished)
        try DurableFile.synchronize(unfinished)
        try DurableFile.move(unfinished, to: copy)
    }

    /// Lets the oldest copies go.
    fileprivate static func thin(_ path: FilePath) throws {
        for copy in self.copies(of: path).dropLast(self.copyLimit) { try DurableFile.remove(copy.path) }
    }
}

/// Why a file's tables are not for this program.
public enum SchemaError: Error, Equatable, CustomStringConvertible {
    /// A newer program wrote it.
    /// - Parameter copy: the newest copy beside it that this program can read, if there is one.
    case newer(path: String, found: Int64, known: Int64, copy: String?)
    /// An older program wrote it, and whoever only reads it may not bring it up to date.
    case older(path: String, found: Int64, known: Int64)

    public var description: String {
        switch self {
        case .newer(let path, let found, let known, _):
            "\(path) was written by a newer depai (schema \(found), this program knows \(known))"
        case .older(let path, let found, let known):
            "\(path) was written by an older depai (schema \(found), this program reads \(known))"
        }
    }
}

extension Connection {
    /// Opens a file for writing and brings its tables to the newest version, in one transaction: a crash
    /// leaves the old file or the new one. Before the first change the old one is kept beside it, as
    /// `NAME.schema-VERSION`.
    ///
    /// - Parameter path: nil for a database that lives in memory.
    /// - Throws: ``SchemaError/newer(path:found:known:copy:)`` before anything was changed.
    public static func open(_ path: FilePath?, _ schema: Schema) throws -> Connection {
        guard let path else {
            let connection = try Connection(path: nil)
            try connection.migrate(schema)
            return connection
        }
        // Before a connection that may write: what is newer stays as it is.
        try schema.check(path)
        // It plays back what a crash left, so that the version and the copy are of a whole file.
        let connection = try Connection(path: path.string)
        let found = try connection.schemaVersion()
        try schema.check(path, found: found)
        if found > 0, found < schema.version { try Schema.keep(path, version: found) }
        try connection.migrate(schema)
        if found < schema.version { try Schema.thin(path) }
        return connection
    }

    /// Opens a file for reading whose tables are of the version that this program knows.
    /// - Throws: ``SchemaError``.
    public static func read(_ path: FilePath, _ schema: Schema) throws -> Connection {
        let connection = try Connection(path: path.string, access: .read)
        let found = try connection.schemaVersion()
        try schema.check(path, found: found)
        guard found == schema.version else {
            throw SchemaError.older(path: path.string, found: found, known: schema.version)
        }
        return connection
    }

    /// Writes a snapshot of the whole database to a new file, whether somebody writes to it or not.
    public func copy(to path: FilePath) throws {
        // SQLite takes an empty file, and with it our mode.
        DurableFile.makePrivate(path.string)
        try self.run("VACUUM INTO ?", .text(path.string))
    }

    func schemaVersion() throws -> Int64 { try self.query("PRAGMA user_version").first?.integer(0) ?? 0 }

    private func migrate(_ schema: Schema) throws {
        guard try self.schemaVersion() < schema.version else { return }
        try self.transaction {
            // Again, now that nobody else can change it.
            let version = try self.schemaVersion()
            for step in schema.steps.dropFirst(Int(version)) { try self.execute(step) }
            try self.execute("PRAGMA user_version=\(schema.version)")
        }
    }
}
