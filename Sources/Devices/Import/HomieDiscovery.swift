internal import Encoding
internal import World

/// `BASE/5/DEVICE/$description` (Homie convention 5.0).
extension DiscoveryReader {
    mutating func readHomie(_ messages: [Message], base: String) {
        for message in messages {
            let parts = message.topic.split(separator: "/")
            guard parts.count >= 4, parts.last == "$description", let root = self.document(message) else {
                continue
            }
            let device = String(parts[parts.count - 2])
            do throws(JSONError) {
                self.add(try Self.draft(root, device, topic: "\(base)/5/\(device)"))
            } catch {
                self.skip(message.topic, "\(error)")
            }
        }
    }

    private static func draft(
        _ root: JSONField, _ device: String, topic: String
    ) throws(JSONError) -> ThingDraft {
        let title = try root["name"].ifPresent?.string() ?? device
        var draft = ThingDraft(id: device, name: device, title: title, source: "homie")
        draft.availability = [
            "topic": .string("\(topic)/$state"), "online": ["ready", "sleeping"],
            "offline": ["init", "disconnected", "lost"],
        ]
        let nodes = try root["nodes"].ifPresent?.members() ?? []
        for (node, description) in nodes {
            for (property, field) in try description["properties"].ifPresent?.members() ?? [] {
                // A device with one node needs no name for it.
                let name = nodes.count == 1 ? property : "\(node)-\(property)"
                try self.read(field, name, topic: "\(topic)/\(node)/\(property)", &draft)
            }
        }
        return draft
    }

    private static func read(
        _ field: JSONField, _ name: String, topic: String, _ draft: inout ThingDraft
    ) throws(JSONError) {
        guard let schema = try self.schema(field) else {
            return draft.note("\(name): of type \(try field["datatype"].string())")
        }
        let isRetained = try field["retained"].ifPresent?.bool() ?? true
        let isBoolean = schema["type"] == "boolean"
        let map: [(word: String, value: JSON)] = isBoolean ? [("true", true), ("false", false)] : []
        let title = try field["name"].ifPresent?.string()
        let report = ThingDraft.Wire(topic: topic, isText: true, map: map, retain: isRetained)
        guard isRetained else {
            // What is not kept happens; it is not a state.
            return draft.addEvent(name, title: title, data: schema, report: report)
        }
        let write = ThingDraft.Wire(
            topic: topic + "/set", isText: true, map: map, retain: false,
            // The device says what it accepted; the value may take a while to get there.
            acknowledgement: ["kind": "echo", "filter": .string(topic + "/$target"), "timeoutMs": 10_000])
        draft.addProperty(
            name, title: title, schema: schema, report: report,
            write: try field["settable"].ifPresent?.bool() ?? false ? write : nil)
    }

    private static func schema(_ field: JSONField) throws(JSONError) -> JSON? {
        let format = try field["format"].ifPresent?.string() ?? ""
        var schema: JSON
        switch try field["datatype"].string() {
        case "integer": schema = ["type": "integer"]
        case "float": schema = ["type": "number"]
        case "boolean": schema = ["type": "boolean"]
        case "string", "datetime", "duration", "color": schema = ["type": "string"]
        case "enum":
            schema = [
                "type": "string", "enum": .array(format.split(separator: ",").map { .string(String($0)) }),
            ]
        default: return nil
        }
        if schema["type"] == "integer" || schema["type"] == "number" {
            // As in `0:100:5`; either end may be open.
            let parts = format.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            for (name, text) in zip(["minimum", "maximum"], parts) {
                if let number = try? JSON.read(text), number.double != nil { schema[name] = number }
            }
        }
        schema["unit"] = ThingDraft.unit(try field["unit"].ifPresent?.string())
        return schema
    }
}
