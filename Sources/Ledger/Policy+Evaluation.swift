public import World

/// What a wallet has done so far, as far as limits ask for it. Open reservations count as spent.
public protocol SpendingHistory {
    /// Atomic units and number of payments that hold money and match; nil matches everything.
    func spent(asset: String, purpose: Purpose?, payee: String?, since: Int64?) throws -> (
        sum: UInt64, count: Int
    )
    /// Atomic units that are free to spend.
    func available(asset: String) throws -> UInt64
}

extension Policy {
    /// What the policy says to one proposal. Pure: the same history and the same time give the same verdict.
    public enum Verdict: Sendable, Hashable {
        case allowed
        case approvalNeeded(Denial)
        case denied(Denial)
    }

    /// Evaluates `proposal` in the fixed order lease, mode, asset, payee, per payment, windows, lifetime,
    /// approval, funds. The first rule that refuses names itself.
    public func verdict(
        on proposal: Proposal, history: some SpendingHistory, at now: Timestamp
    ) throws -> Verdict {
        if let denial = self.standstill(at: now) { return .denied(denial) }
        guard let asset = self.assets.first(where: { $0.id == proposal.asset.id }),
            asset.decimals == proposal.asset.decimals
        else {
            return .denied(Denial(rule: "asset", reason: "the policy does not know \(proposal.asset.id)"))
        }
        guard let payee = self.payees.first(where: { $0.account == proposal.payee }) else {
            return .denied(Denial(rule: "payee", reason: "\(proposal.payee) is not on the policy's list"))
        }
        guard payee.purposes.contains(proposal.purpose) else {
            let reason = "\(payee.id) may not be paid for \(proposal.purpose.rawValue)"
            return .denied(Denial(rule: "payee:\(payee.id)", reason: reason))
        }
        if let cap = payee.cap {
            let spent = try history.spent(asset: asset.id, purpose: nil, payee: payee.account, since: nil).sum
            if let denial = Self.check(proposal, spent: spent, limit: cap, rule: "payee:\(payee.id)", asset) {
                return .denied(denial)
            }
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
            return .denied(Denial(rule: "funds", reason: reason, allowedNow: available))
        }
        if let threshold = self.approvalAbove[asset.id], proposal.amount > threshold {
            let reason = "above \(asset.text(threshold)) the owner decides"
            return .approvalNeeded(Denial(rule: "approval", reason: reason, allowedNow: threshold))
        }
        return .allowed
    }

    /// Why the wallet spends nothing at all now: the lease has run out, or the owner stopped it. Nil when it
    /// may spend.
    func standstill(at now: Timestamp) -> Denial? {
        if let until = self.leaseUntil, now.milliseconds >= until {
            return Denial(rule: "lease", reason: "the owner's lease has run out; the wallet only receives")
        }
        guard self.mode == .active else {
            return Denial(rule: "mode", reason: "the wallet is \(self.mode.rawValue)")
        }
        return nil
    }

    private func check(
        _ limit: Limit, _ proposal: Proposal, asset: Asset, history: some SpendingHistory, now: Timestamp
    ) throws -> Denial? {
        let rule = "limit:\(limit.id)"
        let payee = limit.payee.flatMap { id in self.payees.first { $0.id == id }?.account }
        if let most = limit.perPayment,
            let denial = Self.check(proposal, spent: 0, limit: most, rule: rule, asset)
        {
            return denial
        }
        if let window = limit.windowSeconds {
            let since = now.adding(seconds: -window).milliseconds
            let spent = try history.spent(asset: asset.id, purpose: limit.purpose, payee: payee, since: since)
            if let sum = limit.sum,
                let denial = Self.check(proposal, spent: spent.sum, limit: sum, rule: rule, asset)
            {
                return denial
            }
            if let count = limit.count, spent.count >= count {
                return Denial(
                    rule: rule, reason: "\(count) payments in \(window) s are made already", allowedNow: 0)
            }
        }
        if let lifetime = limit.lifetime {
            let spent = try history.spent(asset: asset.id, purpose: limit.purpose, payee: payee, since: nil)
                .sum
            return Self.check(proposal, spent: spent, limit: lifetime, rule: rule, asset)
        }
        return nil
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
    func matches(_ proposal: Proposal, payee: Policy.Payee) -> Bool {
        self.asset == proposal.asset.id && (self.purpose == nil || self.purpose == proposal.purpose)
            && (self.payee == nil || self.payee == payee.id)
    }
}
