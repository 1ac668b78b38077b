import Database
import Encoding
import Glibc
import Home
import Ledger
import Linux
import Node
import Payments
import Rails
import SimulatedChain
import Simulation
import Solana
import SystemPackage
import Wallet
import World

/// Many small paid requests while everybody is killed again and again:
///
///     depai-soak [COUNT]          a world with three nodes, one buyer, and somebody who kills
///     depai-soak work HOME COUNT  the buyer, started by the above
///     depai-soak commands [COUNT] commands to a device while runtime and broker are killed
///     depai-soak command PORT JOURNAL COUNT
///                                 the runtime, started by the above
///
/// Ends with 0 only if robot, nodes and chain agree to the atomic unit.
@main
struct Soak {
    static func main() async throws {
        let arguments = CommandLine.arguments
        if arguments.count == 4, arguments[1] == "work", let count = Int(arguments[3]) {
            return try await Shopper(home: Home(FilePath(arguments[2])), count: count).run()
        }
        if arguments.count == 5, arguments[1] == "command", let port = Int(arguments[2]),
            let count = Int(arguments[4])
        {
            return try await CommandSoak.work(port: port, journal: FilePath(arguments[3]), count: count)
        }
        if arguments.count >= 2, arguments[1] == "commands",
            let count = Int(arguments.count == 3 ? arguments[2] : "10000")
        {
            let soak = try Soak(share: 0)
            let commands = CommandSoak(count: count, folder: soak.folder, programs: soak.programs)
            exit(try await commands.run() ? 0 : 1)
        }
        guard arguments.count <= 2, let count = Int(arguments.count == 2 ? arguments[1] : "100000"), count > 0
        else {
            print("usage: depai-soak [COUNT] | commands [COUNT]")
            exit(2)
        }
        // A whole share for each node.
        let soak = try Soak(share: (count + 2) / 3)
        exit(try await soak.run() ? 0 : 1)
    }

    /// Requests to each node.
    let share: Int
    private let folder: FilePath
    private let programs: FilePath

    private init(share: Int) throws {
        self.share = share
        var template = Array("/tmp/depai-soak.XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Errno(rawValue: errno) }
        self.folder = FilePath(platformString: made)
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &path, path.count - 1)
        guard length > 0 else { throw Errno(rawValue: errno) }
        self.programs = FilePath(platformString: path).removingLastComponent()
    }

    private func run() async throws -> Bool {
        let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let workshop = Workshop(
            folder: self.folder, programs: self.programs, sources: Sources(root: root),
            scenario: try Self.scenario())
        let simulation = Simulation(workshop, timeline: SystemTimeline(), say: { print($0) })
        return try await simulation.withWorld { world in
            try await self.allow(workshop, world.mint)
            let before = await world.tokens
            let start = ContinuousClock.now
            let crashes = try await self.shop(world, workshop)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            print("\(3 * self.share) requests in \(Int(seconds)) s, \(crashes) kills")
            try await self.closeChannels(workshop)
            return try await self.agree(world, workshop, before)
        }
    }

    /// Three nodes that sell storage at the same low price, one of them through the broker, and money for all
    /// of it.
    private static func scenario() throws -> Scenario {
        let node: (String, String) -> JSON = { name, transport in
            [
                "name": .string(name), "over": .string(transport),
                "storage": ["per_mebibyte_day": 100, "minimum": 100, "maximum_bytes": 262_144],
                "compute": ["per_million_units": 900, "minimum": 100, "maximum_units": 1],
            ]
        }
        return try Scenario(
            JSONField([
                "name": "soak", "summary": "many small payments", "seed": 42, "slot_ms": 100,
                "tokens": 1_000_000_000,
                "nodes": [node("Aurora", "http"), node("Borealis", "http"), node("Cirrus", "mqtt")],
                "devices": [], "map": "warehouse.map", "goal": ["x": 5, "y": 18], "units": 1,
                "behaviours": ["archive": ["batches": 0, "readings": 1, "days": 1, "challenges": 0]],
                "limits": ["per_payment": 1_000, "per_hour": 1_000_000_000, "lifetime": 1_000_000_000],
                "time_limit_seconds": 36_000,
            ]))
    }

    /// The owner's policy for this much: the world's own counts at most a hundred payments an hour.
    private func allow(_ workshop: Workshop, _ mint: Address) async throws {
        let payees = try workshop.scenario.nodes.enumerated().map { index, node in
            (node.name, try Self.payee(index, workshop))
        }
        var policy = workshop.robotPolicy(mint: mint, payees: payees)
        let asset = JSON.string(SolanaNames.token(mint, on: .devnet))
        policy["seq"] = 2
        policy["limits"] = [
            [
                "id": "day", "asset": asset, "per_payment": "1000", "window_seconds": 86_400,
                "sum": "1000000000",
            ],
            ["id": "escrow", "asset": asset, "purpose": "channel", "per_payment": "1000000"],
        ]
        try await workshop.apply(policy, to: workshop.robot)
    }

