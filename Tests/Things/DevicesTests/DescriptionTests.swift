import Agent
import Encoding
import Foundation
import TestSupport
import Testing
import ThingSupport

@testable import Devices

/// Descriptions against Thing Description 1.1: what is valid passes, and what is not is named with its place.
@Suite struct DescriptionTests {
    private static let valid: JSON = [
        "@context": "https://www.w3.org/2022/wot/td/v1.1", "title": "T", "security": "none",
        "securityDefinitions": ["none": ["scheme": "nosec"]],
        "properties": ["on": ["type": "boolean", "forms": [["href": "http://here/on"]]]],
        "actions": ["go": ["forms": [["href": "http://here/go", "op": "invokeaction"]]]],
        "events": ["gone": ["forms": [["href": "http://here/gone"]]]],
        "links": [["href": "http://here/model", "rel": "type", "type": "application/tm+json"]],
    ]

    @Test func `a small description is valid`() {
        #expect(DescriptionChecker.faults(in: Self.valid) == [])
    }

    /// A place, what is put there, and what is said of it where.
    @Test(
        arguments: [
            (["title"], nil, "", "lacks \"title\""),
            (["title"], 7, "/title", "a string is expected, not integer"),
            (["@context"], "https://example.org", "/@context", "begins with"),
            (
                ["@context"], ["https://www.w3.org/2022/wot/td/v1.1", 7], "/@context/1",
                "address or an object"
            ),
            (["security"], "other", "/security", "no security definition is called \"other\""),
            (["security"], [], "/security", "needs 1 or more"),
            (
                ["securityDefinitions", "none", "scheme"], "knock", "/securityDefinitions/none/scheme",
                "one of"
            ),
            (
                ["securityDefinitions", "none", "scheme"], nil, "/securityDefinitions/none",
                "lacks \"scheme\""
            ),
            (
                ["securityDefinitions", "c"], ["scheme": "combo", "oneOf": ["none", "x"]],
                "/securityDefinitions/c/oneOf/1", "no security definition is called \"x\""
            ),
            (
                ["securityDefinitions", "c"], ["scheme": "combo"], "/securityDefinitions/c",
                "either oneOf or allOf"
            ),
            (["properties", "on", "type"], "bool", "/properties/on/type", "one of boolean"),
            (["properties", "on", "forms"], [], "/properties/on/forms", "needs 1 or more"),
            (["properties", "on", "forms"], nil, "/properties/on", "lacks \"forms\""),
            (
                ["properties", "on", "forms"], [["op": "readproperty"]], "/properties/on/forms/0",
                "lacks \"href\""
            ),
            (
                ["properties", "on", "forms"], [["href": "x", "op": "invokeaction"]],
                "/properties/on/forms/0/op",
                "one of readproperty"
            ),
            (["properties", "on", "multipleOf"], 0, "/properties/on/multipleOf", "above zero"),
            (["properties", "on", "enum"], [true, true], "/properties/on/enum/1", "stands there twice"),
            (
                ["properties", "on", "items"], [["type": "what"]], "/properties/on/items/0/type",
                "one of boolean"
            ),
            (
                ["properties", "on", "forms"],
                [["href": "x", "additionalResponses": [["schema": "lost"]]]],
                "/properties/on/forms/0/additionalResponses/0/schema", "no schema definition"
            ),
            (["actions", "go", "idempotent"], "yes", "/actions/go/idempotent", "true or false"),
            (["version"], [:], "/version", "lacks \"instance\""),
            (["links"], [["rel": "type"]], "/links/0", "lacks \"href\""),
            (
                ["links"], [["href": "a", "rel": "type"], ["href": "b", "rel": "type"]], "/links/1/rel",
                "only one"
            ),
            (
                ["links"], [["href": "a", "rel": "type", "type": "text/html"]], "/links/0/type",
                "application/tm+json"
            ),
            (["links"], [["href": "a", "rel": "icon", "sizes": "big"]], "/links/0/sizes", "16x16"),
            (["links"], [["href": "a", "hreflang": "not a tag"]], "/links/0/hreflang", "language tag"),
            (["@type"], "tm:ThingModel", "", ""),
        ] as [([String], JSON?, String, String)])
    func `a fault is named with its place`(
        _ path: [String], _ value: JSON?, _ pointer: String, _ reason: String
    ) {
        let faults = DescriptionChecker.faults(in: Self.changed(Self.valid, path[...], value))
        // As a model the same is valid: nothing is required there.
        guard !reason.isEmpty else { return #expect(faults == []) }
        #expect(faults.contains { $0.pointer == pointer && $0.reason.contains(reason) }, "\(faults)")
    }

    private static func changed(_ json: JSON, _ path: ArraySlice<String>, _ value: JSON?) -> JSON {
        var json = json
        guard let name = path.first else { return value ?? .null }
        if path.count == 1 {
            json[name] = value
        } else {
            json[name] = self.changed(json[name] ?? [:], path.dropFirst(), value)
        }
        return json
    }

    @Test func `a topic that is said twice and differently is a fault`() {
        let form: JSON = [
            "href": "mqtt://localhost/one", "op": "observeproperty", "mqv:filter": "two",
            "mqv:controlPacket": "subscribe",
        ]
        var description = Self.changed(Self.valid, ["properties", "on", "forms"], [form])
        description["id"] = "urn:x"
        let faults = DescriptionChecker.faults(in: description)
        #expect(faults.map(\.pointer) == ["/properties/on/forms/0/mqv:filter"], "\(faults)")
    }

    @Test func `a placeholder stands for a value of a model, and never for a name`() {
        var model = Self.changed(Self.valid, ["@type"], "tm:ThingModel")
        model = Self.changed(model, ["properties", "on", "maximum"], "{{MOST}}")
        #expect(DescriptionChecker.faults(in: model) == [])
        let named = Self.changed(model, ["properties", "{{NAME}}"], ["type": "boolean"])
        #expect(DescriptionChecker.faults(in: named).map(\.pointer) == ["/properties/{{NAME}}"])
        let optional = Self.changed(model, ["tm:optional"], ["/properties/on", "/on"])
        #expect(DescriptionChecker.faults(in: optional).map(\.pointer) == ["/tm:optional/1"])
    }

    /// eclipse-thingweb/playground, tds/invalid/usingTM.json: a number that is one of three words.
    @Test func `values that are not of their own schema's type are faults, wherever a schema stands`() {
        let wrong: JSON = ["type": "number", "enum": ["a", 1], "const": "b"]
        func faults(_ path: [String], _ schema: JSON) -> [String] {
            DescriptionChecker.faults(in: Self.changed(Self.valid, path[...], schema)).map {
                "\($0.pointer) \($0.reason)"
            }
        }
        #expect(
            faults(["properties", "on", "enum"], ["a"]).first { $0.hasPrefix("/properties/on/enum/0") }
                == "/properties/on/enum/0 is not of type boolean")
        for place in [
            ["schemaDefinitions", "s"], ["actions", "go", "input"], ["properties", "on", "items"],
        ] {
            let pointer = "/" + place.joined(separator: "/")
            #expect(
                faults(place, wrong) == [
                    "\(pointer)/const is not of type number", "\(pointer)/enum/0 is not of type number",
                ])
        }
        let list: JSON = [
            "type": "array", "items": ["type": "integer", "enum": [.number(1.0), .number(1.5)]],
        ]
        #expect(
            faults(["schemaDefinitions", "s"], list) == [
                "/schemaDefinitions/s/items/enum/1 is not of type integer"
            ])
        #expect(
            faults(["schemaDefinitions", "s"], ["type": "number", "minimum": 3, "maximum": 2]) == [
                "/schemaDefinitions/s/minimum is above maximum"
            ])
        #expect(faults(["schemaDefinitions", "s"], ["enum": ["a", 1]]) == [])
    }

    /// W3C Thing Description 1.1, section "Placeholder": `"version": "{{VERSION_INFO}}"`.
    @Test(
        arguments: [
            (["version"], "{{VERSION_INFO}}"), (["properties"], "{{P}}"),
            (["properties", "on", "enum"], "{{E}}"),
            (["properties", "on", "forms"], "{{F}}"), (["properties", "on", "items"], "{{I}}"),
            (["securityDefinitions"], "{{S}}"), (["links"], "{{L}}"),
            (["properties", "on", "enum"], ["{{A}}", true]),
        ] as [([String], JSON)])
    func `a placeholder stands for an object or an array, too`(_ path: [String], _ value: JSON) {
        let model = Self.changed(Self.valid, ["@type"], "tm:ThingModel")
        #expect(DescriptionChecker.faults(in: Self.changed(model, path[...], value)) == [])
    }

    @Test func `every family of this repository is valid, models and instances`() throws {
        let files = try #require(
            FileManager.default.enumerator(at: families, includingPropertiesForKeys: nil))
        var count = 0
        for case let file as URL in files where file.pathExtension == "json" {
            let document = try JSON.read(Array(try Data(contentsOf: file)))
            let faults = DescriptionChecker.faults(in: document, profiles: Profiles.all)
            #expect(faults == [], "\(file.lastPathComponent)")
            count += 1
        }
        #expect(count >= 8)
    }
}
