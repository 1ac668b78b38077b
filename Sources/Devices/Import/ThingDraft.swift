internal import Encoding

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
    var availability: JSON?
    private(set) var notes: [String] = []
    private var properties = JSON.Object()
    private var actions = JSON.Object()
    private var events = JSON.Object()

    init(id: String, name: String, title: String, source: String) {
        self.id = Self.plain(id)
        self.plainName = Self.plain(name)
        self.name = self.plainName
        self.title = title
        self.source = source
    }

    var isEmpty: Bool {
        self.properties.members.isEmpty && self.actions.members.isEmpty && self.events.members.isEmpty
    }

    /// Says what of the device is not in the description.
    mutating func note(_ text: String) {
        if self.notes.count < Thing.affordanceLimit { self.notes.append(text) }
    }

    /// - Parameter schema: the members of the data schema.
    mutating func addProperty(
        _ name: String, title: String?, schema: JSON, report: Wire?, write: Wire? = nil
    ) {
        var forms: [JSON] = []
        if let report { forms.append(Self.form(report, "observeproperty")) }
        if let write { forms.append(Self.form(write, "writeproperty")) }
        guard !forms.isEmpty else { return }
        var property = schema
        if let title { property["title"] = .string(title) }
        property["observable"] = .bool(report != nil)
        if write == nil { property["readOnly"] = true }
        if report == nil { property["writeOnly"] = true }
        property["forms"] = .array(forms)
        self.properties[self.free(name, in: self.properties)] = property
    }

    mutating func addAction(_ name: String, title: String?, invoke: Wire) {
        var action: JSON = ["forms": [Self.form(invoke, "invokeaction")]]
        if let title { action["title"] = .string(title) }
        self.actions[self.free(name, in: self.actions)] = action
    }

    mutating func addEvent(_ name: String, title: String?, data: JSON, report: Wire) {
        var event: JSON = ["data": data, "forms": [Self.form(report, "subscribeevent")]]
        if let title { event["title"] = .string(title) }
        self.events[self.free(name, in: self.events)] = event
    }

    private func free(_ name: String, in object: JSON.Object) -> String {
        var candidate = name.isEmpty ? "value" : name
        var number = 2
        while object[candidate] != nil {
            candidate = "\(name)-\(number)"
            number += 1
        }
        return candidate
    }

    private static func form(_ wire: Wire, _ operation: String) -> JSON {
        let listens = operation != "writeproperty" && operation != "invokeaction"
        var form: JSON = [
            "op": [.string(operation)], "href": .string("mqtt://{{BROKER}}/\(self.encoded(wire.topic))"),
            "contentType": .string(wire.isText ? "text/plain" : "application/json"),
            "mqv:controlPacket": listens ? "subscribe" : "publish", "mqv:qos": "1",
        ]
        form[listens ? "mqv:filter" : "mqv:topic"] = .string(wire.topic)
        if let retain = wire.retain { form["mqv:retain"] = .bool(retain) }
        if let pointer = wire.pointer { form["depai:pointer"] = .string(pointer) }
        if !wire.map.isEmpty {
            var map = JSON.Object()
            for (word, value) in wire.map { map[word] = value }
            form["depai:map"] = .object(map)
        }
        if wire.isOverlay { form["depai:merge"] = "overlay" }
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
        topic.utf8.reduce(into: "") { text, byte in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte & 0xdf)
                || "-._~/$:+".utf8.contains(byte)
            text += isPlain ? String(UnicodeScalar(byte)) : "%" + Hex.encode([byte]).uppercased()
        }
    }

    /// Letters, digits, and what file names and urns both take.
    static func plain(_ text: String) -> String {
        let plain = text.unicodeScalars.reduce(into: "") { result, scalar in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
            result.unicodeScalars.append(isPlain || scalar == "-" || scalar == "_" ? scalar : "-")
        }
        return plain.isEmpty ? "thing" : String(plain.prefix(64))
    }

    /// A unit in the words that descriptions use.
    static func unit(_ text: String?) -> JSON? {
        guard let text, !text.isEmpty else { return nil }
        return .string(["°C": "Cel", "%": "percent", "°F": "[degF]"][text] ?? text)
    }
}
