internal import Encoding
internal import World

/// `BASE/5/DEVICE/$description` (Homie convention 5), and `BASE/DEVICE/$homie` with an attribute in each
/// topic (conventions 3 and 4).
extension DiscoveryReader {
    static func homieFilters(base: String) -> [String] {
        let attributes = [
            "+/$homie", "+/$name", "+/$nodes", "+/$state", "+/+/$name", "+/+/$properties", "+/+/$array",
            "+/+/+/$name", "+/+/+/$datatype", "+/+/+/$format", "+/+/+/$unit", "+/+/+/$settable",
            "+/+/+/$retained",
        ]
        return ["\(base)/5/+/$description", "\(base)/5/+/$state"] + attributes.map { "\(base)/\($0)" }
    }

    mutating func readHomie(_ messages: [Message], base: String) {
        var gone: Set<ExactText> = []
        for message in messages where message.payload.isEmpty && message.topic.hasSuffix("/$state") {
            gone.insert(ExactText(message.topic))
        }
        for message in messages {
            let parts = Self.levels(message.topic, below: base)
            guard parts.count == 3, parts[0] == "5", parts[2] == "$description" else { continue }
            let device = parts[1]
            let topic = "\(base)/5/\(device)"
            // A device that was taken away leaves its description behind at times.
            guard !gone.contains(ExactText("\(topic)/$state")), let root = self.document(message) else {
                continue
            }
            do throws(JSONError) {
                self.add(try HomieReader(base: "\(base)/5", version: 5).draft(root, device))
            } catch {
                self.skip(message.topic, "\(error)")
            }
        }
        self.readOldHomie(messages, base: base, gone)
    }

