internal import Database

/// Spending so far, from the intents that hold money and their totals.
struct History: SpendingHistory {
    let database: Connection
    /// Of a ledger that is at work; who only looks sums up anew.
    var windows: WindowTotals?
    /// The payment channel whose deposit is spent; nil for the wallet's own money.
    var channel: String?

    func spent(_ selection: SpendingSelection) throws -> (sum: UInt64, count: Int) {
        let (sum, count) =
            if let since = selection.since {
                try self.windows?.spent(selection, since: since, in: self)
                    ?? self.summed(selection, after: since)
            } else {
                try self.ever(selection)
            }
        return (UInt64(max(0, sum)), Int(count))
    }

    /// As ``Purpose/isApart`` says.
    private static let apart = Purpose.allCases.filter(\.isApart).map { "'\($0.rawValue)'" }
        .joined(separator: ", ")

    private func ever(_ selection: SpendingSelection) throws -> (Int64, Int64) {
        let row = try self.database.query(
            """
            SELECT COALESCE(SUM(sum), 0), COALESCE(SUM(count), 0) FROM spending WHERE asset = ?1
            AND CASE WHEN ?2 IS NULL THEN purpose NOT IN (\(Self.apart)) ELSE purpose = ?2 END
            AND (?3 IS NULL OR payee = ?3)
            """, .text(selection.asset), selection.purposeValue, selection.payeeValue
        ).first
        return (row?.integer(0) ?? 0, row?.integer(1) ?? 0)
    }

    /// Sum and number of the payments that were reserved after `since`, up to and with `end`.
    func summed(
        _ selection: SpendingSelection, after since: Int64, upTo end: Int64 = .max
    ) throws -> (Int64, Int64) {
        let row = try self.query("COALESCE(SUM(amount), 0), COUNT(*)", selection, since, end)
        return (row?.integer(0) ?? 0, row?.integer(1) ?? 0)
    }

    func oldest(_ selection: SpendingSelection) throws -> Int64? {
        let row = try self.query("MIN(reserved_at), COUNT(*)", selection, selection.since ?? .min, .max)
        return row.flatMap { $0.integer(1) == 0 ? nil : $0.integer(0) }
    }

    private func query(
        _ what: String, _ selection: SpendingSelection, _ since: Int64, _ end: Int64
    ) throws -> Row? {
        try self.database.query(
            """
            SELECT \(what) FROM intent WHERE asset = ?1 AND reserved_at IS NOT NULL AND reserved_at > ?4
            AND reserved_at <= ?5
            AND CASE WHEN ?2 IS NULL THEN purpose NOT IN (\(Self.apart)) ELSE purpose = ?2 END
            AND (?3 IS NULL OR payee = ?3)
            """, .text(selection.asset), selection.purposeValue, selection.payeeValue, .integer(since),
            .integer(end)
        ).first
    }

    func available(asset: String) throws -> UInt64 {
        let row = try self.database.query(
            "SELECT amount FROM balance WHERE asset = ? AND account = ?", .text(asset),
            .text(Pot(channel: self.channel).free)
        ).first
        let free = (row?.integer(0) ?? 0) + (try self.channel.map(self.deposits(onTheWayInto:)) ?? 0)
        return UInt64(max(0, free))
    }

    /// A first voucher leaves together with the deposit that it spends.
    private func deposits(onTheWayInto channel: String) throws -> Int64 {
        try self.database.query(
            """
            SELECT COALESCE(SUM(amount), 0) FROM intent
            WHERE purpose = 'channel' AND job = ? AND \(Tables.openStates) AND state <> 'waiting'
            """, .text(Subject.deposit(channel: channel).text)
        ).first?.integer(0) ?? 0
    }

    func lastContact() throws -> Int64? { try self.database.meta(.contact).flatMap { Int64($0) } }
}

extension SpendingSelection {
    fileprivate var purposeValue: DatabaseValue { self.purpose.map { .text($0.rawValue) } ?? .null }
    fileprivate var payeeValue: DatabaseValue { self.payee.map { .text($0) } ?? .null }
}

/// Single facts about the ledger.
enum Meta: String {
    case wallet
    /// When the owner was last heard.
    case contact
    /// Why the wallet stands still here, as JSON.
    case hold
    /// The newest time that was seen, for a machine whose clock is not to be trusted.
    case clock
}

extension Connection {
    func meta(_ key: Meta) throws(DatabaseError) -> String? {
        try self.query("SELECT value FROM meta WHERE key = ?", .text(key.rawValue)).first?.text(0)
    }

    /// Nil forgets the fact.
    func setMeta(_ key: Meta, _ value: String?) throws(DatabaseError) {
        guard let value else { return try self.run("DELETE FROM meta WHERE key = ?", .text(key.rawValue)) }
        try self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", .text(key.rawValue), .text(value))
    }
}
