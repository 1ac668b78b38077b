internal import Encoding
internal import World

/// A part of every day by a clock with a fixed distance to UTC: `{"from": "06:00", "to": "22:00",
/// "utcOffset": "+01:00"}`. From one time of day up to, and without, the other; over midnight where the
/// second comes first. A summer time is the owner's to write down.
public struct DayHours: Sendable, Hashable, CustomStringConvertible {
    /// Minutes after midnight, 0 to 1,439.
    public let from: Int
    public let to: Int
    /// Minutes that the clock is ahead of UTC.
    public let utcOffset: Int

    private static let day = 1_440

    init(_ field: JSONField) throws(JSONError) {
        try field.only(["from", "to", "utcOffset"])
        self.from = try Self.minutes(field["from"])
        self.to = try Self.minutes(field["to"])
        self.utcOffset = try field["utcOffset"].ifPresent.map(Self.offset) ?? 0
        guard self.from != self.to else { throw field["to"].fault("is when it begins") }
    }

    /// Whether the time of day lies within.
    func contains(_ time: Timestamp) -> Bool {
        let minute = Int(time.milliseconds / 60_000 % Int64(Self.day)) + self.utcOffset
        let now = (minute % Self.day + Self.day) % Self.day
        return self.from < self.to
            ? (self.from..<self.to).contains(now) : now >= self.from || now < self.to
    }

    public var description: String {
        let sign = self.utcOffset < 0 ? "-" : "+"
        return "\(Self.text(self.from)) to \(Self.text(self.to)) \(sign)\(Self.text(abs(self.utcOffset)))"
    }

    private static func text(_ minutes: Int) -> String {
        "\(minutes / 600)\(minutes / 60 % 10):\(minutes % 60 / 10)\(minutes % 10)"
    }

    /// `HH:MM`.
    private static func minutes(_ field: JSONField) throws(JSONError) -> Int {
        guard let minutes = Self.minutes(try field.string()) else {
            throw field.fault("a time of day is HH:MM, 00:00 to 23:59")
        }
        return minutes
    }

    /// `+HH:MM` or `-HH:MM`.
    private static func offset(_ field: JSONField) throws(JSONError) -> Int {
        let text = try field.string()
        guard let sign = text.first, "+-".contains(sign),
            let minutes = Self.minutes(String(text.dropFirst())),
            minutes <= 14 * 60
        else { throw field.fault("an offset is +HH:MM or -HH:MM, at most 14 hours") }
        return sign == "-" ? -minutes : minutes
    }

    private static func minutes(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":"),
            let hours = Int(String(decoding: bytes[..<2], as: UTF8.self)),
            let minutes = Int(String(decoding: bytes[3...], as: UTF8.self)),
            (0..<24).contains(hours), (0..<60).contains(minutes), !bytes.contains(UInt8(ascii: "+"))
        else { return nil }
        return hours * 60 + minutes
    }
}
