import Encoding
import Messaging
import Testing
import World

@testable import Devices

/// Zigbee2MQTT, Tasmota, Homie and ESPHome, as their devices announce themselves.
@Suite struct OtherConventionTests {
    // MARK: Zigbee2MQTT

    private static func zigbee(_ exposes: JSON, _ name: String = "d", _ address: String = "0x1") -> JSON {
        [
            "ieee_address": .string(address), "type": "Router", "friendly_name": .string(name),
            "definition": ["vendor": "A", "model": "B", "exposes": exposes],
        ]
    }

    private static let cover: JSON = [
        "type": "cover",
        "features": [
            [
                "access": 3, "name": "state", "property": "state", "type": "enum",
                "values": ["OPEN", "CLOSE", "STOP"],
            ],
            [
                "access": 7, "name": "position", "property": "position", "type": "numeric", "value_max": 100,
                "value_min": 0,
            ],
        ],
    ]

    /// herdsman-converters, tuya.ts: `keep_time` is one of 30, 60 and 120.
    @Test func `a list of numbers is a choice of numbers`() throws {
        let found = try Imported(
            .zigbee2mqtt,
            [
                (
                    "zigbee2mqtt/bridge/devices",
                    [
                        Self.zigbee([
                            ["access": 7, "property": "keep_time", "type": "enum", "values": [30, 60, 120]],
                            ["access": 7, "property": "mixed", "type": "enum", "values": ["auto", 1]],
                        ])
                    ]
                )
            ])
        let thing = try found.thing("d")
        #expect(try thing.read("keep_time", "zigbee2mqtt/d", #"{"keep_time":60}"#) == .value(60))
        #expect(try thing.sent(60, to: "keep_time") == #"{"keep_time":60}"#)
        #expect(try thing.property("keep_time").schema.fault(in: "60") != nil)
        #expect(try thing.read("mixed", "zigbee2mqtt/d", #"{"mixed":1}"#) == .value(1))
        #expect(try thing.read("mixed", "zigbee2mqtt/d", #"{"mixed":"auto"}"#) == .value("auto"))
    }

