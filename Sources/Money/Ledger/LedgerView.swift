internal import Database
internal import Encoding
public import Sodium
public import SystemPackage
public import World

/// What an asset's money does, in atomic units. Signed, since a difference with the chain must be shown, not
/// hidden.
public struct Balance: Sendable, Hashable {
    public let asset: Asset
    /// Free to spend.
    public let available: Int64
    /// Set aside for payments whose outcome is open.
    public let reserved: Int64
    /// In payment channels and not spent.
    public let escrowed: Int64
    /// Gone to payees, losses included.
    public let spent: Int64
    /// Part of `spent` for which nothing was delivered.
    public let lost: Int64
    /// Came in from the owner.
    public let deposited: Int64
    /// Came in from customers.
    public let earned: Int64

    /// What the wallet's own account must hold: free and set aside. Nothing below zero.
    public var inWallet: UInt64 {
        let (sum, overflow) = self.available.addingReportingOverflow(self.reserved)
        return overflow ? .max : UInt64(max(0, sum))
    }
}

/// Reads a ledger. Works on the file of a running or a stopped robot, and inside the ledger itself.
public struct LedgerView: ~Copyable {
    let database: Connection

    /// Opens the money file below `home` for reading.
    /// - Throws: `DatabaseError` when there is none.
    public init(path: FilePath) throws { self.init(try Connection.read(path, Tables.schema)) }

    // Not inlined: the optimizer of Swift 6.3 ends with "Cannot initialize a nonCopyable type with a
    // guaranteed value" where this is inlined into the ledger's methods.
    @inline(never)
    init(_ database: Connection) { self.database = database }

    /// Writes a snapshot of the whole ledger to a new file, whether a robot runs on it or not.
    public borrowing func copy(to path: FilePath) throws {
        try self.database.copy(to: path)
    }

    /// How many payments stand in each state.
    public borrowing func stateCounts() throws -> [IntentState: Int64] {
        var counts: [IntentState: Int64] = [:]
        for row in try self.database.query("SELECT state, COUNT(*) FROM intent GROUP BY state") {
            if let state = IntentState(rawValue: row.text(0)) { counts[state] = row.integer(1) }
        }
        return counts
    }

    public borrowing func balances() throws -> [Balance] {
        try self.assets().map { asset in
            func sum(_ pattern: String) throws -> Int64 {
                try self.database.query(
                    "SELECT SUM(amount) FROM balance WHERE asset = ? AND account GLOB ?", .text(asset.id),
                    .text(pattern)
                ).first?.integer(0) ?? 0
            }
            return Balance(
                asset: asset, available: try sum(Account.wallet), reserved: try sum(Account.reserved),
                escrowed: try sum("assets:channel:*"),
                spent: try sum("expenses:*"), lost: try sum(Account.losses),
                deposited: -(try sum(Account.deposits)),
                earned: -(try sum("income:*")))
        }
    }

    /// The newest policy that was applied, its signature verified again; nil before the first.
    public borrowing func policy(owner: PublicKey, wallet: String) throws -> Policy? {
        let file = try self.policyFile()
        return try file.map { try Policy(signed: $0, owner: owner, wallet: wallet) }
    }

    /// The bytes of the newest policy, as the owner signed them.
    public borrowing func policyFile() throws -> [UInt8]? {
        try self.database.query("SELECT file FROM policy ORDER BY seq DESC LIMIT 1").first?.blob(0)
    }

    /// Why the wallet is stopped on its own machine, if it is.
    public borrowing func hold() throws -> Hold? {
        try self.database.meta(.hold).map { try Hold(text: $0) }
    }

    /// How far each rule of `policy` is used up, by the time by which payments are judged.
    public borrowing func usage(of policy: Policy, at timeline: some Timeline) throws -> [LimitUsage] {
        try policy.usage(history: History(database: self.database), at: self.now(timeline).milliseconds)
    }

    /// The ledger's time, as its next decision will have it.
    public borrowing func now(_ timeline: some Timeline) throws -> Timestamp {
        var clock = try self.time(timeline)
        return clock.read(timeline)
    }

