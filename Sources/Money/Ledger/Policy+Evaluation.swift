public import World

/// What a wallet has done so far, as far as limits ask for it. Open reservations count as spent.
public protocol SpendingHistory {
    /// Atomic units and number of payments that hold money and match.
    func spent(_ selection: SpendingSelection) throws -> (sum: UInt64, count: Int)
    /// When the oldest of them was reserved, in milliseconds since 1970.
    func oldest(_ selection: SpendingSelection) throws -> Int64?
    /// Atomic units that are free to spend.
    func available(asset: String) throws -> UInt64
    /// When the owner was last heard, in milliseconds since 1970; nil before the first time.
    func lastContact() throws -> Int64?
}

/// Which payments are summed.
public struct SpendingSelection: Sendable, Hashable {
    public let asset: String
    /// Nil for every purpose but those that are limited apart.
    public let purpose: Purpose?
    /// An account; nil for every payee.
    public let payee: String?
    /// Reserved later than this, in milliseconds since 1970; nil for ever.
    public let since: Int64?

    public init(asset: String, purpose: Purpose? = nil, payee: String? = nil, since: Int64? = nil) {
        self.asset = asset
        self.purpose = purpose
        self.payee = payee
        self.since = since
    }
}

extension Policy {
    /// What the policy says to one proposal. Pure: the same history and the same time give the same verdict.
    public enum Verdict: Sendable, Hashable {
        case allowed
        case approvalNeeded(Denial)
        case denied(Denial)
    }

    /// Evaluates `proposal` in the fixed order lease, mode, asset, payee, per payment, windows, lifetime,
    /// funds, approval. The first rule that refuses names itself.
    ///
    /// - Parameter approvals: how many approvers agreed to this very payment. They replace the rule that
    ///   asks for them and no other.
    public func verdict(
        on proposal: Proposal, history: some SpendingHistory, at now: Timestamp, approvals: Int = 0
    ) throws -> Verdict {
        if let denial = try self.standstill(history: history, at: now) { return .denied(denial) }
        guard let asset = self.assets.first(where: { $0.id == proposal.asset.id }),
            asset.decimals == proposal.asset.decimals
        else {
            return .denied(Denial(rule: "asset", reason: "the policy does not know \(proposal.asset.id)"))
        }
        if proposal.purpose == .sweep { return try self.sweepVerdict(proposal, history: history) }
        let payee = self.payees.first { $0.account == proposal.payee }
        if let payee {
            if let denial = try self.check(payee, proposal, asset, history, now) { return .denied(denial) }
        } else if self.unknownPayees == .deny {
            return .denied(Denial(rule: "payee", reason: "\(proposal.payee) is not on the policy's list"))
        }
        // A payment that no limit speaks about is not allowed by silence.
        let limits = self.limits.filter { $0.matches(proposal, payee: payee) }
        guard !limits.isEmpty else {
            return .denied(
                Denial(
                    rule: "limit", reason: "no limit covers \(proposal.purpose.rawValue) in \(asset.symbol)"))
        }
        for limit in limits {
            if let denial = try self.check(limit, proposal, asset: asset, history: history, now: now) {
                return .denied(denial)
            }
        }
        let available = try history.available(asset: asset.id)
        guard proposal.amount <= available else {
            let reason = "\(asset.text(proposal.amount)) wanted, \(asset.text(available)) free"
            return .denied(Denial(rule: Denial.funds, reason: reason, allowedNow: available))
        }
        return self.approvalRule(proposal, payee, asset, approvals)
    }

    /// The owner's own money needs no limit: only its ceiling, and the account that the owner named.
    private func sweepVerdict(_ proposal: Proposal, history: some SpendingHistory) throws -> Verdict {
        guard let rule = self.sweeps.first(where: { $0.asset == proposal.asset.id }),
            rule.account == proposal.payee
        else {
            return .denied(
                Denial(rule: "sweep", reason: "the policy sweeps nothing to \(proposal.payee)"))
        }
        let available = try history.available(asset: proposal.asset.id)
        let over = available > rule.above ? available - rule.above : 0
        guard proposal.amount <= over else {
            let reason = "\(proposal.asset.text(over)) are above the ceiling"
            return .denied(Denial(rule: "sweep", reason: reason, allowedNow: over))
        }
        return .allowed
    }

