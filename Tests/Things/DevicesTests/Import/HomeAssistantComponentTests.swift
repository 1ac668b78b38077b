import Encoding
import TestSupport
import Testing
import World

@testable import Devices

/// The kinds of things that Home Assistant's discovery knows.
@Suite struct HomeAssistantComponentTests {
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
            .homeassistant,
            [Imported.entity("binary_sensor", move), Imported.entity("sensor", temperature, "t")])
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
        let found = try Imported(.homeassistant, [Imported.entity("light", light)])
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
        let thing = try Imported(.homeassistant, [Imported.entity("light", light)]).thing("D")
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
            "brightness_template": "{{ value_json.b }}", "dev": Imported.device("P"),
        ]
        let odd: JSON = [
            "schema": "other", "name": "Odd", "command_topic": "t4", "dev": Imported.device("O"),
        ]
        let found = try Imported(
            .homeassistant,
            [
                Imported.entity("light", program), Imported.entity("light", plain, "p"),
                Imported.entity("light", odd, "o"),
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
            .homeassistant, [Imported.entity("cover", cover), Imported.entity("lock", lock, "l")])
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
        let found = try Imported(.homeassistant, [Imported.entity("cover", cover)])
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
        let found = try Imported(.homeassistant, [Imported.entity("climate", climate)])
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
                Imported.entity("fan", fan), Imported.entity("event", event, "b"),
                Imported.entity("vacuum", vacuum, "v"),
                Imported.entity("device_tracker", tracker, "t"),
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
                Imported.entity(
                    "select", ["name": "s", "cmd_t": "s/set", "stat_t": "s", "ops": [30, 60, 120]]),
                Imported.entity(
                    "sensor", ["name": "w", "stat_t": "w", "val_tpl": "{{ value_json.n }}"], "w"),
            ])
        let thing = try found.thing("D")
        #expect(try thing.read("s", "s", "60") == .value(60) && thing.sent(60, to: "s") == "60")
        #expect(try thing.property("s").schema.fault(in: "60") != nil)
        #expect(try thing.read("w", "w", #"{"n":5}"#) == .value("5"))
    }
}
