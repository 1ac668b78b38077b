/// How postings are written down for other programs.
public enum ExportFormat: String, CaseIterable, Sendable {
    /// RFC 4180, one record per line of the double entry, for spreadsheets.
    case csv
    /// One canonical JSON object per posting, schema `depai.posting/1`.
    case jsonl
    /// A journal that `hledger check` proves: each line asserts the balance after it.
    case hledger
    /// A file that `bean-check` proves: balances are asserted after each day with postings.
    case beancount
}

extension LedgerView {
    /// Writes the postings of a time span, oldest first, each whole.
    ///
    /// Balances are those since the ledger's first posting, whatever the span; the two plain-text accounting
    /// formats therefore begin with a transaction of opening balances when `from` cuts something off. It is
    /// dated the day before, so that a report on the span leaves it out. What is posted while this runs is
    /// left out.
    ///
    /// - Parameters:
    ///   - from: the first moment, in milliseconds since 1970; nil for the beginning.
    ///   - to: the moment before which it ends, in the same measure; nil for the end.
    ///   - write: gets the text piece by piece; a posting is never more than one piece.
    /// - Throws: what `write` throws, `DatabaseError`, or `LedgerError.damaged` when sums overflow.
    public borrowing func export(
        _ format: ExportFormat, from: Int64? = nil, to: Int64? = nil, write: (String) throws -> Void
    ) throws {
        let reader = try PostingReader(database: self.database, from: from, to: to)
        let outline = try reader.outline()
        var writer: any PostingWriter =
            switch format {
            case .csv: CSVWriter()
            case .jsonl: JSONLinesWriter()
            case .hledger: HledgerWriter(outline)
            case .beancount: BeancountWriter(outline)
            }
        for piece in writer.head() { try write(piece) }
        try reader.forEach(startingFrom: outline.opening) { try write(try writer.text(of: $0)) }
        for piece in writer.end() { try write(piece) }
    }
}

/// Makes the text of one format, posting after posting.
protocol PostingWriter {
    mutating func head() -> [String]
    mutating func text(of posting: ExportedPosting) throws -> String
    mutating func end() -> [String]
}

extension PostingWriter {
    mutating func end() -> [String] { [] }
}
