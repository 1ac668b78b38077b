internal import Encoding

/// What the kinds of entities mean. Source: Home Assistant's pages of its MQTT integrations.
extension HomeAssistantEntity {
    static let known: Set<String> = [
        "sensor", "binary_sensor", "switch", "light", "cover", "valve", "climate", "water_heater", "lock",
        "fan", "number", "select", "text", "button", "scene", "event", "vacuum", "device_tracker", "siren",
        "humidifier", "lawn_mower", "alarm_control_panel", "update", "notify", "device_automation",
    ]

    mutating func add(to draft: inout ThingDraft) throws(JSONError) {
        switch self.component {
        case "sensor": try self.addSensor(&draft)
        case "binary_sensor": self.addSwitch(&draft, on: "payload_on", off: "payload_off", isReadOnly: true)
        case "switch", "siren": self.addSwitch(&draft, on: "state_on", off: "state_off")
        case "light": try self.addLight(&draft)
        case "cover", "valve": self.addCover(&draft)
        case "climate", "water_heater": try self.addClimate(&draft)
        case "lock": self.addLock(&draft)
        case "fan": try self.addFan(&draft)
        case "humidifier": try self.addHumidifier(&draft)
        case "number": self.addNumber(&draft)
        case "select":
            self.addValue(&draft, schema: ThingDraft.schema(of: try self.list("options") ?? []))
        case "text": self.addText(&draft)
        case "button": self.addAction(&draft, self.name, payload: self.text("payload_press") ?? "PRESS")
        case "scene": self.addAction(&draft, self.name, payload: self.text("payload_on") ?? "ON")
        case "event": try self.addEvent(&draft)
        case "vacuum": try self.addVacuum(&draft)
        case "lawn_mower": self.addMower(&draft)
        case "alarm_control_panel": self.addAlarm(&draft)
        case "device_tracker": self.addTracker(&draft)
        case "update": self.addUpdate(&draft)
        case "notify":
            let write = self.command(&draft, isReported: false)
            draft.addProperty(
                self.name, title: self.text("name"), schema: ["type": "string"], report: nil, write: write)
        case "device_automation": self.addTrigger(&draft)
        default: draft.note("\(self.name): a \(self.component)")
        }
    }

    private mutating func addSensor(_ draft: inout ThingDraft) throws(JSONError) {
        let unit = ThingDraft.unit(self.text("unit_of_measurement"))
        let template = HomeAssistantTemplate(self.text("value_template"))
        let options = try self.list("options") ?? []
        let isNumber = unit != nil || self.text("state_class") != nil || template?.isNumber == true
        var schema: JSON =
            options.isEmpty ? ["type": isNumber ? "number" : "string"] : ThingDraft.schema(of: options)
        schema["unit"] = unit
        draft.addProperty(self.name, title: self.text("name"), schema: schema, report: self.report(&draft))
    }

    private mutating func addSwitch(
        _ draft: inout ThingDraft, on: String, off: String, isReadOnly: Bool = false
    ) {
        let power = self.powerWords()
        var report = self.report(
            &draft, templates: ["state_value_template", "value_template"],
            map: [(self.word(on) ?? power[0].word, true), (self.word(off) ?? power[1].word, false)])
        if let delay = self.number("off_delay")?.double, delay > 0, delay * 1_000 < 86_400_000 {
            let milliseconds = max(1, Int64(delay * 1_000))  // bounded: a day
            report?.fallback = ["value": false, "afterMs": .integer(milliseconds)]
        }
        let write =
            isReadOnly
            ? nil
            : self.command(&draft, map: power, isReported: report != nil)
        draft.addProperty(
            self.name, title: self.text("name"), schema: ["type": "boolean"], report: report, write: write)
    }

    private mutating func addNumber(_ draft: inout ThingDraft) {
        var schema: JSON = ["type": "number"]
        // The convention's own bounds where nothing is said.
        schema["minimum"] = self.number("min") ?? 1
        schema["maximum"] = self.number("max") ?? 100
        schema["unit"] = ThingDraft.unit(self.text("unit_of_measurement"))
        if let step = self.number("step")?.double, step > 0, let low = schema["minimum"]?.double,
            (low / step - (low / step).rounded()).magnitude < 1e-9
        {
            schema["multipleOf"] = .number(step)
        }
        // How it looks.
        self.ignore("mode", "step")
        self.addValue(&draft, schema: schema)
    }

    private mutating func addText(_ draft: inout ThingDraft) {
        var schema: JSON = ["type": "string"]
        for (member, name) in [("min", "minLength"), ("max", "maxLength")] {
            if case .integer(let length)? = self.number(member), length >= 0 {
                schema[name] = .integer(length)
            }
        }
        if let pattern = self.text("pattern") { schema["pattern"] = .string(pattern) }
        self.ignore("mode")
        self.addValue(&draft, schema: schema)
    }

    private mutating func addValue(_ draft: inout ThingDraft, schema: JSON) {
        let report = self.report(&draft)
        let write = self.command(&draft, isReported: report != nil)
        draft.addProperty(self.name, title: self.text("name"), schema: schema, report: report, write: write)
    }

    // MARK: Things that move

