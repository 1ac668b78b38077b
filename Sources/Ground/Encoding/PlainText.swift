/// Words of strangers, as they may stand in a log, on a terminal, in a journal and in a file's name.
extension String {
    /// The text on one line, without a character that steers a terminal, an editor or a database: controls
    /// (C0, DEL, C1), line separators, whatever is invisible or turns the direction of writing. Each is
    /// written as its number, `\u{1b}`; nothing else is changed, so that a name keeps its bytes.
    ///
    /// A text of more than `limit` characters (Unicode scalars, so that no pile of accents gets past) is cut
    /// and ends in `…`.
    public func plain(limit: Int = 200) -> String {
        let bound = max(limit, 1)
        // Nearly every text is.
        guard !self.isPlain(limit: bound) else { return self }
        var (text, count) = (String.UnicodeScalarView(), 0)
        for scalar in self.unicodeScalars {
            let written =
                scalar.steers ? Array("\\u{\(String(scalar.value, radix: 16))}".unicodeScalars) : [scalar]
            guard written.count <= bound - count else {
                return String(String.UnicodeScalarView(text.prefix(bound - 1))) + "…"
            }
            text.append(contentsOf: written)
            count += written.count
        }
        return String(text)
    }

    /// Whether ``plain(limit:)`` leaves the text as it is.
    public func isPlain(limit: Int = 200) -> Bool {
        let isASCII = self.utf8.allSatisfy { 0x20 <= $0 && $0 < 0x7f }
        if isASCII { return self.utf8.count <= limit }
        var count = 0
        for scalar in self.unicodeScalars {
            count += 1
            guard count <= limit, !scalar.steers else { return false }
        }
        return true
    }

    /// Several lines that are ours, with whatever else steers a terminal written out: the last look before a
    /// terminal, where a text has been put together from ours and others' and its length is known.
    public var plainLines: String {
        guard self.unicodeScalars.contains(where: { $0.steers && $0 != "\n" }) else { return self }
        return self.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0).plain(limit: .max) }.joined(separator: "\n")
    }
}

extension Unicode.Scalar {
    /// Controls, separators of lines, and what has no shape of its own: among the latter the marks that turn
    /// the direction of writing (U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069).
    var steers: Bool {
        if (0x20..<0x7f).contains(self.value) { return false }
        return switch self.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            true
        default: false
        }
    }
}