    @Test func `a cover's STOP is no state, presets are values, and all values are asked for`() throws {
        let startup: JSON = [
            "access": 7, "property": "startup", "type": "numeric", "value_max": 254, "value_min": 1,
            "presets": [["name": "previous", "value": "previous"], ["name": "low", "value": 1]],
        ]
        let found = try Imported(
            .zigbee2mqtt, [("zigbee2mqtt/bridge/devices", [Self.zigbee([Self.cover, startup])])])
        let thing = try found.thing("d")
        let acknowledgement = try #require(try thing.property("state").write?.acknowledgement)
        #expect(acknowledgement.commands == ["STOP"] && !acknowledgement.expectsEcho(of: "STOP"))
        #expect(acknowledgement.expectsEcho(of: "OPEN") && acknowledgement.timeout == .seconds(60))
        // A setting that is called so is reported like any other.
        let setting: JSON = [
            "access": 7, "property": "power_on_behavior", "type": "enum", "values": ["off", "toggle"],
        ]
        let plug = try Imported(.zigbee2mqtt, [("zigbee2mqtt/bridge/devices", [Self.zigbee([setting])])])
        #expect(try plug.thing("d").property("power_on_behavior").write?.acknowledgement.commands == [])
        #expect(try thing.sent("previous", to: "startup") == #"{"startup":"previous"}"#)
        #expect(try thing.property("startup").schema.fault(in: 255) != nil)
        #expect(try thing.property("startup").schema.fault(in: 200) == nil)
        #expect(thing.queries.map(\.topic) == ["zigbee2mqtt/d/get"])
        let question = String(
            decoding: thing.queries[0].payload(identifier: "", ownName: ""), as: UTF8.self)
        #expect(question == #"{"position":"","startup":""}"#)
        // The bridge only tells when it is gone.
        #expect(
            thing.availability?.places.map(\.topic) == [
                "zigbee2mqtt/d/availability", "zigbee2mqtt/bridge/state",
            ])
        #expect(thing.availability?.places[1].word(Array(#"{"state":"online"}"#.utf8)) == .nothing)
        #expect(thing.availability?.places[1].word(Array("offline".utf8)) == .offline)
    }

    @Test func `a colour that is exposed in two ways is one property`() throws {
        func color(_ name: String, _ members: [String]) -> JSON {
            [
                "type": "composite", "name": .string(name), "property": "color", "access": 7,
                "features": .array(
                    members.map { ["type": "numeric", "property": .string($0), "access": 7] }),
            ]
        }
        let light: JSON = [
            "type": "light",
            "features": [color("color_xy", ["x", "y"]), color("color_hs", ["hue", "saturation"])],
        ]
        let found = try Imported(.zigbee2mqtt, [("zigbee2mqtt/bridge/devices", [Self.zigbee([light])])])
        let thing = try found.thing("d")
        #expect(thing.properties.map(\.name) == ["color"])
        let report = try thing.read("color", "zigbee2mqtt/d", #"{"color":{"x":0.3,"y":0.3,"hue":20}}"#)
        #expect(report == .changes(["x": .number(0.3), "y": .number(0.3), "hue": 20]))
    }

    @Test func `a group can what all of its members can`() throws {
        let light: JSON = [
            "type": "light",
            "features": [
                ["access": 7, "property": "state", "type": "binary", "value_on": "ON", "value_off": "OFF"],
                ["access": 7, "property": "brightness", "type": "numeric", "value_max": 254, "value_min": 0],
            ],
        ]
        let plug: JSON = [
            "type": "switch",
            "features": [
                ["access": 7, "property": "state", "type": "binary", "value_on": "ON", "value_off": "OFF"]
            ],
        ]
        let groups: JSON = [
            [
                "id": 3, "friendly_name": "hall",
                "members": [
                    ["ieee_address": "0x1", "endpoint": 1], ["ieee_address": "0x2", "endpoint": 1],
                ],
            ], ["id": 4, "friendly_name": "empty", "members": []],
        ]
        let found = try Imported(
            .zigbee2mqtt,
            [
                ("zigbee2mqtt/bridge/devices", [Self.zigbee([light]), Self.zigbee([plug], "p", "0x2")]),
                ("zigbee2mqtt/bridge/groups", groups),
            ])
        let thing = try found.thing("hall")
        #expect(thing.properties.map(\.name) == ["state"])
        #expect(try thing.sent(true, to: "state") == #"{"state":"ON"}"#)
        #expect(try thing.property("state").write?.topic == "zigbee2mqtt/hall/set")
        #expect(found.skipped == ["group empty: has no members"])
        #expect(DiscoveryConvention.zigbee2mqtt.filters(base: nil).contains("zigbee2mqtt/bridge/groups"))
    }

    // MARK: Tasmota

    private static func tasmota(_ config: JSON, _ sensors: JSON? = nil) -> [(String, JSON)] {
        var full: JSON = [
            "dn": "T", "hn": "t", "mac": "AABBCCDDEEFF", "md": "M", "state": ["OFF", "ON", "TOGGLE", "HOLD"],
            "t": "t", "ft": "%prefix%/%topic%/", "tp": ["cmnd", "stat", "tele"], "ver": 1,
        ]
        if case .object(let members) = config { for (name, value) in members.members { full[name] = value } }
        let place = "tasmota/discovery/AABBCCDDEEFF"
        return [("\(place)/config", full)]
            + (sensors.map { [("\(place)/sensors", ["sn": $0, "ver": 1])] } ?? [])
    }

    /// Tasmota's MQTT page: the state is told every few minutes, and an empty command asks for it.
    @Test func `a relay's state is read from its period and asked for`() throws {
        let thing = try Imported(.tasmota, Self.tasmota(["rl": [1, 1, 0]])).thing("T")
        #expect(try thing.read("power2", "stat/t/POWER2", "ON") == .value(true))
        #expect(try thing.read("power2", "tele/t/STATE", #"{"POWER1":"ON","POWER2":"OFF"}"#) == .value(false))
        #expect(try thing.read("power2", "tele/t/STATE", #"{"Uptime":"x"}"#) == .nothing)
        #expect(thing.queries.map(\.topic) == ["cmnd/t/STATE", "cmnd/t/POWER1", "cmnd/t/POWER2"])
        #expect(thing.queries.allSatisfy { $0.payload(identifier: "", ownName: "").isEmpty })
    }

    @Test func `lights, fans, shutters and switches are described`() throws {
        let light = try Imported(.tasmota, Self.tasmota(["rl": [2], "lt_st": 5, "lk": 1, "so": ["68": 0]]))
        let strip = try light.thing("T")
        #expect(strip.properties.map(\.name) == ["power", "dimmer", "ct", "hsbcolor", "white"])
        #expect(try strip.read("dimmer", "stat/t/RESULT", #"{"POWER":"ON","Dimmer":40}"#) == .value(40))
        #expect(
            try strip.read("hsbcolor", "tele/t/STATE", #"{"HSBColor":"30,100,40"}"#) == .value("30,100,40"))
        #expect(try strip.property("dimmer").write?.topic == "cmnd/t/Dimmer")
        let split = try Imported(.tasmota, Self.tasmota(["rl": [2, 2], "lt_st": 4, "lk": 0])).thing("T")
        #expect(split.properties.map(\.name).prefix(4) == ["power1", "power2", "dimmer1", "dimmer2"])

        let fan = try Imported(.tasmota, Self.tasmota(["rl": [1, 1, 1, 1], "if": 1])).thing("T")
        #expect(fan.properties.map(\.name) == ["power1", "fanspeed"])
        #expect(try fan.sent(2, to: "fanspeed") == "2" && fan.property("fanspeed").schema.fault(in: 4) != nil)

        let blind = try Imported(.tasmota, Self.tasmota(["rl": [3, 3, 1]])).thing("T")
        #expect(blind.properties.map(\.name) == ["power3", "shutter1"])
        #expect(
            try blind.read("shutter1", "tele/t/SENSOR", #"{"Shutter1":{"Position":30}}"#) == .value(30))
        #expect(try blind.sent(by: "shutter1-stop") == "cmnd/t/ShutterStop1 ")

        let contact = try Imported(
            .tasmota, Self.tasmota(["rl": [0], "swc": [1, 3], "btn": [1], "so": ["73": 1]]))
        let wall = try contact.thing("T")
        #expect(wall.properties.map(\.name) == ["switch1"])
        #expect(wall.events.map(\.name) == ["switch2", "button1"])
        #expect(try wall.read("switch1", "stat/t/SWITCH1", #"{"Action":"ON"}"#) == .value(true))
    }

    @Test func `every value of the last telegram is read, also one that was null, and each phase apart`()
        throws
    {
        let sensors: JSON = [
            "Time": "x", "Switch1": "ON",
            "DS18B20-2": ["Id": "0000080E2222", "Temperature": nil],
            "ENERGY": ["TotalStartTime": "x", "Total": [.number(10.1), .number(20.2)], "Frequency": 50],
            "TempUnit": "C",
        ]
        let found = try Imported(.tasmota, Self.tasmota(["rl": [0], "swc": [-1]], sensors))
        let thing = try found.thing("T")
        #expect(try found.notes("T") == [])
        #expect(
            thing.properties.map(\.name) == [
                "switch1", "DS18B20-2-Id", "DS18B20-2-Temperature", "ENERGY-TotalStartTime", "ENERGY-Total-1",
                "ENERGY-Total-2", "ENERGY-Frequency",
            ])
        let telegram = #"{"Switch1":"OFF","DS18B20-2":{"Temperature":19.5},"ENERGY":{"Total":[1,2.5]}}"#
        #expect(try thing.read("switch1", "tele/t/SENSOR", telegram) == .value(false))
        #expect(try thing.read("DS18B20-2-Temperature", "tele/t/SENSOR", telegram) == .value(.number(19.5)))
        #expect(try thing.property("DS18B20-2-Temperature").schema.unit == "Cel")
        #expect(try thing.read("ENERGY-Total-2", "tele/t/SENSOR", telegram) == .value(.number(2.5)))
        let answer = #"{"StatusSNS":{"ENERGY":{"Frequency":50}}}"#
        #expect(try thing.read("ENERGY-Frequency", "stat/t/STATUS10", answer) == .value(50))
        #expect(thing.queries.last?.payload(identifier: "", ownName: "") == Array("10".utf8))
    }

    // MARK: Homie

    private static let lamp: JSON = [
        "homie": "5.0", "version": 1, "name": "Lamp",
        "nodes": [
            "light": [
                "properties": [
                    "power": ["datatype": "boolean", "settable": true],
                    "label": ["datatype": "string", "settable": true],
                    "cfg": ["datatype": "json", "settable": true],
                    "brew": ["datatype": "enum", "settable": true, "retained": false, "format": "press"],
                    "bell": ["datatype": "enum", "retained": false, "format": "pressed"],
                ]
            ]
        ],
    ]

    @Test func `what is set and not kept is an action, and the empty text is a byte of zero`() throws {
        let found = try Imported(.homie, [("homie/5/lamp-1/$description", Self.lamp)])
        let thing = try found.thing("lamp-1")
        #expect(thing.properties.map(\.name) == ["power", "label", "cfg"])
        #expect(try thing.sent(by: "brew", "press") == "homie/5/lamp-1/light/brew/set press")
        #expect(thing.events.map(\.name) == ["brew", "bell"])
        #expect(try thing.sent("", to: "label") == "\u{0}")
        #expect(try thing.read("label", "homie/5/lamp-1/light/label", "\u{0}") == .value(""))
        #expect(try thing.sent(["a": 1], to: "cfg") == #"{"a":1}"#)
    }

    @Test func `a child is lost with its root, and a device whose state was cleared is gone`() throws {
        let child: JSON = [
            "homie": "5.0", "version": 1, "name": "Kid", "root": "bridge-1", "parent": "bridge-1",
            "nodes": ["s": ["properties": ["on": ["datatype": "boolean"]]]],
        ]
        let found = try Imported(
            .homie,
            [
                ("homie/5/kid-1/$description", child), ("homie/5/gone/$description", Self.lamp),
                ("homie/5/gone/$state", ""), ("homie/5/kid-1/$state", "ready"),
            ])
        #expect(found.things.map(\.thing.name) == ["kid-1"])
        let form = try #require(try found.thing("kid-1").availability)
        #expect(form.places.map(\.topic) == ["homie/5/kid-1/$state", "homie/5/bridge-1/$state"])
        #expect(form.places[0].word([]) == .offline && form.places[1].word(Array("lost".utf8)) == .offline)
        #expect(form.places[1].word(Array("ready".utf8)) == .nothing)
    }

    /// Hypfer/Valetudo, RobotMqttHandle.js: `$homie` 4.0.0.
    @Test func `devices of Homie 3 and 4 are read from their attributes`() throws {
        let messages: [(String, JSON)] = [
            ("homie/robo/$homie", "4.0.0"), ("homie/robo/$name", "Robo"), ("homie/robo/$state", "ready"),
            ("homie/robo/$nodes", "battery,lamps[]"), ("homie/robo/battery/$properties", "level,start"),
            ("homie/robo/battery/level/$datatype", "integer"), ("homie/robo/battery/level/$format", "0:100"),
            ("homie/robo/battery/level/$unit", "%"), ("homie/robo/battery/start/$datatype", "boolean"),
            ("homie/robo/battery/start/$settable", "true"), ("homie/robo/battery/start/$retained", "false"),
            ("homie/robo/lamps/$array", "0-1"), ("homie/robo/lamps/$properties", "on"),
            ("homie/robo/lamps/on/$datatype", "boolean"), ("homie/robo/lamps/on/$settable", "true"),
            ("homie/old/$homie", "2.0.1"),
        ]
        let found = try Imported(.homie, messages)
        let thing = try found.thing("robo")
        #expect(thing.properties.map(\.name) == ["battery-level", "lamps_0-on", "lamps_1-on"])
        #expect(try thing.read("battery-level", "homie/robo/battery/level", "97") == .value(97))
        #expect(try thing.property("lamps_1-on").write?.topic == "homie/robo/lamps_1/on/set")
        #expect(thing.actions.map(\.name) == ["battery-start"])
        #expect(found.skipped == ["old: speaks Homie 2.0.1; read are 3, 4 and 5"])
        let filters = DiscoveryConvention.homie.filters(base: nil)
        #expect(
            messages.allSatisfy { topic, _ in filters.contains { TopicFilter.matches(topic, filter: $0) } })
    }

    // MARK: ESPHome

    /// esphome/esphome, mqtt_component.cpp: the version holds the word only where the project has one of its
    /// own.
    @Test func `ESPHome's nodes are known by what they announce`() throws {
        let attic: JSON = [
            "ids": "aabbcc001122", "name": "attic", "sw": "2026.7.0 (config hash 0x1a2b3c4d)",
            "mdl": "esp32dev", "mf": "Espressif",
        ]
        let sensor: JSON = [
            "name": "Temperature", "stat_t": "attic/sensor/t/state", "unit_of_meas": "°C", "dev": attic,
        ]
        let shed: JSON = [
            "name": "Humidity", "stat_t": "shed/h", "unit_of_meas": "%",
            "dev": ["ids": "aabbcc003344", "name": "shed", "sw": "1.2 (ESPHome 2026.7.0)"],
        ]
        let other: JSON = ["name": "x", "stat_t": "x", "dev": ["ids": "other", "name": "other"]]
        let messages: [(String, JSON)] = [
            ("homeassistant/sensor/attic/temperature/config", sensor),
            ("homeassistant/sensor/shed/hum/config", shed), ("homeassistant/sensor/other/x/config", other),
            ("esphome/discover/attic", ["name": "attic", "mac": "aabbcc001122"]),
            ("esphome/discover/cellar", ["name": "cellar", "mac": "aabbcc009900"]),
        ]
        let found = try Imported(.esphome, messages)
        #expect(found.things.map(\.thing.name) == ["attic", "shed"])
        #expect(found.skipped == ["cellar: announces no entities; set discovery in its mqtt section"])
    }
}
