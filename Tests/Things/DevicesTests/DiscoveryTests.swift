import Encoding
import Foundation
import TestSupport
import Testing
import World

@testable import Devices

/// What devices say of themselves, convention by convention, without a broker.
@Suite struct DiscoveryTests {
    private static func message(_ topic: String, _ json: JSON) -> Message {
        Message(topic: topic, payload: Array(json.text.utf8), retained: true)
    }

    private static func things(
        _ convention: DiscoveryConvention, _ messages: [Message]
    ) throws -> (things: [(thing: Thing, notes: [String])], skipped: [String]) {
        let found = convention.things(from: messages, base: nil, broker: "localhost:1883")
        return (try found.things.map { (try Thing(description: $0.description), $0.notes) }, found.skipped)
    }

    private static let bulb: JSON = [
        "ieee_address": "0x00124b0001", "friendly_name": "kitchen/lamp", "type": "Router", "disabled": false,
        "definition": [
            "model": "LED1", "vendor": "IKEA",
            "exposes": [
                [
                    "type": "light",
                    "features": [
                        [
                            "type": "binary", "name": "state", "property": "state", "access": 7,
                            "value_on": "ON", "value_off": "OFF",
                        ],
                        [
                            "type": "numeric", "name": "brightness", "property": "brightness", "access": 7,
                            "value_min": 0, "value_max": 254,
                        ],
                        [
                            "type": "composite", "name": "color_xy", "property": "color", "access": 7,
                            "features": [],
                        ],
                    ],
                ],
                [
                    "type": "enum", "name": "effect", "property": "effect", "access": 2,
                    "values": ["blink", "okay"],
                ],
                ["type": "enum", "name": "action", "property": "action", "access": 1, "values": ["on"]],
                [
                    "type": "numeric", "name": "linkquality", "property": "linkquality", "access": 1,
                    "unit": "lqi",
                ],
                ["type": "climate~of/tomorrow", "property": "weather", "access": 1],
            ],
        ],
    ]

    @Test func `Zigbee2MQTT's list becomes things, and what is unknown is said`() throws {
        let coordinator: JSON = [
            "ieee_address": "0x0", "friendly_name": "Coordinator", "type": "Coordinator",
        ]
        let unknown: JSON = [
            "ieee_address": "0x2", "friendly_name": "what", "type": "EndDevice", "definition": nil,
        ]
        let found = try Self.things(
            .zigbee2mqtt,
            [Self.message("zigbee2mqtt/bridge/devices", [coordinator, Self.bulb, unknown])])
        #expect(found.skipped == ["what: Zigbee2MQTT does not know what it is"])
        let (thing, notes) = try #require(found.things.first)
        #expect(found.things.count == 1 && thing.name == "kitchen-lamp")
        #expect(notes == ["weather: of type climate~of/tomorrow"])
        #expect(thing.properties.map(\.name) == ["state", "brightness", "color", "effect", "linkquality"])
        #expect(thing.events.map(\.name) == ["action"])
        let state = try #require(thing.properties.first)
        #expect(state.reports[0].filter == "zigbee2mqtt/kitchen/lamp" && state.isWritable)
        let payload = try #require(state.write).payload(true, identifier: "", ownName: "")
        #expect(String(decoding: payload, as: UTF8.self) == #"{"state":"ON"}"#)
        #expect(
            try state.reports[0].report(Array(#"{"state":"OFF"}"#.utf8), schema: state.schema)
                == .value(false))
        // What is only set is not reported.
        #expect(!thing.properties[3].isObservable && thing.properties[3].isWritable)
    }

    @Test func `a Tasmota has its relay, its sensors, and its own order of topics`() throws {
        let config: JSON = [
            "dn": "Kettle", "hn": "k", "mac": "AABBCCDDEEFF", "md": "S31", "ofln": "Offline",
            "onln": "Online",
            "state": ["OFF", "ON", "TOGGLE", "HOLD"], "t": "kettle", "ft": "home/%id%/%topic%/%prefix%/",
            "tp": ["cmnd", "stat", "tele"], "rl": [1, 0, 3], "ver": 1,
        ]
        let sensors: JSON = [
            "sn": ["Time": "now", "AM/1": ["Temperature": .number(20.5)], "TempUnit": "C"], "ver": 1,
        ]
        let found = try Self.things(
            .tasmota,
            [
                Self.message("tasmota/discovery/AABBCCDDEEFF/config", config),
                Self.message("tasmota/discovery/AABBCCDDEEFF/sensors", sensors),
                Self.message("tasmota/discovery/112233445566/config", ["dn": "half a device"]),
            ])
        #expect(found.skipped.count == 1 && found.skipped[0].contains("112233445566"))
        let (thing, notes) = try #require(found.things.first)
        #expect(notes == ["relay 3: a shutter"])
        #expect(thing.availability?.topic == "home/DDEEFF/kettle/tele/LWT")
        let power = try #require(thing.properties.first { $0.name == "power" })
        #expect(power.write?.topic == "home/DDEEFF/kettle/cmnd/POWER")
        #expect(
            power.reports.map(\.filter) == [
                "home/DDEEFF/kettle/stat/POWER", "home/DDEEFF/kettle/tele/STATE",
            ])
        let temperature = try #require(thing.properties.first { $0.name != "power" })
        #expect(temperature.schema.unit == "Cel")
        let telegram = Array(#"{"Time":"x","AM/1":{"Temperature":3.5},"TempUnit":"C"}"#.utf8)
        #expect(
            try temperature.reports[0].report(telegram, schema: temperature.schema) == .value(.number(3.5)))
    }

