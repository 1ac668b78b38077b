internal import Encoding
internal import World

/// `BASE/COMPONENT/[NODE/]ID/config` for one entity, and `BASE/device/ID/config` for all of a device (Home
/// Assistant, "MQTT discovery").
extension DiscoveryReader {
    /// - Parameter isWanted: by the description of the device.
    mutating func readHomeAssistant(_ messages: [Message], base: String, where isWanted: (JSONField) -> Bool)
    {
        /// Entities by device, in the order in which the devices were met.
        var devices: [(device: HomeAssistantDevice, entities: [HomeAssistantEntity])] = []
        for message in messages
        where message.topic.hasPrefix("\(base)/") && message.topic.hasSuffix("/config") {
            let levels = message.topic.dropFirst(base.utf8.count + 1).split(separator: "/").map(String.init)
            guard levels.count >= 3, let short = self.document(message)?.value else { continue }
            let config = JSONField(HomeAssistantNames.full(short))
            guard isWanted(config["device"]) else { continue }
            do throws(JSONError) {
                let device = try HomeAssistantDevice(config, fallback: levels[levels.count - 2])
                let entities = try HomeAssistantEntity.all(config, levels: levels)
                if let index = devices.firstIndex(where: { $0.device.id == device.id }) {
                    devices[index].entities += entities
                } else {
                    devices.append((device, entities))
                }
            } catch {
                self.skip(message.topic, "\(error)")
            }
        }
        for (device, entities) in devices {
            var draft = ThingDraft(
                id: device.id, name: device.name, title: device.title, source: "homeassistant")
            for entity in entities {
                do throws(JSONError) {
                    try entity.add(to: &draft)
                } catch {
                    draft.note("\(entity.name): \(error)")
                }
            }
            self.add(draft)
        }
    }

    /// ESPHome's devices among them, and those that announce no entities.
    mutating func readESPHome(_ messages: [Message], base: String) {
        var described: Set<String> = []
        self.readHomeAssistant(messages, base: base) { device in
            let version = try? device["sw_version"].string()
            guard version?.lowercased().holds("esphome") == true else { return false }
            if let name = try? device["name"].string() { described.insert(name) }
            return true
        }
        for message in messages where message.topic.hasPrefix("esphome/discover/") {
            guard let name = try? self.document(message)?["name"].string() else { continue }
            let friendly = try? self.document(message)?["friendly_name"].string()
            guard !described.contains(name), !described.contains(friendly ?? name) else { continue }
            self.skip(name, "announces no entities; set discovery in its mqtt section")
        }
    }
}

/// Whose entities they are.
struct HomeAssistantDevice {
    let id: String
    let name: String
    let title: String

    init(_ config: JSONField, fallback: String) throws(JSONError) {
        let device = config["device"]
        let identifiers = device["identifiers"]
        let first = try? identifiers[0].string()
        let alone = try? identifiers.string()
        self.id = first ?? alone ?? fallback
        self.name = try device["name"].ifPresent?.string() ?? fallback
        let maker = [
            try device["manufacturer"].ifPresent?.string(), try device["model"].ifPresent?.string(),
        ].compactMap(\.self)
        self.title = maker.isEmpty ? self.name : "\(self.name) (\(maker.joined(separator: " ")))"
    }
}

/// One entity: a sensor, a switch.
struct HomeAssistantEntity {
    let name: String
    let component: String
    let config: JSONField

    /// The entities of one message.
    static func all(_ config: JSONField, levels: [String]) throws(JSONError) -> [HomeAssistantEntity] {
        let id = levels[levels.count - 2]
        guard levels[0] == "device" else {
            return [
                HomeAssistantEntity(name: try self.name(config, id), component: levels[0], config: config)
            ]
        }
        var entities: [HomeAssistantEntity] = []
        for (key, component) in try config["components"].members() {
            var own = component.value ?? .null
            // What the device says for all of them.
            for shared in [
                "availability", "availability_topic", "payload_available", "payload_not_available",
                "state_topic", "command_topic",
            ] where own[shared] == nil {
                own[shared] = config[shared].value
            }
            entities.append(
                HomeAssistantEntity(
                    name: try self.name(component, key), component: try component["platform"].string(),
                    config: JSONField(own)))
        }
        return entities
    }

    private static func name(_ config: JSONField, _ id: String) throws(JSONError) -> String {
        let object = try config["object_id"].ifPresent?.string()
        let name = try config["name"].ifPresent?.string()
        return ThingDraft.plain(object ?? name ?? id)
    }

    func add(to draft: inout ThingDraft) throws(JSONError) {
        switch self.component {
        case "sensor": try self.addSensor(to: &draft)
        case "binary_sensor":
            try self.addSwitch(to: &draft, on: "payload_on", off: "payload_off", isReadOnly: true)
        case "switch": try self.addSwitch(to: &draft, on: "state_on", off: "state_off")
        case "light": try self.addLight(to: &draft)
        case "number": try self.addNumber(to: &draft)
        case "select":
            try self.addValue(
                to: &draft,
                schema: [
                    "type": "string",
                    "enum": .array(try self.config["options"].elements().compactMap(\.value)),
                ])
        case "text": try self.addValue(to: &draft, schema: ["type": "string"])
        case "button":
            draft.addAction(
                self.name, title: nil,
                invoke: .init(
                    topic: try self.config["command_topic"].string(), isText: true,
                    body: .string(try self.text("payload_press") ?? "PRESS")))
        default: return draft.note("\(self.name): a \(self.component)")
        }
        try self.addAvailability(to: &draft)
    }

