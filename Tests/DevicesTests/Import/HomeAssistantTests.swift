import Encoding
import TestSupport
import Testing
import World

@testable import Devices

/// Home Assistant's discovery, as programs of others announce by it.
@Suite struct HomeAssistantTests {
    private static func device(_ name: String = "D") -> JSON {
        ["ids": [.string(name)], "name": .string(name)]
    }

    private static func entity(_ component: String, _ config: JSON, _ id: String = "e") -> (String, JSON) {
        var config = config
        if config["dev"] == nil, config["device"] == nil { config["dev"] = self.device() }
        return ("homeassistant/\(component)/\(id)/config", config)
    }

    @Test(
        arguments: [
            (nil, "", 1, 0, false), ("{{ value }}", "", 1, 0, false), ("{{value_json.a}}", "/a", 1, 0, false),
            ("{{ value_json.a_b.c }}", "/a_b/c", 1, 0, false),
            ("{{ value_json['x y'][0] | int }}", "/x y/0", 1, 0, true),
            ("{{ value_json.a | default(0) }}", "/a", 1, 0, false),
            ("{{ value_json.tempc | is_defined }}", "/tempc", 1, 0, false),
            ("{{ value_json.outdoor | round(1) }}", "/outdoor", 1, 0, true),
            ("{{ value_json.flow | float(0) | round(2) }}", "/flow", 1, 0, true),
            ("{{- value_json.get('a') | string -}}", "/a", 1, 0, false),
            ("{{ value_json.get(\"a\", 'x(y') }}", "/a", 1, 0, false),
            ("{{ float(value_json.a, 0) }}", "/a", 1, 0, true),
            ("{{ (value_json.a | float / 10) | round(1) }}", "/a", 0.1, 0, true),
            ("{{ value_json.a / 10 | round(1) }}", "/a", 0.1, 0, true),
            ("{{ (value_json.a - 32) / 2 }}", "/a", 0.5, -16, true),
            ("{{ value | multiply(0.001) }}", "", 0.001, 0, true),
            ("{{ value_json.a if value_json.a is defined else none }}", "/a", 1, 0, false),
            ("{{ value_json.a.b | float if value_json.a is defined else 'x' }}", "/a/b", 1, 0, true),
            ("{{ value_json['a/b']['~'] }}", "/a~1b/~0", 1, 0, false),
        ] as [(String?, String, Double, Double, Bool)])
    func `templates that are places and sums are read`(
        _ text: String?, _ pointer: String, _ scale: Double, _ offset: Double, _ isNumber: Bool
    ) throws {
        let template = try #require(HomeAssistantTemplate(text))
        #expect(template.pointer == pointer && template.isNumber == isNumber)
        #expect(abs(template.scale - scale) < 1e-12 && abs(template.offset - offset) < 1e-12)
    }

    @Test(
        arguments: [
            "{{ value | upper }}", "{{ states('x') }}", "value_json.a", "{{ value_json. }}",
            "{{ value_json[ }}",
            "{% if value > 3 %}good{% endif %}", "{{ value_json.a if value_json.b else 0 }}",
            "{{ value_json.a if value_json.b is defined else 0 }}",
            "{{ value_json.a if value_json.a is defined else value_json.b }}",
            "{{ value_json.a + 1 * 2 }}", "{{ value_json.a / 0 }}", "{{ value_json.a.get('b' }}", "{{ }}",
            "{{",
            "{{ value.split(',')[0] }}", "{{ value_json.a }}{{ value_json.b }}", "on {{ value }}",
        ])
    func `all others are programs`(_ text: String) {
        #expect(HomeAssistantTemplate(text) == nil)
    }

