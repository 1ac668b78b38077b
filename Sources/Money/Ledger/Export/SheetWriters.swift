internal import Encoding

/// RFC 4180 with a header. Texts are in quotes always, and no text of a stranger begins a formula.
struct CSVWriter: PostingWriter {
    static let columns = [
        "time", "posting", "account", "payee", "purpose", "amount", "atomic", "symbol", "asset", "balance",
        "intent", "transaction", "detail", "state", "note",
    ]

    func head() -> [String] { [Self.columns.joined(separator: ",") + "\r\n"] }

    func text(of posting: ExportedPosting) -> String {
        posting.lines.map { line in
            let asset = line.holding.asset
            let cells = [
                CalendarDay.rfc3339(posting.at), String(posting.number), line.holding.account,
                self.cell(posting.payee), posting.purpose ?? "", asset.decimal(line.amount),
                String(line.amount), self.cell(asset.symbol), self.cell(asset.id),
                asset.decimal(line.balance), posting.intent ?? "", self.cell(posting.transaction),
                self.cell(posting.detail), posting.state ?? "", self.cell(posting.note),
            ]
            return cells.joined(separator: ",") + "\r\n"
        }.joined()
    }

    /// Quotes keep the text in its cell even where a program separates by semicolons; the apostrophe keeps it
    /// a text.
    private func cell(_ text: String?) -> String {
        guard let line = text?.onOneLine, let first = line.unicodeScalars.first else { return "" }
        let guarded = "=+-@＝＋－＠".unicodeScalars.contains(first) ? "'" + line : line
        return "\"" + guarded.writing(["\"": "\"\""]) + "\""
    }
}

/// One canonical JSON object per line. Integers that may pass 2^53 are strings.
struct JSONLinesWriter: PostingWriter {
    func head() -> [String] { [] }

    func text(of posting: ExportedPosting) throws -> String {
        let lines = posting.lines.map { line -> JSON in
            let asset = line.holding.asset
            return [
                "account": .string(line.holding.account), "asset": .string(asset.id),
                "symbol": .string(asset.symbol), "amount": .string(asset.decimal(line.amount)),
                "atomic": .string(String(line.amount)), "balance": .string(asset.decimal(line.balance)),
            ]
        }
        let object: JSON = [
            "schema": "depai.posting/1", "at": .string(CalendarDay.rfc3339(posting.at)),
            "posting": .integer(posting.number), "intent": JSON(posting.intent),
            "purpose": JSON(posting.purpose), "payee": JSON(posting.payee), "job": JSON(posting.job),
            "note": JSON(posting.note), "state": JSON(posting.state),
            "transaction": JSON(posting.transaction), "detail": .string(posting.detail),
            "pending": .bool(posting.isPending), "lines": .array(lines),
        ]
        return String(decoding: try object.canonicalBytes(), as: UTF8.self) + "\n"
    }
}
