import Encoding
import Testing

@Suite struct PlainTextTests {
    @Test(arguments: [
        ("", ""), ("Grüße, 東京 🤖", "Grüße, 東京 🤖"), ("a\u{0}b", "a\\u{0}b"), ("\u{1b}[2J", "\\u{1b}[2J"),
        ("one\r\ntwo\tthree", "one\\u{d}\\u{a}two\\u{9}three"),
        ("\u{7f}\u{85}\u{9b}", "\\u{7f}\\u{85}\\u{9b}"),
        ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
        (
            "\u{202e}gpj.exe\u{2066}\u{2069}\u{200e}\u{200f}",
            "\\u{202e}gpj.exe\\u{2066}\\u{2069}\\u{200e}\\u{200f}"
        ),
        ("\u{feff}x\u{200b}y\u{ad}z\u{e0041}", "\\u{feff}x\\u{200b}y\\u{ad}z\\u{e0041}"),
    ])
    func `what steers a terminal or a database is written as its number`(text: String, plain: String) {
        #expect(text.plain().utf8.elementsEqual(plain.utf8))
        #expect(text.isPlain() == (text == plain))
        #expect(plain.plain() == plain)
    }

    @Test func `every control, mark of direction and separator of lines is written out`() {
        let steering: [ClosedRange<UInt32>] = [
            0...0x1f, 0x7f...0x9f, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069,
        ]
        for scalar in steering.joined().compactMap({ Unicode.Scalar($0) }) {
            let text = "a" + String(Character(scalar)) + "b"
            #expect(text.plain().unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f })
        }
    }

    @Test func `a long text is cut, whatever it is made of`() {
        #expect(String(repeating: "x", count: 200).plain().count == 200)
        #expect(String(repeating: "x", count: 201).plain() == String(repeating: "x", count: 199) + "…")
        #expect("abcdef".plain(limit: 4) == "abc…")
        #expect("ab\u{0}".plain(limit: 4) == "ab…")
        #expect("abcdef".plain(limit: 0) == "…")
        // One letter for Swift, a hundred thousand for whoever keeps it.
        let accents = "e" + String(repeating: "\u{301}", count: 100_000)
        #expect(accents.plain().unicodeScalars.count == 200)
        #expect(String(repeating: "\u{0}", count: 100_000).plain().unicodeScalars.count <= 200)
    }

    @Test func `a name keeps its bytes`() {
        for name in ["\u{c5}", "\u{212b}", "A\u{30a}"] { #expect(name.plain().utf8.elementsEqual(name.utf8)) }
    }

    @Test func `our own lines stay lines`() {
        #expect("one\ntwo".plainLines == "one\ntwo")
        #expect("one\n\u{1b}[31mtwo\r".plainLines == "one\n\\u{1b}[31mtwo\\u{d}")
    }
}
