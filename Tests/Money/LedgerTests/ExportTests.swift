import Encoding
import Foundation
import Ledger
import SystemPackage
import TestSupport
import Testing

@Suite struct ExportTests {
    /// Shares its symbol with the dollar and has other decimals.
    static let cents = Asset(id: "chain/token:another \"dollar\"", symbol: "USD", decimals: 2)
    /// Whole pieces only; the symbol is no name that a book could use.
    static let pieces = Asset(id: "chain/token:pieces", symbol: "₿; =1\n", decimals: 0)
    static let fine = Asset(id: "chain/token:fine", symbol: "TRUE", decimals: 18)
    static let evil = """
        =HYPERLINK("x")\\ "\u{301} ;\u{301} date:1999-01-01, date:1999-01-01,\u{301}amount:1 | ) \u{202e}\u{7}\u{2028}
        2027-01-15 * stolen
            assets:wallet  -1.000000 USD
            equity:owner
        2027-01-15 open Assets:Stolen "
        2027-01-15 balance Assets:Wallet 1 USD
        """

    let clock = Clock()

    /// Five days with everything that moves money.
    func ledger() async throws -> PaymentLedger {
        let assets = [Self.cents, Self.pieces, Self.fine]
        let ledger = try await Scene.ledger(
            clock: self.clock,
            policy: Scene.policy { document in
                document["assets"] = .array(
                    ([Scene.dollar, Scene.coin] + assets).map {
                        [
                            "asset": .string($0.id), "symbol": .string($0.symbol),
                            "decimals": JSON($0.decimals),
                        ]
                    })
                document["payees"] = [
                    ["id": "alpha", "account": "chain:alpha", "purposes": ["storage", "compute"]],
                    ["id": "evil", "account": .string(Self.evil), "purposes": ["storage"]],
                    ["id": "network", "account": "network", "purposes": ["fee"]],
                ]
                document["limits"] = .array(
                    ([Scene.dollar, Scene.coin] + assets).enumerated().map { index, asset in
                        [
                            "id": .string("limit\(index)"), "asset": .string(asset.id),
                            "per_payment": .string("9000000000000000000"),
                        ]
                    } + [
                        [
                            "id": "fees", "asset": .string(Scene.coin.id), "purpose": "fee",
                            "per_payment": "10000",
                        ]
                    ])
            })
        try await ledger.deposit(12_345_678, asset: Scene.coin, reference: Self.evil)
        try await ledger.deposit(50_000, asset: Self.cents, reference: "other")
        try await ledger.deposit(77, asset: Self.pieces, reference: "pieces")
        try await ledger.deposit(9_000_000_000_000_000_001, asset: Self.fine, reference: "fine")
        try await ledger.settled(Scene.proposal(101))
        try await ledger.settled(self.fee(5_000, of: "job"))
        self.clock.advance(seconds: 86_400)
        let failing = self.evilProposal(250)
        try await ledger.markSubmitted(try await ledger.pay(failing))
        try await ledger.fail(failing.id, transaction: "failed tx", reason: Self.evil)
        try await ledger.settled(failing)
        try await ledger.lose(failing.purchase.intent(round: 1), reason: Self.evil, evidence: "{}")
        try await ledger.settled(Scene.proposal(4_321, job: "cents", asset: Self.cents, purpose: .compute))
        self.clock.advance(seconds: 2 * 86_400)
        let expiring = Scene.proposal(33, job: "expires")
        _ = try await ledger.pay(expiring)
        try await ledger.expire(expiring.id, at: "height 101")
        try await ledger.earn(700, asset: Scene.dollar, purpose: .storage, reference: "customer tx")
        guard case .authorized(let authorization) = try await ledger.authorize(Scene.proposal(9, job: "no"))
        else { throw LedgerError.storageFault }
        try await ledger.release(authorization, reason: "the quote changed")
        try await ledger.settled(Scene.proposal(0, job: "for nothing"))
        try await ledger.settled(Scene.proposal(7, job: "pieces", asset: Self.pieces))
        self.clock.advance(seconds: 86_400)
        try await ledger.settled(
            Scene.proposal(4_000_000_000_000_000_003, job: "fine", asset: Self.fine))
        let open = Scene.proposal(45, job: "open")
        try await ledger.markSubmitted(try await ledger.pay(open))
        try await ledger.markUnknown(open.id, reason: "silence")
        _ = try await ledger.answer(to: Scene.proposal(46, job: "set aside"))
        return ledger
    }

