import ArgumentParser
import Console
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
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Who this wallet is and what it may do.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption

        func run() async throws {
            let home = self.home.home
            let keystore = try home.keystore()
            let owner = try home.owner()
            let identity = keystore.keys[.identity].map { Chain.did.address(of: $0) } ?? ""
            let standing = try Standing(home, keystore, owner)
            if self.output.json {
                Terminal.out([
                    "schema": "depai.wallet/1", "address": .string(keystore.address),
                    "identity": .string(identity), "owner": .string(Base58.encode(owner.bytes)),
                    "keystore": .string(home.keystorePath.string),
                    "slots": .array(keystore.slots.map { .string($0.kind) }),
                    "policy": standing.json, "hold": JSON(standing.hold?.reason),
                    "balances": .array(standing.balances.map(\.json)),
                ])
                return
            }
            if let key = keystore.keys[.payment] { Terminal.out(KeyArt(key).text) }
            var table = Table(.left, .left)
            table.add(("address", .dim), (keystore.address, .bold))
            table.add(("identity", .dim), (identity, nil))
            table.add(("owner", .dim), (Base58.encode(owner.bytes), nil))
            table.add(
                ("opened by", .dim), (keystore.slots.map(\.kind).joined(separator: " or "), nil))
            table.add(("policy", .dim), standing.policyText)
            if let hold = standing.hold {
                table.add(("stopped", .dim), ("since \(rfc3339(hold.since)): \(hold.reason)", .red))
            }
            for balance in standing.balances {
                table.add((balance.asset.symbol, .dim), (balance.summary, nil))
            }
            Terminal.out(table.text)
        }
    }

    /// What the ledger says about a wallet's freedom; empty before the first start.
    struct Standing {
        let balances: [Balance]
        let policy: Policy?
        let hold: Hold?
        /// Milliseconds since 1970.
        let leaseEnd: Int64?

        init(_ home: Home, _ keystore: Keystore, _ owner: PublicKey) throws {
            guard DurableFile.exists(home.ledgerPath) else {
                self.balances = []
                self.policy = nil
                self.hold = nil
                self.leaseEnd = nil
                return
            }
            let view = try home.viewLedger()
            let policy = try view.policy(owner: owner, wallet: keystore.address)
            self.balances = try view.balances()
            self.policy = policy
            self.hold = try view.hold()
            self.leaseEnd = try policy.flatMap { try view.leaseEnd(of: $0) }
        }

        var policyText: (String, Terminal.Colour?) {
            guard let policy = self.policy else { return ("none: nothing can be spent", .yellow) }
            let number = "number \(policy.sequence), \(policy.mode.rawValue)"
            guard let leaseEnd = self.leaseEnd else {
                return (number, policy.mode == .active ? nil : .yellow)
            }
            let isOver = SystemTimeline().now.milliseconds >= leaseEnd
            return (
                "\(number), lease \(isOver ? "ended" : "until") \(rfc3339(leaseEnd))",
                isOver || policy.mode != .active ? .yellow : nil
            )
        }

        var json: JSON {
            guard let policy = self.policy else { return .null }
            return [
                "seq": JSON(policy.sequence), "mode": .string(policy.mode.rawValue),
                "digest": .string(Hex.encode(policy.digest)),
                "leaseEnd": JSON(self.leaseEnd.map(rfc3339)),
            ]
        }
    }
}

/// A picture of a key that people recognise: OpenSSH's "drunken bishop" over SHA-256 of the key.
struct KeyArt {
    private static let width = 17
    private static let height = 9
    private static let symbols = Array(" .o+=*BOX@%&#/^")
    private var visits = [Int](repeating: 0, count: Self.width * Self.height)
    private var end = 0

    init(_ key: PublicKey) {
        var column = Self.width / 2
        var row = Self.height / 2
        for byte in SHA256.digest(of: key.bytes) {
            for step in 0..<4 {
                let move = byte >> UInt8(2 * step)
                column = min(max(column + (move & 1 == 0 ? -1 : 1), 0), Self.width - 1)
                row = min(max(row + (move & 2 == 0 ? -1 : 1), 0), Self.height - 1)
                self.visits[row * Self.width + column] += 1
            }
        }
        self.end = row * Self.width + column
    }

    var text: String {
        let start = Self.height / 2 * Self.width + Self.width / 2
        let lines = (0..<Self.height).map { row in
            let cells = (row * Self.width..<(row + 1) * Self.width).map { place -> Character in
                if place == start { return "S" }
                if place == self.end { return "E" }
                return Self.symbols[min(self.visits[place], Self.symbols.count - 1)]
            }
            return "|\(String(cells))|"
        }
        let edge = "+" + String(repeating: "-", count: Self.width) + "+"
        return (["+---[Ed25519]-----+"] + lines + [edge]).joined(separator: "\n")
    }
}
