internal import Database
internal import Encoding
internal import Payments
internal import Sodium

/// Channels that customers pay from.
extension SalesBook {
    static let channelTable = """
        CREATE TABLE channel (
            id TEXT PRIMARY KEY, config TEXT NOT NULL, deposit INTEGER NOT NULL, charged INTEGER NOT NULL,
            claimed INTEGER NOT NULL, signature BLOB NOT NULL, open INTEGER NOT NULL,
            owed_since INTEGER NOT NULL
        ) STRICT;
        """

    /// Channels of an older book count as used now.
    static let channelActivity = """
        ALTER TABLE channel ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0;
        UPDATE channel SET active_at = CAST(strftime('%s', 'now') AS INTEGER) * 1000;
        """

    borrowing func channel(_ id: String) throws -> SoldChannel? {
        try self.channels("WHERE id = ?", .text(id)).first
    }

    /// Channels that may still bring money.
    borrowing func openChannels() throws -> [SoldChannel] { try self.channels("WHERE open = 1") }

    borrowing func charged() throws -> [String: UInt64] {
        Dictionary(try self.channels("").map { ($0.id, $0.charged) }, uniquingKeysWith: { $1 })
    }

    private borrowing func channels(_ clause: String, _ parameters: DatabaseValue...) throws -> [SoldChannel]
    {
        try self.database.query(
            """
            SELECT id, config, deposit, charged, claimed, signature, open, owed_since, active_at, network
            FROM channel \(clause)
            """, parameters: parameters
        ).map { row in
            SoldChannel(
                id: row.text(0), network: row.text(9),
                facts: try JSON.read(Array(row.text(1).utf8), limits: .init(bytes: 4096, depth: 4)),
                deposit: UInt64(clamping: row.integer(2)), charged: UInt64(clamping: row.integer(3)),
                claimed: UInt64(clamping: row.integer(4)),
                signature: row.blob(5).isEmpty ? nil : try Signature(row.blob(5)),
                isOpen: row.integer(6) == 1, owedSince: row.integer(7), activeAt: row.integer(8))
        }
    }

    /// Writes down what the chain shows of a channel. What was charged before stays; a channel that is new
    /// here starts from what is redeemed: nobody is charged for what is not in the books.
    borrowing func adopt(_ channel: SoldChannel, at now: Int64) throws {
        try self.database.run(
            """
            INSERT INTO channel VALUES (?1, ?2, ?3, ?4, ?4, x'', ?5, 0, ?6, ?7)
            ON CONFLICT (id) DO UPDATE SET deposit = ?3, claimed = ?4, open = ?5,
                charged = MAX(charged, ?4), active_at = MAX(active_at, ?6)
            """, .text(channel.id), .text(channel.facts.text), .integer(Int64(clamping: channel.deposit)),
            .integer(Int64(clamping: channel.claimed)), .integer(channel.isOpen ? 1 : 0), .integer(now),
            .text(channel.network))
    }

    /// Takes a voucher and notes what it pays for, in one piece. It is on disk when this returns.
    borrowing func accept(
        _ payment: VoucherPayment, identifier: String, subject: String, payload: [UInt8], at now: Int64
    ) throws {
        try self.database.transaction {
            try self.database.run(
                """
                UPDATE channel SET charged = ?1, signature = ?2, active_at = ?3,
                    owed_since = CASE WHEN charged = claimed THEN ?3 ELSE owed_since END WHERE id = ?4
                """, .integer(Int64(clamping: payment.cumulative)), .blob(payment.signature.bytes),
                .integer(now), .text(payment.channel))
            try self.database.run(
                """
                INSERT INTO sale (key, identifier, target, payload, state, chain_transaction, opened_at)
                VALUES (?1, ?2, ?3, ?4, 'settled', ?1, ?5)
                """, .text(payment.commitment), .text(identifier), .text(subject), .blob(payload),
                .integer(now))
        }
    }

    /// Notes what was redeemed, and whether the channel ended with it.
    borrowing func note(redeemed amount: UInt64, of id: String, ended: Bool) throws {
        try self.database.run(
            """
            UPDATE channel SET claimed = MAX(claimed, ?), open = CASE WHEN ? THEN 0 ELSE open END WHERE id = ?
            """, .integer(Int64(clamping: amount)), .integer(ended ? 1 : 0), .text(id))
    }
}
