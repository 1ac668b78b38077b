internal import Encoding
internal import Messaging

/// One entity: a sensor, a switch. Remembers which members of its announcement were understood, so that all
/// others can be named.
struct HomeAssistantEntity {
    let name: String
    let component: String
    let config: JSONField
    private(set) var used: Set<String> = []

    /// - Parameter shared: members that its device says for all of its entities.
    init(name: String, component: String, config: JSONField, shared: Set<String> = []) {
        self.name = name
        self.component = component
        self.config = config
        self.used = shared
    }

    /// The entities of one message.
    static func all(_ config: JSONField, levels: [String]) throws(JSONError) -> [HomeAssistantEntity] {
        let id = levels[levels.count - 2]
        guard levels[0] == "device" else {
            // A word to whoever moves to device messages.
            if config["migrate_discovery"].exists { return [] }
            return [Self(name: self.name(config, id, levels[0]), component: levels[0], config: config)]
        }
        var entities: [HomeAssistantEntity] = []
        for (key, component) in try config["components"].ifPresent?.members() ?? [] {
            var own = component.value ?? .null
            let platform = try component["platform"].string()
            // Nothing but its kind: this is how one entity of a device is taken away.
            guard try component.members().contains(where: { $0.name != "platform" }) else { continue }
            let shared = Self.shared.filter { own[$0] == nil }
            for member in shared { own[member] = config[member].value }
            entities.append(
                Self(
                    name: self.name(component, key, platform), component: platform, config: JSONField(own),
                    shared: Set(shared)))
        }
        return entities
    }

    /// What a device says for all of its entities.
    private static let shared = [
        "availability", "availability_mode", "availability_topic", "availability_template",
        "payload_available", "payload_not_available", "state_topic", "command_topic", "qos", "encoding",
    ]

    private static func name(_ config: JSONField, _ id: String, _ component: String) -> String {
        func text(_ member: String) -> String? {
            guard let text = config[member].ifPresent?.value?.plainText, !text.isEmpty else { return nil }
            return text
        }
        // `sensor.kitchen_temperature` for the second.
        let entity = text("default_entity_id").flatMap { $0.split(separator: ".").last.map(String.init) }
        for word in [text("object_id"), entity, text("name"), id] {
            let plain = ThingDraft.plain(word ?? "")
            if !plain.isEmpty { return plain }
        }
        return component
    }

    // MARK: Members

    /// The member as a text; nil where there is none.
    mutating func text(_ member: String) -> String? {
        self.used.insert(member)
        return self.config[member].ifPresent?.value?.plainText
    }

    /// A text as a template would write it: `true` is True.
    mutating func word(_ member: String) -> String? {
        self.used.insert(member)
        guard let value = self.config[member].ifPresent?.value else { return nil }
        if case .bool(let flag) = value { return flag ? "True" : "False" }
        return value.plainText
    }

    /// What switches it on and off, in this order.
    mutating func powerWords() -> [(word: String, value: JSON)] {
        [(self.word("payload_on") ?? "ON", true), (self.word("payload_off") ?? "OFF", false)]
    }

    /// The member as a number, also of one that is written as a text.
    mutating func number(_ member: String) -> JSON? {
        self.used.insert(member)
        guard let value = self.config[member].ifPresent?.value else { return nil }
        if value.double != nil { return value }
        guard case .string(let text) = value, let read = try? JSON.read(text), read.double != nil else {
            return nil
        }
        return read
    }

    mutating func flag(_ member: String) -> Bool? {
        self.used.insert(member)
        guard case .bool(let flag)? = self.config[member].value else { return nil }
        return flag
    }

    mutating func list(_ member: String) throws(JSONError) -> [JSON]? {
        self.used.insert(member)
        return try self.config[member].ifPresent?.elements().compactMap(\.value)
    }

    mutating func ignore(_ members: String...) { self.used.formUnion(members) }

    // MARK: Where it is said and told

    /// Where a value is reported; nil where it is not. A template that is a program is noted.
    ///
    /// - Parameters:
    ///   - templates: the first that is there counts.
    ///   - map: words as templates write them, and what they mean.
    mutating func report(
        _ draft: inout ThingDraft, topic: String = "state_topic", templates: [String] = ["value_template"],
        map: [(word: String, value: JSON)] = []
    ) -> ThingDraft.Wire? {
        guard let place = self.text(topic), !place.isEmpty else { return nil }
        let template = templates.first { self.config[$0].exists }
        self.used.formUnion(templates)
        guard let read = HomeAssistantTemplate(template.flatMap { self.text($0) }) else {
            draft.note("\(self.name): \(template ?? "") is a program, so \(place) is not read by it")
            return nil
        }
        let isWhole = read.pointer.isEmpty
        var wire = ThingDraft.Wire(topic: place, isText: isWhole)
        wire.pointer = isWhole ? nil : read.pointer
        wire.isOverlay = !isWhole
        wire.isRendered = true
        wire.scale = read.scale == 1 ? nil : read.scale
        wire.offset = read.offset == 0 ? nil : read.offset
        // Python writes True where JSON has true; announcers write either.
        for (word, value) in map {
            let both: [String] =
                switch word.lowercased() {
                case "true": ["True", "true"]
                case "false": ["False", "false"]
                default: []
                }
            for spelling in [word] + both {
                let isTaken = wire.map.contains { sameBytes($0.word, spelling) }
                let isOther = !sameBytes(spelling, word) && map.contains { sameBytes($0.word, spelling) }
                if !isTaken, !isOther { wire.map.append((spelling, value)) }
            }
        }
        return wire
    }

