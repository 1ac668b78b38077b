import Agent
import Compute
import Control
import Devices
import Encoding
import Home
import Ledger
import Market
import Messaging
import Node
import Payments
import Rails
import SimulatedChain
import SimulatedDevices
import Sodium
import Solana
import Statements
import Storage
import SystemPackage
import Wallet
import World

/// Checks a run from outside: the files that the parties left and the chain, nothing that the robot says of
/// itself.
struct Auditor {
    let workshop: Workshop
    let cluster: Cluster
    let mint: Address
    /// Token balances after funding, the robot first.
    let before: [UInt64]
    /// What each device carried out, by its own count.
    let executions: [String: Executions]
    /// What the robot told over the broker.
    let heard: HeardEvents
    /// Names by payment account.
    let names: [String: String]

    func report(seconds: Int64) async throws -> Report {
        let view = try self.workshop.robot.viewLedger()
        let records = try view.intents().reversed().map { $0 }
        let tokenID = SolanaNames.token(self.mint, on: .devnet)
        let asset =
            try view.assets().first { $0.id == tokenID }
            ?? Asset(id: tokenID, symbol: Treasury.symbol, decimals: 6)
        let after = await Self.balances(self.cluster, self.workshop, self.mint)
        let purchases = try records.filter { $0.state != .denied }.map { record in
            Report.PurchaseLine(
                record: record, from: self.names[record.proposal.payee] ?? "?",
                proof: try self.proof(of: record))
        }
        let commands = try DeviceView(path: self.workshop.robot.devicesPath).commands().map { command in
            Report.CommandLine(
                id: command.id, device: command.thing, affordance: command.affordance,
                state: command.state.rawValue,
                executions: self.count(command))
        }
        let agent = try AgentView(path: self.workshop.robot.agentPath)
        let parties = ["robot"] + self.workshop.scenario.nodes.map(\.name)
        var invariants = [
            try await self.conserved(after, records, asset), try self.withinPolicy(records, asset),
            self.receiptsVerify(purchases), try await self.paidOnce(records), self.commandsOnce(commands),
            Report.Invariant(
                "the work is done",
                try agent.finished(kind: "archive") >= self.workshop.scenario.batches
                    && agent.finished(kind: "errand") >= 1,
                "\(try agent.finished(kind: "archive")) batches stored, "
                    + "\(try agent.finished(kind: "errand")) errand driven"
            ),
        ]
        invariants.append(try self.eventsKept())
        if let sold = try self.soldThroughBroker() { invariants.append(sold) }
        let chain = await self.cluster.withBank { bank in (bank.history.count, bank.slot) }
        return Report(
            scenario: self.workshop.scenario.name, seed: self.workshop.scenario.seed, seconds: seconds,
            asset: asset,
            purchases: purchases,
            balances: parties.indices.map {
                .init(name: parties[$0], before: self.before[$0], after: after[$0])
            },
            commands: commands, readings: try self.workshop.robot.waitingReadings(),
            chain: (chain.0, chain.1),
            invariants: invariants)
    }

    /// Whether nodes that have no port were bought from all the same; nil where there is none of them.
    private func soldThroughBroker() throws -> Report.Invariant? {
        let nodes = self.workshop.scenario.nodes
        let sellers = nodes.indices.filter { nodes[$0].isOnBroker }
        guard !sellers.isEmpty else { return nil }
        let sales = try sellers.map { try NodeView(self.workshop.node($0)).salesDone }.reduce(0, +)
        return .init(
            "nodes without an open port sold", sales > 0,
            "\(sales) sales through the broker by \(sellers.map { nodes[$0].name }.joined(separator: ", "))")
    }

    /// Whether each event of the robot came over the broker, or waits on its disk.
    func eventsKept() throws -> Report.Invariant {
        let name = "no event of the robot is lost"
        let outbox = try OutboxView(path: self.workshop.robot.outboxPath)
        let read = try outbox.mark("events")
        let waiting = Set(try outbox.waiting(on: Workshop.eventTopic).compactMap(HeardEvents.number))
        let heard = self.heard.numbers
        let events = try AgentView(path: self.workshop.robot.agentPath).events(limit: 100_000).map(\.sequence)
        let lost = events.filter { $0 <= read && !heard.contains($0) && !waiting.contains($0) }
        let later = events.filter { !heard.contains($0) }.count
        return .init(
            name, lost.isEmpty && !heard.isEmpty,
            lost.isEmpty
                ? "\(events.count - later) came over the broker, \(later) wait"
                : "lost: \(lost.map(String.init).joined(separator: ", "))")
    }

    /// How often a device carried a command out. One that is not told ids counts the changes of its state.
    private func count(_ command: CommandRecord) -> Int {
        guard let device = self.executions[command.thing] else { return 0 }
        return device.byCommand.isEmpty ? device.changed : device.byCommand[command.id] ?? 0
    }

