import Encoding
import Testing
import ThingSupport
import World

@testable import Devices

/// What real conventions do with a hub: words that are never echoed, objects that come back larger, kept
/// topics that are cleared, brokers that say no.
@Suite struct ConventionTests {
    private static func property(_ schema: JSON, ack: JSON, _ id: String = "one") throws -> Thing {
        var property = schema
        property["forms"] = [
            [
                "op": "observeproperty", "href": "mqtt://b/one", "depai:pointer": "/p",
                "depai:merge": "overlay",
            ],
            [
                "op": "writeproperty", "href": "mqtt://b/one/set", "depai:body": ["p": "$value"],
                "depai:ack": ack,
            ],
        ]
        var thing = description(["p": property])
        thing["id"] = .string("urn:\(id)")
        thing["depai:name"] = .string(id)
        return try Thing(description: thing)
    }

    /// A device that answers each command with `answer`.
    private func written(_ value: JSON, _ thing: Thing, answer: String?) async throws -> CommandRecord {
        let bus = MemoryBus()
        bus.device { message in
            if let answer, message.topic == "one/set" { bus.arrive("one", answer) }
        }
        var record: CommandRecord?
        let hub = try DeviceHub(
            things: [thing], bus: bus, store: nil, timeline: StepTimeline(), entropy: CountingEntropy())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            defer { group.cancelAll() }
            while !(await hub.isListening) { await Task.yield() }
            record = try await hub.write(value, to: "p", of: "one", id: "c")
        }
        return try #require(record)
    }

    /// Zigbee2MQTT reports a colour with more members than were written (Koenkk/zigbee2mqtt, issue 11101).
    @Test func `an object that comes back with more members is an echo`() async throws {
        let thing = try Self.property(["type": "object"], ack: ["kind": "echo"])
        let answer = #"{"p":{"x":0.3,"y":0.3,"hue":23,"saturation":90}}"#
        let record = try await self.written(["x": .number(0.3), "y": .number(0.3)], thing, answer: answer)
        #expect(record.state == .done)
        let other = try await self.written(
            ["x": .number(0.3)], thing, answer: #"{"p":{"x":0.4,"y":0.3}}"#)
        #expect(other.state == .unknown)
    }

    @Test(
        arguments: [
            (["a": 1, "b": 2], ["a": 1], true), (["a": ["b": 1, "c": 2]], ["a": ["b": 1]], true),
            (["a": 1], ["a": 1, "b": 2], false), ([1, 2], [1], false),
            ([["a": 1, "b": 1]], [["a": 1]], true),
            (.number(21.5), .number(21.500000001), true), (21, .number(21.1), false), ("on", "on", true),
        ] as [(JSON, JSON, Bool)])
    func `what was written is in what is reported`(_ reported: JSON, _ written: JSON, _ isEcho: Bool) {
        #expect(reported.isEcho(of: written) == isEcho)
    }

    /// Covers report OPEN and CLOSE, and never STOP (Koenkk/zigbee2mqtt, issue 29087).
    @Test func `a word that is a command is proved by the broker`() async throws {
        let thing = try Self.property(
            ["type": "string", "enum": ["OPEN", "CLOSE", "STOP"]],
            ack: ["kind": "echo", "commands": ["STOP"]])
        #expect(try await self.written("STOP", thing, answer: nil).state == .done)
        #expect(try await self.written("OPEN", thing, answer: nil).state == .unknown)
        #expect(try await self.written("OPEN", thing, answer: #"{"p":"OPEN"}"#).state == .done)
    }

    /// Homie 5: "$target: required no".
    @Test(arguments: ["homie/5/l/n/p", "homie/5/l/n/p/$target"])
    func `an echo comes on the topic of the target or on the property's own`(_ topic: String) async throws {
        let write: JSON = [
            "op": "writeproperty", "href": "mqtt://b/homie/5/l/n/p/set", "contentType": "text/plain",
            "depai:ack": ["kind": "echo", "filter": "homie/5/l/n/p/$target"],
        ]
        let read: JSON = [
            "op": "observeproperty", "href": "mqtt://b/homie/5/l/n/p", "contentType": "text/plain",
        ]
        let thing = try Thing(description: description(["p": ["type": "integer", "forms": [read, write]]]))
        let bus = MemoryBus()
        bus.device { message in
            if message.topic.hasSuffix("/set") { bus.arrive(topic, message.payload) }
        }
        try await withHub([thing], bus: bus) { hub in
            let record = try await hub.write(7, to: "p", of: "urn:test:one", id: "c")
            #expect(record.state == .done)
        }
    }

    @Test func `a refusal of the broker is the command's end, in its words, and a fault that is told`()
        async throws
    {
        let thing = try Self.property(["type": "boolean"], ack: ["kind": "echo"])
        let bus = MemoryBus(.refuses)
        try await withHub([thing], bus: bus) { hub in
            let record = try await hub.write(true, to: "p", of: "one", id: "c")
            #expect(record.state == .failed && record.result == "the broker refuses it: test")
            let fault = try #require(await hub.faults().first)
            #expect(fault.filter == "one/set" && fault.reason.contains("test"))
        }
    }

    @Test func `a refusal after an attempt that may have acted leaves it unknown`() {
        var command = Command(
            id: "c", content: .init(kind: .write, thing: "t", affordance: "p", input: 1), proof: .anonymous,
            isRepeatable: true, state: .started)
        _ = command.handle(.ready)
        _ = command.handle(.refused("no"))
        #expect(command.state == .unknown && command.result == "no")
    }

    @Test func `a topic that is cleared is a value that is gone, and no fault`() async throws {
        let thing = try Self.property(["type": "boolean"], ack: ["kind": "puback"])
        let bus = MemoryBus()
        try await withHub([thing], bus: bus) { hub in
            bus.arrive("one", #"{"p":true}"#)
            _ = try await settled { await hub.twin("one")?.reported["p"] }
            bus.arrive("one", "")
            _ = try await settled { await hub.twin("one")?.reported["p"] == nil ? true : nil }
            bus.arrive("one", "", retained: true)
            bus.arrive("one", #"{"p":false}"#)
            _ = try await settled { await hub.twin("one")?.reported["p"] }
            #expect(await hub.faults() == [])
        }
    }

    /// Homie 5: an empty string is one byte of zero.
    @Test func `the empty text has a word where the wire cannot be empty`() throws {
        let read: JSON = ["href": "mqtt://b/t", "contentType": "text/plain", "depai:empty": "\u{0}"]
        let write: JSON = [
            "op": "writeproperty", "href": "mqtt://b/t/set", "contentType": "text/plain",
            "depai:empty": "\u{0}",
        ]
        let thing = try Thing(description: description(["p": ["type": "string", "forms": [read, write]]]))
        let property = try #require(thing.properties.first)
        #expect(try property.reports[0].report([0], schema: property.schema) == .value(""))
        #expect(try property.write?.payload("", identifier: "", ownName: "") == [0])
        #expect(try property.write?.payload("a", identifier: "", ownName: "") == Array("a".utf8))
    }

    /// Home Assistant renders a JSON `true` as `True`, and numbers as texts (OpenMQTTGateway, issue 1798).
    @Test(
        arguments: [
            (["type": "boolean"], ["True": true, "False": false], "true", .value(true)),
            (["type": "string"], [:], "5", .value("5")),
            (["type": "number"], [:], "\"21.5\"", .value(.number(21.5))),
            (["type": "number"], [:], "\"+5\"", .value(.number(5))), (["type": "number"], [:], "null", .gone),
            (["type": "number"], [:], "\"None\"", .gone), (["type": "string"], [:], "\"None\"", .gone),
            (["type": "string", "enum": ["None", "x"]], [:], "\"None\"", .value("None")),
        ] as [(JSON, JSON, String, ReportForm.Report)])
    func `a rendered value is the text that a template writes`(
        _ schema: JSON, _ map: JSON, _ payload: String, _ report: ReportForm.Report
    ) throws {
        var form: JSON = ["href": "mqtt://b/t", "depai:pointer": "/v", "depai:rendered": true]
        if map != [:] { form["depai:map"] = map }
        var property = schema
        property["forms"] = [form]
        let thing = try Thing(description: description(["p": property]))
        let read = try thing.properties[0].reports[0].report(
            Array("{\"v\":\(payload)}".utf8), schema: thing.properties[0].schema)
        #expect(read == report)
    }

    @Test func `values of several types are told apart on a text topic`() throws {
        let form: JSON = ["href": "mqtt://b/t", "contentType": "text/plain"]
        let thing = try Thing(
            description: description(["p": ["enum": ["auto", 30, 60], "forms": [form]]]))
        let property = thing.properties[0]
        #expect(try property.reports[0].report(Array("30".utf8), schema: property.schema) == .value(30))
        #expect(try property.reports[0].report(Array("auto".utf8), schema: property.schema) == .value("auto"))
    }

    @Test func `an error names what is allowed and who was perhaps meant`() async throws {
        let thing = try Self.property(
            ["type": "string", "enum": ["OPEN", "CLOSE"]], ack: ["kind": "puback"], "cellar")
        try await withHub([thing], bus: MemoryBus()) { hub in
            func words(_ body: () async throws -> Void) async -> String {
                do { try await body() } catch { return "\(error)" }
                return ""
            }
            let value = await words { _ = try await hub.write("open", to: "p", of: "cellar", id: "a") }
            #expect(value.contains(#""OPEN", "CLOSE""#), "\(value)")
            let name = await words { _ = try await hub.write("OPEN", to: "p", of: "celar", id: "b") }
            #expect(name == #"no thing is called "celar"; there is "cellar""#)
            let property = await words { _ = try await hub.write("OPEN", to: "P2", of: "cellar", id: "c") }
            #expect(property == #"cellar has no "P2"; there is "p""#)
            let action = await words { _ = try await hub.invoke("p", of: "cellar", input: nil, id: "d") }
            #expect(action.contains("is a property"), "\(action)")
        }
    }

    @Test func `events and every change are there for who looks now and then`() async throws {
        var document = description(["p": ["type": "integer", "forms": [["href": "mqtt://b/p"]]]])
        document["events"] = ["pressed": ["data": ["type": "string"], "forms": [["href": "mqtt://b/e"]]]]
        let bus = MemoryBus()
        try await withHub([try Thing(description: document)], bus: bus) { hub in
            let mark = await hub.news(after: nil).mark
            for number in 1...6 { bus.arrive("p", "\(number)") }
            bus.arrive("e", #""single_left""#)
            let news = try await settled {
                let news = await hub.news(after: mark)
                return news.readings.count == 7 ? news : nil
            }
            #expect(news.readings.map(\.reading.value) == [1, 2, 3, 4, 5, 6, "single_left"])
            #expect(news.readings.map(\.isEvent) == [false, false, false, false, false, false, true])
            #expect(news.lost == 0 && news.mark == 7)
            #expect(await hub.news(after: news.mark).readings.isEmpty)
        }
    }

    @Test func `what is kept for who looks now and then is bounded, and what left is counted`() {
        var recent = RecentReadings()
        for number in 1...3_000 {
            let reading = Reading(
                thing: "t", property: "p \(number)", value: .string(String(repeating: "x", count: 2_000)),
                unit: nil,
                at: Timestamp(milliseconds: 0, quality: .none), uptime: .zero, boot: "",
                sequence: nil)
            recent.add(reading, isEvent: false)
        }
        #expect(recent.entries.count <= RecentReadings.countLimit)
        #expect(recent.entries.reduce(0) { $0 + $1.bytes } <= RecentReadings.byteLimit)
        #expect(recent.entries.last?.number == 3_000)
    }
}
