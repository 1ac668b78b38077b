import ArgumentParser
import Console
import Encoding
import Home
import Ledger

extension WalletCommand {
    struct BalanceCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "balance", abstract: "What is free, reserved, spent and lost, by the ledger.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption

        func run() async throws {
            let balances = try self.home.home.viewLedger().balances()
            guard !self.output.json else {
                return Terminal.out(["schema": "depai.balance/1", "balances": .array(balances.map(\.json))])
            }
            var table = Table(.left, .right, .right, .right, .right, .right, .right)
            table.head("asset", "free", "reserved", "escrow", "spent", "lost", "received")
            for balance in balances {
                let asset = balance.asset
                table.add(
                    (asset.symbol, nil), (asset.decimal(balance.available), .bold),
                    (asset.decimal(balance.reserved), balance.reserved > 0 ? .yellow : nil),
                    (asset.decimal(balance.escrowed), nil), (asset.decimal(balance.spent), nil),
                    (asset.decimal(balance.lost), balance.lost > 0 ? .red : nil),
                    (asset.decimal(balance.deposited + balance.earned), nil))
            }
            Terminal.out(table.text)
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every payment, newest first.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @OptionGroup var span: SpanOption

        @Option(help: "How many.")
        var limit = 100

        func run() async throws {
            let (from, to) = try self.span.range()
            var records: [IntentRecord] = []
            try self.home.home.viewLedger().forEachIntent(from: from, to: to, limit: max(0, self.limit)) {
                records.append($0)
            }
            guard !self.output.json else {
                return Terminal.out(["schema": "depai.history/1", "payments": .array(records.map(\.json))])
            }
            Terminal.out(IntentRecord.table(records).text)
        }
    }

    struct Intents: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Payments that are not at their end, and what each one waits for.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption

        func run() async throws {
            let states = IntentState.allCases.filter { $0.isOpen || $0 == .waiting }
            let records = try self.home.home.viewLedger().intents(in: states)
            guard !self.output.json else {
                return Terminal.out(["schema": "depai.intents/1", "intents": .array(records.map(\.json))])
            }
            guard !records.isEmpty else { return Terminal.out("nothing is open") }
            var table = Table(.left, .right, .left, .left)
            table.head("intent", "amount", "state", "what happens next")
            for record in records {
                table.add(
                    (record.id.description, nil), (record.proposal.asset.text(record.proposal.amount), nil),
                    (record.state.rawValue, record.state.colour), (record.state.prospect, nil))
            }
            Terminal.out(table.text)
        }
    }

    struct Receipt: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One payment with all that proves it.",
            discussion: "The first digits of the intent are enough.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption

        @Argument(help: "Intent, as shown by: depai wallet history")
        var intent: String

        func run() async throws {
            let view = try self.home.home.viewLedger()
            let record = try view.intent(called: self.intent)
            var json: JSON = ["schema": "depai.receipt/1"]
            for (name, field) in try JSONField(record.json).members() { json[name] = field.value }
            let steps = try view.journal(of: record.id)
            json["steps"] = .array(
                steps.map { step in
                    [
                        "at": .string(rfc3339(step.at)),
                        "state": .string(step.after?.rawValue ?? step.kind.rawValue),
                        "detail": .string(step.detail),
                    ]
                })
            json["receipt"] = record.receipt.flatMap { try? JSON.read($0) } ?? JSON(record.receipt)
            // The same object for people and programs: a receipt is meant to be passed on.
            Terminal.out(json)
        }
    }
}

extension LedgerView {
    /// Fewer digits are too easily another payment's.
    private static var leastDigits: Int { 4 }

    /// The one payment whose intent begins so, in large or small letters: one rule for every command.
    borrowing func intent(called text: String) throws -> IntentRecord {
        guard text.utf8.count >= Self.leastDigits else {
            throw Failure(
                2, "\"\(text.plain())\" is too short", hint: "give \(Self.leastDigits) digits at least")
        }
        let matches = try self.intents(beginningWith: text.lowercased())
        guard let record = matches.first, matches.count == 1 else {
            let count = matches.count < 100 ? "\(matches.count)" : "100 or more"
            throw Failure(
                2, "\"\(text.plain())\" names \(count) payments",
                hint: "depai wallet history and depai wallet intents show them")
        }
        return record
    }
}
