internal import Control
internal import Database
package import Devices
internal import Encoding
package import SystemPackage
internal import World

/// One purchase on the way: what the agent needs to go on after a crash. Written before each step.
struct Project: Sendable {
    enum State: String {
        /// The bytes to buy for are fixed; no provider chosen, or one that is written here.
        case open
        /// Bought, verified, receipt in the ledger.
        case bought
        /// Used: challenged, or driven and switched.
        case done
    }

    let id: Int64
    /// `archive` or `errand`.
    let kind: String
    var state: State
    /// The sealed batch, or the job's input.
    let bytes: [UInt8]
    /// Opens the sealed batch again, or names the map.
    let context: String
    /// URL of the provider that is being bought from.
    var provider: String?
    /// The most that the chosen provider may charge, in atomic units.
    var ceiling: UInt64
    /// Of what that is counted in; nil where it is whatever is asked for.
    var decimals: Int?
    /// What was bought: a route, empty for storage.
    var result: [UInt8]
}

/// The agent's own file: purchases on the way, events, how far was read. Money is not here.
actor AgentStore {
    private let database: Connection
    private let timeline: any Timeline
    /// Told of each event once it is on the disk.
    private let onEvent: @Sendable (EventRecord) -> Void

    /// The most events that are kept; the oldest leave first.
    static let eventLimit: Int64 = 100_000
    /// The most events where somebody is to be told of them: beyond that even untold ones leave.
    static let untoldLimit: Int64 = 1_000_000
    /// The most projects of a kind that are kept after they were done.
    static let doneLimit: Int64 = 1_000

    /// How far the owner was told; nil where nobody is told.
    private var told: Int64?

    init(
        path: FilePath?, timeline: any Timeline, onEvent: @escaping @Sendable (EventRecord) -> Void = { _ in }
    ) throws {
        self.onEvent = onEvent
        self.database = try Connection.open(path, AgentView.schema)
        self.timeline = timeline
    }

    /// Writes something down together with the events that tell of it: all of it, or nothing.
    private func write<Result>(_ events: [Event], _ body: () throws -> Result) throws -> Result {
        let at = self.timeline.now.milliseconds
        let (result, records) = try self.database.transaction {
            (try body(), try events.map { try self.insert($0, at: at) })
        }
        for record in records { self.onEvent(record) }
        return result
    }

    /// Must run inside a write.
    private func insert(_ event: Event, at: Int64) throws -> EventRecord {
        let (kind, text, body) = (event.kind, event.text, event.body)
        let row = try self.database.query(
            "INSERT INTO event (at, kind, text, body) VALUES (?, ?, ?, ?) RETURNING seq",
            .integer(at), .text(kind), .text(text), .text(body.text))
        let sequence = row.first?.integer(0) ?? 0
        let old = min(sequence - Self.eventLimit, self.told ?? .max)
        try self.database.run(
            "DELETE FROM event WHERE seq <= ?", .integer(max(old, sequence - Self.untoldLimit)))
        return EventRecord(sequence: sequence, at: at, kind: kind, text: text, body: body)
    }

    func log(_ event: Event) throws { try self.write([event]) {} }

    /// Up to here the owner was told, or what tells him has it: older events may leave.
    func told(upTo sequence: Int64) { self.told = max(sequence, self.told ?? 0) }

    /// The events after `sequence`, oldest first.
    func events(after sequence: Int64, limit: Int) throws -> [EventRecord] {
        try AgentView(self.database).events(after: sequence, limit: limit)
    }

    /// How far somebody has read of the readings; nil for who never followed them.
    func mark(_ name: String) throws -> Int64? { try AgentView(self.database).mark(name) }

    /// Somebody follows the readings after a number, or from where he was.
    /// - Returns: how far he has read.
    func follow(_ name: String, after sequence: Int64) throws -> Int64 {
        try self.database.run("INSERT OR IGNORE INTO mark VALUES (?, ?)", .text(name), .integer(sequence))
        return try self.mark(name) ?? sequence
    }

    /// Somebody has read so far, and kept nothing of it here.
    func take(_ name: String, upTo sequence: Int64) throws {
        try self.database.run(
            "INSERT INTO mark VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = MAX(value, ?2)",
            .text(name), .integer(sequence))
    }

    /// Opens a project. What a batch was made of counts as read by its kind, and the events are written down,
    /// in the same transaction.
    func open(
        kind: String, bytes: [UInt8], context: String, mark: Int64? = nil, events: [Event] = []
    ) throws -> Project {
        try self.write(events) {
            let rows = try self.database.query(
                "INSERT INTO project (kind, state, bytes, context) VALUES (?, 'open', ?, ?) RETURNING id",
                .text(kind),
                .blob(bytes), .text(context))
            if let mark { try self.take(kind, upTo: mark) }
            return Project(
                id: rows.first?.integer(0) ?? 0, kind: kind, state: .open, bytes: bytes, context: context,
                provider: nil,
                ceiling: 0, decimals: nil, result: [])
        }
    }

    /// Writes down how far a project is, together with the events that tell of it.
    func save(_ project: Project, events: [Event] = []) throws {
        guard let ceiling = Int64(exactly: project.ceiling) else { throw StoreError.ceiling(project.ceiling) }
        try self.write(events) {
            try self.database.run(
                """
                UPDATE project SET state = ?, provider = ?, ceiling = ?, decimals = ?, result = ? WHERE id = ?
                """, .text(project.state.rawValue), project.provider.map { .text($0) } ?? .null,
                .integer(ceiling), project.decimals.map { .integer(Int64($0)) } ?? .null,
                .blob(project.result), .integer(project.id))
            if project.state == .done { try self.putAway(project) }
        }
    }

    /// What is done loses its bytes, and what was done long ago becomes a number. Must run inside a write.
    private func putAway(_ project: Project) throws {
        try self.database.run(
            "UPDATE project SET bytes = x'', result = x'' WHERE id = ?", .integer(project.id))
        let old = try self.database.query(
            """
            SELECT id FROM project WHERE kind = ? AND state = 'done' ORDER BY id DESC LIMIT -1 OFFSET ?
            """, .text(project.kind), .integer(Self.doneLimit))
        guard !old.isEmpty else { return }
        try self.database.run(
            """
            INSERT INTO tally (kind, done) VALUES (?, ?)
            ON CONFLICT (kind) DO UPDATE SET done = done + excluded.done
            """, .text(project.kind), .integer(Int64(old.count)))
        for row in old {
            try self.database.run("DELETE FROM project WHERE id = ?", .integer(row.integer(0)))
        }
    }

    /// The newest project of a kind that is not done.
    func unfinished(kind: String) throws -> Project? {
        try self.database.query(
            """
            SELECT id, kind, state, bytes, context, provider, ceiling, result, decimals FROM project
            WHERE kind = ? AND state <> 'done' ORDER BY id LIMIT 1
            """, .text(kind)
        ).first.flatMap { row in
            Project.State(rawValue: row.text(2)).map { state in
                Project(
                    id: row.integer(0), kind: row.text(1), state: state, bytes: row.blob(3),
                    context: row.text(4),
                    provider: row.optionalText(5), ceiling: UInt64(exactly: row.integer(6)) ?? 0,
                    decimals: row.optionalInteger(8).map { Int($0) }, result: row.blob(7))
            }
        }
    }

    func finished(kind: String) throws -> Int { try AgentView(self.database).finished(kind: kind) }
}

