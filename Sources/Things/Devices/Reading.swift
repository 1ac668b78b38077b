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
    /// Its number in the reading log, over restarts; nil for one that is not kept.
    public let sequence: UInt64?

    public init(
        thing: String, property: String, value: JSON, unit: String?, at: Timestamp, uptime: Duration,
        boot: String, sequence: UInt64?
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

    /// As ``json`` has it.
    package init(_ field: JSONField) throws(JSONError) {
        let milliseconds = try field["uptimeMs"].integer(Int64.self)
        self.init(
            thing: try field["thing"].string(), property: try field["property"].string(),
            value: field["value"].value ?? .null, unit: try field["unit"].ifPresent?.string(),
            at: Timestamp(
                milliseconds: try field["at"].integer(),
                quality: ClockQuality(rawValue: try field["clock"].string()) ?? .none),
            uptime: .milliseconds(milliseconds), boot: try field["boot"].string(),
            sequence: try field["seq"].ifPresent?.integer())
    }

    func numbered(_ sequence: UInt64?) -> Self {
        Self(
            thing: self.thing, property: self.property, value: self.value, unit: self.unit, at: self.at,
            uptime: self.uptime, boot: self.boot, sequence: sequence)
    }

    /// One object: `thing`, `property`, `value`, `unit` where known, `at` (milliseconds since 1970), `clock`,
    /// `uptimeMs`, `boot`, and `seq` where it is kept.
    public var json: JSON {
        var json: JSON = [
            "thing": .string(self.thing), "property": .string(self.property), "value": self.value,
        ]
        if let unit = self.unit { json["unit"] = .string(unit) }
        json["at"] = .integer(self.at.milliseconds)
        json["clock"] = .string(self.at.quality.rawValue)
        json["uptimeMs"] = .integer(self.uptime.milliseconds)
        json["boot"] = .string(self.boot)
        if let sequence = self.sequence { json["seq"] = JSON(sequence) }
        return json
    }
}
