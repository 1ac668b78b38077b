/// Windows of limits on the time line: milliseconds since 1970, the calendar of UTC with a fixed offset, no
/// time zones and no leap seconds.
extension Policy.Window {
    static let day: Int64 = 86_400_000

    /// Payments reserved after this moment are inside the window that `now` is in.
    func start(at now: Int64) -> Int64 {
        switch self {
        case .rolling(let seconds): return Self.subtract(seconds, from: now)
        case .calendar(let unit, let offset):
            // A payment at the very first millisecond belongs to the new period.
            return Self.firstDay(of: unit, day: Self.dayNumber(now, offset)) * Self.day - offset * 60_000 - 1
        }
    }

    /// When a payment that was reserved at `oldest` leaves the window.
    func end(at now: Int64, oldest: Int64?) -> Int64? {
        switch self {
        case .rolling(let seconds): return oldest.map { $0 + seconds * 1_000 }
        case .calendar(let unit, let offset):
            let first = Self.firstDay(of: unit, day: Self.dayNumber(now, offset))
            let next =
                switch unit {
                case .day: first + 1
                case .week: first + 7
                case .month: Self.firstDay(of: .month, day: first + 31)
                }
            return next * Self.day - offset * 60_000
        }
    }

    /// For people.
    var text: String {
        switch self {
        case .rolling(let seconds): "in \(seconds) s"
        case .calendar(let unit, _): "this \(unit.rawValue)"
        }
    }

    private static func subtract(_ seconds: Int64, from now: Int64) -> Int64 {
        let (span, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        let (start, wraps) = now.subtractingReportingOverflow(span)
        return overflow || wraps ? .min : start
    }

    private static func dayNumber(_ now: Int64, _ offset: Int64) -> Int64 {
        let local = now + offset * 60_000
        return (local - (local % self.day + self.day) % self.day) / self.day
    }

    /// Days are counted from 1 January 1970, a Thursday.
    private static func firstDay(of unit: Policy.CalendarUnit, day: Int64) -> Int64 {
        switch unit {
        case .day: return day
        case .week: return day - ((day + 3) % 7 + 7) % 7
        case .month:
            // The day of the month in the proleptic Gregorian calendar, from eras of 400 years that begin on
            // 1 March (Howard Hinnant's civil_from_days).
            let shifted = day + 719_468
            let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
            let dayOfEra = shifted - era * 146_097
            let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
            let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
            let month = (5 * dayOfYear + 2) / 153
            return day - (dayOfYear - (153 * month + 2) / 5)
        }
    }
}

/// One rule of the policy as it stands now: how much is used, what is left, and when more comes back.
public struct LimitUsage: Sendable, Hashable {
    public enum Measure: String, Sendable {
        /// Atomic units in one payment.
        case perPayment = "per_payment"
        /// Atomic units in the window.
        case sum
        /// Payments in the window.
        case count
        /// Atomic units ever.
        case lifetime
        /// Atomic units that one payee ever gets.
        case payee
        /// Atomic units from which approvers are asked.
        case approval
    }

    /// As denials name it: `limit:per-day`, `payee:alpha`, `approval`.
    public let rule: String
    public let measure: Measure
    public let asset: Asset
    /// Which window, in words; empty for rules without one.
    public let window: String
    public let limit: UInt64
    public let used: UInt64
    /// When some of what is used comes back, in milliseconds since 1970; nil when never or nothing is used.
    public let resetsAt: Int64?

    public var left: UInt64 { self.limit > self.used ? self.limit - self.used : 0 }
}

extension Policy {
    /// How far each rule is used up at this moment. Open reservations count as spent.
    public func usage(history: some SpendingHistory, at now: Int64) throws -> [LimitUsage] {
        var usage: [LimitUsage] = []
        for limit in self.limits {
            guard let asset = self.assets.first(where: { $0.id == limit.asset }) else { continue }
            let rule = "limit:\(limit.id)"
            func add(
                _ measure: LimitUsage.Measure, _ most: UInt64?, _ used: UInt64, window: String = "",
                resetsAt: Int64? = nil
            ) {
                guard let most else { return }
                usage.append(
                    LimitUsage(
                        rule: rule, measure: measure, asset: asset, window: window, limit: most, used: used,
                        resetsAt: used == 0 ? nil : resetsAt))
            }
            add(.perPayment, limit.perPayment, 0)
            if let window = limit.window {
                let selection = self.selection(limit, since: window.start(at: now))
                let spent = try history.spent(selection)
                let resets = window.end(at: now, oldest: try history.oldest(selection))
                add(.sum, limit.sum, spent.sum, window: window.text, resetsAt: resets)
                add(
                    .count, limit.count.map { UInt64($0) }, UInt64(spent.count), window: window.text,
                    resetsAt: resets)
            }
            if limit.lifetime != nil {
                let spent = try history.spent(self.selection(limit, since: nil)).sum
                add(.lifetime, limit.lifetime, spent)
            }
        }
        for payee in self.payees {
            guard let cap = payee.cap else { continue }
            for asset in self.assets {
                let purpose = payee.purposes == [.fee] ? Purpose.fee : nil
                let spent = try history.spent(
                    .init(asset: asset.id, purpose: purpose, payee: payee.account)
                ).sum
                usage.append(
                    LimitUsage(
                        rule: "payee:\(payee.id)", measure: .payee, asset: asset, window: "", limit: cap,
                        used: spent, resetsAt: nil))
            }
        }
        for asset in self.assets {
            guard let approval = self.approvals[asset.id] else { continue }
            usage.append(
                LimitUsage(
                    rule: "approval", measure: .approval, asset: asset, window: "", limit: approval.above,
                    used: 0, resetsAt: nil))
        }
        return usage
    }
}
