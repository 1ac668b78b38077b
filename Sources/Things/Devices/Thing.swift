public import Encoding
internal import Messaging

/// A W3C Thing Description 1.1 with the MQTT binding and the `depai:` terms (see this module's page).
public struct Thing: Sendable {
    /// The largest file with a description that is read, in bytes.
    public static let byteLimit = 256 << 10

    /// The description's `id`: what records and readings carry.
    public let id: String
    /// `depai:name`, by which people and configurations call the thing; its id where there is none.
    public let name: String
    public let title: String
    public let properties: [Property]
    public let actions: [Action]
    public let events: [EventSource]
    /// What the owner lets an agent do with the whole thing.
    public let limits: DeviceLimits
    /// What its importer could not put into the description, in words.
    public let notes: [String]
    package let availability: AvailabilityForm?
    /// What makes it say its values, where its convention has a question for that.
    package let queries: [Query]
    /// The machine that `depai:profile` names: what its actions are told is its protocol's, no raw message.
    package let profile: (any Profile)?

    /// The most affordances of one thing, and the most forms of one affordance.
    public static let affordanceLimit = 256
    public static let formLimit = 16

    /// Something that can be observed or written.
    public struct Property: Sendable {
        public let name: String
        public let schema: DataSchema
        public let limits: DeviceLimits
        /// Whether there is something to listen to.
        public var isObservable: Bool { !self.reports.isEmpty }
        /// Whether there is something to write to.
        public var isWritable: Bool { self.write != nil }
        /// Whether its readings are kept for who wants all of them: `depai:keep`.
        package let isKept: Bool
        package let reports: [ReportForm]
        package let write: CommandForm?
    }

    /// Something that can be done.
    public struct Action: Sendable {
        public let name: String
        /// Nil when the action takes no input.
        public let input: DataSchema?
        /// Repeating it does no harm: decides what happens after a crash.
        public let isIdempotent: Bool
        public let limits: DeviceLimits
        package let invoke: CommandForm?
    }

    /// Something that happens there.
    public struct EventSource: Sendable {
        public let name: String
        public let data: DataSchema?
        /// Whether it is kept for who wants all that happens: `depai:keep`.
        package let isKept: Bool
        package let reports: [ReportForm]
    }

    /// Reads a description. One with a `depai:profile` is refused: no profile is known here.
    /// - Throws: `ThingError` with the place: a term that is unknown, a topic that is named twice and
    ///   differently, a placeholder that nobody filled, ...
    public init(description: JSON) throws(ThingError) {
        try self.init(description: description, profiles: [])
    }

    /// - Parameter profiles: those that `depai:profile` may name.
    package init(description: JSON, profiles: [any Profile.Type]) throws(ThingError) {
        do {
            try self.init(JSONField(description), profiles)
        } catch {
            throw ThingError(error)
        }
    }

    private init(_ root: JSONField, _ profiles: [any Profile.Type]) throws(JSONError) {
        try DepaiTerms.check(root)
        let forms = try FormReader(root)
        self.id = try Self.name(root["id"])
        self.title = try root["title"].string()
        self.name =
            try root["depai:name"].ifPresent.map { field throws(JSONError) in try Self.name(field) }
            ?? self.id
        self.limits = try Self.limits(root["depai:limits"], kind: nil)
        if self.limits.range != nil { throw root["depai:limits"]["range"].fault("stands at an affordance") }
        self.availability = try AvailabilityForm(root["depai:availability"])
        self.queries = try Query.all(root["depai:query"])
        self.notes = try Self.notes(root["depai:notes"])
        let isKept = try root["depai:keep"].ifPresent?.bool() ?? true
        var properties: [Property] = []
        for (name, field) in try Self.affordances(root["properties"]) {
            properties.append(try Self.property(name, field, forms, isKept: isKept))
        }
        self.properties = properties
        self.profile = try Self.profile(root["depai:profile"], properties, among: profiles)
        var actions: [Action] = []
        for (name, field) in try Self.affordances(root["actions"]) {
            if let profile = self.profile, !type(of: profile).actions.contains(name) {
                throw field.fault("the profile has no such action")
            }
            actions.append(try Self.action(name, field, forms))
        }
        self.actions = actions
        var events: [EventSource] = []
        for (name, field) in try Self.affordances(root["events"]) {
            let data = try field["data"].ifPresent.map { field throws(JSONError) in try DataSchema(field) }
            events.append(
                EventSource(
                    name: name, data: data, isKept: try field["depai:keep"].ifPresent?.bool() ?? isKept,
                    reports: try forms.reports(field, standard: ["subscribeevent"])))
        }
        self.events = events
    }