    private func text(_ member: String) throws(JSONError) -> String? {
        guard let value = self.config[member].ifPresent?.value else { return nil }
        return value.plainText
    }

    /// Where the state is reported; nil where it is not. - Throws: for a template that is a program.
    private func report(
        map: [(word: String, value: JSON)] = [], topic: String = "state_topic",
        template: String = "value_template"
    ) throws(JSONError) -> ThingDraft.Wire? {
        guard let place = try self.config[topic].ifPresent?.string() else { return nil }
        guard let pointer = HomeAssistantNames.pointer(try self.text(template)) else {
            throw self.config[template].fault("a template that is a program")
        }
        return ThingDraft.Wire(
            topic: place, isText: pointer.isEmpty, pointer: pointer.isEmpty ? nil : pointer, map: map,
            isOverlay: !pointer.isEmpty)
    }

    private func command(
        map: [(word: String, value: JSON)] = [], isReported: Bool, topic: String = "command_topic"
    ) throws(JSONError) -> ThingDraft.Wire? {
        guard let place = try self.config[topic].ifPresent?.string() else { return nil }
        if let template = try self.text("command_template"),
            template.filter({ !$0.isWhitespace }) != "{{value}}"
        {
            throw self.config["command_template"].fault("a template that is a program")
        }
        return ThingDraft.Wire(
            topic: place, isText: true, map: map, retain: try self.config["retain"].ifPresent?.bool(),
            acknowledgement: isReported ? ["kind": "echo", "timeoutMs": 10_000] : nil)
    }

    private func addSensor(to draft: inout ThingDraft) throws(JSONError) {
        let unit = ThingDraft.unit(try self.text("unit_of_measurement"))
        let kind = try self.text("state_class")
        let isNumber = unit != nil || kind != nil
        var schema: JSON = ["type": isNumber ? "number" : "string"]
        schema["unit"] = unit
        draft.addProperty(self.name, title: try self.text("name"), schema: schema, report: try self.report())
    }

    private func addSwitch(
        to draft: inout ThingDraft, on: String, off: String, isReadOnly: Bool = false
    ) throws(JSONError) {
        let words = (try self.text("payload_on") ?? "ON", try self.text("payload_off") ?? "OFF")
        let states: [(word: String, value: JSON)] = [
            (try self.text(on) ?? words.0, true), (try self.text(off) ?? words.1, false),
        ]
        let report = try self.report(map: states)
        let write = try self.command(map: [(words.0, true), (words.1, false)], isReported: report != nil)
        draft.addProperty(
            self.name, title: try self.text("name"), schema: ["type": "boolean"], report: report,
            write: isReadOnly ? nil : write)
    }

    private func addNumber(to draft: inout ThingDraft) throws(JSONError) {
        var schema: JSON = ["type": "number"]
        // The convention's own bounds where nothing is said.
        schema["minimum"] = self.config["min"].ifPresent?.value ?? 1
        schema["maximum"] = self.config["max"].ifPresent?.value ?? 100
        schema["unit"] = ThingDraft.unit(try self.text("unit_of_measurement"))
        try self.addValue(to: &draft, schema: schema)
    }

    private func addValue(to draft: inout ThingDraft, schema: JSON) throws(JSONError) {
        let report = try self.report()
        draft.addProperty(
            self.name, title: try self.text("name"), schema: schema, report: report,
            write: try self.command(isReported: report != nil))
    }

    private func addLight(to draft: inout ThingDraft) throws(JSONError) {
        let scale = self.config["brightness_scale"].ifPresent?.value ?? 255
        let brightness: JSON = ["type": "integer", "minimum": 0, "maximum": scale]
        guard try self.text("schema") == "json" else {
            try self.addSwitch(to: &draft, on: "payload_on", off: "payload_off")
            let report = try self.report(
                topic: "brightness_state_topic", template: "brightness_value_template")
            return draft.addProperty(
                "\(self.name)-brightness", title: nil, schema: brightness, report: report,
                write: try self.command(isReported: report != nil, topic: "brightness_command_topic"))
        }
        let topic = try self.config["command_topic"].string()
        let state = try self.config["state_topic"].ifPresent?.string()
        func add(_ name: String, _ member: String, _ schema: JSON, _ map: [(word: String, value: JSON)]) {
            draft.addProperty(
                name, title: nil, schema: schema,
                report: state.map { .init(topic: $0, pointer: "/\(member)", map: map, isOverlay: true) },
                write: .init(
                    topic: topic, map: map, body: .object(with: member, "$value"),
                    acknowledgement: state == nil ? nil : ["kind": "echo", "timeoutMs": 10_000]))
        }
        add(self.name, "state", ["type": "boolean"], [("ON", true), ("OFF", false)])
        if try self.config["brightness"].ifPresent?.bool() ?? false {
            add("\(self.name)-brightness", "brightness", brightness, [])
        }
    }

    /// The first place where it says that it is there counts for the whole device.
    private func addAvailability(to draft: inout ThingDraft) throws(JSONError) {
        guard draft.availability == nil else { return }
        let list = self.config["availability"]
        let place = list[0].exists ? list[0] : self.config
        guard let topic = try (place["availability_topic"].ifPresent ?? list[0]["topic"].ifPresent)?.string()
        else { return }
        draft.availability = [
            "topic": .string(topic), "online": place["payload_available"].ifPresent?.value ?? "online",
            "offline": place["payload_not_available"].ifPresent?.value ?? "offline",
        ]
        if list[1].exists { draft.note("availability: only \(topic) of several places is followed") }
    }
}
