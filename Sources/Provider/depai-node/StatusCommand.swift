import ArgumentParser
import Console
import Encoding
import Home
import Ledger
import Node
import SystemPackage

extension DepaiNode {
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "What was sold and earned, from the files.")

        @Option(help: "Folder that holds all state.")
        var home: String

        @Flag(help: "Print one JSON object.")
        var json = false

        func run() async throws {
            let view = try NodeView(Home(FilePath(self.home)))
            let balances = view.balances.map { balance -> JSON in
                [
                    "asset": .string(balance.asset.id), "symbol": .string(balance.asset.symbol),
                    "available": .string(balance.asset.decimal(balance.available)),
                    "earned": .string(balance.asset.decimal(balance.earned)),
                    "spent": .string(balance.asset.decimal(balance.spent)),
                ]
            }
            guard !self.json else {
                let status: JSON = [
                    "schema": "depai.node-status/1", "salesDone": JSON(view.salesDone),
                    "salesOpen": JSON(view.salesOpen),
                    "objects": JSON(view.objects), "storedBytes": JSON(view.storedBytes),
                    "balances": .array(balances),
                ]
                return Terminal.out(status)
            }
            Terminal.out("sales    \(view.salesDone) done, \(view.salesOpen) open")
            Terminal.out("storage  \(view.objects) objects, \(view.storedBytes) bytes")
            for balance in view.balances {
                let asset = balance.asset
                let symbol = asset.symbol + String(repeating: " ", count: max(1, 9 - asset.symbol.count))
                Terminal.out(
                    "\(symbol)\(asset.decimal(balance.earned)) earned, "
                        + "\(asset.decimal(balance.available)) free"
                )
            }
        }
    }
}
