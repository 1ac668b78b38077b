internal import Database
public import SystemPackage
internal import World

/// The rows behind an ``Outbox``. Not Sendable: a lock owns it.
final class OutboxStore {
    /// A message that waits, and its place in the line.
    struct Entry: Sendable {
        let id: Int64
        let message: Message
    }

    private let database: Connection
    private let limits: Outbox.Limits
    private(set) var counts = Outbox.Counts()
    private var bytes: [Outbox.Urgency: Int] = [:]
    /// Topics that the broker refused, with the uptime in milliseconds until which they are left alone.
    private var held: [String: Int64] = [:]

    /// The most topics that are held at once; messages of more are just tried again.
    private static let heldLimit = 256

    /// The tables of its file.
    static let schema = Schema(
        """
        CREATE TABLE message (
            id INTEGER PRIMARY KEY AUTOINCREMENT, urgency INTEGER NOT NULL CHECK (urgency IN (0, 1)),
            topic TEXT NOT NULL, payload BLOB NOT NULL, retained INTEGER NOT NULL,
            response_topic TEXT, correlation BLOB, content_type TEXT, expiry INTEGER,
            size INTEGER NOT NULL, held_until INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX message_line ON message (urgency, id);
        CREATE TABLE number (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
        """
    )

    init(path: FilePath?, limits: Outbox.Limits) throws {
        self.limits = limits
        self.database = try Connection.open(path, Self.schema)
        // Uptime begins anew with each boot.
        try self.database.run("UPDATE message SET held_until = 0 WHERE held_until <> 0")
        for row in try self.database.query(
            "SELECT urgency, COUNT(*), COALESCE(SUM(size), 0) FROM message GROUP BY urgency")
        {
            guard let urgency = Outbox.Urgency(rawValue: row.integer(0)) else { continue }
            self.counts.waiting[urgency] = Int(row.integer(1))
            self.bytes[urgency] = Int(row.integer(2))
        }
        self.counts.dropped = UInt64(try self.number("dropped"))
    }

    /// Adds all of them or none. Durable when it returns.
    func add(
        _ messages: [Message], _ urgency: Outbox.Urgency, mark: (name: String, value: Int64)?
    ) throws {
        let sizes = messages.map(Self.size)
        let sum = sizes.reduce(0, +)
        let (rows, room) = self.limits.room(for: urgency)
        guard messages.count <= rows, sum <= room else { throw OutboxError.tooLarge(limit: room) }
        var count = (self.counts.waiting[urgency] ?? 0) + messages.count
        var bytes = (self.bytes[urgency] ?? 0) + sum
        var dropped: UInt64 = 0
        try self.database.transaction {
            if urgency == .must, count > rows || bytes > room {
                throw OutboxError.full(rows: rows, bytes: room)
            }
            for (message, size) in zip(messages, sizes) { try self.insert(message, urgency, size) }
            // Only "may" gets here with too much: the oldest goes.
            while count > rows || bytes > room {
                guard
                    let row = try self.database.query(
                        """
                        DELETE FROM message WHERE id = (SELECT MIN(id) FROM message WHERE urgency = ?)
                        RETURNING size
                        """, .integer(urgency.rawValue)
                    ).first
                else { break }
                (count, bytes, dropped) = (count - 1, bytes - Int(row.integer(0)), dropped + 1)
            }
            if dropped > 0 { try self.set("dropped", try self.number("dropped") + Int64(dropped)) }
            if let mark { try self.set(mark.name, mark.value) }
        }
        self.counts.waiting[urgency] = count
        self.bytes[urgency] = bytes
        self.counts.dropped += dropped
    }

    /// What is next in the line, the more urgent first, each class in its order.
    func next(_ limit: Int, uptime: Int64) throws -> [Entry] {
        try self.database.query(
            """
            SELECT id, topic, payload, retained, response_topic, correlation, content_type, expiry
            FROM message WHERE held_until <= ? ORDER BY urgency, id LIMIT ?
            """, .integer(uptime), .integer(Int64(limit))
        ).map { row in
            Entry(
                id: row.integer(0),
                message: Message(
                    topic: row.text(1), payload: row.blob(2), retained: row.integer(3) == 1,
                    properties: Message.Properties(
                        responseTopic: row.optionalText(4), correlation: row.optionalBlob(5),
                        contentType: row.optionalText(6),
                        expirySeconds: row.optionalInteger(7).map { UInt32(clamping: $0) })))
        }
    }

