import Encoding
import TestSupport
import Testing
import World

@testable import Devices

/// Home Assistant's discovery, as programs of others announce by it.
@Suite struct HomeAssistantTests {
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
                Imported.entity(
                    "sensor",
                    [
                        "availability": list, "availability_mode": "all",
                        "state_topic": "zigbee2mqtt/weather",
                        "value_template": "{{ value_json.temperature }}", "unit_of_measurement": "°C",
                        "device": ["identifiers": ["w"], "name": "weather"],
                    ]),
                Imported.entity(
                    "sensor",
                    [
                        "availability": ["a": 1], "avty": [["t": "zigbee2mqtt/bridge/state"]], "stat_t": "x",
                        "dev": Imported.device("other"),
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
                Imported.entity(
                    "sensor",
                    [
                        "stat_t": "x", "avty_t": "y",
                        "avty_tpl": "{{ 'online' if value == '1' else 'offline' }}",
                    ])
            ])
        #expect(try found.notes("D").contains("availability: y is read by a program"))
    }

    @Test func `what is not understood is named, and nothing twice`() throws {
        let found = try Imported(
            .homeassistant,
            [
                Imported.entity(
                    "switch",
                    [
                        "name": "s", "cmd_t": "s/set", "stat_t": "s", "json_attr_t": "s/attr", "new_thing": 1,
                        "ic": "mdi:x", "ent_cat": "config", "qos": 1, "opt": false,
                    ]),
                Imported.entity("camera", ["t": "cam"], "c"),
                Imported.entity("sensor", ["name": "e", "stat_t": "e", "exp_aft": 600], "e2"),
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
                Imported.entity(
                    "sensor", ["name": "a", "stat_t": "a", "dev": ["ids": ["5AB001"]]], "5AB001_E"),
                Imported.entity("sensor", ["name": "b", "stat_t": "b", "dev": ["cns": mac]], "b"),
                Imported.entity(
                    "sensor",
                    ["name": "c", "stat_t": "c", "dev": ["ids": "5AB001", "cns": mac, "name": "Plug"]],
                    "c"),
                Imported.entity(
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
                        "dev": Imported.device(),
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
            Imported.entity(
                "switch", ["name": .string("s\(number)"), "stat_t": .string(topic), "cmd_t": .string(topic)],
                "s\(number)")
        }
        let found = try Imported(.homeassistant, entities)
        #expect(found.things.isEmpty)
        let one = try Imported(
            .homeassistant,
            entities + [
                Imported.entity(
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
                Imported.entity("number", ["name": "n", "cmd_t": "n/set", "min": 9, "max": 3]),
                Imported.entity("switch", ["name": "s", "cmd_t": "s", "stat_t": "s"], "s"),
            ])
        let thing = try found.thing("D")
        #expect(thing.properties.map(\.name) == ["s"])
        #expect(try thing.property("s").write?.acknowledgement.kind == .puback)
        let notes = try found.notes("D")
        #expect(notes.count == 2 && notes.contains("n: is above maximum"), "\(notes)")
    }

    @Test func `what a tilde stands for grows within bounds`() throws {
        var entity: JSON = ["~": .string(String(repeating: "x", count: 2_000)), "stat_t": "~/a"]
        let long = try Imported(.homeassistant, [Imported.entity("sensor", entity)])
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
                        "dev": Imported.device("HP"), "~": "hp/ac1", "stat_t": "~/state",
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
