internal import Database
internal import Encoding
public import Sodium
public import SystemPackage
public import World

/// The one place where money is decided: intents, reservations and double entry in one file, under the
/// owner's policy.
///
/// The actor owns the only writing connection. Every public function is one transaction: when it returned,
/// what it said is on disk. After a storage fault the ledger refuses to authorize until it is opened again.
public actor PaymentLedger {
    let database: Connection
    let timeline: any Timeline
    /// The wallet's payment key: the ledger's name.
    let wallet: PublicKey
    /// The keys of this wallet that may sign what is journalled; the payment key is one of them.
    let signers: Set<PublicKey>
    private let owner: PublicKey
    /// Told after each durable step of a payment; for tests that pull the plug and for live views.
    private let observer: @Sendable (JournalEntry) -> Void
    private var policy: Policy?
    /// Authorizations that are out in this process, so that one reservation is not signed twice at once.
    private var outstanding: Set<IntentID> = []
    private var faulted = false

    /// Opens or creates the money file and checks it.
    ///
    /// - Parameters:
    ///   - path: the file; nil keeps the ledger in memory.
    ///   - wallet: the key whose payments are kept here.
    ///   - signers: further keys of the wallet that may sign, such as a sponsor's fee key.
    ///   - owner: the pinned key that signs policies.
    ///   - observer: called after every durable step.
    /// - Throws: `LedgerError.damaged` when the file's own checks fail.
    public init(
        path: FilePath?, wallet: PublicKey, signers: [PublicKey] = [], owner: PublicKey,
        timeline: any Timeline,
        observer: @escaping @Sendable (JournalEntry) -> Void = { _ in }
    ) throws {
        self.database = try Connection(path: path?.string)
        self.timeline = timeline
        self.wallet = wallet
        self.signers = Set(signers + [wallet])
        self.owner = owner
        self.observer = observer
        try self.database.migrate(Schema.steps)
        let faults = try LedgerView(self.database).faults()
        guard faults.isEmpty else { throw LedgerError.damaged(faults) }
        let address = Base58.encode(wallet.bytes)
        let known = try self.database.query("SELECT value FROM meta WHERE key = 'wallet'").first?.text(0)
        if let known, known != address { throw LedgerError.otherWallet(expected: address, found: known) }
        try self.database.run("INSERT OR IGNORE INTO meta VALUES ('wallet', ?)", .text(address))
        let file = try self.database.query("SELECT file FROM policy ORDER BY seq DESC LIMIT 1").first?.blob(0)
        self.policy = try file.map { try Policy(signed: $0, owner: owner, wallet: address) }
    }

    /// Reads the ledger.
    public func read<Result: Sendable>(_ body: (borrowing LedgerView) throws -> Result) throws -> Result {
        try body(LedgerView(self.database))
    }

    /// The policy in force, if the owner sent one.
    public var policyInForce: Policy? { self.policy }

    /// Applies a newer policy of the owner.
    public func apply(policy file: [UInt8]) throws {
        let policy = try Policy(signed: file, owner: self.owner, wallet: Base58.encode(self.wallet.bytes))
        if let current = self.policy, policy.sequence <= current.sequence {
            throw PolicyError.staleSequence(inForce: current.sequence, found: policy.sequence)
        }
        try self.write {
            for asset in policy.assets {
                try self.database.run(
                    "INSERT OR IGNORE INTO asset VALUES (?, ?, ?)", .text(asset.id), .text(asset.symbol),
                    .integer(Int64(asset.decimals)))
            }
            try self.database.run(
                "INSERT INTO policy VALUES (?, ?, ?)", .integer(Int64(bitPattern: policy.sequence)),
                .blob(file),
                .integer(self.timeline.now.milliseconds))
        }
        self.policy = policy
    }

    /// Asks to spend. On yes the money is reserved before this returns.
    ///
    /// The same proposal again gives the same answer for the same money: a reservation without a signature is
    /// handed out anew, a signed payment comes back as it was journalled. A second payee for something that
    /// is already paid, or may be, is refused.
    public func authorize(_ proposal: Proposal) throws -> Decision {
        guard !self.faulted else { throw LedgerError.storageFault }
        guard proposal.amount <= UInt64(Int64.max) else { throw LedgerError.amountTooLarge(proposal.amount) }
        let id = proposal.id
        let view = LedgerView(self.database)
        if let record = try view.intent(id) {
            switch record.state {
            case .settled: return .settled(record)
            case .signed, .submitted, .unknown:
                guard let payment = try view.payment(record) else {
                    throw LedgerError.damaged(["\(id) has no bytes"])
                }
                return .inFlight(payment)
            case .reserved:
                // The owner may have stopped the wallet since; the reservation waits for the next policy.
                if let denial = self.policy?.standstill(at: try self.clock()) { return .denied(denial) }
                return .authorized(try self.authorization(id, proposal))
            case .denied, .waiting, .failed, .expired: break
            }
        }
        let rivals = try view.intents(purpose: proposal.purpose, job: proposal.job, series: proposal.series)
        if let rival = rivals.first(where: {
            $0.id != id && ($0.state.isOpen || $0.state == .settled && $0.delivery != .lost)
        }) {
            let reason = "the same purchase is \(rival.state.rawValue) with \(rival.proposal.payee)"
            return .denied(Denial(rule: "purchase", reason: reason))
        }
        guard let policy = self.policy else {
            return .denied(
                Denial(rule: "policy", reason: "there is no policy; only the owner can allow spending"))
        }
        let verdict = try policy.verdict(
            on: proposal, history: History(database: self.database), at: self.clock())
        switch verdict {
        case .denied(let denial):
            try self.open(proposal, state: .denied, detail: denial.description)
            return .denied(denial)
        case .approvalNeeded(let denial):
            try self.open(proposal, state: .waiting, detail: denial.description)
            return .waiting(denial)
        case .allowed:
            try self.open(proposal, state: .reserved, detail: "allowed by policy \(policy.sequence)")
            return .authorized(try self.authorization(id, proposal))
        }
    }

    /// Gives an unused permission back: nothing was signed, so the money is free again.
    public func release(_ authorization: consuming Authorization, reason: String) throws {
        let id = authorization.intent
        try self.move(
            id, from: [.reserved], to: .failed, detail: reason,
            postings: [(Account.reserved, -1), (Account.wallet, 1)])
        self.outstanding.remove(id)
    }

    /// Forgets an unused permission but keeps its reservation: the same proposal will get it again.
    public func suspend(_ authorization: consuming Authorization) {
        self.outstanding.remove(authorization.intent)
    }

    private func authorization(_ id: IntentID, _ proposal: Proposal) throws -> Authorization {
        guard self.outstanding.insert(id).inserted else { throw LedgerError.busy(id) }
        let attempts = try self.database.query(
            "SELECT COUNT(*) FROM attempt WHERE intent = ?", .text(id.description))
        return Authorization(
            intent: id, proposal: proposal, attempt: Int(attempts.first?.integer(0) ?? 0) + 1)
    }

    func finished(_ id: IntentID) { self.outstanding.remove(id) }

    /// Time for windows: the wall clock, but never before anything that is in the journal.
    func clock() throws -> Timestamp {
        let last = try self.database.query("SELECT MAX(at) FROM journal").first?.integer(0) ?? 0
        let now = self.timeline.now
        return now.milliseconds >= last ? now : Timestamp(milliseconds: last, quality: now.quality)
    }

    private func open(_ proposal: Proposal, state: IntentState, detail: String) throws {
        let id = proposal.id
        let now = try self.clock().milliseconds
        let before = try LedgerView(self.database).intent(id)?.state
        // A refusal repeated is one refusal: an agent that asks every second must not fill the disk.
        if before == state, state == .denied || state == .waiting { return }
        let reservedAt: DatabaseValue = state.holdsMoney ? .integer(now) : .null
        try self.write {
            try self.database.run(
                """
                INSERT INTO asset VALUES (?, ?, ?) ON CONFLICT DO NOTHING
                """, .text(proposal.asset.id), .text(proposal.asset.symbol),
                .integer(Int64(proposal.asset.decimals)))
            try self.database.run(
                """
                INSERT INTO intent (id, purpose, job, payee, asset, amount, series, note, state, reason,
                    reserved_at,
                    created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET state = excluded.state, reason = excluded.reason,
                    reserved_at = excluded.reserved_at, updated_at = excluded.updated_at
                """, .text(id.description), .text(proposal.purpose.rawValue), .text(proposal.job),
                .text(proposal.payee), .text(proposal.asset.id), .integer(Int64(proposal.amount)),
                .integer(Int64(proposal.series)), .text(proposal.note), .text(state.rawValue),
                .text(state == .reserved ? "" : detail), reservedAt, .integer(now), .integer(now))
            try self.record(id, from: before, to: state, detail: detail, at: now)
            if state == .reserved {
                try self.post(
                    [(Account.wallet, -1), (Account.reserved, 1)], amount: proposal.amount,
                    asset: proposal.asset,
                    intent: id, reference: "reserve", at: now)
            }
        }
        try self.announce()
    }

    /// Moves an intent to another state, with its postings, in one transaction.
    func move(
        _ id: IntentID, from allowed: Set<IntentState>, to state: IntentState, detail: String,
        transaction: String? = nil,
        postings: [(account: String, sign: Int64)] = [], also: () throws -> Void = {}
    ) throws {
        guard let record = try LedgerView(self.database).intent(id) else {
            throw LedgerError.unknownIntent(id)
        }
        guard allowed.contains(record.state) else {
            throw LedgerError.wrongState(id, expected: allowed.map(\.rawValue).sorted(), found: record.state)
        }
        let now = try self.clock().milliseconds
        try self.write {
            try self.database.run(
                """
                UPDATE intent SET state = ?, reason = ?, updated_at = ?,
                    chain_transaction = COALESCE(?, chain_transaction) WHERE id = ?
                """, .text(state.rawValue), .text(detail), .integer(now),
                transaction.map { .text($0) } ?? .null,
                .text(id.description))
            try also()
            try self.record(id, from: record.state, to: state, detail: detail, at: now)
            try self.post(
                postings, amount: record.proposal.amount, asset: record.proposal.asset, intent: id,
                reference: transaction ?? state.rawValue, at: now)
        }
        try self.announce()
    }

    /// Books lines that sum to zero. Must run inside a write.
    func post(
        _ lines: [(account: String, sign: Int64)], amount: UInt64, asset: Asset, intent: IntentID?,
        reference: String,
        at now: Int64
    ) throws {
        precondition(lines.reduce(0) { $0 + $1.sign } == 0, "a posting sums to zero")
        guard !lines.isEmpty else { return }
        let posting = (try self.database.query("SELECT MAX(posting) FROM entry").first?.integer(0) ?? 0) + 1
        for line in lines {
            try self.database.run(
                """
                INSERT INTO entry (posting, at, account, asset, amount, intent, reference)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                .integer(posting), .integer(now), .text(line.account), .text(asset.id),
                .integer(line.sign * Int64(amount)), intent.map { .text($0.description) } ?? .null,
                .text(reference))
        }
    }

    private func record(_ id: IntentID, from: IntentState?, to: IntentState, detail: String, at now: Int64)
        throws
    {
        try self.database.run(
            "INSERT INTO journal (at, intent, state_before, state_after, detail) VALUES (?, ?, ?, ?, ?)",
            .integer(now), .text(id.description), from.map { .text($0.rawValue) } ?? .null,
            .text(to.rawValue),
            .text(detail))
    }

    private func announce() throws {
        let last = try self.database.query("SELECT MAX(seq) FROM journal").first?.integer(0) ?? 0
        for entry in try LedgerView(self.database).journal(after: last - 1) { self.observer(entry) }
    }

    /// One durable transaction. A storage fault stops all spending until the ledger is opened again: after a
    /// failed sync the kernel may have dropped the pages, so trying once more would only look like success.
    func write(_ body: () throws -> Void) throws {
        do {
            try self.database.transaction(body)
        } catch let error as DatabaseError where error.isStorageFault {
            self.faulted = true
            throw error
        }
    }
}

/// Spending so far, from the intents that hold money.
private struct History: SpendingHistory {
    let database: Connection

    func spent(asset: String, purpose: Purpose?, payee: String?, since: Int64?) throws -> (
        sum: UInt64, count: Int
    ) {
        let rows = try self.database.query(
            """
            SELECT COALESCE(SUM(amount), 0), COUNT(*) FROM intent WHERE asset = ?1
            AND state IN ('reserved', 'signed', 'submitted', 'settled', 'unknown')
            AND (?2 IS NULL OR purpose = ?2) AND (?3 IS NULL OR payee = ?3)
            AND (?4 IS NULL OR reserved_at > ?4)
            """, .text(asset), purpose.map { .text($0.rawValue) } ?? .null, payee.map { .text($0) } ?? .null,
            since.map { .integer($0) } ?? .null)
        return (UInt64(rows.first?.integer(0) ?? 0), Int(rows.first?.integer(1) ?? 0))
    }

    func available(asset: String) throws -> UInt64 {
        let sum = try self.database.query(
            "SELECT SUM(amount) FROM entry WHERE asset = ? AND account = ?", .text(asset),
            .text(Account.wallet))
        return UInt64(max(0, sum.first?.integer(0) ?? 0))
    }
}
