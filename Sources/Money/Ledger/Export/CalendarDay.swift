/// A day in UTC, counted from 1970-01-01, in the proleptic Gregorian calendar.
struct CalendarDay: Hashable, Comparable, CustomStringConvertible {
    private static let milliseconds: Int64 = 86_400_000

    private let number: Int64

    private init(number: Int64) { self.number = number }

    /// The day of a moment in milliseconds since 1970.
    init(containing moment: Int64) {
        self.number = Self.floor(moment, Self.milliseconds).quotient
    }

    var next: CalendarDay { CalendarDay(number: self.number + 1) }
    var previous: CalendarDay { CalendarDay(number: self.number - 1) }

    static func < (left: CalendarDay, right: CalendarDay) -> Bool { left.number < right.number }

    /// `2027-01-15`.
    var description: String {
        // Years are counted from the first of March, so that the leap day is the last of its year.
        let (era, day) = Self.floor(self.number + 719_468, 146_097)
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
        let january = month >= 10
        return Self.padded(year + 400 * era + (january ? 1 : 0), 4) + "-"
            + Self.padded(january ? month - 9 : month + 3, 2) + "-" + Self.padded(dayOfMonth, 2)
    }

    /// RFC 3339 in UTC with milliseconds: `2027-01-15T08:00:00.000Z`.
    static func rfc3339(_ moment: Int64) -> String {
        let time = Self.floor(moment, Self.milliseconds).remainder
        let clock = [time / 3_600_000, time / 60_000 % 60, time / 1_000 % 60].map { Self.padded($0, 2) }
        return "\(CalendarDay(containing: moment))T\(clock.joined(separator: ":"))"
            + ".\(Self.padded(time % 1_000, 3))Z"
    }

    private static func floor(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value.magnitude)
        return (value < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
