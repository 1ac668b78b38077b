import Testing

@testable import Encoding

@Suite struct PercentTests {
    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte) || byte >= 0x80 }

    @Test(arguments: [("", ""), ("abc", "abc"), ("a b", "a%20b"), ("a%é\u{0}", "a%25%C3%A9%00")])
    func `what is not kept is written as its bytes, and read back`(text: String, encoded: String) {
        #expect(Percent.encode(text, keeping: Self.isLetter) == encoded)
        #expect(Percent.decode(encoded) == text)
    }

    @Test(arguments: ["%", "%4", "a%zz", "%+4", "%-4", "%ff"])
    func `what stands for no text is refused`(text: String) {
        #expect(Percent.decode(text) == nil)
    }
}
