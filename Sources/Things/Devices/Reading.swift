public import Encoding
public import World

/// What a device said about one property, or one event, at one moment.
public struct Reading: Sendable {
    /// The description's `id`.
    public let thing: String
    /// The property's or the event's name.
    public let property: String
    public let value: JSON
    public let unit: String?
    /// When it arrived here, by the wall clock.
    public let at: Timestamp
    /// When it arrived here, since boot: dates it even if the wall clock was wrong.
    public let uptime: Duration
    /// Which start of the machine ``uptime`` counts from.
    public let boot: String
    /// Counts the readings of this run of the hub, from 1.
    public let sequence: UInt64

    public init(
        thing: String, property: String, value: JSON, unit: String?, at: Timestamp, uptime: Duration,
        boot: String, sequence: UInt64
    ) {
        self.thing = thing
        self.property = property
        self.value = value
        self.unit = unit
        self.at = at
        self.uptime = uptime
        self.boot = boot
        self.sequence = sequence
    }

    /// One object: `thing`, `property`, `value`, `unit` where known, `at` (milliseconds since 1970), `clock`,
    /// `uptimeMs`, `boot`, `seq`.
    public var json: JSON {
        var json: JSON = [
            "thing": .string(self.thing), "property": .string(self.property), "value": self.value,
        ]
        if let unit = self.unit { json["unit"] = .string(unit) }
        json["at"] = .integer(self.at.milliseconds)
        json["clock"] = .string(self.at.quality.rawValue)
        json["uptimeMs"] = .integer(self.uptime.milliseconds)
        json["boot"] = .string(self.boot)
        json["seq"] = JSON(self.sequence)
        return json
    }
}