    private static func property(
        _ name: String, _ field: JSONField, _ forms: FormReader, isKept: Bool
    ) throws(JSONError) -> Property {
        let schema = try DataSchema(field)
        var standard = ["readproperty", "writeproperty"]
        if try field["readOnly"].ifPresent?.bool() ?? false { standard = ["readproperty"] }
        if try field["writeOnly"].ifPresent?.bool() ?? false { standard = ["writeproperty"] }
        let reports = try forms.reports(field, standard: standard)
        let write = try forms.command(field, operation: "writeproperty", standard: standard)
        if let write, write.acknowledgement.kind == .echo, write.acknowledgement.filter == nil,
            reports.isEmpty
        {
            throw field["forms"].fault("an echo needs a form to observe, or a filter")
        }
        if let write, write.acknowledgement.kind == .echo {
            let filters = write.acknowledgement.filter.map { [$0] } ?? reports.map(\.filter)
            // We would hear ourselves and take it for the device.
            guard !filters.contains(where: { TopicFilter.matches(write.topic, filter: $0) }) else {
                throw field["forms"].fault(
                    "the echo would be our own message: both are on \"\(write.topic)\"")
            }
        }
        return Property(
            name: name, schema: schema, limits: try Self.limits(field["depai:limits"], kind: schema.kind),
            isKept: try field["depai:keep"].ifPresent?.bool() ?? isKept, reports: reports, write: write)
    }

    private static func action(_ name: String, _ field: JSONField, _ forms: FormReader) throws(JSONError)
        -> Action
    {
        let input = try field["input"].ifPresent.map { field throws(JSONError) in try DataSchema(field) }
        let invoke = try forms.command(field, operation: "invokeaction", standard: ["invokeaction"])
        if invoke?.acknowledgement.kind == .echo {
            throw field["forms"].fault("an action has no value to echo")
        }
        return Action(
            name: name, input: input, isIdempotent: try field["idempotent"].ifPresent?.bool() ?? false,
            limits: try Self.limits(field["depai:limits"], kind: input?.kind), invoke: invoke)
    }

    private static func affordances(_ field: JSONField) throws(JSONError) -> [(
        name: String, field: JSONField
    )] {
        let members = try field.ifPresent?.members() ?? []
        guard members.count <= Self.affordanceLimit else {
            throw field.fault("more than \(Self.affordanceLimit)")
        }
        for (name, field) in members where name.isEmpty || name.utf8.count > 128 {
            throw field.fault("a name has 1 to 128 bytes")
        }
        return members
    }

    private static func name(_ field: JSONField) throws(JSONError) -> String {
        let text = try field.string()
        guard (1...256).contains(text.utf8.count), !text.unicodeScalars.contains(where: { $0.value < 0x20 })
        else {
            throw field.fault("a name has 1 to 256 bytes and no control characters")
        }
        guard !text.holds("{{") else { throw field.fault("a placeholder is not filled") }
        return text
    }

    private static func notes(_ field: JSONField) throws(JSONError) -> [String] {
        let notes = try field.ifPresent?.strings() ?? []
        guard notes.count <= Self.affordanceLimit else {
            throw field.fault("more than \(Self.affordanceLimit)")
        }
        return notes
    }

    private static func limits(_ field: JSONField, kind: DataSchema.Kind?) throws(JSONError) -> DeviceLimits {
        guard field.exists else { return .none }
        try field.only(["range", "perMinute", "hours"])
        var range: ClosedRange<Double>?
        if let place = field["range"].ifPresent {
            let low = try place["min"].number()
            let high = try place["max"].number()
            try place.only(["min", "max"])
            guard low <= high else { throw place.fault("the minimum is above the maximum") }
            guard kind == nil || kind == .number || kind == .integer else {
                throw place.fault("is for numbers")
            }
            range = low...high
        }
        let perMinute = try field["perMinute"].ifPresent?.integer(Int.self)
        if let perMinute, !(1...DeviceLimits.perMinuteLimit).contains(perMinute) {
            throw field["perMinute"].fault("must be 1 to \(DeviceLimits.perMinuteLimit)")
        }
        let hours = try field["hours"].ifPresent.map { field throws(JSONError) in try DayHours(field) }
        return DeviceLimits(range: range, perMinute: perMinute, hours: hours)
    }
}
