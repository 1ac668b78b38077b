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
/// can leave with it before ``journal(_:payload:horizon:)``, which waits for both; and an
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
    /// There is something to commit that nobody waits for.
    private let late = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
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
    /// ``journal(_:payload:horizon:)`` does: then both are on disk with one sync.
    public func peek<Result: Sendable>(_ body: (borrowing LedgerView) throws -> Result) rethrows -> Result {
        try body(LedgerView(self.database))
    }

    /// The policy in force, if the owner sent one.
    public var policyInForce: Policy? { self.policy }

    /// Asks to spend. On yes the money is reserved before this returns.
    ///
    /// The same purchase again gives the same answer for the same money: a reservation without a signature is
    /// handed out anew, a signed payment comes back as it was journalled. Terms may change until something is
    /// signed; from then on other terms are ``Decision/differs(_:)`` until the payment has failed, expired or
    /// brought nothing. The file itself holds no two live intents of one purchase.
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
        // What is read in the transaction of the write takes the file's locks once.
        try self.openGroup()
        var newest = try LedgerView(self.database).intent(of: proposal.purchase)
        if let live = newest, live.isLive {
            guard live.state == .reserved else { return try self.answer(to: proposal, from: live) }
            // The owner may have stopped the wallet since; the reservation waits for the next policy.
            if let denial = try self.standstill() { return .denied(denial) }
            if try self.stands(live, for: proposal, from: channel) {
                return .authorized(try self.authorization(live.id, live.proposal, channel, after: live))
            }
            guard !self.isOut(live.id) else {
                return .denied(Denial(rule: "purchase", reason: "the same purchase is being signed"))
            }
            // Nothing was signed: it is asked for as if it were new.
            try self.move(
                live, from: [.reserved], to: .failed, detail: "asked for anew before anything was signed",
                postings: Pot(channel: live.channel).release)
            newest = try LedgerView(self.database).intent(of: proposal.purchase)
        }
        if let channel { try self.checkFree(channel, for: proposal.amount) }
        return try self.judge(proposal, Round(of: proposal.purchase, after: newest), from: channel)
    }

    /// The answer to what is signed, or paid, already.
    private func answer(to proposal: Proposal, from live: IntentRecord) throws -> Decision {
        guard live.proposal.terms == proposal.terms else { return .differs(live) }
        guard live.state != .settled else { return .settled(live) }
        guard let payment = try LedgerView(self.database).payment(live) else {
            throw LedgerError.damaged(["\(live.id) has no bytes"])
        }
        return .inFlight(payment)
    }

    /// Whether a reservation is for these terms, out of this pot, and by the policy in force. One whose
    /// permission is out is being signed.
    private func stands(_ live: IntentRecord, for proposal: Proposal, from channel: String?) throws -> Bool {
        guard live.proposal.terms == proposal.terms, live.channel == channel else { return false }
        return self.isOut(live.id) || live.policy == self.policy?.sequence
    }

    /// Asks the policy, and stores its answer.
    private func judge(_ proposal: Proposal, _ round: Round, from channel: String?) throws -> Decision {
        let isTold = round.changes(to: proposal.terms) <= Self.changeLimit
        switch try self.verdict(on: proposal, round, from: channel) {
        case .denied(let denial):
            // A price that moves with each try is refused a few times, and not for as long as somebody likes.
            if isTold { try self.open(proposal, round, to: .denied, detail: denial.description) }
            return .denied(denial)
        case .approvalNeeded(let denial):
            guard isTold else {
                let reason = "the terms changed more than \(Self.changeLimit) times"
                return .denied(Denial(rule: "purchase", reason: reason))
            }
            try self.open(proposal, round, to: .waiting, detail: denial.description)
            return .waiting(round.id, denial)
        case .allowed:
            let number = self.policy?.sequence ?? 0
            try self.open(
                proposal, round, to: .reserved, channel: channel, detail: "allowed by policy \(number)")
            return .authorized(
                try self.authorization(round.id, proposal, channel, after: round.record))
        }
    }

    /// How often a seller may change terms that are refused, or wait for an approval.
    private static let changeLimit: Int64 = 8

    /// What ``authorize(_:from:)`` would say to a proposal now. Writes nothing.
    public func foresee(_ proposal: Proposal, from channel: String? = nil) throws -> Policy.Verdict {
        let newest = try LedgerView(self.database).intent(of: proposal.purchase)
        if let live = newest, live.isLive, live.state != .reserved, live.proposal.terms != proposal.terms {
            return .denied(live.difference)
        }
        return try self.verdict(on: proposal, Round(of: proposal.purchase, after: newest), from: channel)
    }

    private func verdict(
        on proposal: Proposal, _ round: Round, from channel: String?
    ) throws -> Policy.Verdict {
        if let hold = self.hold { return .denied(hold.denial) }
        guard let policy = self.policy else {
            return .denied(
                Denial(rule: "policy", reason: "there is no policy; only the owner can allow spending"))
        }
        let now = self.clock()
        // Votes are about the terms that were shown.
        let votes =
            round.isChanged(by: proposal.terms)
            ? (agreed: 0, refused: nil) : try self.votes(on: round.id, policy, at: now)
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

    /// Asks for a commit a little later, unless somebody commits before.
    func commitSoon() { if self.group.isOpen { self.late.continuation.yield() } }

    /// Commits what nobody waits for a moment after it was written, until the task is cancelled. Where nobody
    /// runs it, the next who waits for the disk commits that, too. Runs once.
    ///
    /// One pause serves all groups that come and go meanwhile; a young one is committed early, which only
    /// costs a sync.
    public func run() async {
        for await _ in self.late.stream {
            try? await self.timeline.sleep(for: Self.lateness)
            // A fault is told to whoever writes next.
            if self.group.isOpen { try? self.commit() }
        }
    }

    private static let lateness: Duration = .milliseconds(20)

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