    /// Forgets what the broker has.
    func remove(_ ids: [Int64]) throws {
        guard !ids.isEmpty else { return }
        var removed: [(Outbox.Urgency, Int)] = []
        try self.database.transaction {
            for id in ids {
                // One that was dropped meanwhile is gone already.
                let row = try self.database.query(
                    "DELETE FROM message WHERE id = ? RETURNING urgency, size", .integer(id)
                ).first
                guard let row, let urgency = Outbox.Urgency(rawValue: row.integer(0)) else { continue }
                removed.append((urgency, Int(row.integer(1))))
            }
        }
        for (urgency, size) in removed {
            self.counts.waiting[urgency, default: 0] -= 1
            self.bytes[urgency, default: 0] -= size
            self.counts.sent += 1
        }
    }

    /// Leaves a topic alone until then.
    func hold(_ topic: String, until uptime: Int64, now: Int64) throws {
        self.held = self.held.filter { $0.value > now }
        if self.held.count < Self.heldLimit { self.held[topic] = uptime }
        try self.database.run(
            "UPDATE message SET held_until = ? WHERE topic = ?", .integer(uptime), .text(topic))
        self.counts.refused += 1
    }

    func number(_ name: String) throws -> Int64 {
        try self.database.query("SELECT value FROM number WHERE name = ?", .text(name)).first?.integer(0) ?? 0
    }

    private func set(_ name: String, _ value: Int64) throws {
        try self.database.run(
            "INSERT INTO number VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2", .text(name),
            .integer(value))
    }

    private func insert(_ message: Message, _ urgency: Outbox.Urgency, _ size: Int) throws {
        let properties = message.properties
        try self.database.run(
            """
            INSERT INTO message (urgency, topic, payload, retained, response_topic, correlation,
                content_type, expiry, size, held_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, .integer(urgency.rawValue), .text(message.topic), .blob(message.payload),
            .integer(message.retained ? 1 : 0), properties.responseTopic.map { .text($0) } ?? .null,
            properties.correlation.map { .blob($0) } ?? .null,
            properties.contentType.map { .text($0) } ?? .null,
            properties.expirySeconds.map { .integer(Int64($0)) } ?? .null, .integer(Int64(size)),
            // Behind what waits on the same topic, not before it.
            .integer(self.held[message.topic] ?? 0))
    }

    private static func size(of message: Message) -> Int {
        message.payload.count + message.topic.utf8.count + (message.properties.correlation?.count ?? 0) + 64
    }
}

/// Reads an outbox while its robot runs and after it stopped.
public struct OutboxView: ~Copyable {
    private let database: Connection

    public init(path: FilePath) throws { self.database = try Connection.read(path, OutboxStore.schema) }

    /// The payloads that wait on a topic, oldest first.
    public borrowing func waiting(on topic: String) throws -> [[UInt8]] {
        try self.database.query("SELECT payload FROM message WHERE topic = ? ORDER BY id", .text(topic)).map {
            $0.blob(0)
        }
    }

    /// How many messages wait, and how many were dropped in all.
    package borrowing func depth() throws -> (must: Int64, may: Int64, dropped: Int64) {
        func count(_ urgency: Outbox.Urgency) throws -> Int64 {
            try self.database.query(
                "SELECT COUNT(*) FROM message WHERE urgency = ?", .integer(urgency.rawValue)
            ).first?.integer(0) ?? 0
        }
        return (try count(.must), try count(.may), try self.mark("dropped"))
    }

    /// How far a source has been read; see ``Outbox/mark(_:)``.
    public borrowing func mark(_ name: String) throws -> Int64 {
        try self.database.query("SELECT value FROM number WHERE name = ?", .text(name)).first?.integer(0) ?? 0
    }
}
