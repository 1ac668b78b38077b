/// A file for Beancount, 2.3 and later, without options and plugins.
struct BeancountWriter: PostingWriter {
    private let outline: ExportOutline
    private let names: CommodityNames
    private var balances: [Holding: Int64] = [:]
    /// The day that is being written, and what moved on it.
    private var day: CalendarDay?
    private var touched: Set<Holding> = []

    init(_ outline: ExportOutline) {
        self.outline = outline
        self.names = CommodityNames(outline.assets)
    }

    mutating func head() -> [String] {
        let head = "; The ledger of a depai wallet. Days are UTC.\n"
        guard !self.outline.holdings.isEmpty else { return [head] }
        let day = self.outline.openingDay
        let used = Set(self.outline.holdings.map(\.asset))
        let commodities = self.outline.assets.filter { used.contains($0) }.map {
            "\(day) commodity \(self.names[$0])\n" + self.metadata("asset", $0.id)
                + self.metadata("symbol", $0.symbol) + "  decimals: \($0.decimals)\n"
        }
        var accounts: [(name: String, commodities: [String])] = []
        for holding in self.outline.holdings {
            let name = self.names[holding.asset]
            if accounts.last?.name == holding.account {
                accounts[accounts.count - 1].commodities.append(name)
            } else {
                accounts.append((holding.account, [name]))
            }
        }
        let opened = accounts.map {
            "\(day) open \(self.account($0.name)) \($0.commodities.joined(separator: ","))\n"
        }
        let declarations = "\(head)\n\(commodities.joined())\n\(opened.joined())"
        guard !self.outline.opening.isEmpty else { return [declarations] }
        self.day = day
        for line in self.outline.opening { self.note(line) }
        return [
            declarations,
            "\n\(day) txn \"opening balances\"\n" + self.outline.opening.map { self.text(of: $0) }.joined(),
        ]
    }

    mutating func text(of posting: ExportedPosting) -> String {
        let day = CalendarDay(containing: posting.at)
        var text = ""
        if let last = self.day, last < day { text = self.assertions(after: last) }
        self.day = day
        for line in posting.lines { self.note(line) }
        let words = [posting.payee, posting.narration].compactMap(\.self).map { self.quoted($0) }
        text +=
            "\n\(day) \(posting.isPending ? "!" : "txn") \(words.joined(separator: " "))\n"
            + "  posting: \(posting.number)\n"
        let values = [
            ("time", CalendarDay.rfc3339(posting.at)), ("intent", posting.intent),
            ("purpose", posting.purpose), ("state", posting.state), ("transaction", posting.transaction),
            ("detail", posting.detail),
        ]
        text += values.map { self.metadata($0, $1) }.joined()
        return text + posting.lines.map { self.text(of: $0) }.joined()
    }

    mutating func end() -> [String] {
        guard let day = self.day else { return [] }
        self.touched = Set(self.outline.holdings)
        return [self.assertions(after: day)]
    }

    private mutating func note(_ line: ExportedLine) {
        self.balances[line.holding] = line.balance
        self.touched.insert(line.holding)
    }

    /// A balance holds at the start of a day, so the end of one is asserted on the next.
    private mutating func assertions(after day: CalendarDay) -> String {
        let lines = self.outline.holdings.filter { self.touched.contains($0) }.map { holding in
            // Without a tolerance of its own, Beancount forgives one unit of the last place.
            "\(day.next) balance \(self.account(holding.account))"
                + "  \(holding.asset.decimal(self.balances[holding] ?? 0)) ~ 0 \(self.names[holding.asset])\n"
        }
        self.touched = []
        return "\n" + lines.joined()
    }

    private func text(of line: ExportedLine) -> String {
        let asset = line.holding.asset
        return "  \(self.account(line.holding.account))  \(asset.decimal(line.amount)) \(self.names[asset])\n"
    }

    private func metadata(_ key: String, _ value: String?) -> String {
        guard let value, !value.isEmpty else { return "" }
        return "  \(key): \(self.quoted(value))\n"
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.onOneLine.writing(["\"": "\\\"", "\\": "\\\\"]) + "\""
    }

    /// Beancount's parts of a name begin with a capital.
    private func account(_ name: String) -> String {
        name.split(separator: ":").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: ":")
    }
}
