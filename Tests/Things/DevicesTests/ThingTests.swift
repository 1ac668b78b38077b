import Agent
import Devices
import Encoding
import Foundation
import Testing
import ThingSupport

@Suite struct ThingTests {
    @Test(arguments: [
        ("environment-sensor", "env-1", ["temperature", "humidity"]),
        ("energy-meter", "meter-1", ["power", "energy"]),
        ("relay-plug", "plug-1", ["power"]), ("mobile-base", "base-1", ["pose", "battery"]),
        (
            "mobile-robot", "robot-1",
            ["position", "battery", "driving", "paused", "node", "order", "mode"]
        ),
    ])
    func `every shipped description loads`(_ family: String, _ name: String, _ properties: [String]) throws {
        let thing = try shipped(family, name, profiles: Profiles.all)
        #expect(thing.name == name)
        #expect(thing.id == "urn:depai:\(family):\(name)")
        #expect(thing.properties.map(\.name) == properties)
        #expect(thing.properties.filter(\.isObservable).count == properties.count)
        #expect(
            thing.properties.filter(\.isWritable).map(\.name) == (family == "relay-plug" ? ["power"] : []))
        let actions = [
            "mobile-base": ["follow"], "mobile-robot": ["drive", "cancel", "pause", "resume"],
        ]
        #expect(thing.actions.map(\.name) == actions[family] ?? [])
        #expect(thing.actions.filter(\.isIdempotent).count == thing.actions.count)
    }

    @Test(arguments: ["environment-sensor", "energy-meter", "relay-plug", "mobile-base", "mobile-robot"])
    func `a model with open placeholders is no thing`(_ family: String) throws {
        let error = #expect(throws: ThingError.self) {
            try Thing(description: try json("\(family)/\(family).tm.json"))
        }
        #expect(error?.reason == "a placeholder is not filled")
    }

    /// The instance is the model with its placeholders filled, and nothing else.
    @Test(arguments: [
        ("environment-sensor", "env-1"), ("energy-meter", "meter-1"), ("relay-plug", "plug-1"),
        ("mobile-base", "base-1"), ("mobile-robot", "robot-1"),
    ])
    func `an instance is its model filled`(_ family: String, _ name: String) throws {
        let model = try String(
            contentsOf: families.appending(path: "\(family)/\(family).tm.json"), encoding: .utf8)
        var filled = try JSON.read(
            model.replacingOccurrences(of: "{{ID}}", with: name).replacingOccurrences(
                of: "{{BROKER}}", with: "localhost:1883"))
        filled["@type"] = nil
        #expect(try filled == json("\(family)/\(name).td.json"))
    }

    static let faults: [(form: JSON, pointer: String, reason: String)] = [
        (["href": "mqtt://b/a", "mqv:filter": "b"], "/mqv:filter", "differs"),
        (["href": "mqtt://b"], "/href", "names no topic"),
        (["href": "mqtt://b/a%2"], "/href", "bad percent encoding"),
        (["href": "mqtt:///a"], "/href", "names no broker"),
        (["href": "mqtt://b/a?x"], "/href", "no query"),
        (["href": "a/b"], "/href", "no base"),
        (["href": "mqtt://b/a/%23/c"], "/href", "breaks MQTT"),
        (["href": "mqtt://b/{{ID}}"], "/href", "placeholder"),
        (["href": "mqtt://b/a", "mqv:qos": 1], "/mqv:qos", "is \"0\""),
        (["href": "mqtt://b/a", "mqv:controlPacket": "publish"], "/mqv:controlPacket", "needs subscribe"),
        (["href": "mqtt://b/a", "op": "queryaction"], "/op", "cannot perform"),
        (["href": "mqtt://b/a", "depai:pointr": "/x"], "/depai:pointr", "unknown term"),
        (["href": "mqtt://b/a", "depai:availability": [:]], "/depai:availability", "does not belong here"),
        (["href": "mqtt://b/a", "depai:pointer": "x"], "/depai:pointer", "RFC 6901"),
        (["href": "mqtt://b/a", "depai:pointer": "/~2"], "/depai:pointer", "RFC 6901"),
        (["href": "mqtt://b/a", "depai:merge": "deep"], "/depai:merge", "replace or overlay"),
        (["href": "mqtt://b/a", "depai:scale": 0], "/depai:scale", "zero"),
        (["href": "mqtt://b/a", "depai:scale": 2, "depai:map": ["ON": true]], "/depai:map", "excludes"),
        (["href": "mqtt://b/a", "depai:when": [["pointer": "/a"]]], "/depai:when/0/equals", "missing"),
        (
            ["href": "mqtt://b/a", "depai:when": [["pointer": "/a", "is": 1]]], "/depai:when/0/is",
            "unknown member"
        ),
        (["href": 7], "/href", "expected a string, found integer"),
    ]

    @Test(arguments: ThingTests.faults)
    func `a fault in an observed form names its place`(_ form: JSON, _ pointer: String, _ reason: String)
        throws
    {
        var form = form
        if form["op"] == nil { form["op"] = "observeproperty" }
        let error = #expect(throws: ThingError.self) {
            try Thing(description: description(["p": ["forms": .array([form])]]))
        }
        #expect(error?.pointer == "/properties/p/forms/0" + pointer)
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
    }

    static let writeFaults: [(form: JSON, pointer: String, reason: String)] = [
        (["href": "mqtt://b/+/a"], "/href", "breaks MQTT"),
        (["href": "mqtt://b/a", "depai:body": ["a": "$valu"]], "/depai:body/a", "no such hole"),
        (["href": "mqtt://b/a", "depai:body": ["a": 1]], "/depai:body", "needs the hole"),
        (["href": "mqtt://b/a", "depai:ack": ["kind": "nod"]], "/depai:ack/kind", "puback, echo or reply"),
        (["href": "mqtt://b/a", "depai:ack": ["kind": "reply"]], "/depai:ack/filter", "needs one"),
        (
            ["href": "mqtt://b/a", "depai:ack": ["kind": "puback", "timeout": 1]], "/depai:ack/timeout",
            "unknown member"
        ),
        (
            ["href": "mqtt://b/a", "depai:ack": ["kind": "puback", "timeoutMs": 0]], "/depai:ack/timeoutMs",
            "must be 1"
        ),
        (
            ["href": "mqtt://b/a", "depai:ack": ["kind": "reply", "filter": "r", "idPointer": "/id"]],
            "/depai:ack/idPointer", "no $id"
        ),
    ]

    @Test(arguments: ThingTests.writeFaults)
    func `a fault in a written form names its place`(_ form: JSON, _ pointer: String, _ reason: String) throws
    {
        var form = form
        form["op"] = "writeproperty"
        let error = #expect(throws: ThingError.self) {
            try Thing(description: description(["p": ["forms": .array([form])]]))
        }
        #expect(error?.pointer == "/properties/p/forms/0" + pointer)
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func `an echo that would be our own message is refused`() throws {
        let forms: JSON = [
            ["op": "observeproperty", "href": "mqtt://b/a"],
            ["op": "writeproperty", "href": "mqtt://b/a", "depai:ack": ["kind": "echo"]],
        ]
        let error = #expect(throws: ThingError.self) {
            try Thing(description: description(["p": ["forms": forms]]))
        }
        #expect(error?.reason.contains("our own message") == true)
    }

    @Test func `terms are refused where they do not belong`() throws {
        let form: JSON = [["op": "observeproperty", "href": "mqtt://b/a"]]
        var deep = description([
            "p": ["type": "object", "properties": ["x": ["depai:limits": [:]]], "forms": form]
        ])
        let error = #expect(throws: ThingError.self) { try Thing(description: deep) }
        #expect(error?.pointer == "/properties/p/properties/x/depai:limits")
        deep = description(["p": ["forms": form]])
        deep["depai:availability"] = ["topic": "t", "online": "on"]
        #expect(
            #expect(throws: ThingError.self) { try Thing(description: deep) }?.pointer
                == "/depai:availability/offline")
        deep["depai:availability"] = nil
        #expect(try Thing(description: deep).name == "urn:test:one")
    }

    @Test(arguments: ["6:00", "24:00", "06:60", "+6:00", "0600", ""])
    func `hours that are none are refused with their place`(from: String) {
        var document = description([:])
        document["depai:limits"] = ["hours": ["from": .string(from), "to": "22:00"]]
        let error = #expect(throws: ThingError.self) { try Thing(description: document) }
        #expect(error?.pointer == "/depai:limits/hours/from")
    }

    @Test func `addresses are read with base, percent encoding, and without other protocols`() throws {
        var document = description([
            "p": [
                "type": "integer",
                "forms": [
                    ["op": "queryaction", "href": "https://b/a"],
                    ["op": ["observeproperty"], "href": "a/%2B/%23"],
                    ["op": ["readproperty"], "href": "mqtt://b/a/+/%23", "mqv:filter": "a/+/#"],
                    ["op": "unobserveproperty", "href": "mqtt://b/a", "mqv:controlPacket": "unsubscribe"],
                ],
            ]
        ])
        document["base"] = "mqtt://b:1883"
        let property = try #require(try Thing(description: document).properties.first)
        #expect(property.reports.map(\.filter) == ["a/+/#"])
        #expect(!property.isWritable)
    }
}
