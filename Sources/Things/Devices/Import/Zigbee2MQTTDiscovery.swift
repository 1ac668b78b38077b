internal import Encoding
internal import World

/// `BASE/bridge/devices`: a list of devices with what they expose, and `BASE/bridge/groups` (Zigbee2MQTT,
/// "MQTT topics and messages" and "Exposes").
extension DiscoveryReader {
    mutating func readZigbee2MQTT(_ messages: [Message], base: String) {
        var exposes: [ExactText: [JSONField]] = [:]
        for message in messages where sameBytes(message.topic, "\(base)/bridge/devices") {
            guard let list = self.document(message) else { continue }
            for device in (try? list.elements()) ?? [] {
                do throws(JSONError) {
                    try self.readZigbee(device, base: base)
                    let address = try device["ieee_address"].string()
                    exposes[ExactText(address)] = try device["definition"]["exposes"].ifPresent?.elements()
                } catch {
                    self.skip(message.topic, "\(error)")
                }
            }
        }
        for message in messages where sameBytes(message.topic, "\(base)/bridge/groups") {
            guard let list = self.document(message) else { continue }
            for group in (try? list.elements()) ?? [] {
                do throws(JSONError) {
                    try self.readGroup(group, base: base, exposes)
                } catch {
                    self.skip(message.topic, "\(error)")
                }
            }
        }
    }

    private mutating func readZigbee(_ device: JSONField, base: String) throws(JSONError) {
        let name = try device["friendly_name"].string()
        guard try device["type"].string() != "Coordinator" else { return }
        guard try !(device["disabled"].ifPresent?.bool() ?? false) else {
            return self.skip(name, "is disabled")
        }
        guard let definition = device["definition"].ifPresent else {
            return self.skip(name, "Zigbee2MQTT does not know what it is")
        }
        let vendor = try definition["vendor"].ifPresent?.string() ?? ""
        let model = try definition["model"].ifPresent?.string() ?? ""
        var draft = ThingDraft(
            id: try device["ieee_address"].string(), name: name, title: "\(name) (\(vendor) \(model))",
            source: "zigbee2mqtt")
        var reader = ZigbeeReader(base: base, name: name)
        for exposed in try definition["exposes"].ifPresent?.elements() ?? [] {
            try reader.readAll(exposed, &draft)
        }
        reader.finish(&draft)
        self.add(draft)
    }

    /// A group says who belongs to it and not what it can: what all of its members can.
    private mutating func readGroup(
        _ group: JSONField, base: String, _ exposes: [ExactText: [JSONField]]
    ) throws(JSONError) {
        let name = try group["friendly_name"].string()
        let id = try group["id"].integer(Int64.self)
        let members = try group["members"].ifPresent?.elements() ?? []
        var common: [JSONField]?
        for member in members {
            let own = exposes[ExactText(try member["ieee_address"].string())] ?? []
            let features = own.filter { ZigbeeReader.isGroupable($0) }.flatMap(ZigbeeReader.features)
            common =
                common.map { known in
                    known.filter { feature in features.contains { ZigbeeReader.isSame($0, feature) } }
                } ?? features
        }
        guard let features = common, !features.isEmpty else {
            return self.skip(
                "group \(name)", members.isEmpty ? "has no members" : "its members share nothing")
        }
        var draft = ThingDraft(
            id: "group-\(id)", name: name, title: "\(name) (group of \(members.count))", source: "zigbee2mqtt"
        )
        var reader = ZigbeeReader(base: base, name: name)
        for feature in features { try reader.read(feature, kind: "group", &draft) }
        reader.finish(&draft)
        self.add(draft)
    }
}

/// Reads what one device or group exposes.
private struct ZigbeeReader {
    private let base: String
    private let topic: String
    /// What can be asked for: `BASE/NAME/get`.
    private var questions = JSON.Object()

    init(base: String, name: String) {
        self.base = base
        self.topic = "\(base)/\(name)"
    }

    /// What the bits of `access` mean.
    private enum Access {
        static let published = 1
        static let settable = 2
        static let gettable = 4
    }

