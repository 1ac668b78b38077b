internal import Encoding
internal import World

/// `BASE/bridge/devices`: a list of devices with what they expose (Zigbee2MQTT, "MQTT topics and messages"
/// and "Exposes").
extension DiscoveryReader {
    mutating func readZigbee2MQTT(_ messages: [Message], base: String) {
        for message in messages where message.topic == "\(base)/bridge/devices" {
            guard let list = self.document(message) else { continue }
            for device in (try? list.elements()) ?? [] {
                do throws(JSONError) {
                    try self.readZigbee(device, base: base)
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
        draft.availability = [
            "topic": .string("\(base)/\(name)/availability"), "online": ["state": "online"],
            "offline": ["state": "offline"],
        ]
        let topic = "\(base)/\(name)"
        for exposed in try definition["exposes"].ifPresent?.elements() ?? [] {
            // A light, a switch or a lock is a group of features; the rest stands alone.
            let isGroup = exposed["features"].exists && !exposed["property"].exists
            for feature in isGroup ? try exposed["features"].elements() : [exposed] {
                try Self.read(feature, topic, &draft)
            }
        }
        self.add(draft)
    }

    /// What the bits of `access` mean.
    private enum Access {
        static let published = 1
        static let settable = 2
    }

    private static func read(
        _ feature: JSONField, _ topic: String, _ draft: inout ThingDraft
    ) throws(JSONError) {
        guard let property = try feature["property"].ifPresent?.string() else { return }
        let access = try feature["access"].ifPresent?.integer(Int.self) ?? Access.published
        let label = try feature["label"].ifPresent?.string()
        guard let (schema, map) = try self.schema(feature) else {
            return draft.note("\(property): of type \(try feature["type"].string())")
        }
        let pointer =
            "/"
            + property.split(separator: "~", omittingEmptySubsequences: false)
            .joined(separator: "~0").split(separator: "/", omittingEmptySubsequences: false)
            .joined(separator: "~1")
        let report = ThingDraft.Wire(topic: topic, pointer: pointer, map: map, isOverlay: true)
        // A button says what was done with it: that happens, and is not a state.
        if property == "action", access & Access.settable == 0 {
            var event = report
            event.map = []
            return draft.addEvent(property, title: label, data: schema, report: event)
        }
        let isReported = access & Access.published != 0
        let write = ThingDraft.Wire(
            topic: topic + "/set", map: map, body: .object(with: property, "$value"),
            acknowledgement: isReported ? ["kind": "echo", "timeoutMs": 10_000] : nil)
        draft.addProperty(
            property, title: label, schema: schema, report: isReported ? report : nil,
            write: access & Access.settable != 0 ? write : nil)
    }

    /// The data schema and the words of a feature; nil for a type that has none.
    private static func schema(
        _ feature: JSONField
    ) throws(JSONError) -> (schema: JSON, map: [(word: String, value: JSON)])? {
        switch try feature["type"].string() {
        case "binary":
            let (on, off) = (feature["value_on"].value ?? true, feature["value_off"].value ?? false)
            if on == true, off == false { return (["type": "boolean"], []) }
            return (["type": "boolean"], [(on.plainText, true), (off.plainText, false)])
        case "numeric":
            var schema: JSON = ["type": "number"]
            schema["unit"] = ThingDraft.unit(try feature["unit"].ifPresent?.string())
            schema["minimum"] = feature["value_min"].ifPresent?.value
            schema["maximum"] = feature["value_max"].ifPresent?.value
            return (schema, [])
        case "enum":
            var schema: JSON = ["type": "string"]
            // Only what can be set is closed: devices report words that no list has.
            if try (feature["access"].ifPresent?.integer(Int.self) ?? 0) & Access.settable != 0 {
                schema["enum"] = feature["values"].ifPresent?.value
            }
            return (schema, [])
        case "text": return (["type": "string"], [])
        case "composite": return (["type": "object"], [])
        case "list": return (["type": "array"], [])
        default: return nil
        }
    }
}

extension JSON {
    /// An object with one member.
    static func object(with name: String, _ value: JSON) -> JSON {
        var object = Object()
        object[name] = value
        return .object(object)
    }
}