extension AgentStore {
    /// Readings that a version before kept in this file, a portion at a time, oldest first. Must run before
    /// the file is opened for its work, which lets them go.
    static func oldReadings(
        in path: FilePath, portion: ([(sequence: Int64, at: Int64, text: String)]) throws -> Void
    ) throws {
        // Those are the versions that had them.
        guard DurableFile.exists(path), try (1...2).contains(Schema.version(of: path)) else { return }
        let database = try Connection(path: path.string)
        var last: Int64 = 0
        while true {
            let rows = try database.query(
                "SELECT seq, at, text FROM reading WHERE seq > ? ORDER BY seq LIMIT 1000", .integer(last))
            guard let end = rows.last?.integer(0) else { return }
            try portion(rows.map { ($0.integer(0), $0.integer(1), $0.text(2)) })
            last = end
        }
    }
}

extension ReadingLog {
    /// Readings that a version before kept in the agent's file come here, under their numbers. Begun again
    /// after a crash, it does the same.
    /// - Parameter told: the version before told those that were to be told, up to this number.
    package func takeOver(from path: FilePath, told: (Int64) throws -> Void) throws {
        try AgentStore.oldReadings(in: path) { readings in
            try self.adopt(readings)
            if let last = readings.last?.sequence { try told(last) }
        }
    }
}

/// Why something is not kept.
enum StoreError: Error, CustomStringConvertible {
    case ceiling(UInt64)

    var description: String {
        switch self {
        case .ceiling(let amount): "a price of \(amount) is beyond what can be booked"
        }
    }
}
