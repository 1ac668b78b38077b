/// A journal for hledger, 1.25 and later. Everything a stranger said stands in a description or behind a tag,
/// on one line; what would end either is replaced.
struct HledgerWriter: PostingWriter {
    private let outline: ExportOutline
    private let names: CommodityNames

    init(_ outline: ExportOutline) {
        self.outline = outline
        self.names = CommodityNames(outline.assets)
    }

    func head() -> [String] {
        let used = Set(self.outline.holdings.map(\.asset))
        let commodities = self.outline.assets.filter { used.contains($0) }.map { asset in
            // hledger wants to see the decimal mark even where nothing follows it.
            let sample = "1000." + String(repeating: "0", count: asset.decimals)
            return "; \(asset.id.onOneLine), shown as \(asset.symbol.onOneLine)\n"
                + "commodity \(sample) \(self.name(asset))\n"
        }
        var accounts: [String] = []
        for holding in self.outline.holdings where accounts.last != holding.account {
            accounts.append(holding.account)
        }
        let head =
            "; The ledger of a depai wallet. Days are UTC.\ndecimal-mark .\n\n" + commodities.joined() + "\n"
            + accounts.map { "account \($0)\n" }.joined()
        guard !self.outline.opening.isEmpty else { return [head] }
        return [
            head,
            "\n\(self.outline.openingDay) * (opening) opening balances\n"
                + self.outline.opening.map { self.text(of: $0) }.joined(),
        ]
    }

    func text(of posting: ExportedPosting) -> String {
        let words = [posting.payee, posting.narration].compactMap(\.self).map {
            $0.onOneLine.writing([";": ",", "|": "/"])
        }
        let tags = [
            ("time", CalendarDay.rfc3339(posting.at)), ("intent", posting.intent),
            ("purpose", posting.purpose), ("state", posting.state), ("transaction", posting.transaction),
            ("detail", posting.detail),
        ].map { name, value in
            // A comma would end the tag, and the next word could be one that hledger obeys.
            let line = (value ?? "").onOneLine.writing([",": ";"])
            return line.isEmpty ? "" : "    ; \(name):\(line)\n"
        }
        return "\n\(CalendarDay(containing: posting.at)) \(posting.isPending ? "!" : "*")"
            + " (\(posting.number)) \(words.joined(separator: " | "))\n" + tags.joined()
            + posting.lines.map { self.text(of: $0) }.joined()
    }

    private func text(of line: ExportedLine) -> String {
        let asset = line.holding.asset
        let name = self.name(asset)
        return "    \(line.holding.account)  \(asset.decimal(line.amount)) \(name)"
            + " = \(asset.decimal(line.balance)) \(name)\n"
    }

    private func name(_ asset: Asset) -> String {
        let name = self.names[asset]
        return name.allSatisfy(\.isLetter) ? name : "\"\(name)\""
    }
}
