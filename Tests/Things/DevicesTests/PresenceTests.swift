import Encoding
import Testing
import ThingSupport
import World

@testable import Devices

/// Whether a device is there, by what several places say.
@Suite struct PresenceTests {
    private static func form(_ json: JSON) throws -> AvailabilityForm {
        try #require(try AvailabilityForm(JSONField(json)))
    }

    /// Home Assistant's lists as Zigbee2MQTT announces them: the bridge and the device, mode all.
    private static func two(_ mode: String) throws -> AvailabilityForm {
        let place = { (topic: String) in
            ["topic": .string(topic), "pointer": "/state", "online": "online", "offline": "offline"] as JSON
        }
        return try self.form(["mode": .string(mode), "places": [place("bridge"), place("device")]])
    }

    @Test(
        arguments: [
            ("all", [true, false], .offline), ("all", [true, true], .online), ("all", [true, nil], .silent),
            ("all", [false, true], .offline), ("any", [true, false], .online),
            ("any", [nil, false], .silent),
            ("any", [false, false], .offline), ("latest", [true, false], .offline),
            ("latest", [false, true], .online), ("latest", [nil, nil], .silent),
        ] as [(String, [Bool?], Availability)])
    func `places are taken together by the mode`(
        _ mode: String, _ words: [Bool?], _ availability: Availability
    ) throws {
        var presence = Presence(try Self.two(mode))
        for (place, word) in words.enumerated() {
            guard let word else { continue }
            _ = presence.hear(word ? .online : .offline, place: place, at: .seconds(1))
        }
        #expect(presence.availability(at: .seconds(2), isConnected: true) == availability)
    }

    @Test func `whoever talks is there, until it is said to be gone`() throws {
        var presence = Presence(try Self.two("all"))
        _ = presence.hear(.offline, place: 1, at: .seconds(1))
        presence.heard(at: .seconds(2))
        #expect(presence.availability(at: .seconds(3), isConnected: true) == .online)
        _ = presence.hear(.offline, place: 0, at: .seconds(4))
        #expect(presence.availability(at: .seconds(5), isConnected: true) == .offline)
    }

    /// A root device that is lost takes its children along (Homie 5, "device tree"); one that is there says
    /// nothing of them.
    @Test func `a place that only tells the end says nothing while it is there`() throws {
        var presence = Presence(
            try Self.form([
                "mode": "all",
                "places": [
                    ["topic": "kid/$state", "online": ["ready"], "offline": ["lost", ""]],
                    ["topic": "root/$state", "offline": ["lost", ""]],
                ],
            ]))
        _ = presence.hear(.nothing, place: 1, at: .seconds(1))
        #expect(presence.availability(at: .seconds(1), isConnected: true) == .silent)
        _ = presence.hear(.online, place: 0, at: .seconds(1))
        #expect(presence.availability(at: .seconds(1), isConnected: true) == .online)
        _ = presence.hear(.offline, place: 1, at: .seconds(2))
        #expect(presence.availability(at: .seconds(2), isConnected: true) == .offline)
        _ = presence.hear(.nothing, place: 1, at: .seconds(3))
        #expect(presence.availability(at: .seconds(3), isConnected: true) == .online)
    }

    @Test(
        arguments: [
            (#"{"state":"online"}"#, .online), ("online", .online), (#"{"state":"offline"}"#, .offline),
            ("offline", .offline), ("", nil), ("{}", nil), (#"{"state":"what"}"#, nil),
        ] as [(String, AvailabilityForm.Word?)])
    func `a word stands in an object or alone`(_ payload: String, _ word: AvailabilityForm.Word?) throws {
        #expect(try Self.two("all").places[0].word(Array(payload.utf8)) == word)
    }

    @Test func `a device that is said to be gone is offline, whatever its bridge says`() async throws {
        var document = description(["t": ["type": "number", "forms": [["href": "mqtt://b/weather"]]]])
        document["depai:availability"] = [
            "mode": "all",
            "places": [
                [
                    "topic": "zigbee2mqtt/weather/availability", "pointer": "/state", "online": "online",
                    "offline": "offline",
                ],
                ["topic": "zigbee2mqtt/bridge/state", "pointer": "/state", "offline": "offline"],
            ],
        ]
        let bus = MemoryBus()
        try await withHub([try Thing(description: document)], bus: bus) { hub in
            func isNow(_ wanted: Availability) async throws {
                _ = try await settled {
                    await hub.twin("urn:test:one")?.availability == wanted ? true : nil
                }
            }
            bus.arrive("zigbee2mqtt/bridge/state", #"{"state":"online"}"#, retained: true)
            bus.arrive("zigbee2mqtt/weather/availability", #"{"state":"online"}"#, retained: true)
            try await isNow(.online)
            bus.arrive("zigbee2mqtt/weather/availability", #"{"state":"offline"}"#)
            try await isNow(.offline)
            bus.arrive("zigbee2mqtt/weather/availability", #"{"state":"online"}"#)
            try await isNow(.online)
            bus.arrive("zigbee2mqtt/bridge/state", #"{"state":"offline"}"#)
            try await isNow(.offline)
            #expect(await hub.faults() == [])
        }
    }
}
