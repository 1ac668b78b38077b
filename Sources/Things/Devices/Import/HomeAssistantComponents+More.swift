internal import Encoding

/// Kinds of entities with several values.
extension HomeAssistantEntity {
    /// One value of several that an entity has.
    mutating func addFacet(
        _ draft: inout ThingDraft, _ facet: String, schema: JSON, topic: String, templates: [String],
        map: [(word: String, value: JSON)] = [], command: String? = nil, template: String? = nil,
        variables: Set<String> = ["value"]
    ) {
        let report = self.report(&draft, topic: topic, templates: templates, map: map)
        let write = command.flatMap { command in
            self.command(
                &draft, topic: command, template: template ?? "command_template", variables: variables,
                map: map,
                isReported: report != nil)
        }
        draft.addProperty(
            facet.isEmpty ? self.name : "\(self.name)-\(facet)", title: nil, schema: schema, report: report,
            write: write)
    }

    /// A choice among words, by the prefix that its members share: `fan_mode`.
    private mutating func addMode(
        _ draft: inout ThingDraft, _ facet: String, _ prefix: String, options: String,
        state: String? = nil, standard: [JSON] = []
    ) throws(JSONError) {
        let words = try self.list(options) ?? standard
        self.addFacet(
            &draft, facet, schema: ThingDraft.schema(of: words),
            topic: "\(prefix)_state_topic",
            templates: [state ?? "\(prefix)_state_template", "\(prefix)_value_template", "value_template"],
            command: "\(prefix)_command_topic", template: "\(prefix)_command_template")
    }

    mutating func addClimate(_ draft: inout ThingDraft) throws(JSONError) {
        try self.addMode(&draft, "mode", "mode", options: "modes")
        try self.addMode(&draft, "fan-mode", "fan_mode", options: "fan_modes")
        try self.addMode(&draft, "swing-mode", "swing_mode", options: "swing_modes")
        try self.addMode(
            &draft, "swing-horizontal-mode", "swing_horizontal_mode", options: "swing_horizontal_modes")
        try self.addMode(
            &draft, "preset-mode", "preset_mode", options: "preset_modes", state: "preset_mode_value_template"
        )
        let unit: JSON = self.text("temperature_unit") == "F" ? "[degF]" : "Cel"
        var target: JSON = ["type": "number", "unit": unit]
        target["minimum"] = self.number("min_temp")
        target["maximum"] = self.number("max_temp")
        for (facet, prefix) in [
            ("temperature", "temperature"), ("temperature-high", "temperature_high"),
            ("temperature-low", "temperature_low"),
        ] {
            self.addFacet(
                &draft, facet, schema: target, topic: "\(prefix)_state_topic",
                templates: ["\(prefix)_state_template", "value_template"],
                command: "\(prefix)_command_topic", template: "\(prefix)_command_template")
        }
        self.addFacet(
            &draft, "current-temperature", schema: ["type": "number", "unit": unit],
            topic: "current_temperature_topic", templates: ["current_temperature_template", "value_template"])
        self.addHumidity(&draft)
        self.addFacet(
            &draft, "action", schema: ["type": "string"], topic: "action_topic",
            templates: ["action_template", "value_template"])
        self.addFacet(
            &draft, "power", schema: ["type": "boolean"], topic: "power_state_topic",
            templates: ["power_state_template", "value_template"], map: self.powerWords(),
            command: "power_command_topic",
            template: "power_command_template")
        // How it looks.
        self.ignore("temp_step", "initial", "value_template")
    }

    private mutating func addHumidity(_ draft: inout ThingDraft) {
        var target: JSON = ["type": "number", "unit": "percent"]
        target["minimum"] = self.number("min_humidity")
        target["maximum"] = self.number("max_humidity")
        self.addFacet(
            &draft, "humidity", schema: target, topic: "target_humidity_state_topic",
            templates: ["target_humidity_state_template", "value_template"],
            command: "target_humidity_command_topic", template: "target_humidity_command_template")
        self.addFacet(
            &draft, "current-humidity", schema: ["type": "number", "unit": "percent"],
            topic: "current_humidity_topic", templates: ["current_humidity_template", "value_template"])
    }

    mutating func addHumidifier(_ draft: inout ThingDraft) throws(JSONError) {
        self.addPower(&draft)
        try self.addMode(&draft, "mode", "mode", options: "modes")
        self.addHumidity(&draft)
        self.addFacet(
            &draft, "action", schema: ["type": "string"], topic: "action_topic",
            templates: ["action_template"])
    }

    /// The switch of an entity that has more.
    mutating func addPower(_ draft: inout ThingDraft) {
        self.addFacet(
            &draft, "", schema: ["type": "boolean"], topic: "state_topic",
            templates: ["state_value_template", "value_template"], map: self.powerWords(),
            command: "command_topic")
    }