    /// Words that tell a device to do something, and that it never reports. `toggle` is one for what is
    /// switched; for what shall be after a power cut it is a setting.
    private static let commands: Set<String> = [
        "stop", "identify", "press", "reset", "pause_toggle", "step_up", "step_down", "play_pause",
    ]

    /// Kinds of exposes that groups of devices obey.
    static func isGroupable(_ exposed: JSONField) -> Bool {
        guard let type = try? exposed["type"].string() else { return false }
        return ["light", "switch", "cover", "lock", "fan"].contains(type)
    }

    /// A light, a switch or a lock is a group of features; the rest stands alone.
    static func features(_ exposed: JSONField) -> [JSONField] {
        let isGroup = exposed["features"].exists && !exposed["property"].exists
        return isGroup ? (try? exposed["features"].elements()) ?? [] : [exposed]
    }

    static func isSame(_ left: JSONField, _ right: JSONField) -> Bool {
        left["property"].value == right["property"].value && left["type"].value == right["type"].value
    }

    mutating func readAll(_ exposed: JSONField, _ draft: inout ThingDraft) throws(JSONError) {
        let kind = (try? exposed["type"].string()) ?? ""
        let features = Self.features(exposed)
        for (index, feature) in features.enumerated() {
            // A colour is exposed once for each way of writing it, and is one property.
            guard !features[..<index].contains(where: { Self.isSame($0, feature) }) else { continue }
            let others = features[(index + 1)...].filter { Self.isSame($0, feature) }
            try self.read(feature, kind: kind, with: others, &draft)
        }
    }

    /// Whether it is there, and how it is asked for its values.
    func finish(_ draft: inout ThingDraft) {
        let words: [(String, JSON)] = [
            ("topic", .string("\(self.topic)/availability")), ("pointer", "/state"), ("online", "online"),
            ("offline", "offline"),
        ]
        // A bridge that is gone takes its devices with it; one that is there says nothing of them.
        draft.availability = [
            "mode": "all",
            "places": [
                .object(words),
                ["topic": .string("\(self.base)/bridge/state"), "pointer": "/state", "offline": "offline"],
            ],
        ]
        if !self.questions.members.isEmpty {
            draft.addQuery("\(self.topic)/get", .object(self.questions))
        }
    }

    /// - Parameter others: what else is exposed under the same property.
    mutating func read(
        _ feature: JSONField, kind: String, with others: [JSONField] = [], _ draft: inout ThingDraft
    ) throws(JSONError) {
        guard let property = try feature["property"].ifPresent?.string() else {
            // Some group features within features: a thermostat's schedule.
            if feature["features"].exists {
                for inner in try feature["features"].elements() { try self.read(inner, kind: kind, &draft) }
            } else if let name = try feature["name"].ifPresent?.string() {
                draft.note("\(name): names no property")
            }
            return
        }
        let access = try feature["access"].ifPresent?.integer(Int.self) ?? Access.published
        let label = try feature["label"].ifPresent?.string()
        guard let (schema, map) = try self.schema(feature, with: others) else {
            return draft.note("\(property): of type \(try feature["type"].string())")
        }
        let place = property.writing("~0", for: "~").writing("~1", for: "/")
        let report = ThingDraft.Wire(topic: self.topic, pointer: "/\(place)", map: map, isOverlay: true)
        // A button says what was done with it: that happens, and is not a state.
        if property == "action", access & Access.settable == 0 {
            var event = report
            event.map = []
            return draft.addEvent(property, title: label, data: schema, report: event)
        }
        let isReported = access & Access.published != 0
        if isReported, access & Access.gettable != 0, self.questions.members.count < 64 {
            self.questions[property] = ""
        }
        let write = ThingDraft.Wire(
            topic: self.topic + "/set", map: map, body: .object(with: property, "$value"),
            acknowledgement: isReported ? Self.echo(schema, of: property, kind: kind) : nil)
        draft.addProperty(
            property, title: label, schema: schema, report: isReported ? report : nil,
            write: access & Access.settable != 0 ? write : nil)
    }

