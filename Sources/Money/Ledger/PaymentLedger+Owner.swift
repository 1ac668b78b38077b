internal import Database
internal import Encoding
internal import Sodium
internal import Statements
public import World

/// Why a wallet stands still on its own machine, whatever the policy says. Anybody who stands beside the
/// robot may make one; only the owner takes it away.
public struct Hold: Sendable, Hashable {
    public let reason: String
    /// Milliseconds since 1970.
    public let since: Int64
    /// Who stopped it: `local`, `ledger`, or a base58 key.
    public let by: String

    /// As it is stored.
    var text: String {
        let json: JSON = [
            "reason": .string(self.reason), "since": .integer(self.since), "by": .string(self.by),
        ]
        return json.text
    }

    init(reason: String, since: Int64, by: String) {
        self.reason = PaymentLedger.kept(reason)
        self.since = since
        self.by = by
    }

    /// Reads what ``text`` gave.
    init(text: String) throws {
        let json = JSONField(try JSON.read(text))
        self.init(
            reason: try json["reason"].string(), since: try json["since"].integer(),
            by: try json["by"].string())
    }

    var denial: Denial { Denial(rule: "hold", reason: "the wallet is stopped: \(self.reason)") }
}

/// What was done with a command of the owner.
public struct CommandReceipt: Sendable, Hashable {
    /// Of the command, as in ``OwnerCommand/digest``.
    public let command: [UInt8]
    public let operation: String
    /// The journal with the command's row in it.
    public let head: LedgerHead
}

extension PaymentLedger {
    /// Applies a newer policy of the owner, and takes it as a sign of life.
    public func apply(policy file: [UInt8]) async throws {
        let policy = try self.newer(file)
        try self.write { try self.store(policy) }
        self.adopt(policy.body)
        try await self.durable()
    }

    private func adopt(_ policy: Policy) {
        self.policy = policy
        self.windows.forget()
    }

    private func newer(_ file: [UInt8]) throws -> Signed<Policy> {
        let policy = try Policy.read(file, owner: self.owner, wallet: Base58.encode(self.wallet.bytes))
        if let current = self.policy, policy.body.sequence <= current.sequence {
            throw PolicyError.staleSequence(inForce: current.sequence, found: policy.body.sequence)
        }
        return policy
    }

    /// Stores it in the one form, whatever it came in. Must run inside a write.
    private func store(_ signed: Signed<Policy>) throws {
        let (policy, file) = (signed.body, try signed.bytes)
        let now = self.clock().milliseconds
        for asset in policy.assets { try self.know(asset) }
        try self.database.run(
            "INSERT INTO policy VALUES (?, ?, ?)", .integer(Int64(bitPattern: policy.sequence)), .blob(file),
            .integer(now))
        try self.database.setMeta(.contact, String(now))
        try self.record(.policy, detail: "policy \(policy.sequence)", digest: policy.digest, at: now)
    }

    /// Stops all spending until the owner lifts it. What is signed already is followed to its end.
    /// - Parameter by: who asked; `local` for somebody at the machine.
    public func freeze(reason: String, by: String = "local") async throws {
        guard self.hold == nil else { return try await self.durable() }
        let hold = Hold(reason: reason, since: self.clock().milliseconds, by: by)
        try self.write { try self.insert(hold, detail: "frozen by \(by): \(reason)") }
        try await self.durable()
    }

    /// Must run inside a write.
    func insert(_ hold: Hold, detail: String, digest: [UInt8] = []) throws {
        try self.database.setMeta(.hold, hold.text)
        try self.record(.hold, detail: detail, digest: digest, at: self.clock().milliseconds)
        self.hold = hold
    }

    /// Makes a challenge for one command that permits something; good for ten minutes awake and one use. It
    /// does not outlive the process.
    public func challenge(entropy: some Entropy) -> [UInt8] {
        self.challenges.make(entropy: entropy, at: self.timeline.uptime)
    }

    /// Carries out a signed command of the owner, an approver or a guardian.
    /// - Throws: `CommandError` or `PolicyError` that says why not; then nothing has changed.
    public func execute(_ envelope: [UInt8]) async throws -> CommandReceipt {
        let command = try OwnerCommand(signed: envelope)
        let digest = try command.digest
        try self.checkAuthority(command)
        let policy = try self.policy(in: command.operation)
        let previous = self.hold
        do {
            try self.write { try self.perform(command, digest, policy) }
        } catch {
            self.hold = previous
            throw error
        }
        if let policy { self.adopt(policy.body) }
        if command.operation.permits { self.challenges.use(command.challenge, at: self.timeline.uptime) }
        let head = self.head
        try await self.durable()
        return CommandReceipt(command: digest, operation: command.operation.name, head: head)
    }

    private func policy(in operation: OwnerCommand.Operation) throws -> Signed<Policy>? {
        guard case .applyPolicy(let file) = operation else { return nil }
        return try self.newer(file)
    }

