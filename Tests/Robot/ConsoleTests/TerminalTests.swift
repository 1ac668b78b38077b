import Encoding
import Logging
import Synchronization
import Testing

@testable import Console

@Suite struct TerminalTests {
    @Test func `what a stranger wrote steers no terminal, and our own colours do`() {
        let brush = "\u{f8ff}secret\u{f8ff}"
        #expect(
            Terminal.shown("a \(brush)1mbold\(brush)0m b\n", brush: brush) == "a \u{1b}[1mbold\u{1b}[0m b\n")
        let hostile = "x\u{1b}[2J\u{9b}31m\u{202e}y\u{f8ff}guess\u{f8ff}1mz\r\nw"
        let shown = Terminal.shown(hostile, brush: brush)
        #expect(
            !shown.unicodeScalars.contains {
                $0 == "\u{1b}" || $0 == "\u{9b}" || $0 == "\u{202e}" || $0 == "\r"
            })
        #expect(shown.contains("\\u{1b}[2J") && shown.contains("\\u{202e}"))
    }

    @Test func `a cell is one line of bounded length`() {
        var table = Table(.left, .left)
        table.add(("note", .dim), ("nothing\npaid   0.00\u{1b}[A", nil))
        table.add(("more", nil), (String(repeating: "x", count: 1_000_000), nil))
        let lines = table.text.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first?.contains("nothing\\u{a}paid   0.00\\u{1b}[A") == true)
        #expect(lines.allSatisfy { $0.count < 2_100 })
    }

    @Test func `JSON for programs holds the same data, escaped`() throws {
        let json: JSON = ["a\u{202e}": "\u{9b}2J\u{7f}\u{2028}\u{e0041}\u{0}ü東"]
        for text in [json.prettyText, json.lineText] {
            #expect(text == text.plainLines)
            #expect(try JSON.read(text) == json)
        }
        #expect(json.lineText == #"{"a\u202e":"\u009b2J\u007f\u2028\udb40\udc41\u0000ü東"}"#)
    }

    @Test func `a log line is one line`() {
        let kept = Kept()
        var logger = Logger(label: "test") { _ in PlainLogHandler(kept) }
        logger[metadataKey: "home"] = "a"
        logger.info(
            "broker: \u{1b}]0;x\u{7}\nerror forged",
            metadata: ["event": "\u{202e}\n\(String(repeating: "y", count: 9_000))"],
            file: "f")
        logger.log(level: .error, "e", error: Strange())
        let text = kept.lines.text
        #expect(text == text.plain(limit: .max) && !text.contains("\n"))
        #expect(text.contains("broker: \\u{1b}]0;x\\u{7}\\u{a}error forged") && text.contains("\\u{9b}bad"))
        #expect(text.count < 5_000)
    }

    struct Strange: Error, CustomStringConvertible { let description = "\u{9b}bad" }

    final class Lines: Sendable {
        private let state = Mutex<[String]>([])
        var text: String { self.state.withLock { $0.joined(separator: "|") } }
        func add(_ line: String) { self.state.withLock { $0.append(line) } }
    }

    struct Kept: LogHandler {
        let lines = Lines()
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            self.lines.add("\(event.message) \(fields) \(event.error.map { "\($0)" } ?? "")")
        }
    }
}
