import Encoding
import Foundation
import Home
import Linux
import Simulation
import SystemPackage
import TestSupport
import Testing
import World

/// Whole worlds of real processes: broker, chain, nodes, devices, robot.
@Suite(.serialized, .endsHangs)
struct WorldTests {
    /// Small and quick: few readings, a short way, short slots.
    static func scenario(
        faults: [String?] = [nil, nil, nil], seed: UInt64 = 7, deposit: String? = nil, over: String = "http",
        moreDevices: [JSON] = []
    ) throws -> Scenario {
        func node(_ name: String, _ storage: Int, _ compute: Int, _ fault: String?) -> JSON {
            var node: JSON = [
                "name": .string(name), "over": .string(over),
                "storage": ["per_mebibyte_day": JSON(storage), "minimum": 100, "maximum_bytes": 262144],
                "compute": [
                    "per_million_units": JSON(compute), "minimum": 100, "maximum_units": 100_000_000,
                ],
            ]
            if let fault { node["fault"] = .string(fault) }
            return node
        }
        return try Scenario(
            JSONField([
                "name": "test", "summary": "small and quick", "seed": JSON(seed), "slot_ms": 100,
                "tokens": 5_000_000,
                "nodes": [
                    node("Aurora", 400, 900, faults[0]), node("Borealis", 300, 1_200, faults[1]),
                    node("Cirrus", 650, 1_500, faults[2]),
                ],
                "devices": .array(
                    ["environment-sensor", "energy-meter", "relay-plug", "mobile-base"] + moreDevices),
                "map": "warehouse.map",
                "goal": ["x": 5, "y": 18], "units": 20_000_000,
                "behaviours": ["archive": ["batches": 1, "readings": 4, "days": 30, "challenges": 2]],
                "limits": ["per_payment": 50_000, "per_hour": 200_000, "lifetime": 1_000_000],
                "time_limit_seconds": 120, "deposit": JSON(deposit),
            ]))
    }

    static func simulation(_ scenario: Scenario) throws -> (Simulation, FilePath) {
        let folder = try TemporaryFolder.make()
        // The test bundle lies beside the programs.
        let programs = FilePath(Bundle.main.bundlePath)
        let workshop = Workshop(
            folder: folder, programs: programs, sources: Sources(root: Repository.path), scenario: scenario)
        return (Simulation(workshop, timeline: SystemTimeline(), say: { _ in }), folder)
    }

    /// The exit code of a process that SIGKILL ended.
    private let killed: Int32? = 137

    static func failures(_ report: Report) -> String {
        report.invariants.filter { !$0.held }.map { "\($0.name): \($0.detail)" }.joined(separator: "; ")
    }

    @Test(arguments: [nil, "0.05"])
    func `a robot that dies at every step of every payment pays once for each`(deposit: String?) async throws
    {
        let (simulation, folder) = try Self.simulation(try Self.scenario(deposit: deposit))
        defer { TemporaryFolder.remove(folder) }
        let (report, deaths, settled) = try await simulation.withWorld { world in
            var deaths = 0
            // Each life reaches one step further. Two purchases of three commits each, and room to spare.
            // With channels a life begins by giving back what the last one did not sign: there each may
            // do one step more.
            while deaths < 40 {
                let robot = try await world.startRobot(
                    program: "depai-crashing",
                    arguments: ["--after", deposit == nil ? "1" : "\(deaths + 1)"])
                robot.mayEndNow()
                while robot.exitCode == nil, !world.isDone { try await Task.sleep(for: .milliseconds(50)) }
                guard !world.isDone else {
                    await robot.end()
                    break
                }
                let code = robot.exitCode
                #expect(code == killed)
                deaths += 1
            }
            let settled = try world.workshop.robot.viewLedger().intents().filter {
                $0.state == .settled && !$0.proposal.purpose.isApart
            }
            return (try await world.report(), deaths, settled.count)
        }
        #expect(deaths >= 6, "two payments have at least three durable commits each")
        #expect(report.passed, "\(Self.failures(report))")
        #expect(settled == 2)
    }

    @Test func `nodes that take the money and die or answer noise are survived and written off`() async throws
    {
        let (simulation, folder) = try Self.simulation(
            try Self.scenario(faults: ["garbage", "dies-after-payment", nil], seed: 11))
        defer { TemporaryFolder.remove(folder) }
        let report = try await simulation.run()
        #expect(report.passed, "\(Self.failures(report))")
        let text = report.text
        #expect(text.contains("lost, written off"))
        #expect(report.purchases.count >= 4, "two losses and two deliveries: \(text)")
        let python = try await Peer.python(with: "solders.litesvm", from: "solders")
        let transcript = URL(filePath: folder.appending("chain.jsonl").string)
        let (agrees, output) = try await Peer.replay(transcript: transcript, with: python)
        #expect(agrees, "the real Solana runtime disagrees: \(output)")
    }

    @Test(
        arguments: [(nil, "http"), ("0.05", "http"), (nil, "mqtt"), ("0.05", "mqtt")] as [(String?, String)])
    func `the robot is killed at random moments and still pays once for each`(
        deposit: String?, over: String
    ) async throws {
        let (simulation, folder) = try Self.simulation(
            try Self.scenario(seed: 23, deposit: deposit, over: over))
        defer { TemporaryFolder.remove(folder) }
        let pauses = (0..<12).map { _ in Int.random(in: 300...1_500) }
        let report = try await simulation.withWorld { world in
            for pause in pauses where !world.isDone {
                let robot = try await world.startRobot()
                robot.mayEndNow()
                try await Task.sleep(for: .milliseconds(pause))
                robot.kill()
                while robot.exitCode == nil { try await Task.sleep(for: .milliseconds(20)) }
            }
            let robot = try await world.startRobot()
            try await world.watch(until: 90)
            await robot.end()
            return try await world.report()
        }
        #expect(report.passed, "pauses \(pauses): \(Self.failures(report))")
    }
}
