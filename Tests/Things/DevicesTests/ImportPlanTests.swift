import Encoding
import Testing
import ThingSupport
import World

@testable import Devices

/// Which device goes into which file.
@Suite struct ImportPlanTests {
    private static func things(_ devices: [(address: String, name: String)]) -> [DiscoveredThing] {
        let list = devices.map { device -> JSON in
            [
                "ieee_address": .string(device.address), "type": "Router",
                "friendly_name": .string(device.name),
                "definition": [
                    "vendor": "A", "model": "B",
                    "exposes": [
                        ["type": "numeric", "property": "t", "access": 1],
                        [
                            "type": "binary", "property": "state", "access": 7, "value_on": "ON",
                            "value_off": "OFF",
                        ],
                    ],
                ],
            ]
        }
        let message = Message(
            topic: "zigbee2mqtt/bridge/devices", payload: Array(JSON.array(list).text.utf8), retained: true)
        return DiscoveryConvention.zigbee2mqtt.things(from: [message], base: nil, broker: "b:1").things
    }

    private static func files(_ plan: ImportPlan) -> [ImportPlan.File] {
        plan.entries.map { ImportPlan.File(name: $0.file, document: $0.thing.description) }
    }

    private static func outcomes(_ plan: ImportPlan) -> [String] {
        plan.entries.map { "\($0.file) \($0.outcome.rawValue)" }
    }

    /// jesseklm's and others' devices doubled when they were renamed (yllibed/Zigbee2MqttAssistant, issue
    /// 130).
    @Test func `a renamed device keeps its file, and is brought up to date when that is asked for`() throws {
        let first = ImportPlan(Self.things([("0x31", "shade")]), files: [], mode: .keep)
        #expect(Self.outcomes(first) == ["shade.td.json written"])
        let renamed = Self.things([("0x31", "shade2")])
        let again = ImportPlan(renamed, files: Self.files(first), mode: .keep)
        #expect(Self.outcomes(again) == ["shade.td.json is there already"])

        // The owner gave it a name and a limit.
        var mine = first.entries[0].thing.description
        mine["depai:name"] = "window"
        mine["depai:limits"] = ["perMinute": 3]
        var state = try #require(mine["properties"]?["state"])
        state["depai:limits"] = ["perMinute": 2]
        mine["properties"]?["state"] = state
        let update = ImportPlan(
            renamed, files: [.init(name: "mine.td.json", document: mine)], mode: .update)
        #expect(Self.outcomes(update) == ["mine.td.json updated"])
        let thing = try Thing(description: update.entries[0].thing.description)
        #expect(thing.name == "window" && thing.limits.perMinute == 3)
        #expect(thing.properties.first { $0.name == "state" }?.limits.perMinute == 2)
        #expect(thing.properties[0].reports[0].filter == "zigbee2mqtt/shade2")
        let same = ImportPlan(renamed, files: Self.files(update), mode: .update)
        #expect(Self.outcomes(same) == ["mine.td.json is as it was"] && !same.entries[0].isNews)
    }

    @Test func `a device keeps its file whatever comes before it in the list`() {
        let names = [("0x32", "lamp"), ("0x33", "lamp"), ("0x34", "lamp")]
        let first = ImportPlan(Self.things([names[0], names[1]]), files: [], mode: .keep)
        #expect(first.entries.map(\.file) == ["lamp.td.json", "lamp-0x33.td.json"])
        let second = ImportPlan(
            Self.things([names[0], names[2], names[1]]), files: Self.files(first), mode: .keep)
        #expect(
            Self.outcomes(second) == [
                "lamp.td.json is there already", "lamp-0x34.td.json written",
                "lamp-0x33.td.json is there already",
            ])
        // Alone, later: the name is another device's.
        let third = ImportPlan(Self.things([names[2]]), files: Self.files(first), mode: .replace)
        #expect(Self.outcomes(third) == ["lamp-0x34.td.json written"])
        #expect(third.entries[0].thing.description["depai:name"] == "lamp-0x34")
    }

    @Test func `names keep their letters and are words of a command line`() {
        let things = Self.things([
            ("0x1", "台所"), ("0x2", "Büro"), ("0x3", "Bäro"), ("0x4", "--"), ("0x5", "-rf"), ("0x6", "🛋️"),
            ("0x7", "Küche/Licht 2"), ("0x8", String(repeating: "長", count: 200)),
        ])
        #expect(
            things.prefix(7).map(\.name) == ["台所", "Büro", "Bäro", "0x4", "rf", "0x6", "Küche-Licht-2"])
        #expect(things.allSatisfy { !$0.name.hasPrefix("-") && $0.name.utf8.count <= 96 })
        #expect(Set(things.map(\.id)).count == 8)
    }

    @Test func `a broken file of a device's name stays, unless it shall be replaced`() {
        let things = Self.things([("0x31", "shade")])
        let files = [ImportPlan.File(name: "shade.td.json", document: nil)]
        #expect(
            Self.outcomes(ImportPlan(things, files: files, mode: .keep)) == ["shade.td.json is there already"]
        )
        #expect(
            Self.outcomes(ImportPlan(things, files: files, mode: .update)) == [
                "shade.td.json is there already"
            ])
        #expect(Self.outcomes(ImportPlan(things, files: files, mode: .replace)) == ["shade.td.json replaced"])
    }

    @Test func `identifiers that differ only in what a urn cannot hold stay apart`() {
        #expect(ThingDraft.identifier("00:11:22") == "00-11-22")
        #expect(ThingDraft.identifier("Büro") != ThingDraft.identifier("Bäro"))
        #expect(ThingDraft.identifier("Büro") == ThingDraft.identifier("Büro"))
        #expect(ThingDraft.identifier("").utf8.count > 4)
    }

    @Test func `a Thing Model becomes a description with its placeholders filled`() throws {
        let model = try json("relay-plug/relay-plug.tm.json")
        #expect(ThingModel.placeholders(of: model) == ["ID", "BROKER"])
        let thing = ThingModel.instance(of: model, filling: ["ID": "plug-7", "BROKER": "host:1883"])
        #expect(DescriptionChecker.faults(in: thing) == [])
        #expect(try Thing(description: thing).name == "plug-7")
        let parts: JSON = ["@type": ["tm:ThingModel", "x"], "version": "{{V}}", "tm:optional": []]
        #expect(
            ThingModel.instance(of: parts, filling: ["V": #"{"instance":"1"}"#])
                == ["@type": ["x"], "version": ["instance": "1"]])
    }
}