    /// Where it is told; nil where it is not. A template that is a program is noted.
    mutating func command(
        _ draft: inout ThingDraft, topic: String = "command_topic", template: String = "command_template",
        variables: Set<String> = ["value"], map: [(word: String, value: JSON)] = [], isReported: Bool
    ) -> ThingDraft.Wire? {
        guard let place = self.text(topic), !place.isEmpty else { return nil }
        var wire = ThingDraft.Wire(topic: place, isText: true, map: map)
        if let text = self.text(template) {
            guard let body = HomeAssistantTemplate.body(text, variables: variables), body.holds("$value")
            else {
                draft.note("\(self.name): \(template) is a program, so nothing is sent to \(place)")
                return nil
            }
            if body != "$value" { wire.body = .string(body) }
        }
        wire.retain = self.flag("retain")
        let isOptimistic = self.flag("optimistic") ?? false
        wire.acknowledgement =
            isReported && !isOptimistic ? ["kind": "echo", "timeoutMs": .integer(self.patience)] : nil
        return wire
    }

    /// How long its device takes to do what it was told, in milliseconds.
    private var patience: Int64 { ["cover", "valve", "lock"].contains(self.component) ? 60_000 : 10_000 }

    /// A button: one payload to one topic.
    mutating func addAction(
        _ draft: inout ThingDraft, _ name: String, topic: String = "command_topic", payload: String
    ) {
        guard let place = self.text(topic), !place.isEmpty else { return }
        // A body of a text form has holes; a payload that looks like one would be filled.
        guard !payload.contains("$") else {
            return draft.note("\(name): the payload \"\(payload.prefix(40))\" cannot be described")
        }
        draft.addAction(
            name, title: nil,
            invoke: .init(topic: place, isText: true, retain: self.flag("retain"), body: .string(payload)))
    }

    // MARK: Whether it is there

    /// The topics of ``availability``.
    var availabilityTopics: [String] { self.availability.places.compactMap { $0["topic"]?.plainText } }

    /// Where it says that it is there, and what of that cannot be followed.
    var availability: (mode: String, places: [JSON], faults: [String]) {
        var (places, faults): ([JSON], [String]) = ([], [])
        func add(_ place: JSONField, topic: String, template: String) {
            guard case .string(let topic)? = place[topic].value else { return }
            guard TopicFilter.isTopic(topic), ThingDraft.isOfDevices(topic), !topic.holds("{{") else {
                return faults.append("\"\(topic.prefix(80))\" is no topic of a device")
            }
            let text = place[template].ifPresent?.value?.plainText
            guard let read = HomeAssistantTemplate(text), read.scale == 1, read.offset == 0 else {
                return faults.append("\(topic) is read by a program")
            }
            let online = place["payload_available"].ifPresent?.value ?? "online"
            let offline = place["payload_not_available"].ifPresent?.value ?? "offline"
            var json: JSON = ["topic": .string(topic), "online": online, "offline": offline]
            if !read.pointer.isEmpty { json["pointer"] = .string(read.pointer) }
            if places.count < AvailabilityForm.placeLimit { places.append(json) }
        }
        for place in (try? self.config["availability"].elements()) ?? [] {
            add(place, topic: "topic", template: "value_template")
        }
        add(self.config, topic: "availability_topic", template: "availability_template")
        let mode = (try? self.config["availability_mode"].string()) ?? "latest"
        let known = AvailabilityForm.Mode(rawValue: mode)
        if known == nil { faults.append("no such mode: \(mode.prefix(40))") }
        return (known?.rawValue ?? "latest", places, faults)
    }

    /// `expire_after` in milliseconds, as far as a description can say it.
    var expiry: Int64? {
        guard let seconds = self.config["expire_after"].ifPresent?.value?.double, seconds > 0 else {
            return nil
        }
        let milliseconds = (seconds * 1_000).rounded()
        guard milliseconds < Double(AvailabilityForm.staleLimitMs) else {
            return Int64(clamping: AvailabilityForm.staleLimitMs)
        }
        return max(1, Int64(milliseconds))  // bounded: the limit above
    }

    // MARK: The rest

    /// Members that say how it looks, or nothing that this runtime does.
    private static let silent: Set<String> = [
        "name", "unique_id", "object_id", "default_entity_id", "device", "origin", "device_class", "icon",
        "entity_category", "enabled_by_default", "entity_picture", "qos", "encoding", "state_class", "schema",
        "platform", "component", "components", "suggested_display_precision", "force_update", "last_reset",
        "has_entity_name",
        "availability", "availability_mode", "availability_topic", "availability_template",
        "payload_available", "payload_not_available", "expire_after", "retain", "optimistic", "via_device",
        "precision", "group", "title", "release_url", "release_summary", "display_precision",
    ]

    /// Names every member that was not understood: nothing is dropped in silence.
    func noteRest(_ draft: inout ThingDraft) {
        guard Self.known.contains(self.component) else { return }
        for (member, field) in (try? self.config.members()) ?? [] {
            guard !self.used.contains(member), !Self.silent.contains(member), field.exists,
                field.value != false, field.value != "", field.value != []
            else { continue }
            draft.note("\(self.name): \(member.prefix(60))")
        }
        if let seconds = self.config["expire_after"].value?.double,
            seconds * 1_000 > Double(AvailabilityForm.staleLimitMs)
        {
            draft.note("\(self.name): expire_after above one day")
        }
    }
}