    private func checkAuthority(_ command: OwnerCommand) throws {
        let wallet = Base58.encode(self.wallet.bytes)
        guard command.wallet == wallet else {
            throw CommandError.wrongWallet(expected: wallet, found: command.wallet)
        }
        let isOwner = command.issuer == self.owner
        let approvers = self.policy?.approvers ?? []
        let allowed =
            switch command.operation {
            case .freeze:
                isOwner || approvers.contains(command.issuer)
                    || self.policy?.guardians.contains(command.issuer) == true
            case .approve, .reject: approvers.contains(command.issuer)
            case .unfreeze, .renewLease, .applyPolicy: isOwner
            }
        guard allowed else {
            throw CommandError.notAllowed(
                "\(Base58.encode(command.issuer.bytes)) may not order \(command.operation.name) here")
        }
        let last = try self.database.query(
            "SELECT seq FROM issuer WHERE key = ? AND class = ?", .text(Base58.encode(command.issuer.bytes)),
            .text(command.operation.sequenceClass)
        ).first.map { UInt64(bitPattern: $0.integer(0)) }
        if let last, command.sequence <= last { throw CommandError.stale(lastSeen: last) }
        guard command.operation.permits else { return }
        guard self.challenges.isFresh(command.challenge, at: self.timeline.uptime) else {
            throw CommandError.noFreshChallenge
        }
        // The challenge bounds the command's age already; the wall clock says more only while it is right.
        let now = self.clock()
        if now.quality != .none, now.quality != .rtc, now.milliseconds >= command.expiresAt,
            !self.isAmiss(command)
        {
            throw CommandError.expired
        }
    }

    /// Whether the owner's clock and ours are so far apart that ours must be wrong: the command answers a
    /// challenge of a few minutes ago, so it was issued a moment ago.
    private func isAmiss(_ command: OwnerCommand) -> Bool {
        guard command.issuer == self.owner, command.operation.permits else { return false }
        let (difference, overflow) = self.clock().milliseconds.subtractingReportingOverflow(command.issuedAt)
        return overflow || difference.magnitude > LedgerClock.agreement.magnitude
    }

    /// Must run inside a write.
    private func perform(
        _ command: OwnerCommand, _ digest: [UInt8], _ policy: Signed<Policy>?
    ) throws {
        let issuer = Base58.encode(command.issuer.bytes)
        if self.isAmiss(command) {
            let before = self.clock().milliseconds
            self.setClock(to: command.issuedAt)
            try self.record(
                .command, detail: "the clock was set from \(before) to \(command.issuedAt) by \(issuer)",
                digest: digest, at: command.issuedAt)
        }
        let now = self.clock().milliseconds
        try self.database.run(
            "INSERT OR REPLACE INTO issuer VALUES (?, ?, ?)", .text(issuer),
            .text(command.operation.sequenceClass), .integer(Int64(bitPattern: command.sequence)))
        if command.operation.permits, command.issuer == self.owner {
            try self.database.setMeta(.contact, String(now))
        }
        switch command.operation {
        case .freeze(let reason):
            let hold = self.hold ?? Hold(reason: reason, since: now, by: issuer)
            try self.insert(hold, detail: "frozen by \(issuer): \(reason)", digest: digest)
        case .unfreeze:
            try self.database.setMeta(.hold, nil)
            try self.record(.hold, detail: "released by \(issuer)", digest: digest, at: now)
            self.hold = nil
        case .renewLease:
            try self.record(.command, detail: "lease renewed by \(issuer)", digest: digest, at: now)
        case .applyPolicy:
            if let policy { try self.store(policy) }
        case .approve(let id, let content):
            let previous = try self.vote(id, content, issuer, agrees: true, until: command.expiresAt)
            try self.record(
                .command, intent: id, after: previous, detail: "approved by \(issuer)", digest: digest,
                at: now)
        case .reject(let id, let content):
            let previous = try self.vote(id, content, issuer, agrees: false, until: .max)
            try self.record(
                .command, intent: id, after: previous, detail: "rejected by \(issuer)", digest: digest,
                at: now)
        }
    }

    /// - Returns: the row of the journal before, of the same intent; the vote's own row must come next.
    private func vote(
        _ id: IntentID, _ content: [UInt8], _ issuer: String, agrees: Bool, until: Int64
    ) throws -> Int64? {
        guard let record = try LedgerView(self.database).intent(id) else {
            throw CommandError.nothingWaits("there is no payment \(id)")
        }
        guard record.proposal.digest == content else {
            throw CommandError.nothingWaits("payment \(id) is another one than the one that was meant")
        }
        guard record.state == .waiting || record.state == .denied else {
            throw CommandError.nothingWaits("payment \(id) is \(record.state.rawValue) and waits for nobody")
        }
        try self.database.run(
            "INSERT OR REPLACE INTO approval VALUES (?, ?, ?, ?)", .text(id.description), .text(issuer),
            .integer(agrees ? 1 : 0), .integer(until))
        try self.database.run(
            "UPDATE intent SET last_step = ? WHERE id = ?", .integer(self.nextStep),
            .text(id.description))
        return record.lastStep
    }

    /// How many of the policy's approvers agree to a payment now, and one who does not.
    func votes(
        on id: IntentID, _ policy: Policy, at now: Timestamp
    ) throws -> (agreed: Int, refused: String?) {
        guard !policy.approvals.isEmpty || policy.unknownPayees == .ask else { return (0, nil) }
        let approvers = Set(policy.approvers.map { Base58.encode($0.bytes) })
        let votes = try self.database.query(
            "SELECT approver, agrees, expires_at FROM approval WHERE intent = ?", .text(id.description)
        ).filter { approvers.contains($0.text(0)) }
        return (
            votes.count { $0.integer(1) == 1 && now.milliseconds < $0.integer(2) },
            votes.first { $0.integer(1) == 0 }?.text(0)
        )
    }
}
