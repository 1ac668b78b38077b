package import Encoding
internal import Glibc
internal import SystemPackage

/// Data to standard output, talk to standard error, colours only where a person looks.
package enum Terminal {
    package static let isInteractive = isatty(STDOUT_FILENO) == 1
    package static let hasColours = isInteractive && getenv("NO_COLOR") == nil

    package static func out(_ text: String) { self.write(Array((text + "\n").utf8), to: .standardOutput) }

    /// A piece of a longer text, as it is.
    package static func put(_ text: String) { self.write(Array(text.utf8), to: .standardOutput) }

    /// Data as it is, text or not.
    package static func put(bytes: [UInt8]) { self.write(bytes, to: .standardOutput) }

    package static func talk(_ text: String) { self.write(Array((text + "\n").utf8), to: .standardError) }

    private static func write(_ bytes: [UInt8], to file: FileDescriptor) {
        // Nobody listens any more: there is nobody to tell.
        _ = try? file.writeAll(bytes)
    }

    package enum Colour: String {
        case green = "32"
        case yellow = "33"
        case red = "31"
        case dim = "2"
        case bold = "1"
    }

    package static func paint(_ text: String, _ colour: Colour?) -> String {
        guard self.hasColours, let colour else { return text }
        return "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m"
    }

    /// Prints one object for programs.
    package static func out(_ json: JSON) { self.out(json.prettyText) }
}

/// Columns that line up. The last one is never padded.
package struct Table {
    package enum Alignment { case left, right }

    private let alignments: [Alignment]
    private var rows: [[(text: String, colour: Terminal.Colour?)]] = []

    package init(_ alignments: Alignment...) { self.alignments = alignments }

    package mutating func add(_ cells: (String, Terminal.Colour?)...) {
        self.rows.append(cells.map { ($0.0, $0.1) })
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
