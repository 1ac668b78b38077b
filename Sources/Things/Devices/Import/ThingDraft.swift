internal import Encoding
internal import Messaging

/// A Thing Description in the making.
struct ThingDraft {
    /// How a value stands on the wire, in one direction.
    struct Wire {
        var topic: String
        /// The payload is a text, not JSON.
        var isText = false
        var pointer: String?
        /// Words and their values.
        var map: [(word: String, value: JSON)] = []
        var isOverlay = false
        var retain: Bool?
        /// `depai:rendered`.
        var isRendered = false
        /// value = wire * scale + offset.
        var scale: Double?
        var offset: Double?
        /// `depai:when`: places and what stands there.
        var when: [(pointer: String, equals: JSON)] = []
        /// `depai:fallback`.
        var fallback: JSON?
        /// `depai:empty`.
        var empty: String?
        /// `depai:body`.
        var body: JSON?
        /// `depai:ack`.
        var acknowledgement: JSON?
    }

    /// The urn's last part.
    let id: String
    let plainName: String
    var name: String
    let title: String
    /// Of the convention: `zigbee2mqtt`.
    let source: String
    /// `depai:availability`.
    var availability: JSON?
    /// `depai:query`.
    private var queries: [JSON] = []
    private(set) var notes: [String] = []
    private var properties = JSON.Object()
    private var actions = JSON.Object()
    private var events = JSON.Object()

    init(id: String, name: String, title: String, source: String) {
        self.id = Self.identifier(id)
        let plain = Self.plain(name)
        self.plainName = plain.isEmpty ? Self.fileWord(self.id) : plain
        self.name = self.plainName
        self.title = Self.line(title)
        self.source = source
    }

    /// `depai:name` of a device that shares its plain name with another one: steady, whoever else is there.
    var longName: String { "\(self.plainName)-\(Self.fileWord(self.id).suffix(8))" }

    var isEmpty: Bool {
        self.properties.members.isEmpty && self.actions.members.isEmpty && self.events.members.isEmpty
    }

    /// Says what of the device is not in the description.
    mutating func note(_ text: String) {
        let text = Self.line(text)
        guard self.notes.count < Thing.affordanceLimit, !self.notes.contains(text) else { return }
        self.notes.append(text)
    }

    /// - Parameter schema: the members of the data schema.
    mutating func addProperty(
        _ name: String, title: String?, schema: JSON, report: Wire?, write: Wire? = nil
    ) {
        self.addProperty(name, title: title, schema: schema, reports: report.map { [$0] } ?? [], write: write)
    }

    /// - Parameter reports: where the same value is said.
    mutating func addProperty(
        _ name: String, title: String?, schema: JSON, reports: [Wire], write: Wire? = nil
    ) {
        let reports = reports.prefix(Thing.formLimit - 1).filter { self.accepts($0, name, listens: true) }
        var write = write.flatMap { self.accepts($0, name, listens: false) ? $0 : nil }
        if let topic = write?.topic, write?.acknowledgement != nil,
            reports.contains(where: { TopicFilter.matches(topic, filter: $0.topic) })
        {
            write?.acknowledgement = nil
            self.note("\(name): it is told and reported on one topic, so an echo would be our own message")
        }
        var forms = reports.map { Self.form($0, "observeproperty") }
        if let write { forms.append(Self.form(write, "writeproperty")) }
        guard !forms.isEmpty, self.hasRoom(self.properties, name) else { return }
        var property = schema
        if let title { property["title"] = .string(Self.line(title)) }
        property["observable"] = .bool(!reports.isEmpty)
        if write == nil { property["readOnly"] = true }
        if reports.isEmpty { property["writeOnly"] = true }
        property["forms"] = .array(forms)
        self.properties[self.free(name, in: self.properties)] = property
    }

    mutating func addAction(
        _ name: String, title: String?, input: JSON? = nil, isIdempotent: Bool = false, invoke: Wire
    ) {
        guard self.accepts(invoke, name, listens: false), self.hasRoom(self.actions, name) else { return }
        var action: JSON = ["forms": [Self.form(invoke, "invokeaction")]]
        if let title { action["title"] = .string(Self.line(title)) }
        if let input { action["input"] = input }
        if isIdempotent { action["idempotent"] = true }
        self.actions[self.free(name, in: self.actions)] = action
    }

    mutating func addEvent(_ name: String, title: String?, data: JSON, report: Wire) {
        guard self.accepts(report, name, listens: true), self.hasRoom(self.events, name) else { return }
        var event: JSON = ["data": data, "forms": [Self.form(report, "subscribeevent")]]
        if let title { event["title"] = .string(Self.line(title)) }
        self.events[self.free(name, in: self.events)] = event
    }

