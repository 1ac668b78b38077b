public import ArgumentParser
import Console
import Home
public import Ledger

extension ExportFormat: ExpressibleByArgument {}

extension WalletCommand {
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The books for other programs: csv, jsonl, hledger or beancount.",
            discussion: "With running balances, so that a checker of the format finds a missing line.")
        @OptionGroup var home: HomeOption
        @OptionGroup var span: SpanOption
        @Option(help: "csv, jsonl, hledger or beancount.") var format = ExportFormat.csv

        func run() async throws {
            let (from, to) = try self.span.range()
            try self.home.home.viewLedger().export(
                self.format, from: from == .min ? nil : from, to: to == .max ? nil : to
            ) { Terminal.put($0) }
        }
    }
}
