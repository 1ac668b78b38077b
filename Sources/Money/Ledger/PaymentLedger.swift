internal import Database
internal import Encoding
public import Sodium
public import SystemPackage
public import World

/// The one place where money is decided: intents, reservations and double entry in one file, under the
/// owner's policy.
///
/// The actor owns the only writing connection. What a public function says is on disk when it returns,
/// with two exceptions: an ``Authorization`` may be younger than its reservation's commit, because nothing
/// can leave with it before ``journal(_:payload:lastValidBlockHeight:)``, which waits for both; and an
/// accepted voucher may be younger than its commit, because its payee says so again. Calls
/// that run at the same time share a commit. After a storage fault the ledger refuses to write until it
/// is opened again.
public actor PaymentLedger {
    let database: Connection
    let timeline: any Timeline
    /// The wallet's payment key: the ledger's name.
    let wallet: PublicKey
    /// The keys of this wallet that may sign what is journalled; the payment key is one of them.
    let signers: Set<PublicKey>
    let owner: PublicKey
    /// Told after each durable step; for tests that pull the plug and for live views.
    let observer: @Sendable (JournalEntry) -> Void
    private let headFile: HeadFile?
    var policy: Policy?
    var hold: Hold?
    let windows = WindowTotals()
    var challenges = Challenges()
    /// Authorizations that are out in this process, so that one reservation is not signed twice at once.
    private var outstanding: Set<IntentID> = []
    private(set) var faulted = false
    /// The end of the journal, commits to come included.
    var head: LedgerHead
    private var group = CommitGroup()
    /// Somebody will commit after a while whatever is open then.
    private var isTimed = false
    var time: LedgerClock
    /// The time that was stored last.
    var keptTime: Int64 = 0

    /// Opens or creates the money file and checks it.
    ///
    /// - Parameters:
    ///   - path: the file; nil keeps the ledger in memory. A second small file beside it remembers where the
    ///     journal ended.
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
        let database = try Connection.open(path, Tables.schema)
        self.database = database
        self.timeline = timeline
        self.wallet = wallet
        self.signers = Set(signers + [wallet])
        self.owner = owner
        self.observer = observer
        let view = LedgerView(database)
        var head = try view.head()
        let faults = try view.faults() + view.chainFaults(after: max(0, head.sequence - Self.checkedAtStart))
        guard faults.isEmpty else { throw LedgerError.damaged(faults) }
        let address = Base58.encode(wallet.bytes)
        if let known = try database.meta(.wallet), known != address {
            throw LedgerError.otherWallet(expected: address, found: known)
        }
        try database.setMeta(.wallet, address)
        self.time = try view.time(timeline)
        let now = self.time.mark.at
        if let path {
            let headFile = try HeadFile(path: FilePath(path.string + ".head"))
            if let loss = try Self.loss(headFile.read(), view) {
                head = try Self.stop(database, at: now, head: head, because: loss)
                try headFile.replace(by: head)
            }
            self.headFile = consume headFile
        } else {
            self.headFile = nil
        }
        self.policy = try view.policy(owner: owner, wallet: address)
        self.hold = try view.hold()
        self.head = head
    }

    /// Stops a ledger before it opens.
    private static func stop(
        _ database: Connection, at now: Int64, head: LedgerHead, because loss: String
    ) throws -> LedgerHead {
        try database.transaction {
            try database.setMeta(.hold, Hold(reason: loss, since: now, by: "ledger").text)
            let entry = try database.append(
                JournalChain.Unchained(
                    sequence: head.sequence + 1, at: now, kind: .hold, intent: nil, before: nil, after: nil,
                    detail: "stopped: \(loss)", digest: []), after: head)
            return LedgerHead(sequence: entry.sequence, hash: entry.hash)
        }
    }

    /// How many rows of the journal are hashed again at each start; the whole of it is `depai doctor`'s.
    private static let checkedAtStart: Int64 = 256

    /// What the second file remembers and the ledger does not have; nil when they agree.
    private static func loss(_ remembered: LedgerHead?, _ view: borrowing LedgerView) throws -> String? {
        guard let remembered, try view.hash(at: remembered.sequence) != remembered.hash else { return nil }
        let missing = remembered.sequence - (try view.head().sequence)
        return missing > 0
            ? "the ledger came back without its last \(missing) steps; the disk lost what it said was stored"
            : "the ledger is not the one that stood here before; it may be an old copy"
    }

    /// Reads the ledger. What is read is durable when this returns.
    public func read<Result: Sendable>(_ body: (borrowing LedgerView) throws -> Result) async throws -> Result
    {
        let result = try body(LedgerView(self.database))
        // A view of a ledger that cannot write any more is still worth having: it shows the last commit.
        if !self.faulted { try await self.durable() }
        return result
    }

    /// Reads the ledger without waiting for the disk: what is read may be younger than its commit. Only for
    /// decisions that have no effect outside before something that waits, as
    /// ``journal(_:payload:lastValidBlockHeight:)`` does: then both are on disk with one sync.
    public func peek<Result: Sendable>(_ body: (borrowing LedgerView) throws -> Result) rethrows -> Result {
        try body(LedgerView(self.database))
    }

    /// The policy in force, if the owner sent one.
    public var policyInForce: Policy? { self.policy }

    /// Asks to spend. On yes the money is reserved before this returns.
    ///
    /// The same proposal again gives the same answer for the same money: a reservation without a signature is
    /// handed out anew, a signed payment comes back as it was journalled. A second payee for something that
    /// is already paid, or may be, is refused.
    ///
    /// - Parameter channel: the payment channel whose deposit is spent; nil for the wallet's own money.
    /// - Throws: `LedgerError.channelBusy` while another voucher of the channel has no answer.
    public func authorize(_ proposal: Proposal, from channel: String? = nil) async throws -> Decision {
        // Also when it throws: the transaction is open.
        defer { self.commitSoon() }
        let decision = try self.decide(proposal, channel)
        if !decision.isAuthorized { try await self.durable() }
        return decision
    }

    private func decide(_ proposal: Proposal, _ channel: String?) throws -> Decision {
        guard !self.faulted else { throw LedgerError.storageFault }
        guard proposal.amount <= UInt64(Int64.max) else { throw LedgerError.amountTooLarge(proposal.amount) }
        let id = proposal.id
        // What is read in the transaction of the write takes the file's locks once.
        try self.openGroup()
        let view = LedgerView(self.database)
        var record = try view.intent(id)
        if let old = record, old.state == .reserved, try self.standstill() == nil,
            try !self.isOfThisPolicy(old)
        {
            // What an older policy allowed is asked of the one in force, as if it were new.
            try self.move(
                old, from: [.reserved], to: .failed, detail: "the policy changed before anything was signed",
                postings: Pot(channel: old.channel).release)
            record = try view.intent(id)
        }
        if let record {
            switch record.state {
            case .settled: return .settled(record)
            case .signed, .submitted, .unknown:
                guard let payment = try view.payment(record) else {
                    throw LedgerError.damaged(["\(id) has no bytes"])
                }
                return .inFlight(payment)
            case .reserved:
                // The owner may have stopped the wallet since; the reservation waits for the next policy.
                if let denial = try self.standstill() { return .denied(denial) }
                guard record.channel == channel else {
                    return .denied(Denial(rule: "purchase", reason: "the money is set aside elsewhere"))
                }
                return .authorized(try self.authorization(id, proposal, channel, after: record))
            case .denied, .waiting, .failed, .expired: break
            }
        }
        if let denial = try self.rivalry(proposal) { return .denied(denial) }
        if let channel { try self.checkFree(channel, for: proposal.amount) }
        switch try self.verdict(on: proposal, from: channel) {
        case .denied(let denial):
            // A price that moves with each try is refused once.
            guard try record != nil || self.others(of: proposal, in: .denied).isEmpty else {
                return .denied(denial)
            }
            try self.open(proposal, id, from: record, to: .denied, detail: denial.description)
            return .denied(denial)
        case .approvalNeeded(let denial):
            if record == nil, let tooMany = try self.supersede(proposal) { return .denied(tooMany) }
            try self.open(proposal, id, from: record, to: .waiting, detail: denial.description)
            return .waiting(denial)
        case .allowed:
            let number = self.policy?.sequence ?? 0
            try self.open(
                proposal, id, from: record, to: .reserved, channel: channel,
                detail: Self.allowance(by: number))
            return .authorized(try self.authorization(id, proposal, channel, after: record))
        }
    }

    private static let allowedWords = "allowed by policy"

    private static func allowance(by policy: UInt64) -> String { "\(self.allowedWords) \(policy)" }

    /// Whether a reservation was made under the policy in force. One whose permission is out is being signed.
    private func isOfThisPolicy(_ record: IntentRecord) throws -> Bool {
        guard !self.isOut(record.id), let step = record.lastStep,
            let row = try self.database.query(
                "SELECT detail FROM journal WHERE seq = ?", .integer(step)
            ).first
        else { return true }
        let words = row.text(0)
        return words == Self.allowance(by: self.policy?.sequence ?? 0)
            || !words.hasPrefix(Self.allowedWords)
    }

    /// What ``authorize(_:)`` would say to a new proposal now. Writes nothing.
    public func foresee(_ proposal: Proposal, from channel: String? = nil) throws -> Policy.Verdict {
        if let denial = try self.rivalry(proposal) { return .denied(denial) }
        return try self.verdict(on: proposal, from: channel)
    }

    /// Why the same thing is not bought from somebody else as well.
    private func rivalry(_ proposal: Proposal) throws -> Denial? {
        try LedgerView(self.database).intents(
            purpose: proposal.purpose, job: proposal.job, series: proposal.series
        ).first {
            $0.id != proposal.id && ($0.state.isOpen || $0.state == .settled && $0.delivery != .lost)
        }.map { rival in
            let reason = "the same purchase is \(rival.state.rawValue) with \(rival.proposal.payee)"
            return Denial(rule: "purchase", reason: reason)
        }
    }

    private func verdict(on proposal: Proposal, from channel: String? = nil) throws -> Policy.Verdict {
        if let hold = self.hold { return .denied(hold.denial) }
        guard let policy = self.policy else {
            return .denied(
                Denial(rule: "policy", reason: "there is no policy; only the owner can allow spending"))
        }
        let now = self.clock()
        let votes = try self.votes(on: proposal.id, policy, at: now)
        let verdict = try policy.verdict(
            on: proposal, history: self.history(of: channel), at: now, approvals: votes.agreed)
        if case .approvalNeeded = verdict, let refuser = votes.refused {
            return .denied(Denial(rule: "approval", reason: "rejected by \(refuser)"))
        }
        return verdict
    }

    private func history(of channel: String? = nil) -> History {
        History(database: self.database, windows: self.windows, channel: channel)
    }

    /// Why nothing at all is spent now; nil when the policy and nobody here stops it.
    func standstill() throws -> Denial? {
        if let hold = self.hold { return hold.denial }
        return try self.policy?.standstill(history: self.history(), at: self.clock())
    }

    func authorization(
        _ id: IntentID, _ proposal: Proposal, _ channel: String?, after record: IntentRecord?
    ) throws -> Authorization {
        guard self.outstanding.insert(id).inserted else { throw LedgerError.busy(id) }
        let voucher = try channel.map { channel in
            VoucherAuthority(
                channel: channel, cumulative: try self.progress(of: channel).spent + proposal.amount)
        }
        return Authorization(
            intent: id, proposal: proposal, attempt: (record?.attempts ?? 0) + 1, voucher: voucher)
    }

    /// Whether somebody holds a permission for it.
    func isOut(_ id: IntentID) -> Bool { self.outstanding.contains(id) }

    func finished(_ id: IntentID) { self.outstanding.remove(id) }

    // MARK: Commits

    /// Writes that are not durable yet, and who waits for them.
    private struct CommitGroup {
        var isOpen = false
        /// Somebody will commit as soon as everybody had his turn.
        var hasLeader = false
        var steps: [JournalEntry] = []
        var waiting: [CheckedContinuation<Void, any Error>] = []
    }

    /// Does one piece of work in the group's transaction: all of it or nothing. It is durable when
    /// ``durable()`` returned.
    ///
    /// A storage fault stops all writing until the ledger is opened again: after a failed sync the kernel may
    /// have dropped the pages, so trying once more would only look like success.
    func write<Result>(_ body: () throws -> Result) throws -> Result {
        guard !self.faulted else { throw LedgerError.storageFault }
        let head = self.head
        let steps = self.group.steps.count
        try self.openGroup()
        do {
            return try self.database.piece(body)
        } catch {
            if let error = error as? DatabaseError, error.isStorageFault { throw self.stop(after: error) }
            self.head = head
            self.windows.forget()
            self.group.steps.removeSubrange(steps...)
            throw error
        }
    }

    /// Begins the transaction that all shares until the next commit, unless it is open already.
    func openGroup() throws {
        guard !self.faulted else { throw LedgerError.storageFault }
        guard !self.group.isOpen else { return }
        do {
            try self.database.begin()
        } catch {
            throw error.isStorageFault ? self.stop(after: error) : error
        }
        self.group.isOpen = true
    }

    /// The number of the journal's next row.
    var nextStep: Int64 { self.head.sequence + 1 }

    /// Remembers a step that is told to the observer once it is durable.
    func note(_ entry: JournalEntry) {
        self.head = LedgerHead(sequence: entry.sequence, hash: entry.hash)
        self.group.steps.append(entry)
    }

    /// Returns when everything that was written so far is on disk. The first who waits lets all others that
    /// are ready write, too, and commits for them.
    func durable() async throws {
        guard self.group.isOpen else {
            if self.faulted { throw LedgerError.storageFault }
            return
        }
        if self.group.hasLeader {
            return try await withCheckedThrowingContinuation { self.group.waiting.append($0) }
        }
        // Who holds a permission will be back in a moment; without anybody there is nothing to wait for.
        if !self.outstanding.isEmpty {
            self.group.hasLeader = true
            await Task.yield()
            if self.faulted { throw LedgerError.storageFault }
        }
        try self.commit()
    }

    /// Commits a little later, unless somebody does so before. One timer serves all groups that come and go
    /// meanwhile; a young one is committed early, which only costs a sync.
    func commitSoon() {
        guard self.group.isOpen, !self.isTimed else { return }
        self.isTimed = true
        Task { [weak self, timeline] in
            try? await timeline.sleep(for: .milliseconds(20))
            try? await self?.commitIfOpen()
        }
    }

    private func commitIfOpen() throws {
        self.isTimed = false
        if self.group.isOpen { try self.commit() }
    }

    private func commit() throws {
        guard self.group.isOpen else { return }
        do {
            try self.noteTime()
            try self.database.commit()
        } catch {
            throw self.stop(after: error)
        }
        let done = self.group
        self.group = CommitGroup()
        // Lagging behind is what this file is allowed to do.
        try? self.headFile?.write(self.head)
        for step in done.steps { self.observer(step) }
        for waiter in done.waiting { waiter.resume() }
    }

    private func stop(after error: DatabaseError) -> DatabaseError {
        self.faulted = true
        self.database.rollback()
        let waiting = self.group.waiting
        self.group = CommitGroup()
        for waiter in waiting { waiter.resume(throwing: error) }
        return error
    }
}
