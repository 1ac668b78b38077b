import Devices
import Encoding
import Testing
import World

@testable import SimulatedDevices

/// The Tasmota-like plug, small.
func plug() throws -> Thing {
    try Thing(description: [
        "@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "urn:test:plug", "title": "plug",
        "securityDefinitions": ["n": ["scheme": "nosec"]], "security": ["n"],
        "depai:availability": ["topic": "lwt", "online": "Online", "offline": "Offline"],
        "properties": [
            "power": [
                "type": "boolean",
                "forms": [
                    [
                        "op": "observeproperty", "href": "mqtt://b/stat",
                        "depai:map": ["ON": true, "OFF": false],
                    ],
                    [
                        "op": "writeproperty", "href": "mqtt://b/cmnd",
                        "depai:map": ["ON": true, "OFF": false],
                    ],
                ],
            ]
        ],
    ])
}

/// What the server side publishes is what the client side reads, for each way to write a value.
@Suite struct ServerTests {
    static let forms: [(JSON, JSON)] = [
        ([:], true), ([:], ["a": 1]), (["contentType": "text/plain"], "on"),
        (["depai:map": ["ON": true]], true),
        (["depai:pointer": "/a/b"], 7), (["depai:scale": .number(0.1), "depai:offset": 3], .number(4.5)),
        (["depai:pointer": "/v", "depai:when": [["pointer": "/kind", "equals": "state"]]], 7),
        (["depai:merge": "overlay", "depai:pointer": "/v"], 7),
    ]

    @Test(arguments: ServerTests.forms)
    func `a served value is read back`(_ form: JSON, _ value: JSON) throws {
        var form = form
        form["op"] = "observeproperty"
        form["href"] = "mqtt://b/t"
        let thing = try Thing(description: [
            "id": "i", "title": "t", "properties": ["p": ["forms": .array([form])]],
        ])
        let message = try #require(try ThingServer(thing).reports([("p", value)]).first)
        let report = try thing.properties[0].reports[0].report(
            message.payload, schema: thing.properties[0].schema)
        guard case .value(let read) = report else {
            Issue.record("\(report)")
            return
        }
        #expect(read.isSameValue(as: value))
    }

    @Test func `a command is read back with its id and its caller`() throws {
        let thing = try Thing(description: [
            "id": "i", "title": "t",
            "actions": [
                "go": [
                    "forms": [
                        [
                            "href": "mqtt://b/go",
                            "depai:body": [
                                "id": "$id", "src": "$self", "method": "go", "params": ["x": "$input/x"],
                            ],
                            "depai:ack": [
                                "kind": "reply", "filter": "$self/rpc", "idPointer": "/id",
                                "errorPointer": "/error",
                            ],
                        ]
                    ]
                ]
            ],
        ])
        let server = try ThingServer(thing)
        let (name, form) = try #require(server.commands.first)
        let payload = try form.payload(["x": [1, 2]], identifier: "42", ownName: "me")
        let command = try #require(server.command(payload, name: name, form: form))
        #expect(command.input["x"] == [1, 2])
        #expect(command.id == "42")
        #expect(command.caller == "me")
        let reply = ModelReply(command: command, verdict: .failed("no"), fields: ["at": 1])
        let message = try #require(server.reply(reply))
        #expect(message.topic == "me/rpc")
        #expect(try JSON.read(message.payload) == ["at": 1, "id": "42", "error": "no"])
        #expect(server.command(Array(#"{"id":"1","method":"stop"}"#.utf8), name: name, form: form) == nil)
        #expect(server.command([0xff], name: name, form: form) == nil)
    }

    @Test func `the will is the word offline, kept`() throws {
        let file: JSON = [
            "kind": "actuator", "latencyMs": 1, "intervalMs": 1_000, "values": ["power": false],
            "writable": ["power"],
        ]
        let will = try #require(try SimulatedThing(thing: plug(), model: file, seed: 0).will)
        #expect(will == Message(topic: "lwt", payload: Array("Offline".utf8), retained: true))
    }
}
