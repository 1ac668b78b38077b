internal import Database

/// The numbers of sent messages, per topic: each is used once, over restarts too.
/// Source: VDA 5050 2.1.0 section 6.4.
struct MessageNumbers {
    /// The next number of each topic, and from where on the disk knows of none.
    private var next: [Topic: Int64] = [:]
    private var reserved: [Topic: Int64] = [:]

    /// Numbers that are taken from the disk at once: after a crash at most so many are skipped.
    static let reservation: Int64 = 64

    static let schema = """
        CREATE TABLE header (topic TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT;
        """

    init(_ database: borrowing Database.Connection) throws {
        for row in try database.query("SELECT topic, next FROM header") {
            guard let topic = Topic(rawValue: row.text(0)) else { continue }
            self.next[topic] = row.integer(1)
            self.reserved[topic] = row.integer(1)
        }
    }

    mutating func take(_ topic: Topic, _ database: borrowing Database.Connection) throws -> Int64 {
        let number = self.next[topic] ?? 0
        if number >= self.reserved[topic] ?? 0 {
            try Self.write(topic, number + Self.reservation, database)
            self.reserved[topic] = number + Self.reservation
        }
        self.next[topic] = number + 1
        return number
    }

    /// Gives unused numbers back: after an orderly end none is skipped.
    mutating func giveBack(_ database: borrowing Database.Connection) throws {
        for topic in Topic.allCases {
            guard let number = self.next[topic] else { continue }
            try Self.write(topic, number, database)
            self.reserved[topic] = number
        }
    }

    private static func write(
        _ topic: Topic, _ number: Int64, _ database: borrowing Database.Connection
    ) throws {
        try database.run(
            "INSERT OR REPLACE INTO header (topic, next) VALUES (?, ?)", .text(topic.rawValue),
            .integer(number))
    }
}
