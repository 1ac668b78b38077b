internal import Encoding
internal import Payments
internal import Solana

/// How much of our lamports each payer may have at risk: fees and rents that we paid for a payment, until the
/// payment brought its price.
///
/// Without it one client could use the owner's fee limit up with payments that fail. Payers that never paid
/// share a bound, too, since a new name costs nothing. It is kept in memory: the owner's policy is what holds
/// over restarts.
struct FeeGuard: Sendable {
    /// In lamports.
    struct Bounds: Sendable {
        /// Of one payer.
        let payer: UInt64
        /// Of all together that never paid.
        let strangers: UInt64

        /// A transfer costs some 10,000.
        static let transfers = Bounds(payer: 200_000, strangers: 20_000_000)
        /// An opening lends some 4,000,000 until the channel ends.
        static let channels = Bounds(payer: 20_000_000, strangers: 400_000_000)
    }

    /// After so many milliseconds a fee that brought nothing is forgotten.
    private static let memory: Int64 = 3_600_000
    /// So many payers are told apart; beyond them nobody new is sponsored until some are forgotten.
    private static let payerLimit = 4_096

    private struct Risk {
        var lamports: UInt64
        var since: Int64
    }

    private let bounds: Bounds
    private var risks: [Address: Risk] = [:]
    /// Who paid before.
    private var customers: Set<Address> = []

    init(_ bounds: Bounds) { self.bounds = bounds }

    /// Notes that `cost` lamports go out for `payer`.
    /// - Throws: `X402Error` when too much is at risk already; then nothing is noted.
    mutating func lend(
        _ cost: UInt64, to payer: Address, at now: Int64
    ) throws(X402Error) {
        self.risks = self.risks.filter { now < $0.value.since.saturating(plus: Self.memory) }
        let known = self.risks[payer]
        let own = cost.saturating(plus: known?.lamports ?? 0)
        var isAllowed = own <= self.bounds.payer && (known != nil || self.risks.count < Self.payerLimit)
        if !self.customers.contains(payer) {
            let all = self.risks.reduce(cost) { sum, risk in
                self.customers.contains(risk.key) ? sum : sum.saturating(plus: risk.value.lamports)
            }
            isAllowed = isAllowed && all <= self.bounds.strangers
        }
        guard isAllowed else {
            throw .invalid(
                code: "unexpected_settle_error",
                reason: "too many payments of this kind brought nothing; try again in an hour")
        }
        self.risks[payer] = Risk(lamports: own, since: known?.since ?? now)
    }

    /// Notes that a payment for which `cost` went out brought its price.
    mutating func earned(_ cost: UInt64, from payer: Address) {
        if self.customers.count >= Self.payerLimit { self.customers.removeAll() }
        self.customers.insert(payer)
        guard var risk = self.risks[payer] else { return }
        risk.lamports -= min(risk.lamports, cost)
        self.risks[payer] = risk.lamports == 0 ? nil : risk
    }
}