    private static func echo(_ schema: JSON, of property: String, kind: String) -> JSON {
        let isSlow = kind == "cover" || kind == "lock"
        var echo: JSON = ["kind": "echo", "timeoutMs": isSlow ? 60_000 : 10_000]
        let isSwitched = property.hasPrefix("state")
        if case .array(let words)? = schema["enum"] {
            let commands = words.filter { word in
                guard case .string(let text) = word else { return false }
                let name = text.lowercased()
                return self.commands.contains(name) || isSwitched && name == "toggle"
            }
            if !commands.isEmpty { echo["commands"] = .array(commands) }
        }
        return echo
    }

    /// The data schema and the words of a feature; nil for a type that has none.
    private func schema(
        _ feature: JSONField, with others: [JSONField] = []
    ) throws(JSONError) -> (schema: JSON, map: [(word: String, value: JSON)])? {
        switch try feature["type"].string() {
        case "binary":
            let (on, off) = (feature["value_on"].value ?? true, feature["value_off"].value ?? false)
            if on == true, off == false { return (["type": "boolean"], []) }
            return (["type": "boolean"], [(on.plainText, true), (off.plainText, false)])
        case "numeric": return (try self.number(feature), [])
        case "enum":
            // Only what can be set is closed: devices report words that no list has.
            let isSettable =
                try (feature["access"].ifPresent?.integer(Int.self) ?? 0) & Access.settable != 0
            let values = try feature["values"].ifPresent?.elements().compactMap(\.value) ?? []
            var schema = ThingDraft.schema(of: values)
            if !isSettable { schema["enum"] = nil }
            return (schema, [])
        case "text": return (["type": "string"], [])
        case "composite": return (try self.composite([feature] + others), [])
        case "list": return (["type": "array"], [])
        default: return nil
        }
    }

    /// A number, or one of the words that the device has for some.
    private func number(_ feature: JSONField) throws(JSONError) -> JSON {
        var schema: JSON = ["type": "number"]
        schema["minimum"] = feature["value_min"].ifPresent?.value
        schema["maximum"] = feature["value_max"].ifPresent?.value
        if let low = schema["minimum"]?.double, let high = schema["maximum"]?.double, low > high {
            (schema["minimum"], schema["maximum"]) = (nil, nil)
        }
        let isInside = { (value: JSON) in
            guard let number = value.double else { return false }
            return number >= schema["minimum"]?.double ?? -.infinity
                && number <= schema["maximum"]?.double ?? .infinity
        }
        let presets = try (feature["presets"].ifPresent?.elements() ?? []).compactMap { $0["value"].value }
            .filter { !isInside($0) }
        if !presets.isEmpty {
            var words = ThingDraft.schema(of: presets)
            if words["type"] == nil { words["enum"] = .array(presets) }
            schema = ["oneOf": [schema, words]]
        }
        schema["unit"] = ThingDraft.unit(try feature["unit"].ifPresent?.string())
        return schema
    }

    private func composite(_ features: [JSONField]) throws(JSONError) -> JSON {
        var schema: JSON = ["type": "object"]
        var properties = JSON.Object()
        var inners: [JSONField] = []
        for feature in features { inners += try feature["features"].ifPresent?.elements() ?? [] }
        for inner in inners.prefix(64) {
            guard let name = try inner["property"].ifPresent?.string() else { continue }
            guard let (member, map) = try self.schema(inner) else { continue }
            // The words stand inside the object, where no map reaches.
            properties[name] = map.isEmpty ? member : ["enum": .array(map.map { .string($0.word) })]
        }
        if !properties.members.isEmpty { schema["properties"] = .object(properties) }
        return schema
    }
}

extension JSON {
    /// An object with one member.
    static func object(with name: String, _ value: JSON) -> JSON {
        var object = Object()
        object[name] = value
        return .object(object)
    }

    /// An object with these members.
    static func object(_ members: [(String, JSON)]) -> JSON {
        var object = Object()
        for (name, value) in members { object[name] = value }
        return .object(object)
    }
}
