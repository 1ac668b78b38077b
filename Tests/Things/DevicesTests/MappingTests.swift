import Devices
import Encoding
import Testing
import ThingSupport

@Suite struct MappingTests {
    func property(_ schema: JSON, _ form: JSON) throws -> Thing.Property {
        var schema = schema
        var form = form
        form["href"] = "mqtt://b/a"
        if form["op"] == nil { form["op"] = "observeproperty" }
        schema["forms"] = .array([form])
        guard let property = try Thing(description: description(["p": schema])).properties.first else {
            throw DeviceError.unknownThing("p")
        }
        return property
    }

    func report(_ schema: JSON, _ form: JSON, _ payload: String) throws -> ReportForm.Report {
        let property = try self.property(schema, form)
        return try property.reports[0].report(Array(payload.utf8), schema: property.schema)
    }

    static let good: [(schema: JSON, form: JSON, payload: String, value: ReportForm.Report)] = [
        (["type": "number"], [:], "21.5", .value(.number(21.5))),
        (["type": "number"], ["contentType": "text/plain"], "21", .value(21)),
        (["type": "string"], ["contentType": "text/plain"], "21", .value("21")),
        (["type": "number"], ["depai:pointer": "/a/1/b~1c"], #"{"a":[0,{"b/c":7}]}"#, .value(7)),
        (["type": "boolean"], ["depai:map": ["ON": true, "OFF": false]], "ON", .value(true)),
        (["type": "boolean"], ["depai:map": ["ON": true, "OFF": false]], #""OFF""#, .value(false)),
        (
            ["type": "string"], ["depai:map": ["1": "open"], "depai:pointer": "/v"], #"{"v":1}"#,
            .value("open")
        ),
        (
            ["type": "number"], ["depai:scale": .number(0.1), "depai:offset": -40], "605",
            .value(.number(20.5))
        ),
        (["type": "integer"], ["depai:scale": .number(0.5)], "10", .value(5)),
        (
            ["type": "number"], ["depai:when": [["pointer": "/k", "equals": "t"]], "depai:pointer": "/v"],
            #"{"k":"t","v":1}"#, .value(1)
        ),
        (
            ["type": "number"], ["depai:when": [["pointer": "/k", "equals": "t"]], "depai:pointer": "/v"],
            #"{"k":"u"}"#, .nothing
        ),
        (["type": "number"], ["depai:merge": "overlay", "depai:pointer": "/v"], "{}", .nothing),
        (["type": "number"], ["depai:merge": "overlay", "depai:pointer": "/v"], #"{"v":null}"#, .gone),
        (["type": "object"], ["depai:merge": "overlay"], #"{"v":null}"#, .changes(["v": nil])),
    ]

    @Test(arguments: MappingTests.good)
    func `a payload becomes a value`(
        _ schema: JSON, _ form: JSON, _ payload: String, _ value: ReportForm.Report
    ) throws {
        #expect(try self.report(schema, form, payload) == value)
    }

    static let bad: [(schema: JSON, form: JSON, payload: String, error: PayloadError)] = [
        (["type": "number"], ["depai:pointer": "/v"], "{}", .missing),
        (["type": "boolean"], ["depai:map": ["ON": true]], "on", .unknownWord("on")),
        (["type": "number"], ["depai:scale": 2], "true", .notANumber),
        (["type": "number"], [:], "\"7\"", .schema("the value is not of type number")),
        (["type": "number", "maximum": 100], [:], "1e99", .schema("the value is above 100.0")),
        (["type": "object", "required": ["x"]], [:], "{}", .schema("the value lacks \"x\"")),
        (["enum": ["a"]], [:], "\"b\"", .schema("the value is not one of the allowed values: \"a\"")),
    ]

    @Test(arguments: MappingTests.bad)
    func `a payload that says something else is refused`(
        _ schema: JSON, _ form: JSON, _ payload: String, _ error: PayloadError
    ) {
        #expect(throws: error) { try self.report(schema, form, payload) }
    }

    /// Random bytes and random cuts of a good payload: an error or a value, never a crash.
    @Test func `no payload crashes the reader`() throws {
        let good = Array(#"{"a":[0,{"b/c":7}],"k":"t","v":-1.5e3}"#.utf8)
        let forms: [(JSON, JSON)] = Self.good.map { ($0.schema, $0.form) }
        var state: UInt64 = 7
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        for (schema, form) in forms {
            let property = try self.property(schema, form)
            for _ in 0..<2_000 {
                var bytes = good
                for _ in 0...(next() % 6) { bytes[Int(next() % UInt64(bytes.count))] = UInt8(next() & 0xff) }
                bytes.removeLast(Int(next() % UInt64(bytes.count)))
                _ = try? property.reports[0].report(bytes, schema: property.schema)
            }
        }
    }

    func payload(_ schema: JSON, _ form: JSON, _ value: JSON) throws -> String {
        var form = form
        form["op"] = "writeproperty"
        let write = try self.property(schema, form).write
        return String(
            decoding: try write?.payload(value, identifier: "7", ownName: "me") ?? [], as: UTF8.self)
    }

    @Test func `a value becomes a payload`() throws {
        #expect(try self.payload([:], [:], true) == "true")
        #expect(try self.payload([:], ["depai:map": ["ON": true, "1": true, "OFF": false]], true) == "ON")
        #expect(
            try self.payload([:], ["depai:scale": .number(0.1), "depai:offset": -40], .number(20.5)) == "605")
        #expect(
            try self.payload([:], ["depai:body": ["state": "$value", "n": "$id", "$": "$$x"]], 5)
                == #"{"state":5,"n":"7","$":"$x"}"#)
        #expect(
            try self.payload([:], ["contentType": "text/plain", "depai:body": "SET $value BY $self"], 5)
                == "SET 5 BY me")
        #expect(
            try self.payload([:], ["depai:body": ["a": "$input/x", "b": "$input/y"]], ["x": [1]])
                == #"{"a":[1]}"#)
        #expect(throws: PayloadError.unknownWord("7")) {
            try self.payload([:], ["depai:map": ["ON": true]], 7)
        }
        let long = JSON.string(String(repeating: "x", count: 70_000))
        #expect(throws: PayloadError.tooLarge(limit: 65_536)) { try self.payload([:], [:], long) }
    }

    @Test func `availability takes words and JSON`() throws {
        var document = description(["p": ["forms": []]])
        document["depai:availability"] = ["topic": "a", "online": ["state": "online"], "offline": "Offline"]
        let form = try #require(try Thing(description: document).availability?.places.first)
        #expect(form.word(Array(#"{ "state": "online" }"#.utf8)) == .online)
        #expect(form.word(Array("Offline".utf8)) == .offline)
        #expect(form.word([0xff]) == nil)
        #expect(form.word([]) == nil)
    }
}