    borrowing func time(_ timeline: some Timeline) throws -> LedgerClock {
        let stored = try self.database.meta(.clock)
        let known = stored.flatMap { LedgerClock.Mark(text: $0) }
        // Of an older version: the time alone.
        let seen = known == nil ? stored.flatMap { Int64($0) } : nil
        let last = try self.database.query("SELECT at FROM journal ORDER BY seq DESC LIMIT 1").first?.integer(
            0)
        return LedgerClock(
            last: [last, seen].compactMap(\.self).max(), known: known, timeline: timeline)
    }

    /// When the wallet stops spending for want of its owner, in milliseconds since 1970; nil without a lease.
    public borrowing func leaseEnd(of policy: Policy) throws -> Int64? {
        try policy.leaseEnd(history: History(database: self.database))
    }

    public borrowing func assets() throws -> [Asset] {
        try self.database.query("SELECT id, symbol, decimals FROM asset ORDER BY id").map {
            Asset(id: $0.text(0), symbol: $0.text(1), decimals: Int($0.integer(2)))
        }
    }

    /// The newest intents first.
    public borrowing func intents(limit: Int = 1_000) throws -> [IntentRecord] {
        try self.records("ORDER BY i.created_at DESC, i.rowid DESC LIMIT ?", .integer(Int64(limit)))
    }

    public borrowing func intent(_ id: IntentID) throws -> IntentRecord? {
        try self.records("WHERE i.id = ?", .text(id.description)).first
    }

    /// Every payment that brought nothing, whenever it was: the account that was paid, and the proof of the
    /// loss.
    public borrowing func losses() throws -> [(payee: String, evidence: String?)] {
        try self.database.query("SELECT payee, receipt FROM intent WHERE delivery = 'lost'").map {
            ($0.text(0), $0.optionalText(1))
        }
    }

    /// The intents in one of `states`, oldest first.
    public borrowing func intents(in states: [IntentState]) throws -> [IntentRecord] {
        let list = states.map { "'\($0.rawValue)'" }.joined(separator: ",")
        let areOpen = states.allSatisfy { $0.isOpen || $0 == .waiting }
        let hint = areOpen ? "\(Tables.openStates) AND" : ""
        return try self.records("WHERE \(hint) i.state IN (\(list)) ORDER BY i.created_at, i.rowid")
    }

    /// The payments in one of `states` that fill a channel, oldest first.
    public borrowing func deposits(into channel: String, in states: [IntentState]) throws -> [IntentRecord] {
        try self.intents(in: states).filter { $0.proposal.filledChannel == channel }
    }

    /// The deposit that travels in the same payload as a voucher, while its outcome is open.
    public borrowing func deposit(under payment: JournalledPayment) throws -> JournalledPayment? {
        guard let channel = payment.channel else { return nil }
        for record in try self.deposits(into: channel, in: [.signed, .submitted, .unknown]) {
            if let deposit = try self.payment(record), deposit.payload == payment.payload { return deposit }
        }
        return nil
    }

    /// The newest round of a purchase; nil when nobody asked for it yet. Where one is live it is this one.
    public borrowing func intent(of purchase: Purchase) throws -> IntentRecord? {
        try self.records(
            "WHERE i.purpose = ? AND i.job = ? AND i.series = ? ORDER BY i.round DESC LIMIT 1",
            .text(purchase.purpose.rawValue), .text(purchase.subject.text), .integer(Int64(purchase.series))
        ).first
    }

    /// The intent under which a purchase would be asked for now.
    public borrowing func nextIntent(of purchase: Purchase) throws -> IntentID {
        Round(of: purchase, after: try self.intent(of: purchase)).id
    }

    /// The newest series of something that is bought again and again; nil when it never was asked for.
    public borrowing func lastSeries(of subject: Subject) throws -> UInt32? {
        try self.database.query(
            "SELECT MAX(series) FROM intent WHERE purpose = ? AND job = ?", .text(subject.purpose.rawValue),
            .text(subject.text)
        ).first?.optionalInteger(0).map { UInt32(clamping: $0) }
    }