    func fee(_ amount: UInt64, of job: String) -> Proposal {
        Scene.proposal(amount, job: job, payee: "network", asset: Scene.coin, purpose: .fee)
    }

    func evilProposal(_ amount: UInt64) -> Proposal {
        Proposal(
            Purchase(.object("evil")), Terms(payee: Self.evil, asset: Scene.dollar, amount: amount),
            note: Self.evil)
    }

    func export(
        _ ledger: PaymentLedger, _ format: ExportFormat, from: Int64? = nil, to: Int64? = nil
    ) async throws -> String {
        try await ledger.read { view in
            var text = ""
            try view.export(format, from: from, to: to) { text += $0 }
            return text
        }
    }

    func hledger(_ text: String, _ arguments: [String]) async throws -> (isContent: Bool, output: String) {
        try await withFolder { folder in
            let path = folder.appending("export.journal").string
            try Data(text.utf8).write(to: URL(filePath: path))
            let result = try await Peer.run("hledger", from: "hledger", ["-f", path] + arguments)
            return (result.isContent, result.output + result.errors)
        }
    }

    func beanCheck(_ text: String) async throws -> (isContent: Bool, output: String) {
        try await withFolder { folder in
            let path = folder.appending("export.beancount").string
            try Data(text.utf8).write(to: URL(filePath: path))
            let result = try await Peer.run("bean-check", from: "beancount", [path])
            return (result.isContent, result.output + result.errors)
        }
    }

    static let checks = ["check", "accounts", "commodities", "balancednoautoconversion", "ordereddates"]