    private static func levels(_ topic: String, below base: String) -> [String] {
        guard topic.utf8.starts(with: "\(base)/".utf8) else { return [] }
        return topic.utf8.dropFirst(base.utf8.count + 1)
            .split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    // MARK: Conventions 3 and 4

    /// Puts the attributes of a device together to a description as convention 5 has it.
    private mutating func readOldHomie(_ messages: [Message], base: String, _ gone: Set<ExactText>) {
        var attributes: [ExactText: String] = [:]
        var devices: [(name: String, version: String)] = []
        for message in messages {
            let levels = Self.levels(message.topic, below: base)
            guard (2...4).contains(levels.count), levels[0] != "5", message.payload.count <= 4_096,
                let text = String(validating: message.payload, as: UTF8.self)
            else { continue }
            if levels.count == 2, levels[1] == "$homie", !text.isEmpty { devices.append((levels[0], text)) }
            attributes[ExactText(levels.joined(separator: "/"))] = text
        }
        for (device, version) in devices where !gone.contains(ExactText("\(base)/\(device)/$state")) {
            guard version.hasPrefix("4") || version.hasPrefix("3") else {
                self.skip(device, "speaks Homie \(version.prefix(16)); read are 3, 4 and 5")
                continue
            }
            do throws(JSONError) {
                let root = JSONField(Self.description(device, attributes))
                self.add(try HomieReader(base: base, version: 4).draft(root, device))
            } catch {
                self.skip(device, "\(error)")
            }
        }
    }

    private static func description(_ device: String, _ attributes: [ExactText: String]) -> JSON {
        func text(_ place: String) -> String? { attributes[ExactText("\(device)/\(place)")] }
        func list(_ place: String) -> [String] {
            (text(place) ?? "").split(separator: ",").prefix(Thing.affordanceLimit).map {
                $0.filter { $0 != " " }
            }
        }
        var nodes = JSON.Object()
        for entry in list("$nodes") {
            for (node, place) in Self.nodes(entry, range: text("\(entry.prefix { $0 != "[" })/$array")) {
                var properties = JSON.Object()
                for name in list("\(place)/$properties") {
                    properties[name] = Self.property { text("\(place)/\(name)/\($0)") }
                }
                nodes[node] = ["properties": .object(properties)]
            }
        }
        return ["name": .string(text("$name") ?? device), "nodes": .object(nodes)]
    }

    /// `lamps[]` of convention 3 with `$array` 0-2 is three nodes that are described in one place.
    private static func nodes(_ entry: String, range: String?) -> [(node: String, place: String)] {
        guard entry.hasSuffix("[]") else { return [(entry, entry)] }
        let name = String(entry.dropLast(2))
        let ends = (range ?? "").split(separator: "-").compactMap { Int($0) }
        guard ends.count == 2, ends[0] >= 0, ends[0] <= ends[1], ends[1] - ends[0] < 256 else { return [] }
        return (ends[0]...ends[1]).map { ("\(name)_\($0)", name) }
    }

    private static func property(_ attribute: (String) -> String?) -> JSON {
        var property: JSON = ["datatype": .string(attribute("$datatype") ?? "string")]
        for name in ["name", "format", "unit"] {
            if let text = attribute("$\(name)"), !text.isEmpty { property[name] = .string(text) }
        }
        property["settable"] = .bool(attribute("$settable") == "true")
        property["retained"] = .bool(attribute("$retained") != "false")
        return property
    }
}

/// Reads the description of one device.
private struct HomieReader {
    /// What the device's topics begin with.
    let base: String
    let version: Int

    func draft(_ root: JSONField, _ device: String) throws(JSONError) -> ThingDraft {
        let topic = "\(self.base)/\(device)"
        let title = try root["name"].ifPresent?.string() ?? device
        var draft = ThingDraft(id: device, name: device, title: title, source: "homie")
        // A state that is cleared is a device that was taken away.
        let own: JSON = [
            "topic": .string("\(topic)/$state"), "online": ["ready", "sleeping", "alert"],
            "offline": ["init", "disconnected", "lost", ""],
        ]
        if let parent = try (root["root"].ifPresent ?? root["parent"].ifPresent)?.string() {
            // Who is lost takes those below along.
            let above: JSON = [
                "topic": .string("\(self.base)/\(parent)/$state"), "offline": ["disconnected", "lost", ""],
            ]
            draft.availability = ["mode": "all", "places": [own, above]]
        } else {
            draft.availability = own
        }
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

    private func read(
        _ field: JSONField, _ name: String, topic: String, _ draft: inout ThingDraft
    ) throws(JSONError) {
        guard let schema = try self.schema(field) else {
            return draft.note("\(name): of type \(try field["datatype"].string())")
        }
        let isRetained = try field["retained"].ifPresent?.bool() ?? true
        let isSettable = try field["settable"].ifPresent?.bool() ?? false
        let kind = try field["datatype"].string()
        let map: [(word: String, value: JSON)] = kind == "boolean" ? [("true", true), ("false", false)] : []
        // MQTT cannot keep an empty payload.
        let empty = self.version == 5 && kind == "string" ? "\u{0}" : nil
        let title = try field["name"].ifPresent?.string()
        let report = ThingDraft.Wire(
            topic: topic, isText: kind != "json", map: map, retain: isRetained, empty: empty)
        var write = ThingDraft.Wire(
            topic: topic + "/set", isText: kind != "json", map: map, retain: false, empty: empty)
        guard isRetained else {
            // What is not kept happens; it is not a state. What can be sent there is an action.
            if isSettable {
                write.body = "$input"
                if write.isText { write.body = "$value" }
                draft.addAction(name, title: title, input: schema, invoke: write)
            }
            return draft.addEvent(name, title: title, data: schema, report: report)
        }
        // The device may say first what it will come to, or just report it: either counts.
        write.acknowledgement = ["kind": "echo", "timeoutMs": 10_000]
        if self.version == 5 { write.acknowledgement?["filter"] = .string(topic + "/$target") }
        draft.addProperty(
            name, title: title, schema: schema, report: report, write: isSettable ? write : nil)
    }

    private func schema(_ field: JSONField) throws(JSONError) -> JSON? {
        let format = try field["format"].ifPresent?.string() ?? ""
        var schema: JSON
        switch try field["datatype"].string() {
        case "integer": schema = ["type": "integer"]
        case "float", "percent": schema = ["type": "number"]
        case "boolean": schema = ["type": "boolean"]
        case "string", "datetime", "duration", "color": schema = ["type": "string"]
        case "json": schema = [:]
        case "enum":
            // Commas part the words, and a blank belongs to one.
            let words = format.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            schema = [
                "type": "string",
                "enum": .array(ThingDraft.schema(of: words.map { .string($0) })["enum"].map(Self.list) ?? []),
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

    private static func list(_ json: JSON) -> [JSON] { if case .array(let list) = json { list } else { [] } }
}
