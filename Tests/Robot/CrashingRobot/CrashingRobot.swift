import Agent
import Control
import Database
import Devices
import Glibc
import Home
import Ledger
import Linux
import Synchronization
import SystemPackage

/// The robot on its real ports, which kills itself with SIGKILL right after the n-th durable step of a
/// payment: `depai-crashing run --home DIR --after N`. Or only what the start does to the readings that a
/// version before kept, for who cuts the power meanwhile: `depai-crashing take-over DIR`.
@main
struct CrashingRobot {
    static func main() async throws {
        let arguments = CommandLine.arguments
        if arguments.count == 3, arguments[1] == "take-over" {
            return try self.takeOver(Home(FilePath(arguments[2])))
        }
        guard arguments.count == 6, arguments[1] == "run", arguments[2] == "--home",
            arguments[4] == "--after",
            let after = Int(arguments[5])
        else {
            _ = try FileDescriptor.standardError.writeAll(
                "usage: depai-crashing run --home DIR --after N\n".utf8)
            exit(2)
        }
        let home = Home(FilePath(arguments[3]))
        let configuration = try AgentConfiguration(
            try Settings.read(home.configurationPath), in: home.path)
        let bus = MosquittoBus(configuration.broker, entropy: SystemEntropy())
        let steps = Steps()
        let agent = Agent(
            home: home, configuration: configuration, bus: bus, web: WebProcess(), timeline: SystemTimeline(),
            entropy: SystemEntropy()
        ) { entry in
            guard entry.kind == .payment, entry.before != entry.after else { return }
            if steps.next() == after { kill(getpid(), SIGKILL) }
        }
        async let network: Void = bus.run()
        try await agent.run()
        await network
    }

    private static func takeOver(_ home: Home) throws {
        let log = try ReadingLog(path: home.readingsPath, timeline: SystemTimeline())
        try log.takeOver(from: home.agentPath) { _ in }
        _ = try Connection.open(home.agentPath, AgentView.schema)
    }
}

/// Counts durable steps over all tasks.
final class Steps: Sendable {
    private let count = Atomic<Int>(0)
    func next() -> Int { self.count.add(1, ordering: .relaxed).newValue }
}