    @Test func `a template of a stranger neither stops nor hangs the reader`() {
        var generator = Seeded(11)
        let pieces = [
            "{{", "}}", "value_json", "value", ".", "[", "]", "(", ")", "'a'", "|", "round", "get", ",", "1",
            "*",
            "/", "-", " ", "float", "default", "{%", "%}", "é", "\u{0}", "\"",
        ]
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...24, using: &generator)
            let middle = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            for text in [middle, "{{ value_json\(middle) }}", "{{\(middle)}}"] {
                _ = HomeAssistantTemplate(text)
                _ = HomeAssistantTemplate.body(text, variables: ["value"])
            }
        }
        let deep =
            "{{ " + String(repeating: "(", count: 500) + "value" + String(repeating: ")", count: 500) + " }}"
        #expect(HomeAssistantTemplate(deep) == nil)
    }

    @Test(
        arguments: [
            ("{{ value }}", "$value"), ("{ \"position\": {{ position }} }", "{ \"position\": $value }"),
            ("SET {{ value | int }};", "SET $value;"), ("a {{- value -}} b", "a$valueb"),
            ("{{ value * 2 }}", nil), ("{% if value %}1{% endif %}", nil), ("$id {{ value }}", nil),
        ] as [(String, String?)])
    func `command templates with one hole become bodies`(_ text: String, _ body: String?) {
        #expect(HomeAssistantTemplate.body(text, variables: ["value", "position"]) == body)
    }

    /// Zigbee2MQTT's own announcements (its homeassistant.test.ts): a list, mode all, templates.
    @Test func `availability lists keep their places, words and mode, the device's own before the bridge's`()
        throws
    {
        let list: JSON = [
            ["topic": "zigbee2mqtt/bridge/state", "value_template": "{{ value_json.state }}"],
            ["topic": "zigbee2mqtt/weather/availability", "value_template": "{{ value_json.state }}"],
        ]
        let found = try Imported(
            .homeassistant,
            [
                Self.entity(
                    "sensor",
                    [
                        "availability": list, "availability_mode": "all",
                        "state_topic": "zigbee2mqtt/weather",
                        "value_template": "{{ value_json.temperature }}", "unit_of_measurement": "°C",
                        "device": ["identifiers": ["w"], "name": "weather"],
                    ]),
                Self.entity(
                    "sensor",
                    [
                        "availability": ["a": 1], "avty": [["t": "zigbee2mqtt/bridge/state"]], "stat_t": "x",
                        "dev": Self.device("other"),
                    ], "f"),
            ])
        let form = try #require(try found.thing("weather").availability)
        #expect(form.mode == .all)
        #expect(
            form.places.map(\.topic) == ["zigbee2mqtt/weather/availability", "zigbee2mqtt/bridge/state"])
        #expect(form.places[0].word(Array(#"{"state":"offline"}"#.utf8)) == .offline)
        #expect(form.places[0].word(Array(#"{"state":"online"}"#.utf8)) == .online)
    }

    @Test func `an availability that is read by a program is noted`() throws {
        let found = try Imported(
            .homeassistant,
            [
                Self.entity(
                    "sensor",
                    [
                        "stat_t": "x", "avty_t": "y",
                        "avty_tpl": "{{ 'online' if value == '1' else 'offline' }}",
                    ])
            ])
        #expect(try found.notes("D").contains("availability: y is read by a program"))
    }

    /// OpenMQTTGateway and Theengs: `is_defined`, `True`, `off_dly`, wildcards in topics.
    @Test func `a gateway's sensors are read, True is true, and motion ends by itself`() throws {
        let move: JSON = [
            "stat_t": "+/+/BTtoMQTT/48AA", "name": "move", "pl_on": "True", "pl_off": "False", "off_dly": 30,
            "val_tpl": "{{ value_json.pres }}", "dev_cla": "motion",
        ]
        let temperature: JSON = [
            "stat_t": "+/+/BTtoMQTT/48AA", "name": "tempc", "val_tpl": "{{ value_json.tempc | is_defined }}",
            "unit_of_meas": "°C", "state_class": "measurement",
        ]
        let found = try Imported(
            .homeassistant, [Self.entity("binary_sensor", move), Self.entity("sensor", temperature, "t")])
        let thing = try found.thing("D")
        #expect(try found.notes("D") == [] && found.skipped == [])
        #expect(try thing.read("move", "home/omg/BTtoMQTT/48AA", #"{"pres":true}"#) == .value(true))
        #expect(try thing.read("move", "home/omg/BTtoMQTT/48AA", #"{"pres":"False"}"#) == .value(false))
        #expect(try thing.read("move", "home/omg/BTtoMQTT/48AA", #"{"tempc":1}"#) == .nothing)
        #expect(try thing.read("tempc", "a/b/BTtoMQTT/48AA", #"{"tempc":"21.5"}"#) == .value(.number(21.5)))
        let fallback = try #require(try thing.property("move").reports[0].fallback)
        #expect(fallback.value == false && fallback.after == .seconds(30))
    }

    /// Tasmota#1360 and others: the old names of templates, each value on a topic of its own.
    @Test func `a light has its state, brightness and colours by their own templates`() throws {
        let light: JSON = [
            "name": "Strip", "cmd_t": "cmnd/strip/POWER", "stat_t": "stat/strip/RESULT",
            "stat_val_tpl": "{{value_json.POWER}}", "bri_cmd_t": "cmnd/strip/Dimmer",
            "bri_stat_t": "stat/strip/RESULT", "bri_scl": 100, "bri_val_tpl": "{{value_json.Dimmer}}",
            "on_cmd_type": "brightness", "clr_temp_cmd_t": "cmnd/strip/CT",
            "clr_temp_stat_t": "stat/strip/RESULT", "clr_temp_val_tpl": "{{value_json.CT}}",
        ]
        let found = try Imported(.homeassistant, [Self.entity("light", light)])
        let thing = try found.thing("D")
        let result = #"{"POWER":"ON","Dimmer":40,"CT":300}"#
        #expect(try thing.read("Strip", "stat/strip/RESULT", result) == .value(true))
        #expect(try thing.read("Strip-brightness", "stat/strip/RESULT", result) == .value(40))
        #expect(try thing.read("Strip-color-temp", "stat/strip/RESULT", result) == .value(300))
        #expect(try thing.sent(40, to: "Strip-brightness") == "40")
        #expect(try thing.property("Strip-brightness").schema.fault(in: 101) != nil)
        let notes = try found.notes("D")
        #expect(notes.count == 1 && notes[0].contains("on_command_type"), "\(notes)")
    }

    @Test func `a light that speaks JSON has its colours and effects`() throws {
        let light: JSON = [
            "schema": "json", "cmd_t": "z/lamp/set", "stat_t": "z/lamp", "name": nil, "obj_id": "lamp",
            "brightness": true, "bri_scl": 254, "sup_clrm": ["xy", "color_temp"], "min_mirs": 150,
            "max_mirs": 500, "effect": true, "fx_list": ["blink", "okay"],
        ]
        let thing = try Imported(.homeassistant, [Self.entity("light", light)]).thing("D")
        #expect(
            thing.properties.map(\.name) == [
                "lamp", "lamp-brightness", "lamp-color-temp", "lamp-color", "lamp-effect",
            ])
        #expect(try thing.sent(true, to: "lamp") == #"{"state":"ON"}"#)
        #expect(
            try thing.sent(["x": .number(0.3), "y": .number(0.3)], to: "lamp-color")
                == #"{"state":"ON","color":{"x":0.3,"y":0.3}}"#)
        #expect(try thing.sent("blink", to: "lamp-effect") == #"{"state":"ON","effect":"blink"}"#)
    }

    /// Home Assistant's light page, `schema: template`.
    @Test func `a light by templates sends what it was told to, or is only looked at`() throws {
        let program: JSON = [
            "schema": "template", "name": "Tmpl", "command_topic": "t2/set", "state_topic": "t2",
            "command_on_template": "on,{{ brightness }}", "command_off_template": "off",
            "state_template": "{{ value.split(',')[0] }}",
        ]
        let plain: JSON = [
            "schema": "template", "name": "Plain", "command_topic": "t3/set", "state_topic": "t3",
            "command_on_template": "1", "command_off_template": "0", "state_template": "{{ value_json.s }}",
            "brightness_template": "{{ value_json.b }}", "dev": Self.device("P"),
        ]
        let odd: JSON = ["schema": "other", "name": "Odd", "command_topic": "t4", "dev": Self.device("O")]
        let found = try Imported(
            .homeassistant,
            [
                Self.entity("light", program), Self.entity("light", plain, "p"),
                Self.entity("light", odd, "o"),
            ])
        #expect(found.things.map(\.thing.name) == ["P"])
        #expect(try found.thing("P").sent(true, to: "Plain") == "1")
        #expect(try found.thing("P").read("Plain", "t3", #"{"s":"on"}"#) == .value(true))
        #expect(try found.thing("P").read("Plain-brightness", "t3", #"{"b":7}"#) == .value(7))
        #expect(found.skipped.contains { $0.contains("Tmpl") && $0.contains("program") }, "\(found.skipped)")
        #expect(found.skipped.contains { $0.contains("Odd: a light of the schema other") })
    }

    @Test func `a cover, a lock and a valve are told by actions and report their states`() throws {
        let cover: JSON = [
            "name": "c", "cmd_t": "c/set", "stat_t": "c", "val_tpl": "{{ value_json.s }}", "pos_t": "c",
            "pos_tpl": "{{ value_json[\"position\"] }}", "set_pos_t": "c/set",
            "set_pos_tpl": "{ \"position\": {{ position }} }", "tilt_cmd_t": "c/tilt",
        ]
        let lock: JSON = [
            "name": "l", "cmd_t": "l/set", "stat_t": "l", "pl_lock": "LOCK", "stat_locked": "yes",
            "stat_unlocked": "no",
        ]
        let found = try Imported(
            .homeassistant, [Self.entity("cover", cover), Self.entity("lock", lock, "l")])
        let thing = try found.thing("D")
        #expect(try found.notes("D") == [])
        #expect(try thing.read("c", "c", #"{"s":"opening","position":20}"#) == .value("opening"))
        #expect(try thing.read("c-position", "c", #"{"position":20}"#) == .value(20))
        #expect(try thing.sent(30, to: "c-position") == #"{ "position": 30 }"#)
        #expect(try thing.sent(by: "c-stop") == "c/set STOP")
        #expect(try thing.sent(50, to: "c-tilt") == "50")
        #expect(try thing.read("l", "l", "yes") == .value("locked"))
        #expect(try thing.sent(by: "l-lock") == "l/set LOCK" && thing.sent(by: "l-unlock") == "l/set UNLOCK")
    }

    @Test func `a cover whose state is a program keeps its position and its actions`() throws {
        let cover: JSON = [
            "name": "c", "cmd_t": "c/set", "stat_t": "c",
            "val_tpl":
                "{% if 'moving' in value_json and value_json.moving %} opening {% else %} stopped {% endif %}",
            "pos_t": "c", "pos_tpl": "{{ value_json.position }}",
        ]
        let found = try Imported(.homeassistant, [Self.entity("cover", cover)])
        #expect(try found.thing("D").properties.map(\.name) == ["c-position"])
        #expect(try found.thing("D").actions.map(\.name) == ["c-open", "c-close", "c-stop"])
        #expect(try found.notes("D").contains { $0.contains("value_template is a program") })
    }

    @Test func `a climate has its modes and temperatures, its bounds also as texts`() throws {
        let climate: JSON = [
            "name": "h", "temp_cmd_t": "h/set/temp", "temp_stat_t": "h",
            "temp_stat_tpl": "{{ value_json[\"occupied_heating_setpoint\"] }}", "modes": ["off", "heat"],
            "mode_cmd_t": "h/set/mode", "mode_stat_t": "h", "mode_stat_tpl": "{{ value_json.system_mode }}",
            "min_temp": "5", "max_temp": "30", "curr_temp_t": "h",
            "curr_temp_tpl": "{{ value_json.local_temperature }}", "temp_step": .number(0.5),
            "act_t": "h", "act_tpl": "{{ value_json.running }}", "fan_modes": ["auto"],
            "fan_mode_cmd_t": "h/fan",
        ]
        let found = try Imported(.homeassistant, [Self.entity("climate", climate)])
        let thing = try found.thing("D")
        #expect(try found.notes("D") == [])
        let payload = #"{"occupied_heating_setpoint":21,"system_mode":"heat","local_temperature":"19.5"}"#
        #expect(try thing.read("h-temperature", "h", payload) == .value(21))
        #expect(try thing.read("h-mode", "h", payload) == .value("heat"))
        #expect(try thing.read("h-current-temperature", "h", payload) == .value(.number(19.5)))
        #expect(try thing.property("h-temperature").schema.fault(in: 31) != nil)
        #expect(try thing.property("h-mode").schema.fault(in: "cool") != nil)
        #expect(try thing.sent("auto", to: "h-fan-mode") == "auto")
    }

    @Test func `a fan, an event, a vacuum and a tracker are read`() throws {
        let fan: JSON = [
            "name": "f", "cmd_t": "f/set", "stat_t": "f", "pct_cmd_t": "f/speed",
            "pct_stat_t": "f/speed/state",
            "spd_rng_max": 4, "osc_cmd_t": "f/osc", "osc_stat_t": "f/osc/state", "pr_modes": ["eco"],
            "pr_mode_cmd_t": "f/mode", "dir_cmd_t": "f/dir",
        ]
        let event: JSON = ["name": "b", "stat_t": "b", "evt_typ": ["single", "double"]]
        let vacuum: JSON = [
            "name": "v", "stat_t": "v", "cmd_t": "v/cmd", "sup_feat": ["start", "stop", "fan_speed"],
            "set_fan_spd_t": "v/speed", "fanspd_lst": ["min", "max"],
        ]
        let tracker: JSON = ["name": "t", "stat_t": "t", "json_attr_t": "t/attr", "src_type": "gps"]
        let found = try Imported(
            .homeassistant,
            [
                Self.entity("fan", fan), Self.entity("event", event, "b"), Self.entity("vacuum", vacuum, "v"),
                Self.entity("device_tracker", tracker, "t"),
            ])
        let thing = try found.thing("D")
        #expect(try thing.read("f", "f", "ON") == .value(true))
        #expect(try thing.property("f-percentage").schema.fault(in: 5) != nil)
        #expect(try thing.sent(true, to: "f-oscillation") == "oscillate_on")
        #expect(try thing.sent("reverse", to: "f-direction") == "reverse")
        let press = try #require(thing.events.first)
        #expect(
            try press.reports[0].report(Array(#"{"event_type":"single"}"#.utf8), schema: press.data)
                == .value("single"))
        #expect(try thing.read("v", "v", #"{"state":"docked","battery_level":80}"#) == .value("docked"))
        #expect(try thing.sent("max", to: "v-fan-speed") == "max")
        #expect(
            try thing.sent(by: "v-start") == "v/cmd start"
                && !thing.actions.contains { $0.name == "v-locate" })
        #expect(try thing.read("t", "t", "home") == .value("home"))
        #expect(try thing.read("t-latitude", "t/attr", #"{"latitude":48.1}"#) == .value(.number(48.1)))
    }

    @Test func `selects and sensors have the types of their values`() throws {
        let found = try Imported(
            .homeassistant,
            [
                Self.entity("select", ["name": "s", "cmd_t": "s/set", "stat_t": "s", "ops": [30, 60, 120]]),
                Self.entity("sensor", ["name": "w", "stat_t": "w", "val_tpl": "{{ value_json.n }}"], "w"),
            ])
        let thing = try found.thing("D")
        #expect(try thing.read("s", "s", "60") == .value(60) && thing.sent(60, to: "s") == "60")
        #expect(try thing.property("s").schema.fault(in: "60") != nil)
        #expect(try thing.read("w", "w", #"{"n":5}"#) == .value("5"))
    }

    @Test func `what is not understood is named, and nothing twice`() throws {
        let found = try Imported(
            .homeassistant,
            [
                Self.entity(
                    "switch",
                    [
                        "name": "s", "cmd_t": "s/set", "stat_t": "s", "json_attr_t": "s/attr", "new_thing": 1,
                        "ic": "mdi:x", "ent_cat": "config", "qos": 1, "opt": false,
                    ]),
                Self.entity("camera", ["t": "cam"], "c"),
                Self.entity("sensor", ["name": "e", "stat_t": "e", "exp_aft": 600], "e2"),
            ])
        #expect(
            try found.notes("D") == ["s: json_attributes_topic", "s: new_thing", "c: a camera"])
        #expect(try found.thing("D").availability?.staleAfter == .seconds(600))
        #expect(try found.thing("D").notes == found.notes("D"))
    }

    /// Tasmota#7097: a device whose connections stand in one message and whose name stands in another.
    @Test func `announcements that share an identifier or a connection are of one device`() throws {
        let mac: JSON = [["mac", "AA:BB:CC"]]
        let found = try Imported(
            .homeassistant,
            [
                Self.entity("sensor", ["name": "a", "stat_t": "a", "dev": ["ids": ["5AB001"]]], "5AB001_E"),
                Self.entity("sensor", ["name": "b", "stat_t": "b", "dev": ["cns": mac]], "b"),
                Self.entity(
                    "sensor",
                    ["name": "c", "stat_t": "c", "dev": ["ids": "5AB001", "cns": mac, "name": "Plug"]],
                    "c"),
                Self.entity(
                    "sensor", ["name": "d", "stat_t": "d", "dev": ["cns": [["mac", "aa:bb:cc"]]]], "d"),
            ])
        #expect(found.things.map(\.thing.name) == ["Plug"])
        let thing = try found.thing("Plug")
        #expect(thing.properties.map(\.name) == ["a", "b", "c", "d"])
        #expect(thing.id == "urn:depai:homeassistant:5AB001")
    }

    @Test func `an entity of which only the kind is said was taken away`() throws {
        let found = try Imported(
            .homeassistant,
            [
                (
                    "homeassistant/device/d/config",
                    [
                        "dev": Self.device(),
                        "cmps": ["gone": ["p": "sensor"], "on": ["p": "switch", "cmd_t": "x"]],
                    ]
                ), ("homeassistant/sensor/d/old/config", ["migrate_discovery": true]),
            ])
        #expect(try found.thing("D").properties.map(\.name) == ["on"])
        #expect(try found.notes("D") == [] && found.skipped == [])
    }

    // MARK: Strangers

    @Test func `a device may have neither everything, nor the broker's topics, nor ours`() throws {
        let topics = [
            "#", "+/#", "$SYS/broker/version", "$share/g/x", "depai/wallet/owner/ask", "a/{{b}}", "a/#/b", "",
        ]
        let entities = topics.enumerated().map { number, topic in
            Self.entity(
                "switch", ["name": .string("s\(number)"), "stat_t": .string(topic), "cmd_t": .string(topic)],
                "s\(number)")
        }
        let found = try Imported(.homeassistant, entities)
        #expect(found.things.isEmpty)
        let one = try Imported(
            .homeassistant,
            entities + [
                Self.entity(
                    "sensor", ["name": "good", "stat_t": "a/b", "avty_t": "depai/x", "exp_aft": 5], "good")
            ])
        #expect(try one.thing("D").properties.map(\.name) == ["good"])
        #expect(try one.thing("D").availability?.topic == nil)
        let notes = try one.notes("D")
        #expect(notes.count == topics.count, "\(notes)")
    }

    @Test func `one entity that makes no sense costs no other`() throws {
        let found = try Imported(
            .homeassistant,
            [
                Self.entity("number", ["name": "n", "cmd_t": "n/set", "min": 9, "max": 3]),
                Self.entity("switch", ["name": "s", "cmd_t": "s", "stat_t": "s"], "s"),
            ])
        let thing = try found.thing("D")
        #expect(thing.properties.map(\.name) == ["s"])
        #expect(try thing.property("s").write?.acknowledgement.kind == .puback)
        let notes = try found.notes("D")
        #expect(notes.count == 2 && notes.contains("n: is above maximum"), "\(notes)")
    }

    @Test func `what a tilde stands for grows within bounds`() throws {
        var entity: JSON = ["~": .string(String(repeating: "x", count: 2_000)), "stat_t": "~/a"]
        let long = try Imported(.homeassistant, [Self.entity("sensor", entity)])
        #expect(long.things.isEmpty && long.skipped.count == 1)
        entity["~"] = .string(String(repeating: "x", count: 1_000))
        var names = HomeAssistantNames()
        var config: JSON = ["~": .string(String(repeating: "x", count: 1_000))]
        for number in 0..<200 { config["a\(number)_topic"] = "~" }
        var refusals = 0
        for _ in 0..<100 {
            do throws(JSONError) { _ = try names.full(JSONField(config)) } catch { refusals += 1 }
        }
        // 200 kB each, 8 MB in all.
        #expect(refusals > 50 && refusals < 70)
        var wide: JSON = [:]
        for number in 0..<300 { wide["m\(number)"] = 1 }
        #expect(throws: JSONError.self) { try names.full(JSONField(wide)) }
    }

    @Test func `a tilde stands for what its device says, at both ends and in lists`() throws {
        let found = try Imported(
            .homeassistant,
            [
                (
                    "homeassistant/device/hp/config",
                    [
                        "dev": Self.device("HP"), "~": "hp/ac1", "stat_t": "~/state",
                        "avty": [["t": "~/status", "pl_avail": "up", "pl_not_avail": "down"]],
                        "cmps": [
                            "temp": [
                                "p": "sensor", "unit_of_meas": "°C",
                                "val_tpl": "{{ value_json.outdoor | round(1) }}",
                            ], "boost": ["p": "button", "cmd_t": "~/boost/set", "pl_prs": "GO"],
                        ],
                    ]
                )
            ])
        let thing = try found.thing("HP")
        #expect(try thing.read("temp", "hp/ac1/state", #"{"outdoor":7.25}"#) == .value(.number(7.25)))
        #expect(try thing.sent(by: "boost") == "hp/ac1/boost/set GO")
        #expect(thing.availability?.topic == "hp/ac1/status")
        // What its device says for all is no member that is lost.
        #expect(try found.notes("HP") == [])
    }
}
