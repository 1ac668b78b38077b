import Encoding
import Testing

@Suite struct ExactTextTests {
    /// Å as one scalar, the Ångström sign, A with a ring: one `String`, three names.
    static let names = ["\u{c5}", "\u{212b}", "A\u{30a}"]

    @Test func `names are equal when their bytes are`() {
        #expect(Set(Self.names).count == 1)
        #expect(Set(Self.names.map { ExactText($0) }).count == 3)
        #expect(ExactText("K") != ExactText("\u{212a}") && ExactText("K") == "K")
        #expect(Self.names.map { ExactText($0) }.sorted().map(\.text.utf8.count) == [3, 2, 3])
    }

    @Test func `an object has members of names that only look the same`() throws {
        let text = "{" + Self.names.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",") + "}"
        let json = try JSON.read(text)
        for (value, name) in Self.names.enumerated() {
            #expect(json[name] == .integer(Int64(value)))
            #expect(try JSONField(json)[name].integer(Int.self) == value)
        }
        #expect(throws: JSONError.self) { try JSON.read("{\"\u{c5}\":1,\"\u{c5}\":2}") }
    }

    @Test func `a name that only looks like a known one is unknown`() throws {
        let field = JSONField(try JSON.read("{\"\u{212a}ind\":1}"))
        #expect("\u{212a}ind" == "Kind")
        #expect(throws: JSONError.self) { try field.only(["Kind"]) }
    }

    @Test func `a stranger's number of any size can be passed on under a signature`() throws {
        let json = try JSON.read(
            "{\"a\":[9007199254740993,-9223372036854775808,9007199254740992],\"b\":1e300}")
        #expect(throws: JSONError.self) { try json.canonicalBytes() }
        let text = String(decoding: try json.signable.canonicalBytes(), as: UTF8.self)
        #expect(
            text == "{\"a\":[\"9007199254740993\",\"-9223372036854775808\",9007199254740992],\"b\":1e+300}")
        #expect(try JSONField(["a": 5])["a"].integer(in: 1...5) == 5)
        #expect(throws: JSONError.self) { try JSONField(["a": 6])["a"].integer(in: 1...5) }
    }
}