    private static func payee(_ index: Int, _ workshop: Workshop) throws -> String {
        SolanaNames.account(try workshop.address(workshop.node(index), .payment), on: .devnet)
    }

    // MARK: Buying

    /// Lets the buyer work until it is done, and kills everybody meanwhile.
    /// - Returns: how often somebody was killed.
    private func shop(_ world: RunningWorld, _ workshop: Workshop) async throws -> Int {
        let buyer = MortalChild()
        let log = workshop.robot.path.appending("soak.log")
        return try await withThrowingTaskGroup(of: Int?.self) { group in
            group.addTask {
                let code = try await buyer.run(
                    self.programs.appending("depai-soak"),
                    ["work", workshop.robot.path.string, String(self.share)], log: log)
                guard code == 0 else {
                    throw SimulationError.process(name: "the buyer (exit \(code))", log: log.string)
                }
                return nil
            }
            group.addTask {
                let entropy = workshop.entropy("kills")
                var crashes = 0
                while !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(2_000 + Int(entropy.number(below: 8_000))))
                    switch entropy.number(below: 8) {
                    case 0...3: buyer.crash()
                    case 4: world.broker.crash()
                    case let other: world.nodes[Int(other) % 3].crash()
                    }
                    crashes += 1
                    if crashes % 10 == 0 { print("\(crashes) kills, \(try Self.progress(workshop)) bought") }
                }
                return crashes
            }
            var crashes = 0
            while let result = try await group.next() {
                if let result { crashes = result } else { group.cancelAll() }
            }
            return crashes
        }
    }

    private static func progress(_ workshop: Workshop) throws -> UInt32 {
        let view = try workshop.robot.viewLedger()
        return try (0..<3).reduce(0) {
            $0 + (try view.lastSeries(of: Shopper.subject($1)) ?? 0)
        }
    }

    private func closeChannels(_ workshop: Workshop) async throws {
        for channel in try workshop.robot.viewLedger().channels() where channel.state != .closed {
            let answer = try await Child.output(
                self.programs.appending("depai"),
                ["channel", "close", channel.id, "--home", workshop.robot.path.string])
            print("\(channel.id): \(answer.split(separator: "\n").joined())")
        }
    }

    // MARK: Agreeing

    /// What robot, nodes and chain say of each payee, side by side.
    private func agree(
        _ world: RunningWorld, _ workshop: Workshop, _ before: [UInt64]
    ) async throws -> Bool {
        let after = await world.tokens
        let view = try workshop.robot.viewLedger()
        // Straight from the tables: these are more records than anybody lists.
        let tables = try Connection(path: workshop.robot.ledgerPath.string, access: .read)
        var holds = true
        func check(_ name: String, _ values: [Int64]) {
            let isSame = values.allSatisfy { $0 == values[0] }
            holds = holds && isSame
            print(
                "\(isSame ? "held" : "BROKEN")  \(name): \(values.map(String.init).joined(separator: " = "))")
        }
        for (index, node) in workshop.scenario.nodes.enumerated() {
            let payee = try Self.payee(index, workshop)
            let paid = try tables.query(
                """
                SELECT COUNT(*) FILTER (WHERE delivery = 'delivered'), SUM(amount) FROM intent
                WHERE purpose = 'storage' AND payee = ? AND state = 'settled'
                """, .text(payee)
            ).first
            let books = try NodeView(workshop.node(index))
            let earned = books.balances.reduce(0) { $0 + $1.earned }
            check(
                "requests at \(node.name), wanted, paid and answered, sold",
                [
                    Int64(self.share), paid?.integer(0) ?? 0,
                    Int64(books.salesDone),
                ])
            check(
                "money at \(node.name), robot's books, node's books, chain",
                [
                    paid?.integer(1) ?? 0, earned,
                    Int64(after[index + 1]) - Int64(before[index + 1]),
                ])
        }
        let spent = try view.balances().reduce(0) { $0 + $1.spent }
        check("spent by the robot, its books and the chain", [spent, Int64(before[0]) - Int64(after[0])])
        check(
            "money in the world before and after",
            [
                before.reduce(0) { $0 + Int64($1) }, after.reduce(0) { $0 + Int64($1) },
            ])
        check(
            "payments whose outcome is open",
            [0, Int64(try view.intents(in: IntentState.allCases.filter(\.isOpen)).count)])
        return holds
    }
}
