package import SystemPackage

/// A table that only grows at its end: entries get numbers in the order in which they came, followers read
/// after their own marks, and what everybody took leaves. Not Sendable: a lock owns it.
///
/// A mark is kept by its follower, who makes it durable together with what he made of the entries; here it
/// only says what must stay.
package final class DurableLog {
    /// Something to be written down.
    package struct Draft: Sendable {
        /// See ``DurableLog/claim()``.
        package let sequence: Int64
        /// Milliseconds since 1970.
        package let at: Int64
        /// What it is about.
        package let subject: String
        package let body: String
        /// What brought it, for who has to know it again.
        package let origin: Int64?

        package init(sequence: Int64, at: Int64, subject: String, body: String, origin: Int64? = nil) {
            self.sequence = sequence
            self.at = at
            self.subject = subject
            self.body = body
            self.origin = origin
        }

        /// About what it takes in the file.
        fileprivate var size: Int64 { Int64(clamping: self.subject.utf8.count + self.body.utf8.count + 32) }
    }

    /// Something that was written down.
    package struct Entry: Sendable {
        package let sequence: Int64
        package let subject: String
        package let body: String
    }

    /// How much is kept.
    package struct Limits: Sendable, Hashable {
        /// The most entries and bytes; beyond that the oldest leave, whoever has not read them.
        package var rows: Int64
        package var bytes: Int64
        /// How long what everybody took is kept.
        package var retention: Duration
        /// How many of the newest stay whoever took them.
        package var tail: Int64

        package init(
            rows: Int64 = 100_000, bytes: Int64 = 64 << 20, retention: Duration = .zero, tail: Int64 = 1
        ) {
            self.rows = rows
            self.bytes = bytes
            self.retention = retention
            self.tail = tail
        }
    }

    private let database: Connection
    private let limits: Limits
    /// How far each follower has read.
    private var marks: [String: Int64]
    /// The number that is given next, and the first that is still there, or will be.
    private var next: Int64
    private var first: Int64
    /// The newest entry that was written.
    private var written: Int64 = 0
    private var rows: Int64
    private var bytes: Int64

    /// So many entries leave together: one at a time would double what is written.
    private static let portion: Int64 = 256

    /// The tables of its file. The newest entry never leaves, so its number is the highest that was given.
    package static let schema = Schema(
        """
        CREATE TABLE entry (
            seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, size INTEGER NOT NULL, origin INTEGER,
            subject TEXT NOT NULL, body TEXT NOT NULL
        ) STRICT;
        """
    )

    /// - Parameters:
    ///   - path: nil keeps it in memory, for tests.
    ///   - marks: who follows it, and how far each has read.
    package init(path: FilePath?, limits: Limits = Limits(), marks: [String: Int64] = [:]) throws {
        self.limits = limits
        self.marks = marks
        self.database = try Connection.open(path, Self.schema)
        (self.next, self.first, self.rows, self.bytes) = (1, 1, 0, 0)
        try self.count()
        for mark in marks.values { self.skip(mark) }
    }

    /// Looks at what is there.
    private func count() throws {
        let row = try self.database.query(
            "SELECT COUNT(*), COALESCE(SUM(size), 0), MIN(seq), MAX(seq) FROM entry"
        ).first
        (self.rows, self.bytes) = (row?.integer(0) ?? 0, row?.integer(1) ?? 0)
        self.written = row?.optionalInteger(3) ?? 0
        self.next = max(self.next, self.written + 1)
        self.first = row?.optionalInteger(2) ?? self.next
    }

    /// Followers may have read a file that was lost since: a number is not given twice.
    private func skip(_ mark: Int64) {
        guard mark >= self.next else { return }
        self.next = mark + 1
        if self.rows == 0 { self.first = self.next }
    }

    /// The newest number that was given; 0 before the first.
    package var last: Int64 { self.next - 1 }

    /// Gives a number to something that will be added. One whose writing failed is not given again.
    package func claim() -> Int64 {
        defer { self.next += 1 }
        return self.next
    }

    /// Adds all of them in one write; they are durable when this returns.
    /// - Returns: how many entries left for want of room that some follower had not read.
    /// - Throws: `DatabaseError`; then none was added.
    package func add(_ drafts: [Draft], now: Int64) throws -> Int64 {
        guard let start = drafts.first, let end = drafts.last else { return 0 }
        let before = (self.first, self.written, self.rows, self.bytes)
        do {
            return try self.database.transaction {
                for draft in drafts {
                    try self.insert(draft)
                    self.bytes += draft.size
                }
                if self.rows == 0 { self.first = start.sequence }
                self.written = end.sequence
                self.rows += Int64(clamping: drafts.count)
                return try self.trim(now: now)
            }
        } catch {
            (self.first, self.written, self.rows, self.bytes) = before
            throw error
        }
    }

    /// Entries that another file had, under the numbers that they had there; those that are here stay.
    package func adopt(_ drafts: [Draft]) throws {
        try self.database.transaction { for draft in drafts { try self.insert(draft) } }
        try self.count()
    }

    private func insert(_ draft: Draft) throws {
        try self.database.run(
            "INSERT OR IGNORE INTO entry (seq, at, size, origin, subject, body) VALUES (?, ?, ?, ?, ?, ?)",
            .integer(draft.sequence), .integer(draft.at), .integer(draft.size),
            draft.origin.map { .integer($0) } ?? .null, .text(draft.subject), .text(draft.body))
    }

    /// The oldest entries after a number: at most `limit`, and as many as fit into `byteLimit`, but at least
    /// one.
    package func entries(after mark: Int64, limit: Int, byteLimit: Int = .max) throws -> [Entry] {
        var entries: [Entry] = []
        var bytes = 0
        // A page at a time, so that a long log is not read whole for a short answer.
        var mark = mark
        while entries.count < limit {
            let page = try self.database.query(
                "SELECT seq, subject, body FROM entry WHERE seq > ? ORDER BY seq LIMIT ?", .integer(mark),
                .integer(Int64(clamping: min(limit - entries.count, 1_000))))
            for row in page {
                bytes += row.text(2).utf8.count + 1
                guard entries.isEmpty || bytes <= byteLimit else { return entries }
                entries.append(Entry(sequence: row.integer(0), subject: row.text(1), body: row.text(2)))
            }
            guard let last = page.last?.integer(0) else { break }
            mark = last
        }
        return entries
    }

    /// What brought the newest entries, oldest first.
    package func origins(ofLast count: Int) throws -> [Int64] {
        try self.database.query(
            "SELECT origin FROM entry ORDER BY seq DESC LIMIT ?", .integer(Int64(clamping: count))
        ).compactMap { $0.optionalInteger(0) }.reversed()
    }

    /// About how many entries come after a number; more than there are where a write failed in between.
    package func waiting(after mark: Int64) -> Int64 { max(0, self.written - max(mark, self.first - 1)) }

    /// Somebody follows from now on, or has read so far. A mark never goes back.
    package func mark(_ name: String, at sequence: Int64) {
        self.marks[name] = max(sequence, self.marks[name] ?? 0)
        self.skip(sequence)
    }

    /// Somebody needs nothing more.
    package func release(_ name: String) { self.marks[name] = nil }

    /// Lets leave what everybody took and nobody keeps, and what has no room. Must run inside a write.
    /// - Returns: how many of them some follower had not read.
    private func trim(now: Int64) throws -> Int64 {
        let lowest = self.marks.values.min() ?? self.last
        let taken = min(lowest, self.written - max(1, self.limits.tail))
        var end = self.first - 1
        if taken - end >= Self.portion {
            end = taken
            if self.limits.retention > .zero {
                let row = try self.database.query(
                    "SELECT seq FROM entry WHERE seq <= ? AND at > ? ORDER BY seq LIMIT 1", .integer(taken),
                    .integer(now - Self.milliseconds(self.limits.retention))
                ).first
                end = row.map { $0.integer(0) - 1 } ?? taken
            }
        }
        let excess = self.rows - self.limits.rows
        if excess > 0 { end = max(end, try self.sequence(at: excess)) }
        if self.bytes > self.limits.bytes { end = max(end, try self.sequence(holding: self.limits.bytes)) }
        end = min(end, self.written - 1)
        guard end >= self.first else { return 0 }
        let left = try self.database.query(
            "SELECT COUNT(*), COALESCE(SUM(size), 0), COALESCE(SUM(seq > ?), 0) FROM entry WHERE seq <= ?",
            .integer(lowest), .integer(end)
        ).first
        try self.database.run("DELETE FROM entry WHERE seq <= ?", .integer(end))
        self.rows -= left?.integer(0) ?? 0
        self.bytes -= left?.integer(1) ?? 0
        self.first = end + 1
        return left?.integer(2) ?? 0
    }

    /// The number of the entry so far from the oldest one, with a portion more: what leaves leaves together.
    private func sequence(at offset: Int64) throws -> Int64 {
        let count = min(offset + min(Self.portion, self.limits.rows / 4), self.rows)
        return try self.database.query(
            "SELECT seq FROM entry ORDER BY seq LIMIT 1 OFFSET ?", .integer(max(count - 1, 0))
        ).first?.integer(0) ?? 0
    }

    /// The number of the last entry that has to leave so that the rest fits, with a sixteenth more.
    private func sequence(holding limit: Int64) throws -> Int64 {
        let excess = self.bytes - limit + limit / 16
        return try self.database.query(
            """
            SELECT seq FROM (
                SELECT seq, SUM(size) OVER (ORDER BY seq) AS total FROM entry
            ) WHERE total >= ? LIMIT 1
            """, .integer(excess)
        ).first?.integer(0) ?? 0
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds.multipliedReportingOverflow(by: 1_000).partialValue
    }
}

/// Reads a log while its owner writes and after he stopped.
package struct DurableLogView: ~Copyable {
    private let database: Connection

    package init(path: FilePath) throws { self.database = try Connection.read(path, DurableLog.schema) }

    /// How many entries come after a number.
    package borrowing func count(after mark: Int64) throws -> Int {
        let rows = try self.database.query("SELECT COUNT(*) FROM entry WHERE seq > ?", .integer(mark))
        return Int(clamping: rows.first?.integer(0) ?? 0)
    }
}
