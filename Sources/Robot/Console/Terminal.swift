package import Encoding
internal import Glibc
internal import Synchronization
internal import SystemPackage

/// Data to standard output, talk to standard error, colours only where a person looks.
package enum Terminal {
    package static let isInteractive = isatty(STDOUT_FILENO) == 1
    package static let hasColours = isInteractive && getenv("NO_COLOR") == nil

    /// Prints lines. Whatever else steers a terminal is written out, wherever the words came from.
    package static func out(_ text: String) { self.write(self.shown(text + "\n"), to: .standardOutput) }

    /// A piece of a longer text, as it is: for files.
    package static func put(_ text: String) { self.write(Array(text.utf8), to: .standardOutput) }

    /// Data as it is, text or not; only a person is shown text that steers nothing.
    package static func put(bytes: [UInt8]) {
        guard self.isInteractive else { return self.write(bytes, to: .standardOutput) }
        self.write(Array(String(decoding: bytes, as: UTF8.self).plainLines.utf8), to: .standardOutput)
    }

    package static func talk(_ text: String) { self.write(self.shown(text + "\n"), to: .standardError) }

    /// Wipes the screen, and what scrolled off it.
    package static func wipe() {
        guard self.isInteractive else { return }
        self.write(Array("\u{1b}[2J\u{1b}[3J\u{1b}[H".utf8), to: .standardOutput)
    }

    /// Why something did not reach standard output.
    private static let fault = Mutex<Errno?>(nil)

    private static func write(_ bytes: [UInt8], to file: FileDescriptor) {
        do {
            try file.writeAll(bytes)
        } catch Errno.brokenPipe {
            // Nobody listens any more: there is nobody to tell.
        } catch {
            guard file == .standardOutput else { return }
            self.fault.withLock { $0 = $0 ?? (error as? Errno ?? .ioError) }
        }
    }

    /// - Throws: `Failure` when something that was written to standard output did not arrive there: a script
    ///   must not go on without it.
    package static func checkOutput() throws {
        guard let fault = self.fault.withLock({ $0 }) else { return }
        throw Failure(1, "the output could not be written: \(fault)")
    }

    package enum Colour: String {
        case green = "32"
        case yellow = "33"
        case red = "31"
        case dim = "2"
        case bold = "1"
    }

    /// One line or a part of it in a colour, without what steers a terminal otherwise.
    package static func paint(_ text: String, _ colour: Colour?) -> String {
        let text = text.plain(limit: .max)
        guard self.hasColours, let colour else { return text }
        return "\(self.brush)\(colour.rawValue)m\(text)\(self.brush)0m"
    }

    /// Stands for the beginning of a colour until a text is written. Nobody else knows it, so nobody else
    /// paints.
    private static let brush = "\u{f8ff}\(String(UInt64.random(in: .min ... .max), radix: 16))\u{f8ff}"

    private static func shown(_ text: String) -> [UInt8] { Array(self.shown(text, brush: self.brush).utf8) }

    static func shown(_ text: String, brush: String) -> String {
        var (shown, rest) = ("", text[...])
        while let place = rest.firstPlace(of: brush) {
            shown += String(rest[..<place.lowerBound]).plainLines + "\u{1b}["
            rest = rest[place.upperBound...]
        }
        return shown + String(rest).plainLines
    }

    /// Prints one object for programs.
    package static func out(_ json: JSON) { self.out(json.prettyText) }

    /// Prints one object on one line.
    package static func out(line json: JSON) { self.out(json.lineText) }
}

/// Columns that line up. The last one is never padded.
package struct Table {
    package enum Alignment { case left, right }

    /// The longest cell, in characters: a transaction in Base64, and no stranger's novel.
    private static let cellLimit = 2_000

    private let alignments: [Alignment]
    private var rows: [[(text: String, colour: Terminal.Colour?)]] = []

    package init(_ alignments: Alignment...) { self.alignments = alignments }

    package mutating func add(_ cells: (String, Terminal.Colour?)...) {
        self.rows.append(cells.map { ($0.0.plain(limit: Self.cellLimit), $0.1) })
    }

    package mutating func head(_ names: String...) { self.rows.append(names.map { ($0, .dim) }) }

    package var text: String {
        let widths = self.alignments.indices.map { column in
            self.rows.map { $0[column].text.count }.max() ?? 0
        }
        return self.rows.map { row in
            row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.text.count)
                let last = column == row.count - 1
                switch self.alignments[column] {
                case .left: return Terminal.paint(cell.text, cell.colour) + (last ? "" : space)
                case .right: return space + Terminal.paint(cell.text, cell.colour)
                }
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

/// RFC 3339 UTC with seconds, from milliseconds since 1970 (days to date as in the proleptic Gregorian
/// calendar).
package func rfc3339(_ milliseconds: Int64) -> String {
    var seconds = time_t(milliseconds / 1_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
