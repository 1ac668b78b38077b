import Encoding
import TestSupport
import Testing

@Suite struct SearchingTests {
    @Test func `finds the first place`() throws {
        let text = "a://b://c"
        let place = try #require(text.firstPlace(of: "://"))
        #expect(text[..<place.lowerBound] == "a" && text[place.upperBound...] == "b://c")
        #expect("aaab".firstPlace(of: "aab").map { "aaab"[$0] } == "aab")
        #expect("abc".firstPlace(of: "d") == nil && "ab".firstPlace(of: "abc") == nil)
        #expect("".firstPlace(of: "a") == nil && "a".firstPlace(of: "") == nil)
        #expect("{{name}}".dropFirst(2).holds("}}"))
    }

    /// An accent over a bracket makes another `Character` of it, and the bracket is still there for whoever
    /// reads bytes.
    @Test func `looks at bytes and not at characters`() {
        #expect("{{\u{301}x}}".holds("{{"))
    }

    @Test func `replaces every place once`() {
        #expect("a~b/c~".writing("~0", for: "~").writing("~1", for: "/") == "a~0b~1c~0")
        #expect("aaa".writing("aa", for: "a") == "aaaaaa")
        #expect("abc".writing("x", for: "d") == "abc")
        #expect("%t%".writing("%t%", for: "%t%") == "%t%")
    }
}