    /// Takes away what stands at a place that is wrong: one bad value costs no other.
    /// - Returns: whether something stood there.
    mutating func drop(_ fault: ThingError) -> Bool {
        let parts = fault.pointer.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, let name = Pointer("/\(parts[2])")?.tokens.first else { return false }
        let reason = "\(name): \(fault.reason)"
        switch parts[1] {
        case "properties" where self.properties[name] != nil: self.properties[name] = nil
        case "actions" where self.actions[name] != nil: self.actions[name] = nil
        case "events" where self.events[name] != nil: self.events[name] = nil
        default: return false
        }
        self.note(reason)
        return true
    }

    /// A message after which the device says its values.
    mutating func addQuery(_ topic: String, _ payload: JSON) {
        guard self.queries.count < Query.limit, TopicFilter.isTopic(topic), Self.isOfDevices(topic) else {
            return
        }
        self.queries.append(["topic": .string(topic), "payload": payload])
    }

    // MARK: What strangers may claim

    /// Whether a device may have this place; says so when not.
    private mutating func accepts(_ wire: Wire, _ name: String, listens: Bool) -> Bool {
        let isValid = listens ? TopicFilter.isFilter(wire.topic) : TopicFilter.isTopic(wire.topic)
        guard isValid, !wire.topic.holds("{{"), Self.isOfDevices(wire.topic) else {
            self.note("\(name): \"\(wire.topic.prefix(80))\" is no topic of a device")
            return false
        }
        return true
    }

    /// Whether a topic or filter can be a device's: not everything, not the broker's own, and not ours.
    static func isOfDevices(_ topic: String) -> Bool {
        let levels = topic.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = levels.first, !topic.hasPrefix("$"), !sameBytes(String(first), "depai") else {
            return false
        }
        return levels.contains { $0 != "#" && $0 != "+" && !$0.isEmpty }
    }

    private mutating func hasRoom(_ object: JSON.Object, _ name: String) -> Bool {
        guard object.members.count < Thing.affordanceLimit else {
            self.note("\(name): more than \(Thing.affordanceLimit) of its kind")
            return false
        }
        return true
    }

    private func free(_ name: String, in object: JSON.Object) -> String {
        let plain = Self.plain(name)
        var candidate = plain.isEmpty ? "value" : plain
        let first = candidate
        var number = 2
        while object[candidate] != nil {
            candidate = "\(first)-\(number)"
            number += 1
        }
        return candidate
    }

    // MARK: The document

    private static func form(_ wire: Wire, _ operation: String) -> JSON {
        let listens = operation != "writeproperty" && operation != "invokeaction"
        var form: JSON = [
            "op": [.string(operation)], "href": .string("mqtt://{{BROKER}}/\(self.encoded(wire.topic))"),
            "contentType": .string(wire.isText ? "text/plain" : "application/json"),
            "mqv:controlPacket": listens ? "subscribe" : "publish", "mqv:qos": "1",
        ]
        form[listens ? "mqv:filter" : "mqv:topic"] = .string(wire.topic)
        if let retain = wire.retain { form["mqv:retain"] = .bool(retain) }
        if !wire.when.isEmpty {
            form["depai:when"] = .array(
                wire.when.map { ["pointer": .string($0.pointer), "equals": $0.equals] })
        }
        if let pointer = wire.pointer { form["depai:pointer"] = .string(pointer) }
        if !wire.map.isEmpty {
            var map = JSON.Object()
            for (word, value) in wire.map where map[word] == nil { map[word] = value }
            form["depai:map"] = .object(map)
        } else {
            if let scale = wire.scale { form["depai:scale"] = .number(scale) }
            if let offset = wire.offset { form["depai:offset"] = .number(offset) }
        }
        if wire.isRendered { form["depai:rendered"] = true }
        if let empty = wire.empty { form["depai:empty"] = .string(empty) }
        if wire.isOverlay { form["depai:merge"] = "overlay" }
        form["depai:fallback"] = wire.fallback
        form["depai:body"] = wire.body
        form["depai:ack"] = wire.acknowledgement
        return form
    }

    func description(broker: String) -> JSON {
        var thing: JSON = [
            "@context": [
                "https://www.w3.org/2022/wot/td/v1.1",
                ["mqv": "https://www.w3.org/2019/wot/mqtt#", "depai": "urn:depai:terms:"],
            ],
            "id": .string("urn:depai:\(self.source):\(self.id)"), "title": .string(self.title),
            "securityDefinitions": ["nosec_sc": ["scheme": "nosec"]], "security": ["nosec_sc"],
            "depai:name": .string(self.name),
        ]
        if let availability { thing["depai:availability"] = availability }
        if !self.queries.isEmpty { thing["depai:query"] = .array(self.queries) }
        if !self.notes.isEmpty { thing["depai:notes"] = .array(self.notes.map { .string($0) }) }
        for (name, members) in [
            ("properties", self.properties), ("actions", self.actions), ("events", self.events),
        ] where !members.members.isEmpty {
            thing[name] = .object(members)
        }
        return Self.filled(thing, broker)
    }

