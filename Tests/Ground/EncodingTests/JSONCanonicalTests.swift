import Encoding
import TestSupport
import Testing

/// RFC 8785.
@Suite struct JSONCanonicalTests {
    private func canonical(_ text: String) throws -> String {
        String(decoding: try JSON.read(text).canonicalBytes(), as: UTF8.self)
    }

    /// Source: RFC 8785 appendix B.
    @Test(
        arguments: [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] as [(UInt64, String)])
    func `numbers are written as ECMAScript writes them`(bits: UInt64, text: String) throws {
        let number = JSON.number(Double(bitPattern: bits))
        #expect(String(decoding: try number.canonicalBytes(), as: UTF8.self) == text)
        #expect(number.text == text)
    }

    @Test(arguments: [
        ("1e16", "10000000000000000"), ("1e20", "100000000000000000000"), ("1e21", "1e+21"),
        ("0.000001", "0.000001"),
        ("1e-7", "1e-7"), ("-0.0", "0"), ("-0", "0"), ("1.0", "1"), ("9007199254740992", "9007199254740992"),
        ("-9007199254740992", "-9007199254740992"), ("123.456e-5", "0.00123456"), ("1.5e300", "1.5e+300"),
    ])
    func `one number has one text`(written: String, text: String) throws {
        #expect(try self.canonical(written) == text)
    }

    /// Source: RFC 8785 section 3.2.3 and cyberphone/json-canonicalization testdata (Apache-2.0): weird.json,
    /// values.json,
    /// structures.json, unicode.json.
    @Test(arguments: [
        (
            #"{"\u20ac":"Euro Sign","\r":"Carriage Return","\u000a":"Newline","1":"One","\u0080":"Control\u007f","#
                + #""\ud83d\ude02":"Smiley","\u00f6":"Latin Small Letter O With Diaeresis","#
                + #""\ufb33":"Hebrew Letter Dalet With Dagesh","</script>":"Browser Challenge"}"#,
            #"{"\n":"Newline","\r":"Carriage Return","1":"One","</script>":"Browser Challenge","#
                + "\"\u{80}\":\"Control\u{7f}\",\"\u{f6}\":\"Latin Small Letter O With Diaeresis\","
                + "\"\u{20ac}\":\"Euro Sign\",\"\u{1f602}\":\"Smiley\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        ),
        (
            #"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"#
                + #""string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
            #"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#
                + #""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        ),
        (
            #"{"1":{"f":{"f":"hi","F":5},"\n":56.0},"10":{},"":"empty","a":{},"111":[{"e":"yes","E":"no"}],"A":{}}"#,
            #"{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}"#
        ),
        (#"{"Unnormalized Unicode":"A\u030a"}"#, "{\"Unnormalized Unicode\":\"A\u{30a}\"}"),
    ])
    func `documents are written as the reference does`(input: String, output: String) throws {
        // By bytes: Swift's own == would take a composed letter for a decomposed one.
        #expect(Array(try self.canonical(input).utf8) == Array(output.utf8))
    }

    @Test func `names are sorted by UTF-16 and never normalised`() throws {
        let sorted = try JSON.read(#"{"\ufb33":1,"\u20ac":2,"\ud83d\ude00":3}"#).canonicalBytes()
        #expect(Hex.encode(sorted) == "7b22e282ac223a322c22f09f9880223a332c22efacb3223a317d")
        let distinct = try JSON.read(#"{"\u00e9":1,"e\u0301":2}"#).canonicalBytes()
        #expect(Hex.encode(distinct) == "7b2265cc81223a322c22c3a9223a317d")
    }

    @Test func `numbers without a canonical text are refused with their place`() {
        let large: JSON = ["a": [0, .integer(1 << 53 + 1)]]
        #expect(throws: JSONError.notCanonical(pointer: "/a/1")) { try large.canonicalBytes() }
        #expect(throws: JSONError.notCanonical(pointer: "")) { try JSON.integer(.min).canonicalBytes() }
        #expect(throws: JSONError.notCanonical(pointer: "/x")) {
            try (["x": .number(.nan)] as JSON).canonicalBytes()
        }
        #expect(throws: JSONError.notCanonical(pointer: "")) { try JSON.number(-.infinity).canonicalBytes() }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `canonical text is read back as the same value and written the same`(seed: UInt64) throws {
        var generator = Seeded(seed)
        let json = JSON.random(depth: 4, using: &generator)
        let bytes = try json.canonicalBytes()
        let again = try JSON.read(bytes)
        #expect(try again.canonicalBytes() == bytes, "seed \(seed)")
        #expect(try JSON.read(json.prettyText).canonicalBytes() == bytes, "seed \(seed)")
        #expect(try JSON.read(json.text) == json || json.hasDouble, "seed \(seed)")
    }
}

extension JSON {
    /// Anything that can be signed.
    static func random(depth: Int, using generator: inout Seeded) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &generator))
        case 2: return .integer(Int64.random(in: -(1 << 53)...1 << 53, using: &generator))
        case 3:
            let number = Double(bitPattern: generator.next())
            return .number(number.isFinite ? number : 0.5)
        case 4, 5: return .string(self.randomText(&generator))
        case 6:
            return .array(
                (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                    .random(depth: depth - 1, using: &generator)
                })
        default:
            var object = Object()
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                object[self.randomText(&generator)] = .random(depth: depth - 1, using: &generator)
            }
            return .object(object)
        }
    }

    private static func randomText(_ generator: inout Seeded) -> String {
        let scalars: [Unicode.Scalar] = [
            "a", "\"", "\\", "/", "\u{0}", "\u{1f}", "\u{7f}", "\u{e9}", "\u{301}", "e", "\u{20ac}",
            "\u{fb33}", "\u{1f600}",
        ]
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...6, using: &generator) {
            if let scalar = scalars.randomElement(using: &generator) { text.append(scalar) }
        }
        return String(text)
    }

    /// A whole double is read back as an integer.
    var hasDouble: Bool {
        switch self {
        case .number: true
        case .array(let elements): elements.contains { $0.hasDouble }
        case .object(let object): object.members.contains { $0.value.hasDouble }
        default: false
        }
    }
}
