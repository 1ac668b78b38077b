internal import Database
internal import Encoding
internal import Payments
internal import Rails
internal import Sodium
internal import Solana

/// Channels that customers pay from, as the seller keeps them: what is charged, and the voucher for it.
struct SoldChannel: Sendable {
    let id: Address
    let config: ChannelConfig
    /// Confirmed on the chain, in atomic units.
    let deposit: UInt64
    /// Accepted in all.
    let charged: UInt64
    /// Redeemed on the chain.
    let claimed: UInt64
    /// The customer's, over `charged`; nil before the first voucher.
    let signature: Signature?
    let isOpen: Bool
    /// Of the first voucher that is not redeemed, in milliseconds since 1970.
    let owedSince: Int64
    /// Of the last deposit or voucher, in milliseconds since 1970.
    let activeAt: Int64

    /// What the chain shows of it.
    var chainStanding: ChannelStanding {
        ChannelStanding(
            channel: self.id.description, balance: self.deposit, claimed: self.claimed, charged: nil)
    }

    /// As the chain shows it to a shop that has no books of it: nobody is charged for what is not in them.
    init(_ id: Address, _ config: ChannelConfig, _ account: ChannelAccount) {
        self.init(
            id: id, config: config, deposit: account.deposit, charged: account.settled,
            claimed: account.settled, signature: nil, isOpen: account.status == .open, owedSince: 0,
            activeAt: 0)
    }

    init(
        id: Address, config: ChannelConfig, deposit: UInt64, charged: UInt64, claimed: UInt64,
        signature: Signature?, isOpen: Bool, owedSince: Int64, activeAt: Int64
    ) {
        self.activeAt = activeAt
        self.id = id
        self.config = config
        self.deposit = deposit
        self.charged = charged
        self.claimed = claimed
        self.signature = signature
        self.isOpen = isOpen
        self.owedSince = owedSince
    }

    /// This with more in it.
    func filled(with amount: UInt64) throws(X402Error) -> SoldChannel {
        let (sum, overflow) = self.deposit.addingReportingOverflow(amount)
        guard !overflow else {
            throw .invalid(code: BatchSettlement.prefix + "deposit_amount", reason: "too much is deposited")
        }
        return SoldChannel(
            id: self.id, config: self.config, deposit: sum, charged: self.charged, claimed: self.claimed,
            signature: self.signature, isOpen: self.isOpen, owedSince: self.owedSince,
            activeAt: self.activeAt)
    }

    /// The newest voucher.
    var voucher: SignedVoucher? {
        self.signature.map {
            SignedVoucher(ChannelVoucher(channel: self.id, cumulative: self.charged), signature: $0)
        }
    }

    var standing: ChannelStanding {
        ChannelStanding(
            channel: self.id.description, balance: self.deposit, claimed: self.claimed, charged: self.charged)
    }
}

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

    borrowing func channel(_ id: Address) throws -> SoldChannel? {
        try self.channels("WHERE id = ?", .text(id.description)).first
    }

    /// Channels that may still bring money.
    borrowing func openChannels() throws -> [SoldChannel] { try self.channels("WHERE open = 1") }

    borrowing func charged() throws -> [String: UInt64] {
        Dictionary(
            try self.channels("").map { ($0.id.description, $0.charged) }, uniquingKeysWith: { $1 })
    }

    private borrowing func channels(_ clause: String, _ parameters: DatabaseValue...) throws -> [SoldChannel]
    {
        try self.database.query(
            """
            SELECT id, config, deposit, charged, claimed, signature, open, owed_since, active_at
            FROM channel \(clause)
            """, parameters: parameters
        ).map { row in
            let config = JSONField(
                try JSON.read(Array(row.text(1).utf8), limits: .init(bytes: 4096, depth: 4)))
            return SoldChannel(
                id: try Address(row.text(0)), config: try ChannelConfig(config),
                deposit: UInt64(clamping: row.integer(2)), charged: UInt64(clamping: row.integer(3)),
                claimed: UInt64(clamping: row.integer(4)),
                signature: row.blob(5).isEmpty ? nil : try Signature(row.blob(5)),
                isOpen: row.integer(6) == 1, owedSince: row.integer(7), activeAt: row.integer(8))
        }
    }

    /// Writes down what the chain shows of a channel. What was charged before stays; a channel that is new
    /// here starts from what is redeemed: nobody is charged for what is not in the books.
    borrowing func adopt(
        _ id: Address, _ config: ChannelConfig, _ account: ChannelAccount, at now: Int64
    ) throws {
        try self.database.run(
            """
            INSERT INTO channel VALUES (?1, ?2, ?3, ?4, ?4, x'', ?5, 0, ?6)
            ON CONFLICT (id) DO UPDATE SET deposit = ?3, claimed = ?4, open = ?5,
                charged = MAX(charged, ?4), active_at = MAX(active_at, ?6)
            """, .text(id.description), .text(config.json.text), .integer(Int64(clamping: account.deposit)),
            .integer(Int64(clamping: account.settled)), .integer(account.status == .open ? 1 : 0),
            .integer(now))
    }

    /// Takes a voucher and notes what it pays for, in one piece. It is on disk when this returns.
    borrowing func accept(
        _ voucher: SignedVoucher, from channel: SoldChannel, identifier: String, subject: String,
        payload: [UInt8], at now: Int64
    ) throws {
        try self.database.transaction {
            try self.database.run(
                """
                UPDATE channel SET charged = ?1, signature = ?2, active_at = ?3,
                    owed_since = CASE WHEN charged = claimed THEN ?3 ELSE owed_since END WHERE id = ?4
                """, .integer(Int64(clamping: voucher.voucher.cumulative)), .blob(voucher.signature.bytes),
                .integer(now), .text(channel.id.description))
            try self.database.run(
                """
                INSERT INTO sale (key, identifier, target, payload, state, chain_transaction, opened_at)
                VALUES (?1, ?2, ?3, ?4, 'settled', ?1, ?5)
                """, .text(voucher.commitment), .text(identifier), .text(subject), .blob(payload),
                .integer(now))
        }
    }

    /// Notes what was redeemed, and whether the channel ended with it.
    borrowing func note(redeemed amount: UInt64, of id: Address, ended: Bool) throws {
        try self.database.run(
            """
            UPDATE channel SET claimed = MAX(claimed, ?), open = CASE WHEN ? THEN 0 ELSE open END WHERE id = ?
            """, .integer(Int64(clamping: amount)), .integer(ended ? 1 : 0), .text(id.description))
    }
}
