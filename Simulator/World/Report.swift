package import Encoding
package import Ledger

/// What a run came to: `depai.report/1`.
package struct Report: Sendable {
    package static let schema = "depai.report/1"

    /// Something that must be true of every run.
    package struct Invariant: Sendable {
        package let name: String
        package let held: Bool
        package let detail: String

        package init(_ name: String, _ held: Bool, _ detail: String) {
            self.name = name
            self.held = held
            self.detail = detail
        }
    }

    /// One payment of the robot and what it brought.
    package struct PurchaseLine: Sendable {
        let record: IntentRecord
        /// The seller's name.
        let from: String
        /// What the simulator found when it checked the receipt itself.
        let proof: String
    }

    /// Somebody's money before and after, in atomic units of the token.
    package struct BalanceLine: Sendable {
        let name: String
        let before: UInt64
        let after: UInt64
    }

    /// A command and how often the device carried it out.
    package struct CommandLine: Sendable {
        let id: String
        let device: String
        let affordance: String
        let state: String
        let executions: Int
    }

    package var scenario: String
    package var seed: UInt64
    package var seconds: Int64
    package var asset: Asset
    package var purchases: [PurchaseLine]
    package var balances: [BalanceLine]
    package var commands: [CommandLine]
    package var readings: Int
    package var chain: (transactions: Int, slot: UInt64)
    package var invariants: [Invariant]

    /// Whether every invariant held.
    package var passed: Bool { self.invariants.allSatisfy(\.held) }

    package var json: JSON {
        [
            "schema": .string(Self.schema), "scenario": .string(self.scenario), "seed": JSON(self.seed),
            "passed": .bool(self.passed), "seconds": JSON(self.seconds),
            "purchases": .array(self.purchases.map(self.json)),
            "balances": .array(
                self.balances.map { line in
                    [
                        "name": .string(line.name), "before": self.amount(line.before),
                        "after": self.amount(line.after),
                    ]
                }),
            "commands": .array(
                self.commands.map { line in
                    [
                        "id": .string(line.id), "device": .string(line.device),
                        "affordance": .string(line.affordance),
                        "state": .string(line.state), "executions": JSON(line.executions),
                    ]
                }),
            "chain": ["transactions": JSON(self.chain.transactions), "slot": JSON(self.chain.slot)],
            "invariants": .array(
                self.invariants.map { line in
                    ["name": .string(line.name), "held": .bool(line.held), "detail": .string(line.detail)]
                }),
        ]
    }

    private func amount(_ atomic: UInt64) -> JSON {
        ["amount": .string(self.asset.decimal(atomic)), "atomic": .string(String(atomic))]
    }

    private func json(_ line: PurchaseLine) -> JSON {
        let proposal = line.record.proposal
        return [
            "intent": .string(line.record.id.description), "purpose": .string(proposal.purpose.rawValue),
            "job": .string(proposal.purchase.subject.text), "from": .string(line.from),
            "payee": .string(proposal.payee),
            "amount": .string(proposal.asset.decimal(proposal.amount)),
            "atomic": .string(String(proposal.amount)),
            "state": .string(line.record.state.rawValue), "delivery": .string(line.record.delivery.rawValue),
            "transaction": JSON(line.record.transaction), "proof": .string(line.proof),
        ]
    }

    /// The closing page for people.
    package var text: String {
        var lines = ["", "What was bought"]
        lines += Self.columns(
            [["purpose", "from", "price", "state", "delivery", "transaction", "proof"]]
                + self.purchases.map { line in
                    let proposal = line.record.proposal
                    return [
                        proposal.purpose.rawValue, line.from, proposal.asset.text(proposal.amount),
                        line.record.state.rawValue, line.record.delivery.rawValue,
                        line.record.transaction.map { String($0.prefix(16)) + "…" } ?? "none", line.proof,
                    ]
                })
        lines += ["", "Balances in \(self.asset.symbol), on the chain"]
        lines += Self.columns(
            [["who", "before", "after"]]
                + self.balances.map {
                    [$0.name, self.asset.decimal($0.before), self.asset.decimal($0.after)]
                })
        lines += ["", "Commands"]
        lines += Self.columns(
            [["command", "device", "state", "carried out"]]
                + self.commands.map {
                    ["\($0.affordance) (\($0.id))", $0.device, $0.state, "\($0.executions) ×"]
                })
        lines += ["", "Checks"]
        lines += self.invariants.map { "  \($0.held ? "held  " : "BROKEN")  \($0.name): \($0.detail)" }
        lines += [
            "",
            self.passed
                ? "All held. Seed \(self.seed), \(self.seconds) s." : "Something broke. Seed \(self.seed).",
        ]
        return lines.joined(separator: "\n")
    }

    private static func columns(_ rows: [[String]]) -> [String] {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { index, cell in
                index == row.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
            }
            return "  " + cells.joined(separator: "  ")
        }
    }
}
