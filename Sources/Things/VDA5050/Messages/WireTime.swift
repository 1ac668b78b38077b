internal import Encoding

/// An instant as messages carry it. Source: RFC 3339; VDA 5050 2.1.0 section 6.4.
package struct WireTime: Sendable, Hashable, WireValue {
    /// UTC since 1970.
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        // Year 0 to 9999: what RFC 3339 can write. Our own clock may stand anywhere.
        self.milliseconds = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
    }

    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> WireTime {
        let text = try field.string()
        guard let time = WireTime(text) else {
            throw field.fault("\"\(text.prefix(40))\" is no RFC 3339 time")
        }
        return time
    }

    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON {
        .string(self.description)
    }

    /// - Returns: nil when `text` is not a date and time of RFC 3339. Digits below milliseconds are dropped.
    package init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        func number(_ count: Int) -> Int64? {
            guard rest.count >= count, rest.prefix(count).allSatisfy(Self.isDigit) else { return nil }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count).reduce(0) { $0 * 10 + Int64($1) - 0x30 }
        }
        func accept(_ character: Character) -> Bool {
            guard let byte = rest.first, byte | 0x20 == (character.asciiValue ?? 0) | 0x20 else {
                return false
            }
            rest = rest.dropFirst()
            return true
        }
        guard let year = number(4), accept("-"), let month = number(2), accept("-"), let day = number(2),
            accept("T"), let hour = number(2), accept(":"), let minute = number(2), accept(":"),
            let second = number(2), (1...12).contains(month), hour < 24, minute < 60, second <= 60,
            day >= 1, day <= Self.days(in: month, year)
        else { return nil }
        var fraction: Int64 = 0
        if accept(".") {
            let digits = rest.prefix(while: Self.isDigit)
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
            for index in 0..<3 {
                let position = digits.startIndex + index
                fraction = fraction * 10 + (position < digits.endIndex ? Int64(digits[position]) - 0x30 : 0)
            }
        }
        var offset: Int64 = 0
        if !accept("Z") {
            let isEast = accept("+")
            guard isEast || accept("-"), let hours = number(2), accept(":"), let minutes = number(2),
                hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (isEast ? 1 : -1)
        }
        guard rest.isEmpty else { return nil }
        let minutes = (Self.dayNumber(year, month, day) * 24 + hour) * 60 + minute - offset
        self.init(milliseconds: (minutes * 60 + second) * 1_000 + fraction)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func days(in month: Int64, _ year: Int64) -> Int64 {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days since 1970 in the proleptic Gregorian calendar; years begin in March, so the leap day is last.
    private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let ofEra = year - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }
}

extension WireTime: CustomStringConvertible {
    /// With milliseconds and `Z`.
    package var description: String {
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let dayLength: Int64 = 86_400_000
        let ofDay = (self.milliseconds % dayLength + dayLength) % dayLength
        let shifted = (self.milliseconds - ofDay) / dayLength + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * ofYear + 2) / 153
        let month = march < 10 ? march + 3 : march - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let date = [padded(year, 4), padded(month, 2), padded(ofYear - (153 * march + 2) / 5 + 1, 2)]
        let clock = [ofDay / 3_600_000, ofDay / 60_000 % 60, ofDay / 1_000 % 60].map { padded($0, 2) }
        return date.joined(separator: "-") + "T" + clock.joined(separator: ":")
            + ".\(padded(ofDay % 1_000, 3))Z"
    }
}