    /// What every party's token account holds on the chain, the robot first.
    static func balances(_ cluster: Cluster, _ workshop: Workshop, _ mint: Address) async -> [UInt64] {
        let homes = [workshop.robot] + workshop.scenario.nodes.indices.map { workshop.node($0) }
        let accounts = homes.map { home -> Address? in
            guard let key = try? home.keystore().keys[.payment] else { return nil }
            return .associatedToken(owner: Address(key), mint: mint)
        }
        return await cluster.withBank { bank in
            accounts.map { address in
                address.flatMap { bank.accounts[$0] }.flatMap { try? TokenAccount(decoding: $0.data) }?.amount
                    ?? 0
            }
        }
    }

    private func conserved(
        _ after: [UInt64], _ records: [IntentRecord], _ asset: Asset
    ) async throws -> Report.Invariant {
        let name = "money is conserved over all parties"
        let robot = try self.workshop.robot.viewLedger().balances().first { $0.asset.id == asset.id }
        let escrowed = await self.escrowed()
        let total = after.reduce(0, +) + escrowed
        let supplies = await self.cluster.withBank { $0.tokenSupplies }
        guard total == self.before.reduce(0, +), supplies.values.allSatisfy({ $0.supply == $0.held }) else {
            return .init(name, false, "\(asset.text(self.before.reduce(0, +))) became \(asset.text(total))")
        }
        guard let robot, robot.available + robot.reserved == Int64(after[0]) else {
            return .init(
                name, false, "the robot's ledger has \(robot?.available ?? 0), the chain \(after[0])")
        }
        for index in self.workshop.scenario.nodes.indices {
            let balances = try self.workshop.node(index).viewLedger().balances()
            let earned = balances.first { $0.asset.id == asset.id }?.earned ?? 0
            // A node that was killed after the payment has not booked it yet; the chain has.
            let killed = self.workshop.scenario.nodes[index].fault == .diesAfterPayment
            guard earned == Int64(after[index + 1]) || killed && earned <= Int64(after[index + 1]) else {
                return .init(
                    name, false,
                    "\(self.workshop.scenario.nodes[index].name) booked \(earned), "
                        + "the chain has \(after[index + 1])"
                )
            }
        }
        if let fault = try await self.feeFault() { return .init(name, false, fault) }
        return .init(name, true, "\(asset.text(total)) before and after, every ledger agrees with the chain")
    }

    /// What stands in the escrow of payment channels.
    private func escrowed() async -> UInt64 {
        await self.cluster.withBank { [mint] bank in
            bank.accounts.filter { $0.value.owner == .paymentChannelsProgram }.keys.reduce(0) {
                sum, channel in
                let escrow = bank.accounts[.associatedToken(owner: channel, mint: mint)]
                return sum + (escrow.flatMap { try? TokenAccount(decoding: $0.data).amount } ?? 0)
            }
        }
    }

    /// Compares what the nodes booked for network fees with what the chain took.
    private func feeFault() async throws -> String? {
        let sol = SolanaNames.sol(on: .devnet)
        for index in self.workshop.scenario.nodes.indices {
            let home = self.workshop.node(index)
            guard let key = try home.keystore().keys[.sponsor] else { continue }
            let lamports = await self.cluster.withBank { $0.accounts[Address(key)]?.lamports ?? 0 }
            let booked = try home.viewLedger().balances().first { $0.asset.id == sol.id }
            let known = (booked?.available ?? 0) + (booked?.reserved ?? 0)
            // What a killed node had signed but not seen settle is still reserved in its ledger.
            let killed = self.workshop.scenario.nodes[index].fault == .diesAfterPayment
            guard known == Int64(lamports) || killed && known >= Int64(lamports) else {
                return
                    "\(self.workshop.scenario.nodes[index].name) knows of \(sol.text(known)), "
                    + "the chain has \(sol.text(lamports))"
            }
        }
        return nil
    }

    private func withinPolicy(_ records: [IntentRecord], _ asset: Asset) throws -> Report.Invariant {
        let limits = self.workshop.scenario.limits
        let spending = records.filter {
            $0.state.holdsMoney && $0.proposal.asset.id == asset.id && !$0.proposal.purpose.isApart
        }
        let sum = spending.reduce(0) { $0 + $1.proposal.amount }
        let largest = spending.map(\.proposal.amount).max() ?? 0
        let held = largest <= limits.perPayment && sum <= limits.perHour && sum <= limits.lifetime
        return .init(
            "spending is within the owner's policy", held,
            "\(asset.text(sum)) of \(asset.text(limits.perHour)) an hour, "
                + "largest \(asset.text(largest)) of \(asset.text(limits.perPayment))"
        )
    }