    mutating func addFan(_ draft: inout ThingDraft) throws(JSONError) {
        self.addPower(&draft)
        self.addFacet(
            &draft, "percentage",
            schema: ["type": "integer", "minimum": 0, "maximum": self.number("speed_range_max") ?? 100],
            topic: "percentage_state_topic", templates: ["percentage_value_template"],
            command: "percentage_command_topic", template: "percentage_command_template")
        try self.addMode(
            &draft, "preset-mode", "preset_mode", options: "preset_modes", state: "preset_mode_value_template"
        )
        let words: [(word: String, value: JSON)] = [
            (self.word("payload_oscillation_on") ?? "oscillate_on", true),
            (self.word("payload_oscillation_off") ?? "oscillate_off", false),
        ]
        self.addFacet(
            &draft, "oscillation", schema: ["type": "boolean"], topic: "oscillation_state_topic",
            templates: ["oscillation_value_template"], map: words, command: "oscillation_command_topic",
            template: "oscillation_command_template")
        self.addFacet(
            &draft, "direction", schema: ["type": "string", "enum": ["forward", "reverse"]],
            topic: "direction_state_topic", templates: ["direction_value_template"],
            command: "direction_command_topic", template: "direction_command_template")
        // Zero is off, whatever the range says.
        self.ignore("speed_range_min")
    }

    mutating func addEvent(_ draft: inout ThingDraft) throws(JSONError) {
        let types = try self.list("event_types") ?? []
        guard var report = self.report(&draft) else { return }
        // Without a template the payload is an object with its type.
        if report.pointer == nil, !self.config["value_template"].exists {
            (report.isText, report.pointer, report.isOverlay) = (false, "/event_type", true)
        } else if report.pointer?.hasSuffix("/event_type") != true, report.pointer != nil {
            draft.note("\(self.name): the event is what its template gives")
        }
        draft.addEvent(
            self.name, title: self.text("name"),
            data: ThingDraft.schema(of: types), report: report)
    }

    /// `device_automation`: something that somebody does at the device.
    mutating func addTrigger(_ draft: inout ThingDraft) {
        let words = [self.text("subtype"), self.text("type")].compactMap { $0 }
        let name = words.isEmpty ? self.name : words.joined(separator: "-")
        self.ignore("automation_type")
        guard let topic = self.text("topic") else { return }
        guard let read = HomeAssistantTemplate(self.text("value_template")) else {
            return draft.note("\(name): value_template is a program")
        }
        var wire = ThingDraft.Wire(topic: topic, isText: read.pointer.isEmpty)
        wire.isOverlay = !read.pointer.isEmpty
        wire.pointer = read.pointer.isEmpty ? nil : read.pointer
        if let payload = self.text("payload") { wire.when = [(read.pointer, .string(payload))] }
        draft.addEvent(name, title: nil, data: ["type": "string"], report: wire)
    }

    mutating func addAlarm(_ draft: inout ThingDraft) {
        let report = self.report(&draft)
        draft.addProperty(self.name, title: self.text("name"), schema: ["type": "string"], report: report)
        guard !self.config["command_template"].exists, !self.config["code"].exists else {
            // A code belongs to people.
            return draft.note("\(self.name): a code is asked for, so nothing is sent")
        }
        for word in [
            "disarm", "arm_home", "arm_away", "arm_night", "arm_vacation", "arm_custom_bypass", "trigger",
        ] {
            self.addAction(
                &draft, "\(self.name)-\(word.writing("-", for: "_"))",
                payload: self.text("payload_\(word)") ?? word.uppercased())
        }
        self.ignore(
            "supported_features", "code_arm_required", "code_disarm_required", "code_trigger_required")
    }

    mutating func addTracker(_ draft: inout ThingDraft) {
        // Any word that is neither home nor away is the name of a place.
        draft.addProperty(
            self.name, title: self.text("name"), schema: ["type": "string"], report: self.report(&draft))
        for word in ["payload_home", "payload_not_home", "payload_reset"] {
            if let payload = self.text(word) { draft.note("\(self.name): \(word) is \(payload)") }
        }
        if let topic = self.text("json_attributes_topic"), !self.config["json_attributes_template"].exists {
            for (member, unit) in [("latitude", "deg"), ("longitude", "deg"), ("gps_accuracy", "m")] {
                let wire = ThingDraft.Wire(topic: topic, pointer: "/\(member)", isOverlay: true)
                draft.addProperty(
                    "\(self.name)-\(member.writing("-", for: "_"))", title: nil,
                    schema: ["type": "number", "unit": .string(unit)], report: wire)
            }
        }
        self.ignore("source_type")
    }

    mutating func addUpdate(_ draft: inout ThingDraft) {
        self.addFacet(
            &draft, "", schema: ["type": "string"], topic: "state_topic", templates: ["value_template"])
        self.addFacet(
            &draft, "latest", schema: ["type": "string"], topic: "latest_version_topic",
            templates: ["latest_version_template"])
        if let payload = self.text("payload_install") {
            self.addAction(&draft, "\(self.name)-install", payload: payload)
        }
    }
}