    /// Why the wallet spends nothing at all now: the lease has run out, or the owner stopped it. Nil when it
    /// may spend.
    func standstill(history: some SpendingHistory, at now: Timestamp) throws -> Denial? {
        if let end = try self.leaseEnd(history: history), now.milliseconds >= end {
            return Denial(rule: "lease", reason: "the owner's lease has run out; the wallet only receives")
        }
        guard self.mode == .active else {
            return Denial(rule: "mode", reason: "the wallet is \(self.mode.rawValue)")
        }
        return nil
    }

    /// When the wallet stops spending, in milliseconds since 1970; nil without a lease.
    func leaseEnd(history: some SpendingHistory) throws -> Int64? {
        guard let lease = self.lease else { return nil }
        let offline = try lease.maxOfflineSeconds.map { seconds in
            Timestamp(milliseconds: try history.lastContact() ?? 0).adding(seconds: seconds).milliseconds
        }
        return [lease.until, offline].compactMap(\.self).min()
    }

    private func check(
        _ payee: Payee, _ proposal: Proposal, _ asset: Asset, _ history: some SpendingHistory,
        _ now: Timestamp
    ) throws -> Denial? {
        let rule = "payee:\(payee.id)"
        guard payee.purposes.contains(proposal.purpose) else {
            return Denial(
                rule: rule, reason: "\(payee.id) may not be paid for \(proposal.purpose.rawValue)")
        }
        if let until = payee.until, now.milliseconds >= until {
            return Denial(rule: rule, reason: "the time to pay \(payee.id) is over")
        }
        guard let cap = payee.cap else { return nil }
        let apart = proposal.purpose.isApart ? proposal.purpose : nil
        let spent = try history.spent(.init(asset: asset.id, purpose: apart, payee: payee.account)).sum
        return Self.check(proposal, spent: spent, limit: cap, rule: rule, asset)
    }

    private func approvalRule(
        _ proposal: Proposal, _ payee: Payee?, _ asset: Asset, _ approvals: Int
    ) -> Verdict {
        let rule = self.approvals[asset.id]
        let dear = rule.map { proposal.amount > $0.above } ?? false
        guard dear || payee == nil else { return .allowed }
        let quorum = rule?.quorum ?? 1
        guard approvals < quorum else { return .allowed }
        let why =
            dear ? "above \(asset.text(rule?.above ?? 0)) the owner decides" : "the payee is not on the list"
        return .approvalNeeded(
            Denial(
                rule: "approval", reason: "\(why); \(approvals) of \(quorum) approvals are here",
                allowedNow: dear ? rule?.above : nil))
    }

    private func check(
        _ limit: Limit, _ proposal: Proposal, asset: Asset, history: some SpendingHistory, now: Timestamp
    ) throws -> Denial? {
        let rule = "limit:\(limit.id)"
        if let most = limit.perPayment,
            let denial = Self.check(proposal, spent: 0, limit: most, rule: rule, asset)
        {
            return denial
        }
        if let window = limit.window {
            let spent = try history.spent(self.selection(limit, since: window.start(at: now.milliseconds)))
            if let sum = limit.sum,
                let denial = Self.check(proposal, spent: spent.sum, limit: sum, rule: rule, asset)
            {
                return denial
            }
            if let count = limit.count, spent.count >= count {
                return Denial(
                    rule: rule, reason: "\(count) payments \(window.text) are made already", allowedNow: 0)
            }
        }
        if let lifetime = limit.lifetime {
            let spent = try history.spent(self.selection(limit, since: nil)).sum
            return Self.check(proposal, spent: spent, limit: lifetime, rule: rule, asset)
        }
        return nil
    }

    func selection(_ limit: Limit, since: Int64?) -> SpendingSelection {
        SpendingSelection(
            asset: limit.asset, purpose: limit.purpose,
            payee: limit.payee.flatMap { id in self.payees.first { $0.id == id }?.account }, since: since)
    }

    private static func check(
        _ proposal: Proposal, spent: UInt64, limit: UInt64, rule: String, _ asset: Asset
    ) -> Denial? {
        let left = limit >= spent ? limit - spent : 0
        guard proposal.amount > left else { return nil }
        let reason = "\(asset.text(proposal.amount)) wanted, \(asset.text(left)) of \(asset.text(limit)) left"
        return Denial(rule: rule, reason: reason, allowedNow: left)
    }
}

extension Policy.Limit {
    func matches(_ proposal: Proposal, payee: Policy.Payee?) -> Bool {
        self.asset == proposal.asset.id
            && (self.purpose == proposal.purpose || self.purpose == nil && !proposal.purpose.isApart)
            && (self.payee == nil || self.payee == payee?.id)
    }
}