    /// The last attempt of an intent, if anything was signed.
    public borrowing func payment(_ record: IntentRecord) throws -> JournalledPayment? {
        guard let step = record.signedIn,
            let row = try self.database.query(
                """
                SELECT number, message, signature, payload, last_valid_height, first_slot
                FROM attempt WHERE step = ?
                """, .integer(step)
            ).first
        else { return nil }
        return JournalledPayment(
            intent: record.id, proposal: record.proposal, attempt: Int(row.integer(0)), state: record.state,
            payload: row.blob(3), message: row.blob(1), signature: try .init(row.blob(2)),
            horizon: Horizon(
                first: UInt64(bitPattern: row.integer(5)), last: UInt64(bitPattern: row.integer(4))),
            transaction: record.transaction,
            channel: record.channel)
    }

    /// Postings that do not sum to zero, and other damage; empty when all is well.
    public borrowing func faults() throws -> [String] {
        let unbalanced = try self.database.query(
            "SELECT posting, asset, SUM(amount) FROM entry GROUP BY posting, asset HAVING SUM(amount) <> 0"
        ).map { "posting \($0.integer(0)) is off by \($0.integer(2)) in \($0.text(1))" }
        let negative = try self.database.query(
            "SELECT asset, SUM(amount) FROM entry WHERE account = ? GROUP BY asset HAVING SUM(amount) < 0",
            .text(Account.reserved)
        ).map { "reservations in \($0.text(0)) are negative: \($0.integer(1))" }
        let totals = try self.database.query(
            """
            SELECT 'balance of ' || account, asset FROM (
                SELECT account, asset, SUM(amount) AS total FROM entry GROUP BY account, asset
                EXCEPT SELECT account, asset, amount FROM balance)
            UNION ALL SELECT 'spending for ' || purpose || ' at ' || payee, asset FROM (
                SELECT asset, purpose, payee, SUM(amount), COUNT(*) FROM intent
                WHERE state IN ('reserved', 'signed', 'submitted', 'settled', 'unknown')
                GROUP BY asset, purpose, payee
                EXCEPT SELECT asset, purpose, payee, sum, count FROM spending)
            """
        ).map { "the total \($0.text(0)) in \($0.text(1)) is not the sum of its lines" }
        return try self.database.integrityFaults() + unbalanced + negative + totals
    }

    borrowing func records(_ clause: String, _ parameters: DatabaseValue...) throws -> [IntentRecord] {
        try self.database.query(
            """
            SELECT i.id, i.purpose, i.job, i.payee, a.id, a.symbol, a.decimals, i.amount, i.series,
                i.note, i.state, i.reason, i.created_at, i.updated_at, i.delivery, i.receipt,
                i.chain_transaction, i.attempts, i.reserved_at, i.last_step, i.signed_in, i.channel,
                i.round, i.policy, i.changes, i.promise
            FROM intent i JOIN asset a ON a.id = i.asset \(clause)
            """, parameters: parameters
        ).compactMap { row in
            guard let purpose = Purpose(rawValue: row.text(1)),
                let state = IntentState(rawValue: row.text(10)),
                let delivery = Delivery(rawValue: row.text(14))
            else { return nil }
            let asset = Asset(id: row.text(4), symbol: row.text(5), decimals: Int(row.integer(6)))
            return IntentRecord(
                id: IntentID(row.text(0)),
                proposal: Proposal(
                    Purchase(
                        Subject(purpose, text: row.text(2)), series: UInt32(clamping: row.integer(8))),
                    Terms(
                        payee: row.text(3), asset: asset, amount: UInt64(clamping: row.integer(7))),
                    note: row.text(9)),
                round: UInt32(clamping: row.integer(22)),
                state: state, reason: row.text(11), createdAt: row.integer(12), updatedAt: row.integer(13),
                delivery: delivery, receipt: row.optionalText(15), transaction: row.optionalText(16),
                attempts: Int(row.integer(17)), reservedAt: row.integer(18),
                lastStep: row.optionalInteger(19), signedIn: row.optionalInteger(20),
                channel: row.optionalText(21),
                promise: row.optionalInteger(25).map { UInt64(clamping: $0) },
                policy: row.optionalInteger(23).map { UInt64(bitPattern: $0) }, changes: row.integer(24))
        }
    }
}
