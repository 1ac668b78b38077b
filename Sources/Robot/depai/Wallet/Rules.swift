import ArgumentParser
import Console
import Control
import Database
import Encoding
import Home
import Ledger
import Linux
import Sodium
import SystemPackage
import Wallet
import World

extension WalletCommand {
    struct Limits: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every limit of the policy: used, left, and when more comes back.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption

        func run() async throws {
            let home = self.home.home
            let view = try home.viewLedger()
            guard let policy = try view.policy(owner: try home.owner(), wallet: home.keystore().address)
            else { throw Failure.noPolicy }
            let usage = try view.usage(of: policy, at: SystemTimeline())
            guard !self.output.json else {
                return Terminal.out([
                    "schema": "depai.limits/1", "policy": JSON(policy.sequence),
                    "limits": .array(usage.map(\.json)),
                ])
            }
            var table = Table(.left, .left, .right, .right, .right, .left)
            table.head("rule", "limits", "used", "left", "of", "more comes")
            for rule in usage {
                table.add(
                    (rule.rule, nil), (rule.subject, nil), (rule.text(rule.used), nil),
                    (rule.text(rule.left), rule.left == 0 ? .red : .green), (rule.text(rule.limit), nil),
                    (rule.resetsAt.map(rfc3339) ?? "", .dim))
            }
            Terminal.out(table.text)
        }
    }

    struct PolicyCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "policy", abstract: "The owner's rules for this wallet.",
            subcommands: [Show.self, Verify.self, Diff.self, Apply.self], defaultSubcommand: Show.self)

        struct Show: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "The signed policy in force, as the owner signed it.")
            @OptionGroup var home: HomeOption

            func run() async throws {
                guard let file = try self.home.home.viewLedger().policyFile() else { throw Failure.noPolicy }
                // One form for people and programs: what is shown can be verified elsewhere.
                Terminal.out(try JSON.read(file))
            }
        }

        struct Verify: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Check a policy file against this wallet and its pinned owner.")
            @OptionGroup var home: HomeOption
            @OptionGroup var output: OutputOption
            @Argument(help: "The signed policy.") var file: String

            func run() async throws {
                let (policy, _) = try PolicyCommand.read(self.file, for: self.home.home)
                guard !self.output.json else {
                    return Terminal.out([
                        "schema": "depai.policy/1", "seq": JSON(policy.sequence),
                        "digest": .string(Hex.encode(policy.digest)),
                    ])
                }
                Terminal.out("policy \(policy.sequence) is the owner's and for this wallet")
                Terminal.out("digest \(Hex.encode(policy.digest))")
            }
        }

        struct Diff: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "What a policy file would change.")
            @OptionGroup var home: HomeOption
            @Argument(help: "The signed policy.") var file: String

            func run() async throws {
                let (policy, _) = try PolicyCommand.read(self.file, for: self.home.home)
                for line in try PolicyCommand.difference(to: policy, self.home.home) {
                    Terminal.out(Terminal.paint(line, line.hasPrefix("+") ? .green : .red))
                }
            }
        }

        struct Apply: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Put a newer policy of the owner in force.")
            @OptionGroup var home: HomeOption
            @OptionGroup var confirmation: ConfirmationOption
            @Argument(help: "The signed policy.") var file: String

            func run() async throws {
                let home = self.home.home
                let (policy, bytes) = try PolicyCommand.read(self.file, for: home)
                for line in try PolicyCommand.difference(to: policy, home) { Terminal.talk(line.plain()) }
                try self.confirmation.confirm(
                    "Put policy \(policy.sequence) in force?", digest: policy.digest)
                let answer = try await home.ask(.policy(bytes), timeline: SystemTimeline())
                Terminal.out("policy \(policy.sequence) is in force, journal \(answer.journal)")
            }
        }

        /// Reads a policy and checks that the pinned owner signed it for this wallet.
        static func read(_ file: String, for home: Home) throws -> (Policy, [UInt8]) {
            let bytes = try DurableFile.read(FilePath(file), limit: 256 << 10)
            let policy = try Policy(
                signed: bytes, owner: try home.owner(), wallet: try home.keystore().address)
            return (policy, bytes)
        }

        static func difference(to policy: Policy, _ home: Home) throws -> [String] {
            var old: JSON = .object(JSON.Object())
            do {
                let (owner, wallet) = (try home.owner(), try home.keystore().address)
                old = try home.viewLedger().policy(owner: owner, wallet: wallet)?.document ?? old
            } catch HomeError.nothingYet {
                // The first policy: everything in it is new.
            }
            let before = PolicyLines(old).lines
            let after = PolicyLines(policy.document).lines
            return before.filter { !after.contains($0) }.map { "- \($0)" }
                + after.filter { !before.contains($0) }.map { "+ \($0)" }
        }
    }
}

/// A policy as one line per value. Members of a list that have an id go by it, so that an insertion shows as
/// one, not as a change of all that follow.
struct PolicyLines {
    private(set) var lines: [String] = []

    init(_ json: JSON) { self.add(json, at: "") }

    private mutating func add(_ json: JSON, at place: String) {
        switch json {
        case .object:
            for (name, field) in (try? JSONField(json).members()) ?? [] {
                if let value = field.value { self.add(value, at: place.isEmpty ? name : "\(place).\(name)") }
            }
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                let id = try? JSONField(element)["id"].string()
                self.add(element, at: "\(place)[\(id ?? String(index))]")
            }
        default: self.lines.append("\(place) = \(json.text)")
        }
    }
}

extension Failure {
    static let noPolicy = Failure(
        4, "there is no policy: nothing can be spent",
        hint: "the owner signs one: depai owner policy; then: depai wallet policy apply FILE")
}

extension LimitUsage {
    func text(_ amount: UInt64) -> String {
        self.measure == .count ? String(amount) : self.asset.text(amount)
    }

    /// For people: what is limited.
    var subject: String {
        switch self.measure {
        case .perPayment: "one payment"
        case .sum: "sum \(self.window)"
        case .count: "payments \(self.window)"
        case .lifetime: "sum ever"
        case .payee: "this payee, ever"
        case .approval: "without approval"
        }
    }

    var json: JSON {
        func amount(_ atomic: UInt64) -> JSON {
            self.measure == .count
                ? JSON(atomic)
                : ["amount": .string(self.asset.decimal(atomic)), "atomic": .string(String(atomic))]
        }
        return [
            "rule": .string(self.rule), "measure": .string(self.measure.rawValue),
            "asset": .string(self.asset.id), "window": .string(self.window), "limit": amount(self.limit),
            "used": amount(self.used), "left": amount(self.left),
            "resetsAt": JSON(self.resetsAt.map(rfc3339)),
        ]
    }
}
