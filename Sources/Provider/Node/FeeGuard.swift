internal import Encoding
internal import Payments

/// How much of a network's own money each payer has at risk: fees and rents that we paid for a payment, until
/// the payment brought its price.
///
/// Without it one client could use the owner's fee limit up with payments that fail. Payers that never paid
/// share a bound, too, since a new name costs nothing. It is kept in memory: the owner's policy is what holds
/// over restarts.
struct FeeGuard: Sendable {
    /// After so many milliseconds a fee that brought nothing is forgotten.
    private static let memory: Int64 = 3_600_000
    /// So many payers are told apart; beyond them nobody new is sponsored until some are forgotten.
    private static let payerLimit = 4_096

    private struct Risk {
        var amount: UInt64
        var since: Int64
    }

    private let bounds: FeeBounds
    private var risks: [String: Risk] = [:]
    /// What of it is for what: no more of them than the bounds have room for.
    private var loans: [String: (payer: String, amount: UInt64)] = [:]
    /// Who paid before.
    private var customers: Set<String> = []

    init(_ bounds: FeeBounds) { self.bounds = bounds }

    /// Notes that `cost` goes out for `payer`.
    /// - Parameter loan: what it is for.
    /// - Throws: `X402Error` when too much is at risk already; then nothing is noted.
    mutating func lend(
        _ cost: UInt64, to payer: String, for loan: String, at now: Int64
    ) throws(X402Error) {
        guard cost > 0 else { return }
        self.forget(before: now)
        let known = self.risks[payer]
        let own = cost.saturating(plus: known?.amount ?? 0)
        var isAllowed = own <= self.bounds.payer && (known != nil || self.risks.count < Self.payerLimit)
        if !self.customers.contains(payer) {
            let all = self.risks.reduce(cost) { sum, risk in
                self.customers.contains(risk.key) ? sum : sum.saturating(plus: risk.value.amount)
            }
            isAllowed = isAllowed && all <= self.bounds.strangers
        }
        guard isAllowed else {
            throw .invalid(
                code: "unexpected_settle_error",
                reason: "too many payments of this kind brought nothing; try again in an hour")
        }
        self.risks[payer] = Risk(amount: own, since: known?.since ?? now)
        self.loans[loan] = (payer, cost.saturating(plus: self.loans[loan]?.amount ?? 0))
    }

    /// Notes that what went out for `loan` came back, or brought its price.
    /// - Parameter payer: who paid it, where that is known.
    mutating func earned(_ loan: String, from payer: String? = nil) {
        let known = self.loans.removeValue(forKey: loan)
        guard let payer = payer ?? known?.payer else { return }
        if self.customers.count >= Self.payerLimit { self.customers.removeAll() }
        self.customers.insert(payer)
        guard let amount = known?.amount, var risk = self.risks[payer] else { return }
        risk.amount -= min(risk.amount, amount)
        self.risks[payer] = risk.amount == 0 ? nil : risk
    }

    private mutating func forget(before now: Int64) {
        let old = self.risks.filter { now >= $0.value.since.saturating(plus: Self.memory) }
        guard !old.isEmpty else { return }
        for payer in old.keys { self.risks[payer] = nil }
        self.loans = self.loans.filter { old[$0.value.payer] == nil }
    }
}
