internal import Database
internal import Encoding
internal import SystemPackage

/// What was sold, by payment: one payment is worked for once, and its answer is kept for whoever lost it.
struct SalesBook: ~Copyable {
    let database: Connection

    struct Sale {
        let identifier: String?
        /// What was paid for: request line and body, see ``ShopRequest/subject``.
        let subject: String
        let payload: [UInt8]
        let state: State
        let transaction: String
        let status: Int
        let body: [UInt8]
        /// Milliseconds since 1970.
        let openedAt: Int64

        /// Whether `request` is what was paid for. Sales of older versions do not know the body.
        func isFor(_ request: ShopRequest) -> Bool {
            sameBytes(self.subject, request.subject) || sameBytes(self.subject, request.target)
        }
    }

    enum State: String {
        /// Verified, and on its way to a chain that does not keep what it is for.
        case settling
        /// Paid; the work may have begun.
        case settled
        /// Worked, and the answer is stored.
        case done
    }

    /// The tables of its file.
    static let schema = Schema(
        """
        CREATE TABLE sale (
            key TEXT PRIMARY KEY, identifier TEXT UNIQUE, target TEXT NOT NULL, payload BLOB NOT NULL,
            state TEXT NOT NULL,
            chain_transaction TEXT NOT NULL DEFAULT '', status INTEGER NOT NULL DEFAULT 0,
            body BLOB NOT NULL DEFAULT x'', opened_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE object (
            sale TEXT PRIMARY KEY, cid TEXT NOT NULL, size INTEGER NOT NULL, days INTEGER NOT NULL,
            stored_at INTEGER NOT NULL
        ) STRICT;
        """, Self.channelTable, Self.channelActivity, Self.networks
    )

    /// Channels of an older book are all on one network.
    private static let networks = """
        ALTER TABLE channel ADD COLUMN network TEXT NOT NULL DEFAULT '';
        CREATE INDEX sale_settling ON sale (opened_at) WHERE state = 'settling';
        """

    init(path: FilePath?) throws {
        let database = try Connection.open(path, Self.schema)
        self.database = database
    }

    /// Opens the book of a running or stopped node for reading.
    init(reading path: FilePath) throws { self.database = try Connection.read(path, Self.schema) }

    /// The sale of a payment, by the digest of its signed message.
    borrowing func sale(_ key: String) throws -> Sale? {
        try self.database.query(
            """
            SELECT identifier, payload, state, chain_transaction, status, body, target, opened_at FROM sale
            WHERE key = ?
            """,
            .text(key)
        ).first.flatMap { row in
            State(rawValue: row.text(2)).map { state in
                Sale(
                    identifier: row.optionalText(0), subject: row.text(6), payload: row.blob(1), state: state,
                    transaction: row.text(3),
                    status: Int(row.integer(4)), body: row.blob(5), openedAt: row.integer(7))
            }
        }
    }

    /// Whether another payment already carries this identifier.
    borrowing func isTaken(identifier: String, byOtherThan key: String) throws -> Bool {
        try !self.database.query(
            "SELECT 1 FROM sale WHERE identifier = ? AND key <> ?", .text(identifier), .text(key)
        ).isEmpty
    }

    /// Notes a payment before the work for it begins. One that was not settled leaves nothing here, whoever
    /// sent it.
    borrowing func open(
        _ key: String, identifier: String, subject: String, payload: [UInt8], _ state: State,
        transaction: String, at now: Int64
    ) throws {
        try self.database.run(
            """
            INSERT INTO sale (key, identifier, target, payload, state, chain_transaction, opened_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            .text(key), .text(identifier), .text(subject), .blob(payload), .text(state.rawValue),
            .text(transaction), .integer(now))
    }

    /// Takes back the notes of payments that were to come before `moment`, in milliseconds since 1970, and
    /// cannot come any more.
    borrowing func forgetUnpaid(before moment: Int64) throws {
        try self.database.run(
            "DELETE FROM sale WHERE state = 'settling' AND opened_at < ?", .integer(moment))
    }

    borrowing func markSettled(_ key: String, transaction: String) throws {
        try self.database.run(
            "UPDATE sale SET state = 'settled', chain_transaction = ? WHERE key = ? AND state = 'settling'",
            .text(transaction), .text(key))
    }

    borrowing func finish(_ key: String, status: Int, body: [UInt8]) throws {
        try self.database.run(
            "UPDATE sale SET state = 'done', status = ?, body = ? WHERE key = ? AND state = 'settled'",
            .integer(Int64(status)), .blob(body), .text(key))
    }

    /// Notes what a sale keeps. The same sale again is the same note: a repeated work adds no days.
    borrowing func note(object cid: String, of transaction: String, size: Int, days: Int, at now: Int64)
        throws
    {
        try self.database.run(
            "INSERT OR IGNORE INTO object VALUES (?, ?, ?, ?, ?)", .text(transaction), .text(cid),
            .integer(Int64(size)), .integer(Int64(days)), .integer(now))
    }

    /// Numbers for `depai-node status`: sales done, sales open, objects, bytes.
    borrowing func totals() throws -> (done: Int, open: Int, objects: Int, bytes: Int) {
        let sales = try self.database.query(
            "SELECT COUNT(*) FILTER (WHERE state = 'done'), COUNT(*) FROM sale")
        let objects = try self.database.query(
            "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM (SELECT DISTINCT cid, size FROM object)")
        let done = Int(sales.first?.integer(0) ?? 0)
        return (
            done, Int(sales.first?.integer(1) ?? 0) - done, Int(objects.first?.integer(0) ?? 0),
            Int(objects.first?.integer(1) ?? 0)
        )
    }
}
