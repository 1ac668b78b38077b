internal import Database

/// An account in one asset: what has a balance.
struct Holding: Hashable {
    let account: String
    let asset: Asset
}

/// One line of the double entry with the balance after it.
struct ExportedLine {
    let holding: Holding
    let amount: Int64
    let balance: Int64
}

/// One posting with what is known about its payment.
struct ExportedPosting {
    let number: Int64
    /// Milliseconds since 1970.
    let at: Int64
    let intent: String?
    let purpose: String?
    let payee: String?
    let job: String?
    let note: String?
    /// Where the step led the payment.
    let state: String?
    /// The chain's transaction; of money that came in, the reference it was booked under.
    let transaction: String?
    let detail: String
    /// Money that is set aside at this moment, by this posting.
    let isPending: Bool
    var lines: [ExportedLine] = []

    /// What a person reads first.
    var narration: String { self.note.flatMap { $0.isEmpty ? nil : $0 } ?? self.detail }
}

/// What must be declared before the first posting is written.
struct ExportOutline {
    /// All assets that the ledger ever met, the oldest first, so that names stay the same in every span.
    let assets: [Asset]
    /// What the span or its opening touches, by account and then by age of the asset.
    let holdings: [Holding]
    /// The balances before the span that are not zero, in the order of `holdings`.
    let opening: [ExportedLine]
    let openingDay: CalendarDay
}

/// Reads the postings of a time span, a page at a time.
struct PostingReader {
    /// Lines read at once.
    static let page = 333

    private let database: Connection
    private let from: Int64
    private let to: Int64
    private let last: Int64
    private let assets: [Asset]
    private let assetsByID: [String: Asset]

    init(database: Connection, from: Int64?, to: Int64?) throws {
        self.database = database
        self.from = from ?? .min
        self.to = to ?? .max
        self.last = try database.query("SELECT MAX(id) FROM entry").first?.integer(0) ?? 0
        self.assets = try database.query("SELECT id, symbol, decimals FROM asset ORDER BY rowid").map {
            Asset(id: $0.text(0), symbol: $0.text(1), decimals: Int($0.integer(2)))
        }
        self.assetsByID = Dictionary(self.assets.map { ($0.id, $0) }) { first, _ in first }
    }

    private var span: [DatabaseValue] { [.integer(self.last), .integer(self.from), .integer(self.to)] }

    func outline() throws -> ExportOutline {
        let rows = try self.database.query(
            """
            SELECT e.account, e.asset, SUM(CASE WHEN e.at < ?2 THEN e.amount ELSE 0 END)
            FROM entry e JOIN asset a ON a.id = e.asset
            WHERE e.id <= ?1 AND e.at < ?3 GROUP BY e.account, e.asset ORDER BY e.account, a.rowid
            """, parameters: self.span)
        let touched = try rows.map {
            ExportedLine(
                holding: try self.holding($0.text(0), $0.text(1)), amount: $0.integer(2),
                balance: $0.integer(2))
        }
        // Nothing but a posting's own time may be trusted to lie within the calendar of other programs.
        let times = try self.database.query(
            """
            SELECT COALESCE(MIN(CASE WHEN at >= ?2 THEN at END), MAX(at)) FROM entry
            WHERE id <= ?1 AND at < ?3
            """, parameters: self.span
        ).first
        let first = CalendarDay(containing: times?.integer(0) ?? 0)
        let opening = touched.filter { $0.amount != 0 }
        return ExportOutline(
            assets: self.assets, holdings: touched.map(\.holding), opening: opening,
            openingDay: opening.isEmpty ? first : min(first, CalendarDay(containing: self.from).previous))
    }

    func forEach(startingFrom opening: [ExportedLine], _ body: (ExportedPosting) throws -> Void) throws {
        var balances: [Holding: Int64] = [:]
        for line in opening { balances[line.holding] = line.balance }
        var read: Int64 = 0
        var current: ExportedPosting?
        while true {
            let rows = try self.rows(after: read)
            guard let end = rows.last else { break }
            for row in rows {
                if let finished = current, finished.number != row.integer(1) {
                    try body(finished)
                    current = nil
                }
                let holding = try self.holding(row.text(3), row.text(4))
                let amount = row.integer(5)
                let (balance, overflow) = balances[holding, default: 0].addingReportingOverflow(amount)
                guard !overflow else {
                    throw LedgerError.damaged(["the balance of \(holding.account) overflows"])
                }
                balances[holding] = balance
                let line = ExportedLine(holding: holding, amount: amount, balance: balance)
                var posting = current ?? self.posting(row)
                posting.lines.append(line)
                current = posting
            }
            read = end.integer(0)
        }
        if let current { try body(current) }
    }

    private func rows(after read: Int64) throws -> [Row] {
        try self.database.query(
            """
            SELECT e.id, e.posting, e.at, e.account, e.asset, e.amount, e.reference, e.intent, j.state_after,
                j.detail, i.purpose, i.payee, i.job, i.note, i.chain_transaction,
                j.state_after = 'reserved' AND i.state IN ('reserved', 'signed', 'submitted', 'unknown')
                    AND NOT EXISTS (
                        SELECT 1 FROM journal l
                        WHERE l.intent = j.intent AND l.seq > j.seq AND l.state_after = 'reserved')
            FROM entry e JOIN journal j ON j.seq = e.posting LEFT JOIN intent i ON i.id = e.intent
            WHERE e.id <= ?1 AND e.at >= ?2 AND e.at < ?3 AND e.id > ?4 ORDER BY e.id LIMIT ?5
            """, parameters: self.span + [.integer(read), .integer(Int64(Self.page))])
    }

    private func posting(_ row: Row) -> ExportedPosting {
        let state = row.optionalText(8)
        let reference = row.text(6)
        let transaction: String? =
            switch state {
            // Money that came in has no payment and no state.
            case .none: reference
            case .some("reserved"): nil
            // A step that the chain did not make is booked under its own name.
            case .some(let state): reference == state ? row.optionalText(14) : reference
            }
        return ExportedPosting(
            number: row.integer(1), at: row.integer(2), intent: row.optionalText(7),
            purpose: row.optionalText(10), payee: row.optionalText(11), job: row.optionalText(12),
            note: row.optionalText(13), state: state, transaction: transaction, detail: row.text(9),
            isPending: row.integer(15) != 0)
    }

    private func holding(_ account: String, _ asset: String) throws -> Holding {
        guard let asset = self.assetsByID[asset] else {
            throw LedgerError.damaged(["asset \(asset) is not declared"])
        }
        return Holding(account: account, asset: asset)
    }
}