    @Test func `hledger proves the journal and comes to the same balances`() async throws {
        let ledger = try await self.ledger()
        let text = try await self.export(ledger, .hledger)
        for command in [["check"], Self.checks] {
            let check = try await self.hledger(text, command)
            #expect(check.isContent, "\(check.output)\n\(text)")
        }
        let tags = try await self.hledger(text, ["tags"])
        #expect(
            Set(tags.output.split(separator: "\n"))
                == ["time", "intent", "purpose", "state", "transaction", "detail"])
        let dates = try await self.hledger(text, ["stats"])
        #expect(dates.output.contains("2027-01-15 to 2027-01-20"))
        let table = try await self.hledger(
            text, ["bal", "--flat", "-N", "-E", "--layout=bare", "-O", "csv"])
        try #require(table.isContent, "\(table.output)")
        var sums: [String: [String: String]] = [:]
        for record in self.records(table.output).dropFirst() {
            sums[record[1].replacingOccurrences(of: "\"", with: ""), default: [:]][record[0]] = record[2]
        }
        let names = try await self.names(ledger)
        for balance in try await ledger.read({ try $0.balances() }) {
            let asset = balance.asset
            let name = try #require(names[asset.id])
            let found = try #require(sums[name])
            func sum(_ prefix: String) -> Int64 {
                found.filter { $0.key.hasPrefix(prefix) }.reduce(0) { $0 + self.atomic($1.value) }
            }
            #expect(sum("assets:wallet") == balance.available)
            #expect(sum("assets:reserved") == balance.reserved)
            #expect(sum("expenses:") == balance.spent)
            #expect(sum("expenses:losses") == balance.lost)
            #expect(sum("equity:owner") == -balance.deposited)
            #expect(sum("income:") == -balance.earned)
        }
        #expect(sums.count == 5)
        // Two payments are open: one sent and unknown, one set aside.
        let pending = try await self.hledger(text, ["bal", "--pending", "-N", "assets:reserved"])
        #expect(pending.output.contains("0.000091 USD"), "\(pending.output)")
    }

    @Test func `bean-check proves the file`() async throws {
        let ledger = try await self.ledger()
        let text = try await self.export(ledger, .beancount)
        let check = try await self.beanCheck(text)
        #expect(check.isContent, "\(check.output)\n\(text)")
        #expect(
            try await self.beanCheck(try await self.export(Scene.open(path: nil, clock: Clock()), .beancount))
                .isContent)
    }

    @Test func `one wrong digit is found by hledger in every line`() async throws {
        let text = try await self.export(try await self.ledger(), .hledger)
        var tried = 0
        for (place, line) in self.lines(of: text) where line.hasPrefix("    ") && line.contains(" = ") {
            for part in self.numbers(in: line) {
                let check = try await self.hledger(self.change(text, line: place, part: part), ["check"])
                #expect(!check.isContent, "\(line)")
                tried += 1
            }
        }
        #expect(tried > 80)
    }

    @Test func `one wrong digit is found by bean-check in postings and balances`() async throws {
        let text = try await self.export(try await self.ledger(), .beancount)
        var tried = 0
        let lines = self.lines(of: text).filter {
            // Texts from outside look like anything; their digits are nobody's balance.
            !$1.contains("\"") && ($1.contains(" balance ") || $1.hasPrefix("  A"))
        }
        for (index, (place, line)) in lines.enumerated() where index % 6 == 0 {
            let part = try #require(self.numbers(in: line).first)
            let check = try await self.beanCheck(self.change(text, line: place, part: part))
            #expect(!check.isContent, "\(line)")
            tried += 1
        }
        #expect(tried > 8)
    }

    @Test func `spans begin with opening balances and end where they shall`() async throws {
        let ledger = try await self.ledger()
        let day: Int64 = 86_400_000
        let start: Int64 = 1_800_000_000_000
        for (from, to) in [
            (start + day, nil), (start + day, start + 2 * day), (nil, start + 3 * day),
            (start + 4 * day, nil), (start + 10 * day, nil), (nil, start), (.max, nil), (.min, .max),
            (start + 3 * day, start),
        ] as [(Int64?, Int64?)] {
            let comment: Comment = "\(from ?? -1) \(to ?? -1)"
            let journal = try await self.export(ledger, .hledger, from: from, to: to)
            let check = try await self.hledger(journal, Self.checks)
            #expect(check.isContent, "\(comment): \(check.output)")
            let book = try await self.beanCheck(
                try await self.export(ledger, .beancount, from: from, to: to))
            #expect(book.isContent, "\(comment): \(book.output)")
            let records = self.records(try await self.export(ledger, .csv, from: from, to: to)).dropFirst()
            try self.checkZero(records.map { $0 })
        }
        let all = self.records(try await self.export(ledger, .csv)).dropFirst()
        let first = self.records(try await self.export(ledger, .csv, to: start + day)).dropFirst()
        let second = self.records(try await self.export(ledger, .csv, from: start + day)).dropFirst()
        #expect(first.count == 18 && Array(first) + Array(second) == Array(all))
        let second2 = try await self.export(ledger, .hledger, from: start + day, to: start + 2 * day)
        #expect(second2.contains("2027-01-15 * (opening) opening balances\n"))
        #expect(!second2.contains("\n2027-01-15 * (2"))
        #expect(try await self.export(ledger, .jsonl, from: .max) == "")
    }

    @Test func `spreadsheet records are whole, sum to zero and hold no formula`() async throws {
        let ledger = try await self.ledger()
        let text = try await self.export(ledger, .csv)
        let records = self.records(text)
        #expect(
            records[0] == [
                "time", "posting", "account", "payee", "purpose", "amount", "atomic", "symbol", "asset",
                "balance", "intent", "transaction", "detail", "state", "note",
            ])
        #expect(records.allSatisfy { $0.count == 15 })
        #expect(text.utf8.count { $0 == 10 } == records.count)
        #expect(text.utf8.count { $0 == 13 } == records.count)
        try self.checkZero(Array(records.dropFirst()))
        for record in records.dropFirst() {
            for column in [3, 7, 8, 11, 12, 14] {
                #expect(!"=+-@".contains(record[column].first ?? "x"), "\(record)")
            }
            #expect(
                record[5].filter(\.isNumber).drop { $0 == "0" }
                    == record[6].filter(\.isNumber).drop { $0 == "0" })
        }
        let evil = records.filter { $0[3].hasPrefix("'=HYPERLINK(\"x\")\\ \"\u{301}") }
        // Reserved and failed, reserved, settled and lost: two lines each.
        #expect(evil.count == 10)
        #expect(evil.map { $0[11] }.filter { $0 == "failed tx" }.count == 2)
        #expect(records[1][0] == "2027-01-15T08:00:00.000Z" && records[1][5] == "-0.010000")
        let last = try #require(try await ledger.balance())
        #expect(
            records.last { $0[2] == "assets:wallet" && $0[8] == Scene.dollar.id }?[9]
                == Scene.dollar.decimal(last.available))
    }

    @Test func `each posting is one JSON object in its canonical form`() async throws {
        let ledger = try await self.ledger()
        let lines = try await self.export(ledger, .jsonl).split(separator: "\n").map { Array($0.utf8) }
        let records = self.records(try await self.export(ledger, .csv)).dropFirst()
        var rest = records[...]
        for line in lines {
            let posting = try JSON.read(line)
            #expect(try posting.canonicalBytes() == line)
            let field = JSONField(posting)
            #expect(try field["schema"].string() == "depai.posting/1")
            for part in try field["lines"].elements() {
                let next = rest.popFirst()
                let record = try #require(next)
                #expect(try part["account"].string() == record[2])
                #expect(try part["amount"].string() == record[5])
                #expect(try part["atomic"].string() == record[6])
                #expect(try part["balance"].string() == record[9])
                #expect(try part["asset"].string() == record[8])
                #expect(try field["at"].string() == record[0])
            }
        }
        #expect(rest.isEmpty && lines.count * 2 == records.count)
        let notes = lines.compactMap { try? JSONField(try JSON.read($0))["note"].string() }
        #expect(notes.contains(Self.evil.plain(limit: 400)))
    }

    @Test func `a long ledger is written in small pieces and in order`() async throws {
        let clock = Clock()
        let ledger = try await Scene.ledger(clock: clock)
        for number in 0..<600 {
            clock.advance(seconds: 3_600)
            try await ledger.deposit(UInt64(number), asset: Scene.dollar, reference: "\(number)")
        }
        for format in ExportFormat.allCases {
            let sizes = try await ledger.read { view in
                var sizes: [Int] = []
                try view.export(format) { sizes.append($0.utf8.count) }
                return sizes
            }
            #expect(sizes.count >= 601)
            #expect(try #require(sizes.max()) < 1_200)
        }
        #expect(try await self.hledger(try await self.export(ledger, .hledger), ["check"]).isContent)
        let answer = try await self.beanCheck(try await self.export(ledger, .beancount))
        #expect(answer.isContent, "\(answer.output)")
        struct Full: Error {}
        await #expect(throws: Full.self) {
            try await ledger.read { try $0.export(.csv) { _ in throw Full() } }
        }
    }

    @Test func `times are those of the calendar`() async throws {
        for (moment, text) in [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"), (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (4_107_542_399_001, "2100-02-28T23:59:59.001Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_798_761_599_999, "2026-12-31T23:59:59.999Z"),
        ] as [(Int64, String)] {
            let clock = Clock(at: moment)
            let ledger = try await Scene.ledger(clock: clock)
            #expect(self.records(try await self.export(ledger, .csv))[1][0] == text)
        }
    }
}