    private mutating func addCover(_ draft: inout ThingDraft) {
        let isPosition = self.component == "valve" && self.flag("reports_position") == true
        if isPosition {
            self.addFacet(
                &draft, "position",
                schema: ["type": "number", "minimum": 0, "maximum": 100, "unit": "percent"],
                topic: "state_topic", templates: ["value_template"], command: "command_topic")
        } else {
            let report = self.report(
                &draft,
                map: [
                    (self.word("state_open") ?? "open", "open"),
                    (self.word("state_opening") ?? "opening", "opening"),
                    (self.word("state_closed") ?? "closed", "closed"),
                    (self.word("state_closing") ?? "closing", "closing"),
                    (self.word("state_stopped") ?? "stopped", "stopped"),
                ])
            draft.addProperty(
                self.name, title: self.text("name"),
                schema: ["type": "string", "enum": ["open", "opening", "closed", "closing", "stopped"]],
                report: report)
        }
        for word in ["open", "close", "stop"] where self.config["payload_\(word)"].value != .null {
            if isPosition, word != "stop" { continue }
            self.addAction(
                &draft, "\(self.name)-\(word)", payload: self.text("payload_\(word)") ?? word.uppercased())
        }
        func range(_ low: JSON?, _ high: JSON?) -> JSON {
            let ends = [low?.double ?? 0, high?.double ?? 100]
            return [
                "type": "number", "minimum": .number(ends.min() ?? 0), "maximum": .number(ends.max() ?? 100),
            ]
        }
        let position = range(self.number("position_closed"), self.number("position_open"))
        self.addFacet(
            &draft, "position", schema: position, topic: "position_topic", templates: ["position_template"],
            command: "set_position_topic", template: "set_position_template",
            variables: ["value", "position"])
        let tilt = range(self.number("tilt_min"), self.number("tilt_max"))
        self.addFacet(
            &draft, "tilt", schema: tilt, topic: "tilt_status_topic", templates: ["tilt_status_template"],
            command: "tilt_command_topic", template: "tilt_command_template",
            variables: ["value", "tilt_position"])
        if let payload = self.text("payload_stop_tilt") {
            self.addAction(&draft, "\(self.name)-stop-tilt", topic: "tilt_command_topic", payload: payload)
        }
    }

    private mutating func addLock(_ draft: inout ThingDraft) {
        let report = self.report(
            &draft,
            map: [
                (self.word("state_locked") ?? "LOCKED", "locked"),
                (self.word("state_locking") ?? "LOCKING", "locking"),
                (self.word("state_unlocked") ?? "UNLOCKED", "unlocked"),
                (self.word("state_unlocking") ?? "UNLOCKING", "unlocking"),
                (self.word("state_jammed") ?? "JAMMED", "jammed"),
            ])
        draft.addProperty(
            self.name, title: self.text("name"),
            schema: ["type": "string", "enum": ["locked", "locking", "unlocked", "unlocking", "jammed"]],
            report: report)
        guard self.config["command_template"].value == nil else { return }
        self.addAction(&draft, "\(self.name)-lock", payload: self.text("payload_lock") ?? "LOCK")
        self.addAction(&draft, "\(self.name)-unlock", payload: self.text("payload_unlock") ?? "UNLOCK")
        if let open = self.text("payload_open") {
            self.addAction(&draft, "\(self.name)-open", payload: open)
        }
    }

    private mutating func addVacuum(_ draft: inout ThingDraft) throws(JSONError) {
        let features = try self.list("supported_features")
        func can(_ word: String) -> Bool { features?.contains(.string(word)) ?? true }
        if let topic = self.text("state_topic") {
            for (name, member, schema) in [
                (self.name, "state", ["type": "string"]),
                (
                    "\(self.name)-battery", "battery_level",
                    ["type": "number", "minimum": 0, "maximum": 100, "unit": "percent"]
                ), ("\(self.name)-fan-speed", "fan_speed", ["type": "string"]),
            ] as [(String, String, JSON)] where member != "battery_level" || can("battery") {
                let wire = ThingDraft.Wire(topic: topic, pointer: "/\(member)", isOverlay: true)
                let speeds = member == "fan_speed" ? try self.list("fan_speed_list") : nil
                let write =
                    member == "fan_speed"
                    ? self.command(&draft, topic: "set_fan_speed_topic", template: "", isReported: true) : nil
                draft.addProperty(
                    name, title: nil, schema: speeds.map { ThingDraft.schema(of: $0) } ?? schema,
                    report: wire,
                    write: write)
            }
        }
        for (feature, word) in [
            ("start", "start"), ("pause", "pause"), ("stop", "stop"), ("return_home", "return_to_base"),
            ("clean_spot", "clean_spot"), ("locate", "locate"),
        ] {
            let payload = self.text("payload_\(word)") ?? word
            guard can(feature) else { continue }
            self.addAction(
                &draft, "\(self.name)-\(word.writing("-", for: "_"))", payload: payload)
        }
        if can("send_command"), let topic = self.text("send_command_topic") {
            draft.addAction(
                "\(self.name)-send-command", title: nil, input: ["type": "string"],
                invoke: .init(topic: topic, isText: true, body: "$value"))
        }
    }

    private mutating func addMower(_ draft: inout ThingDraft) {
        let report = self.report(
            &draft, topic: "activity_state_topic", templates: ["activity_value_template"])
        draft.addProperty(self.name, title: self.text("name"), schema: ["type": "string"], report: report)
        for (word, payload) in [("start_mowing", "start_mowing"), ("pause", "pause"), ("dock", "dock")] {
            guard self.config["\(word)_command_template"].value == nil else { continue }
            self.addAction(
                &draft, "\(self.name)-\(word.writing("-", for: "_"))", topic: "\(word)_command_topic",
                payload: payload)
        }
    }
}
