import Encoding
import TestSupport
import Testing

@Suite struct JSONReadingTests {
    @Test func `a text is read with its members in their order`() throws {
        let json = try JSON.read(#" { "b" : [ 1 , -2.5e1 , true , false , null ] , "a" : "x" } "#)
        #expect(json == ["b": [1, .number(-25), true, false, nil], "a": "x"])
        #expect(json.text == #"{"b":[1,-25,true,false,null],"a":"x"}"#)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1", "[1,]", "[,1]", "{\"a\":1,}", "{\"a\"}", "{\"a\" 1}", "{a:1}", "{'a':1}",
        "[1 2]", "01",
        "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "NaN", "Infinity", "-Infinity", "nul", "True", "\"",
        "\"\\", "\"\\x\"",
        "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"", "\"\u{1}\"", "// c\n1", "1 /* c */", "\u{feff}1", "1\u{0}",
        "[1]]", "{} {}", "1,",
    ])
    func `what is not JSON is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSON.read(text) }
    }

    @Test func `names that stand twice are refused, however they are written`() throws {
        for text in [
            #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"{"x":{"é":1,"\u00e9":2}}"#, #"{"":1,"":2}"#,
        ] {
            #expect(throws: JSONError.self) { try JSON.read(text) }
        }
        #expect(try JSON.read(#"{"a":{"a":1}}"#) == ["a": ["a": 1]])
    }

    @Test func `composed and decomposed letters are different names`() throws {
        let json = try JSON.read(#"{"\u00e9":1,"e\u0301":2}"#)
        #expect(json["\u{e9}"] == 1)
        #expect(json["e\u{301}"] == 2)
        #expect(JSON.string("\u{e9}") != JSON.string("e\u{301}"))
        guard case .object(let object) = json else { throw JSONError.value(pointer: "", reason: "no object") }
        #expect(object.members.count == 2)
    }

    @Test(arguments: [
        #""\ud800""#, #""\udc00""#, #""\ud800\ud800""#, #""\ud800x""#, #""\ud800\n""#, #""\udbff\u0041""#,
        #""\ud83d\ude"#,
    ])
    func `half a surrogate pair is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSON.read(text) }
    }

    @Test func `escapes and surrogate pairs are read`() throws {
        #expect(try JSON.read(#""\ud83d\ude02\u20AC\"\\\/\b\f\n\r\t""#) == .string("😂€\"\\/\u{8}\u{c}\n\r\t"))
        #expect(try JSON.read(#""\u0000""#) == .string("\0"))
    }

    /// Source: RFC 3629 section 3: overlong forms, surrogates and values above 10FFFF are no UTF-8.
    @Test(
        arguments: [
            [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80],
        ] as [[UInt8]])
    func `bytes that are not UTF-8 are refused`(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSON.read([0x22] + bytes + [0x22]) }
    }

    @Test func `depth has a limit`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSON.read(nested(64))
        #expect(throws: JSONError.self) { try JSON.read(nested(65)) }
        #expect(throws: JSONError.self) { try JSON.read(String(repeating: "[", count: 1 << 20)) }
        _ = try JSON.read("[[1]]", limits: .init(depth: 3))
        #expect(throws: JSONError.self) { try JSON.read("[[1]]", limits: .init(depth: 2)) }
        #expect(throws: JSONError.self) { try JSON.read(#"{"a":{"b":{}}}"#, limits: .init(depth: 2)) }
    }

    @Test func `size has a limit`() throws {
        _ = try JSON.read("[1]", limits: .init(bytes: 3))
        #expect(throws: JSONError.tooLarge(limit: 2)) { try JSON.read("[1]", limits: .init(bytes: 2)) }
    }

    @Test func `integers are exact and everything else is a double`() throws {
        #expect(try JSON.read("9223372036854775807") == .integer(.max))
        #expect(try JSON.read("-9223372036854775808") == .integer(.min))
        #expect(try JSON.read("9223372036854775808") == .number(9_223_372_036_854_775_808))
        #expect(try JSON.read("9007199254740993") == .integer(9_007_199_254_740_993))
        #expect(try JSON.read("1.0") == .number(1))
        guard case .number(let zero) = try JSON.read("-0") else {
            throw JSONError.value(pointer: "", reason: "-0")
        }
        #expect(zero.sign == .minus)
        for text in ["1e400", "-1e400", String(repeating: "9", count: 400)] {
            #expect(throws: JSONError.self) { try JSON.read(text) }
        }
        #expect(try JSON.read("1e-400") == .number(0))
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `random bytes never stop the program`(seed: UInt64) throws {
        var generator = Seeded(seed)
        let bytes = Array(#"{}[],:"\u0d8eE+-.19 tfn"#.utf8) + [0, 0x80, 0xed, 0xff]
        let text = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
            bytes.randomElement(using: &generator)!
        }
        guard let json = try? JSON.read(text) else { return }
        let again = try JSON.read(json.text)
        #expect(again.text == json.text, "seed \(seed)")
    }
}

@Suite struct JSONFieldTests {
    private let root = JSONField(["a": [1, "x", nil], "n": "18446744073709551615", "/~": true, "i": -1])

    @Test func `a missing or wrong value says where`() {
        #expect(throws: JSONError.mismatch(pointer: "/a/1", expected: "a whole number", found: "string")) {
            try self.root["a"][1].integer(Int.self)
        }
        #expect(throws: JSONError.mismatch(pointer: "/b/0/c", expected: "a string", found: "nothing")) {
            try self.root["b"][0]["c"].string()
        }
        #expect(throws: JSONError.mismatch(pointer: "/~1~0", expected: "a string", found: "boolean")) {
            try self.root["/~"].string()
        }
        #expect(throws: JSONError.value(pointer: "/i", reason: "-1 is out of range")) {
            try self.root["i"].integer(UInt64.self)
        }
        #expect(self.root["a"][2].ifPresent == nil && self.root["a"][7].ifPresent == nil)
    }

    @Test func `decimal strings are plain`() throws {
        #expect(try self.root["n"].decimal() == .max)
        for text in ["", "01", "+1", "-1", "1.0", " 1", "1e3", "18446744073709551616", "0x1", "١"] {
            #expect(throws: JSONError.self) { try JSONField(.string(text)).decimal() }
        }
        #expect(throws: JSONError.self) { try JSONField(1).decimal() }
    }

    @Test func `an unknown member is refused by its name`() throws {
        try self.root.only(["a", "n", "/~", "i", "more"])
        #expect(throws: JSONError.value(pointer: "/n", reason: "unknown member")) {
            try self.root.only(["a", "/~", "i"])
        }
        #expect(throws: JSONError.self) { try JSONField([1]).only([]) }
    }
}