    @Test func `Homie's description gives types, ranges and targets`() throws {
        let found = try Self.things(
            .homie,
            [
                Self.message(
                    "homie/5/pump/$description",
                    [
                        "homie": "5.0", "version": 1, "name": "Pump",
                        "nodes": [
                            "main": [
                                "properties": [
                                    "speed": [
                                        "datatype": "integer", "format": "0:100:5", "settable": true,
                                        "unit": "%",
                                    ],
                                    "mode": ["datatype": "enum", "format": "eco,full", "settable": true],
                                    "pressed": ["datatype": "boolean", "retained": false],
                                    "raw": ["datatype": "json"],
                                ]
                            ]
                        ],
                    ])
            ])
        let (thing, notes) = try #require(found.things.first)
        #expect(notes == [] && thing.name == "pump")
        #expect(
            thing.properties.map(\.name) == ["speed", "mode", "raw"]
                && thing.events.map(\.name) == ["pressed"])
        let speed = thing.properties[0]
        #expect(speed.schema.fault(in: 101) != nil && speed.schema.fault(in: 100) == nil)
        #expect(speed.write?.topic == "homie/5/pump/main/speed/set")
        #expect(speed.write?.acknowledgement.filter == "homie/5/pump/main/speed/$target")
        #expect(thing.properties[1].schema.fault(in: "slow") != nil)
        #expect(thing.availability?.places.first?.word(Array("sleeping".utf8)) == .online)
        #expect(thing.availability?.places.first?.word(Array("lost".utf8)) == .offline)
    }

    @Test func `Home Assistant's short names, tildes and device messages are read`() throws {
        let sensor: JSON = [
            "~": "home/shed", "name": "Warmth", "uniq_id": "1", "stat_t": "~/state", "avty_t": "~/up",
            "val_tpl": "{{ value_json['air'].temperature | float }}", "unit_of_meas": "°C",
            "dev": ["ids": ["shed"], "name": "Shed", "mf": "We", "mdl": "One"],
        ]
        let program: JSON = [
            "name": "Mood", "stat_t": "home/shed/mood", "val_tpl": "{% if value > 3 %}good{% endif %}",
            "dev": ["ids": ["shed"], "name": "Shed"],
        ]
        let device: JSON = [
            "dev": ["ids": "fan-7", "name": "Fan", "sw": "esphome v2026.1"],
            "cmps": [
                "run": [
                    "p": "switch", "cmd_t": "fan/set", "stat_t": "fan/state", "pl_on": "1", "pl_off": "0",
                ],
                "push": ["p": "button", "cmd_t": "fan/push"],
                "air": ["p": "climate"],
            ],
        ]
        let messages = [
            Self.message("homeassistant/sensor/shed/warmth/config", sensor),
            Self.message("homeassistant/sensor/shed/mood/config", program),
            Self.message("homeassistant/device/fan/config", device),
            Message(topic: "homeassistant/sensor/gone/config", payload: [], retained: true),
        ]
        let found = try Self.things(.homeassistant, messages)
        #expect(found.things.map(\.thing.name) == ["Shed", "Fan"], "\(found.skipped)")
        let (shed, notes) = found.things[0]
        #expect(notes.count == 1 && notes[0].contains("a program"), "\(notes)")
        #expect(shed.availability?.topic == "home/shed/up")
        let warmth = try #require(shed.properties.first)
        let payload = Array(#"{"air":{"temperature":7.5}}"#.utf8)
        #expect(warmth.reports[0].filter == "home/shed/state")
        #expect(try warmth.reports[0].report(payload, schema: warmth.schema) == .value(.number(7.5)))
        let (fan, fanNotes) = found.things[1]
        // An entity of which only the kind is said is one that was taken away.
        #expect(fanNotes == [] && fan.actions.map(\.name) == ["push"])
        let run = try #require(fan.properties.first)
        #expect(try run.write?.payload(true, identifier: "", ownName: "") == Array("1".utf8))
        let push = try #require(fan.actions.first?.invoke)
        #expect(try push.payload(.null, identifier: "", ownName: "") == Array("PRESS".utf8))

        let quiet = Self.message("esphome/discover/quiet", ["name": "quiet", "ip": "192.0.2.1"])
        let esphome = try Self.things(.esphome, messages + [quiet])
        #expect(esphome.things.map(\.thing.name) == ["Fan"])
        #expect(esphome.skipped.count == 1 && esphome.skipped[0].hasPrefix("quiet"), "\(esphome.skipped)")
    }

    @Test func `what strangers announce neither stops the reader nor grows without end`() {
        var generator = Seeded(7)
        let topics = [
            "zigbee2mqtt/bridge/devices", "tasmota/discovery/X/config", "homie/5/x/$description",
            "homeassistant/sensor/x/config", "homeassistant/device/x/config", "esphome/discover/x",
        ]
        let seeds = [Self.bulb.text, #"{"cmps":{"a":{"p":"light"}},"dev":{}}"#, #"[{"a":1}]"#, "{", "\u{0}"]
        for _ in 0..<400 {
            var bytes = Array((seeds.randomElement(using: &generator) ?? "").utf8)
            if !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[index] = UInt8.random(in: 0...255, using: &generator)
            }
            let messages = topics.map { Message(topic: $0, payload: bytes, retained: true) }
            for convention in DiscoveryConvention.allCases {
                _ = convention.things(from: messages, base: nil, broker: "b:1")
            }
        }
        let small: JSON = [
            "ieee_address": "1", "type": "Router",
            "definition": ["exposes": [["type": "text", "property": "word"]]],
        ]
        let many = JSON.array(
            (0..<1_100).map { number in
                var device = small
                device["friendly_name"] = .string("lamp \(number)")
                return device
            })
        let found = DiscoveryConvention.zigbee2mqtt.things(
            from: [Self.message(topics[0], many)], base: nil, broker: "b:1")
        #expect(found.things.count <= DeviceHub.thingLimit && found.skipped.count <= DeviceHub.thingLimit)
    }
}