    /// With the broker's address in the place that was left for it.
    private static func filled(_ json: JSON, _ broker: String) -> JSON {
        switch json {
        case .string(let text) where text.hasPrefix("mqtt://{{BROKER}}"):
            return .string("mqtt://\(broker)" + text.dropFirst("mqtt://{{BROKER}}".count))
        case .array(let elements): return .array(elements.map { self.filled($0, broker) })
        case .object(let object):
            var result = JSON.Object()
            for (name, value) in object.members { result[name] = self.filled(value, broker) }
            return .object(result)
        default: return json
        }
    }

    /// What an address cannot hold as it is, in percent.
    private static func encoded(_ topic: String) -> String {
        Percent.encode(topic) { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte & 0xdf)
                || "-._~/$:+".utf8.contains(byte)
        }
    }
}

// MARK: Words

extension ThingDraft {
    /// The most bytes of a name: with its ending it is a file's name.
    private static let nameLimit = 96

    /// Letters of any script and digits, which file names and command lines both take; never begins with a
    /// dash. Empty when nothing is left.
    static func plain(_ text: String) -> String {
        var plain = ""
        for scalar in text.unicodeScalars {
            let scalar = self.isWord(scalar) ? scalar : "-"
            // Begins with a letter or a digit: a dash would make an option of it.
            if plain.isEmpty, !self.isWord(scalar) || !scalar.properties.isGraphemeBase { continue }
            if plain.isEmpty, scalar == "-" || scalar == "_" { continue }
            guard plain.utf8.count + UTF8.width(scalar) <= self.nameLimit else { break }
            plain.unicodeScalars.append(scalar)
        }
        while plain.hasSuffix("-") { plain.removeLast() }
        return plain
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "-" || scalar == "_" { return true }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .decimalNumber, .nonspacingMark, .spacingMark:
            return true
        default: return false
        }
    }

    /// The last part of a urn: what it cannot hold is replaced, and a sum over the whole keeps two apart that
    /// differ only there. The colons and dots of addresses need none.
    static func identifier(_ text: String) -> String {
        var isChanged = text.isEmpty || text.utf8.count > 64
        let plain = text.utf8.prefix(64).reduce(into: "") { result, byte in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte & 0xdf)
                || "-_".utf8.contains(byte)
            isChanged = isChanged || !isPlain && !":.".utf8.contains(byte)
            result += isPlain ? String(UnicodeScalar(byte)) : "-"
        }
        guard isChanged else { return plain }
        // FNV-1a.
        let sum = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { sum, byte in
            (sum ^ UInt64(byte)) &* 0x100_0000_01b3  // bounded: a byte
        }
        return "\(plain)-\(Hex.encode((0..<4).map { UInt8(truncatingIfNeeded: sum >> ($0 * 8)) }))"
    }

    /// An identifier as a file's name.
    private static func fileWord(_ id: String) -> String {
        let plain = self.plain(id)
        return plain.isEmpty ? "thing" : plain
    }

    /// One line of text without control characters.
    static func line(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars.prefix(256) {
            let isControl = scalar.properties.generalCategory == .control
            line.unicodeScalars.append(isControl ? " " : scalar)
        }
        return line
    }

    /// A unit in the words that descriptions use.
    static func unit(_ text: String?) -> JSON? {
        guard let text, !text.isEmpty else { return nil }
        return .string(["°C": "Cel", "%": "percent", "°F": "[degF]"][text] ?? self.line(text))
    }

    /// A data schema for values of which only these are allowed: its type is theirs, and there is none where
    /// they are of several types.
    static func schema(of values: [JSON]) -> JSON {
        var distinct: [JSON] = []
        for value in values.prefix(self.valueLimit) where !distinct.contains(value) { distinct.append(value) }
        guard !distinct.isEmpty else { return ["type": "string"] }
        let kinds: [DataSchema.Kind] = [.string, .integer, .number, .boolean, .object, .array, .null]
        var schema: JSON = [:]
        if let kind = kinds.first(where: { kind in distinct.allSatisfy { DataSchema.isKind(kind, $0) } }) {
            schema["type"] = .string(kind.rawValue)
        }
        schema["enum"] = .array(distinct)
        return schema
    }

    /// The most values of one list.
    private static let valueLimit = 1_024
}
