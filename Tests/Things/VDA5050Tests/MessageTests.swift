import Encoding
import Testing
import ThingSupport

@testable import VDA5050

/// A header as peers send it.
let sampleHeader: JSON = [
    "headerId": 1, "timestamp": "2026-03-01T08:00:00.25Z", "version": "2.1.0", "manufacturer": "m",
    "serialNumber": "s",
]

/// The members of both.
func joined(_ left: JSON, _ right: JSON) -> JSON {
    var result = left
    if case .object(let object) = right { for (name, value) in object.members { result[name] = value } }
    return result
}

@Suite struct MessageTests {
    static let order: JSON = joined(
        sampleHeader,
        [
            "orderId": "o", "orderUpdateId": 0,
            "nodes": [
                [
                    "nodeId": "a", "sequenceId": 0, "released": true, "actions": [],
                    "nodePosition": ["x": 1, "y": 2, "mapId": "m", "allowedDeviationXY": .number(0.5)],
                ],
                ["nodeId": "b", "sequenceId": 2, "released": true, "actions": []],
            ],
            "edges": [
                [
                    "edgeId": "ab", "sequenceId": 1, "released": true, "startNodeId": "a", "endNodeId": "b",
                    "maxSpeed": 1, "actions": [],
                ]
            ],
        ])

    @Test func `an order of 2-1-0 is written as 3-0-0 with its new names, and back`() throws {
        let order = try Order(Self.order, .two)
        let three = try order.json(.three)
        #expect(try JSONField(three)["edges"][0]["maximumSpeed"].number() == 1)
        #expect(JSONField(three)["edges"][0]["startNodeId"].value == nil)
        #expect(JSONField(three)["nodes"][0]["nodePosition"]["allowedDeviationXY"]["a"].value == .number(0.5))
        #expect(try Order(three, .three) == order)
    }

    @Test func `a fault is told with its place`() throws {
        var order = Self.order
        order["nodes"] = [["nodeId": "a", "sequenceId": 0, "released": "yes", "actions": []]]
        #expect(
            throws: JSONError.mismatch(
                pointer: "/nodes/0/released", expected: "true or false", found: "string")
        ) {
            try Order(order, .two)
        }
        #expect(throws: JSONError.mismatch(pointer: "/edges", expected: "an array", found: "nothing")) {
            try Order(joined(sampleHeader, ["orderId": "", "orderUpdateId": 0, "nodes": []]), .two)
        }
    }

    @Test func `unknown members are tolerated and not kept`() throws {
        var order = Self.order
        order["vendor"] = ["x": 1]
        #expect(try Order(order, .two).json(.two)["vendor"] == nil)
    }

    @Test func `what a version cannot say is refused, not left out`() throws {
        var order = try Order(Self.order, .two)
        order.orderDescription = "new in 3.0.0"
        #expect(throws: JSONError.self) { try order.json(.two) }
        order.orderDescription = nil
        order.nodes[0].position?.allowedDeviation = Ellipse(a: 1, b: 2, theta: 0)
        #expect(throws: JSONError.self) { try order.json(.two) }
        var state = State()
        state.operatingMode = .startup
        #expect(throws: JSONError.self) { try state.json(.two) }
        state.operatingMode = .teachIn
        #expect(try state.json(.two)["operatingMode"] == "TEACHIN")
        #expect(try state.json(.three)["operatingMode"] == "TEACH_IN")
        state.power.stateOfCharge = .nan
        #expect(throws: JSONError.self) { try state.json(.two) }
    }

    @Test func `2-1-0 has instant actions at the end of its one list`() throws {
        var state = State()
        var action = ActionState()
        action.actionId = "order's"
        state.actionStates = [action]
        action.actionId = "instant"
        state.instantActionStates = [action]
        let read = try State(try state.json(.two), .two)
        #expect(read.actionStates.map(\.actionId) == ["order's", "instant"])
        #expect(read.instantActionStates.isEmpty)
        #expect(try State(try state.json(.three), .three) == state)
    }

    @Test func `PAUSED, which the schema of 2-1-0 forgot, is read`() throws {
        var state = try State().json(.two)
        state["actionStates"] = [["actionId": "a", "actionStatus": "PAUSED"]]
        #expect(try State(state, .two).actionStates[0].status == .paused)
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00.5Z", 951_825_600_500),
            ("2026-03-01T09:00:00.123456+01:00", 1_772_352_000_123), ("1969-12-31T23:59:59.999Z", -1),
            ("2024-12-31t23:59:60z", 1_735_689_600_000),
        ] as [(String, Int64)])
    func `times are read`(_ text: String, _ milliseconds: Int64) throws {
        let time = try #require(WireTime(text))
        #expect(time.milliseconds == milliseconds)
        #expect(WireTime(time.description) == time)
    }

    @Test(arguments: [
        "", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Z ", "1772352000",
    ])
    func `what is no time is refused`(_ text: String) { #expect(WireTime(text) == nil) }

    @Test func `the topic has five levels, and no level can break out`() throws {
        let identity = Identity(
            version: .three, interface: "vda5050", manufacturer: "KIT", serialNumber: "0001")
        #expect(try #require(identity).topic(.order) == "vda5050/v3/KIT/0001/order")
        for bad in ["", "a/b", "+", "#", "$SYS", "a b", String(repeating: "x", count: 65)] {
            let first = Identity(
                version: .two, interface: bad, manufacturer: "m", serialNumber: "s")
            let last = Identity(version: .two, interface: "i", manufacturer: "m", serialNumber: bad)
            #expect(first == nil && last == nil, "\(bad)")
        }
    }
}
