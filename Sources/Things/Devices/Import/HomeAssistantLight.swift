internal import Encoding

/// Lights, in the three ways of speaking that Home Assistant knows for them.
extension HomeAssistantEntity {
    mutating func addLight(_ draft: inout ThingDraft) throws(JSONError) {
        switch self.text("schema") ?? "default" {
        case "default", "basic": try self.addDefaultLight(&draft)
        case "json": try self.addJSONLight(&draft)
        case "template": try self.addTemplateLight(&draft)
        case let other: draft.note("\(self.name): a light of the schema \(other.prefix(40))")
        }
    }

    private mutating func brightness() -> JSON {
        ["type": "integer", "minimum": 0, "maximum": self.number("brightness_scale") ?? 255]
    }

    /// Mireds, or kelvins where the announcer says so.
    private mutating func temperature() -> JSON {
        let bounds = (
            self.number("min_mireds"), self.number("max_mireds"), self.number("min_kelvin"),
            self.number("max_kelvin")
        )
        let isKelvin = self.flag("color_temp_kelvin") == true
        var schema: JSON = ["type": "integer", "unit": isKelvin ? "K" : "mired"]
        schema["minimum"] = isKelvin ? bounds.2 : bounds.0
        schema["maximum"] = isKelvin ? bounds.3 : bounds.1
        return schema
    }

    // MARK: A topic for each value

    private mutating func addDefaultLight(_ draft: inout ThingDraft) throws(JSONError) {
        self.addPower(&draft)
        self.addPart(&draft, "brightness", self.brightness())
        self.addPart(&draft, "color_temp", self.temperature())
        let scale = self.number("white_scale") ?? 255
        self.addPart(&draft, "white", ["type": "integer", "minimum": 0, "maximum": scale])
        let effects = try self.list("effect_list") ?? []
        self.addPart(&draft, "effect", ThingDraft.schema(of: effects))
        // Numbers with commas between them.
        for color in ["rgb", "rgbw", "rgbww", "hs", "xy"] { self.addPart(&draft, color, ["type": "string"]) }
        self.addFacet(
            &draft, "color-mode", schema: ["type": "string"], topic: "color_mode_state_topic",
            templates: ["color_mode_value_template"])
        if let type = self.text("on_command_type"), type != "last" {
            draft.note("\(self.name): on_command_type \(type.prefix(40)): it is switched on by its state")
        }
    }

    private mutating func addPart(_ draft: inout ThingDraft, _ part: String, _ schema: JSON) {
        self.addFacet(
            &draft, part.writing("-", for: "_"), schema: schema, topic: "\(part)_state_topic",
            templates: ["\(part)_value_template"], command: "\(part)_command_topic",
            template: "\(part)_command_template", variables: ["value", part])
    }

    // MARK: One object

    private mutating func addJSONLight(_ draft: inout ThingDraft) throws(JSONError) {
        guard let topic = self.text("command_topic") ?? self.text("state_topic") else { return }
        let state = self.text("state_topic")
        let command = self.text("command_topic") == nil ? nil : topic
        let power = self.powerWords()
        let retain = self.flag("retain")
        let isOptimistic = self.flag("optimistic") ?? false
        func add(
            _ facet: String, _ member: String, _ schema: JSON, _ map: [(word: String, value: JSON)] = []
        ) {
            var body: JSON = member == "state" ? [:] : ["state": .string(power[0].word)]
            body[member] = "$value"
            draft.addProperty(
                facet.isEmpty ? self.name : "\(self.name)-\(facet)", title: nil, schema: schema,
                report: state.map { .init(topic: $0, pointer: "/\(member)", map: map, isOverlay: true) },
                write: command.map {
                    .init(
                        topic: $0, map: map, retain: retain, body: body,
                        acknowledgement: state == nil || isOptimistic
                            ? nil : ["kind": "echo", "timeoutMs": 10_000])
                })
        }
        add("", "state", ["type": "boolean"], power)
        let modes = (try self.list("supported_color_modes") ?? []).map(\.plainText)
        let scale = self.brightness()
        if self.flag("brightness") == true || modes.contains(where: { $0 != "onoff" }) {
            add("brightness", "brightness", scale)
        }
        let temperature = self.temperature()
        if self.flag("color_temp") == true || modes.contains("color_temp") {
            add("color-temp", "color_temp", temperature)
        }
        var members: [String] = []
        for (mode, names) in [
            ("xy", ["x", "y"]), ("hs", ["h", "s"]), ("rgb", ["r", "g", "b"]), ("rgbw", ["r", "g", "b", "w"]),
            ("rgbww", ["r", "g", "b", "c", "w"]),
        ] where self.flag(mode) == true || modes.contains(mode) {
            members += names.filter { !members.contains($0) }
        }
        if !members.isEmpty {
            var properties = JSON.Object()
            for name in members { properties[name] = ["type": "number"] }
            add("color", "color", ["type": "object", "properties": .object(properties)])
        }
        if modes.contains("white") { add("white", "white", ["type": "integer", "minimum": 0]) }
        let effects = try self.list("effect_list") ?? []
        if self.flag("effect") == true || !effects.isEmpty {
            add("effect", "effect", ThingDraft.schema(of: effects))
        }
        // What may be added to a command, and is not.
        self.ignore("flash", "transition", "color_mode", "flash_time_long", "flash_time_short", "white_scale")
    }

    // MARK: Templates

    /// Templates that are places and plain words can be described; a light whose commands are programs is
    /// only looked at.
    private mutating func addTemplateLight(_ draft: inout ThingDraft) throws(JSONError) {
        let report = self.report(
            &draft, templates: ["state_template"], map: [("on", true), ("off", false)])
        let on = self.text("command_on_template").flatMap { HomeAssistantTemplate.body($0, variables: []) }
        let off = self.text("command_off_template").flatMap { HomeAssistantTemplate.body($0, variables: []) }
        var write: ThingDraft.Wire?
        if let topic = self.text("command_topic"), let on, let off, !on.isEmpty, !off.isEmpty, on != off {
            write = ThingDraft.Wire(
                topic: topic, isText: true, map: [(on, true), (off, false)], retain: self.flag("retain"),
                acknowledgement: report == nil ? nil : ["kind": "echo", "timeoutMs": 10_000])
        } else {
            draft.note("\(self.name): a light that is commanded by programs: it is only looked at")
        }
        draft.addProperty(
            self.name, title: self.text("name"), schema: ["type": "boolean"], report: report, write: write)
        let effects = try self.list("effect_list") ?? []
        for (facet, schema) in [
            ("brightness", self.brightness()), ("color_temp", self.temperature()),
            ("red", ["type": "integer", "minimum": 0, "maximum": 255]),
            ("green", ["type": "integer", "minimum": 0, "maximum": 255]),
            ("blue", ["type": "integer", "minimum": 0, "maximum": 255]),
            ("effect", ThingDraft.schema(of: effects)),
        ] as [(String, JSON)] where self.config["\(facet)_template"].exists {
            self.addFacet(
                &draft, facet.writing("-", for: "_"), schema: schema, topic: "state_topic",
                templates: ["\(facet)_template"])
        }
    }
}
