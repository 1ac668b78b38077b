import ArgumentParser
import Encoding
import Home
import Ledger
import Sodium
import SystemPackage
import Wallet

struct WalletCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wallet",
        abstract: "Look into the wallet; works while the robot runs, after it stopped, and while locked.",
        subcommands: [Show.self, Address.self, BalanceCommand.self, History.self, Receipt.self])

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Who this wallet is and what it may do.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption

        func run() async throws {
            let home = self.home.home
            let keystore = try home.keystore()
            let owner = Base58.encode(try home.owner().bytes)
            let identity = keystore.keys[.identity].map(didKey) ?? ""
            let balances = try? home.viewLedger().balances()
            if self.output.json {
                Terminal.out([
                    "schema": "depai.wallet/1", "address": .string(keystore.address),
                    "identity": .string(identity),
                    "owner": .string(owner), "keystore": .string(home.keystorePath.string),
                    "balances": .array((balances ?? []).map(\.json)),
                ])
                return
            }
            var table = Table(.left, .left)
            table.add(("address", .dim), (keystore.address, .bold))
            table.add(("identity", .dim), (identity, nil))
            table.add(("owner", .dim), (owner, nil))
            table.add(("keystore", .dim), ("\(home.keystorePath), opened by passphrase", nil))
            for balance in balances ?? [] {
                table.add((balance.asset.symbol, .dim), (balance.summary, nil))
            }
            Terminal.out(table.text)
        }
    }

    struct Address: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The address that money is sent to.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption

        func run() async throws {
            let keystore = try self.home.home.keystore()
            guard self.output.json else { return Terminal.out(keystore.address) }
            Terminal.out([
                "schema": "depai.address/1", "chain": "solana",
                "path": .string(DerivationPath.solana().description), "address": .string(keystore.address),
            ])
        }
    }

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
            var table = Table(.left, .right, .right, .right, .right, .right)
            table.head("asset", "free", "reserved", "spent", "lost", "received")
            for balance in balances {
                let asset = balance.asset
                table.add(
                    (asset.symbol, nil), (asset.decimal(balance.available), .bold),
                    (asset.decimal(balance.reserved), balance.reserved > 0 ? .yellow : nil),
                    (asset.decimal(balance.spent), nil),
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

        @Option(help: "How many.")
        var limit = 100

        func run() async throws {
            let records = try self.home.home.viewLedger().intents(limit: max(0, self.limit))
            guard !self.output.json else {
                return Terminal.out(["schema": "depai.history/1", "payments": .array(records.map(\.json))])
            }
            var table = Table(.left, .left, .left, .right, .left, .left, .left)
            table.head("time", "intent", "purpose", "amount", "state", "delivery", "to")
            for record in records {
                let proposal = record.proposal
                table.add(
                    (rfc3339(record.createdAt), nil), (String(record.id.description.prefix(12)), nil),
                    (proposal.purpose.rawValue, nil), (proposal.asset.text(proposal.amount), nil),
                    (record.state.rawValue, record.state.colour),
                    (record.delivery.rawValue, record.delivery.colour),
                    (proposal.note, nil))
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
            let matches = try view.intents().filter { $0.id.description.hasPrefix(self.intent) }
            guard let record = matches.first, matches.count == 1, self.intent.utf8.count >= 4 else {
                throw Failure(
                    2, "\"\(self.intent)\" names \(matches.count) payments",
                    hint: "depai wallet history shows them")
            }
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

/// did:key of an Ed25519 key: multicodec 0xed01, base58btc.
func didKey(_ key: PublicKey) -> String { "did:key:z" + Base58.encode([0xed, 0x01] + key.bytes) }

extension Balance {
    var json: JSON {
        func amount(_ atomic: Int64) -> JSON {
            ["amount": .string(self.asset.decimal(atomic)), "atomic": .string(String(atomic))]
        }
        return [
            "asset": .string(self.asset.id), "symbol": .string(self.asset.symbol),
            "decimals": JSON(self.asset.decimals),
            "available": amount(self.available), "reserved": amount(self.reserved),
            "spent": amount(self.spent),
            "lost": amount(self.lost), "deposited": amount(self.deposited), "earned": amount(self.earned),
        ]
    }

    var summary: String {
        let reserved = self.reserved > 0 ? ", \(self.asset.decimal(self.reserved)) reserved" : ""
        return
            "\(self.asset.decimal(self.available)) free\(reserved), \(self.asset.decimal(self.spent)) spent"
    }
}

extension IntentRecord {
    var json: JSON {
        [
            "intent": .string(self.id.description), "purpose": .string(self.proposal.purpose.rawValue),
            "job": .string(self.proposal.job), "payee": .string(self.proposal.payee),
            "asset": .string(self.proposal.asset.id), "symbol": .string(self.proposal.asset.symbol),
            "amount": .string(self.proposal.asset.decimal(self.proposal.amount)),
            "atomic": .string(String(self.proposal.amount)), "note": .string(self.proposal.note),
            "state": .string(self.state.rawValue), "reason": .string(self.reason),
            "delivery": .string(self.delivery.rawValue), "transaction": JSON(self.transaction),
            "createdAt": .string(rfc3339(self.createdAt)), "updatedAt": .string(rfc3339(self.updatedAt)),
        ]
    }
}

extension IntentState {
    var colour: Terminal.Colour? {
        switch self {
        case .settled: .green
        case .denied, .failed, .expired: .red
        case .waiting, .reserved, .signed, .submitted, .unknown: .yellow
        }
    }
}

extension Delivery {
    var colour: Terminal.Colour? {
        switch self {
        case .delivered: .green
        case .lost: .red
        case .pending: nil
        }
    }
}