    /// Verifies a delivered purchase's receipt with the seller's real key.
    private func proof(of record: IntentRecord) throws -> String {
        if record.proposal.purpose == .channel { return "escrow, refundable" }
        guard record.delivery == .delivered else {
            return record.delivery == .lost ? "lost, written off" : "none"
        }
        guard
            let index = self.workshop.scenario.nodes.firstIndex(where: {
                $0.name == self.names[record.proposal.payee]
            }),
            let identity = try self.workshop.node(index).keystore().keys[.identity], let text = record.receipt
        else { return "INVALID: no seller" }
        do {
            let signed = JSONField(try JSON.read(text))["receipt"]
            let (subject, transaction, proved): (String, String, String)
            if record.proposal.purpose == .storage {
                let receipt = try Signed<StorageReceipt>(signed, from: identity).body
                (subject, transaction) = ("\(receipt.object.id)", receipt.transaction)
                proved = "receipt signed, leaf proved"
            } else {
                let receipt = try Signed<ComputeReceipt>(signed, from: identity).body
                (subject, transaction) = (receipt.job, receipt.transaction)
                proved = "receipt signed, re-executed equal"
            }
            guard transaction == record.transaction else { return "INVALID: other transaction" }
            guard subject == record.proposal.purchase.subject.text else { return "INVALID: for \(subject)" }
            return proved
        } catch {
            return "INVALID: \(error)"
        }
    }

    private func receiptsVerify(_ purchases: [Report.PurchaseLine]) -> Report.Invariant {
        let delivered = purchases.filter { $0.record.delivery == .delivered }
        let bad = delivered.filter { $0.proof.hasPrefix("INVALID") }
        return .init(
            "every receipt verifies", bad.isEmpty && !delivered.isEmpty,
            bad.isEmpty ? "\(delivered.count) receipts" : bad.map(\.proof).joined(separator: "; "))
    }

    /// Compares the robot's ledger with every transfer that left its account.
    private func paidOnce(_ records: [IntentRecord]) async throws -> Report.Invariant {
        guard let key = try self.workshop.robot.keystore().keys[.payment] else {
            throw KeystoreError.malformed("no key")
        }
        let source = Address.associatedToken(owner: Address(key), mint: self.mint)
        let transfers = await self.cluster.withBank { Self.payments(out: source, in: $0) }
        let settled = records.filter { $0.state == .settled && $0.channel == nil }.compactMap(\.transaction)
        let vouchers = records.filter { $0.state == .settled && $0.channel != nil }.compactMap(\.transaction)
        let all = settled + vouchers
        let held =
            try transfers.sorted() == settled.sorted() && Set(all).count == all.count
            && self.vouchersAgree(records)
        return .init(
            "nothing is paid twice, nothing unknown is paid", held,
            "\(transfers.count) transfers on the chain, \(settled.count) settled payments in the ledger"
                + (vouchers.isEmpty ? "" : ", \(vouchers.count) vouchers in both parties' books"))
    }

    /// The transactions that took tokens out of an account.
    static func payments(out source: Address, in bank: Bank) -> [String] {
        bank.history(of: source).compactMap { entry in
            guard entry.failure == nil, case .transaction(let bytes) = entry.kind,
                let transaction = try? Transaction(decoding: bytes)
            else { return nil }
            let pays = InstructionContent.contents(of: transaction.message).contains { content in
                switch content {
                case .transferChecked(let transfer): transfer.source == source
                case .openChannel(let opening): opening.source == source
                case .topUpChannel(_, _, let account, _, _, _, _): account == source
                default: false
                }
            }
            return pays ? transaction.id : nil
        }
    }

    /// Whether each channel has the same sum in the robot's books and in the seller's.
    private func vouchersAgree(_ records: [IntentRecord]) throws -> Bool {
        let channels = try self.workshop.robot.viewLedger().channels()
        var charged: [String: UInt64] = [:]
        for index in self.workshop.scenario.nodes.indices {
            for (id, amount) in try NodeView(self.workshop.node(index)).charged {
                charged[id, default: 0] += amount
            }
        }
        return channels.allSatisfy { channel in
            let sum = records.filter { $0.channel == channel.id && $0.state == .settled }.reduce(0) {
                $0 + $1.proposal.amount
            }
            return sum == channel.spent && (charged[channel.id] ?? 0) == sum
        }
    }

    private func commandsOnce(_ commands: [Report.CommandLine]) -> Report.Invariant {
        let wrong = commands.filter { $0.executions != 1 || $0.state != "done" }
        return .init(
            "no command is lost or doubled", wrong.isEmpty && !commands.isEmpty,
            wrong.isEmpty
                ? "\(commands.count) sent, \(commands.count) confirmed, each carried out once"
                : wrong.map { "\($0.id) \($0.state), \($0.executions) times" }.joined(separator: "; "))
    }
}
