import Database
import Home
import Ledger
package import SimulatedChain
import SimulatedDevices
package import Solana
import Synchronization
import SystemPackage
import World

/// A world while it runs.
package struct RunningWorld: Sendable {
    package let workshop: Workshop
    let tasks: Tasks
    package let cluster: Cluster
    package let mint: Address
    let before: [UInt64]
    let devices: [(thing: String, simulator: DeviceSimulator)]
    let heard: HeardEvents
    let names: [String: String]
    /// The broker and the nodes, to be killed.
    package let broker: MortalChild
    package let nodes: [MortalChild]
    let timeline: any Timeline
    /// The timeline's uptime when everything was ready.
    let start: Duration
    let say: @Sendable (String) -> Void
    let status: @Sendable (String) -> Void

    /// Starts the robot's program, or one that stands in for it.
    package func startRobot(program: String = "depai", arguments: [String] = []) async throws -> RunningRobot
    {
        let workshop = self.workshop
        let robot = RunningRobot()
        let log = workshop.robot.path.appending("robot.log")
        self.tasks.add {
            let code = try await Child.run(
                workshop.programs.pushing(FilePath(program)),
                ["run", "--home", workshop.robot.path.string] + arguments, log: log
            ) { robot.started($0) }
            robot.ended(code)
            try Task.checkCancellation()
            guard robot.mayEnd else {
                throw SimulationError.process(name: "the robot (exit \(code))", log: log.string)
            }
        }
        return robot
    }

    /// Tells what the robot does until its work is done.
    package func watch(until seconds: Int64) async throws {
        var watcher = Watcher(home: self.workshop.robot, timeline: self.timeline, say: self.say)
        let deadline = self.timeline.uptime + .seconds(seconds)
        while !self.isDone {
            guard self.timeline.uptime < deadline else { throw SimulationError.timedOut(seconds: seconds) }
            try watcher.look()
            self.status(watcher.summary)
            try await self.timeline.sleep(for: .milliseconds(200))
        }
        try watcher.look()
    }

    /// Whether the robot has finished its work, by its files.
    package var isDone: Bool {
        let watcher = Watcher(home: self.workshop.robot, timeline: self.timeline, say: { _ in })
        return watcher.finished("archive") >= self.workshop.scenario.batches
            && watcher.finished("errand") >= 1
    }

    /// Asks the robot's own command line.
    package func show(_ arguments: String...) async throws -> String {
        let home = self.workshop.robot.path.string
        let output = try await Child.output(
            self.workshop.programs.appending("depai"), arguments + ["--home", home])
        return "\n$ depai \(arguments.joined(separator: " ")) --home \(home)\n\(output)"
    }

    /// What the token accounts hold on the chain, in atomic units: the robot's first, then the nodes'.
    package var tokens: [UInt64] {
        get async { await Auditor.balances(self.cluster, self.workshop, self.mint) }
    }

    /// Checks everything from outside.
    package func report() async throws -> Report {
        var executions: [String: Executions] = [:]
        for device in self.devices { executions[device.thing] = await device.simulator.executions() }
        let auditor = Auditor(
            workshop: self.workshop, cluster: self.cluster, mint: self.mint, before: self.before,
            executions: executions, heard: self.heard,
            names: self.names)
        // What the broker has may still be on its way to us.
        for _ in 0..<40 where try !auditor.eventsKept().held {
            try await self.timeline.sleep(for: .milliseconds(50))
        }
        let transcript = await self.cluster.transcript()
        try DurableFile.write(
            Array((transcript.joined(separator: "\n") + "\n").utf8),
            to: self.workshop.folder.appending("chain.jsonl"))
        return try await auditor.report(seconds: (self.timeline.uptime - self.start).components.seconds)
    }
}

/// The robot's process.
package final class RunningRobot: Sendable {
    private struct State {
        var process: Int32?
        var code: Int32?
        var mayEnd = false
        /// It was killed before it had started.
        var isDoomed = false
    }

    private let state = Mutex(State())

    var mayEnd: Bool { self.state.withLock { $0.mayEnd } }
    func started(_ process: Int32) {
        let isDoomed = self.state.withLock { state in
            state.process = process
            return state.isDoomed
        }
        if isDoomed { Child.kill(process) }
    }
    func ended(_ code: Int32) {
        self.state.withLock {
            $0.code = code
            $0.process = nil
        }
    }

    /// The exit code, once it has ended.
    package var exitCode: Int32? { self.state.withLock { $0.code } }

    /// Says that its end is no failure.
    package func mayEndNow() { self.state.withLock { $0.mayEnd = true } }

    /// Ends it at once, as a power cut would.
    package func kill() {
        let process = self.state.withLock { state in
            state.isDoomed = true
            return state.process
        }
        if let process { Child.kill(process) }
    }

    /// Waits until it has ended by itself.
    /// - Throws: ``SimulationError`` unless its exit code is 0.
    func waitForEnd() async throws {
        while self.exitCode == nil { try await Task.sleep(for: .milliseconds(200)) }
        guard let code = self.exitCode, code == 0 else {
            throw SimulationError.process(name: "the robot (exit \(self.exitCode ?? -1))", log: "robot.log")
        }
    }

    /// Asks it to end and waits until it has.
    package func end() async {
        let process = self.state.withLock { state in
            state.mayEnd = true
            return state.process
        }
        if let process { Child.terminate(process) }
        for _ in 0..<200 where self.exitCode == nil { try? await Task.sleep(for: .milliseconds(50)) }
    }
}

/// What a world consists of while it runs: tasks that may still become more. The first that fails ends them
/// all.
final class Tasks: Sendable {
    private typealias Body = @Sendable () async throws -> Void
    private let continuation: AsyncThrowingStream<Body, any Error>.Continuation
    private let stream: AsyncThrowingStream<Body, any Error>

    init() {
        (self.stream, self.continuation) = AsyncThrowingStream.makeStream(
            bufferingPolicy: .bufferingOldest(1_000))
    }

    func add(_ body: @escaping @Sendable () async throws -> Void) { self.continuation.yield(body) }

    /// Runs everything that is added until one fails or the task is cancelled.
    func runAll() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for try await body in self.stream {
                group.addTask {
                    do {
                        try await body()
                    } catch {
                        // The loop above waits for more; only the stream can wake it.
                        self.continuation.finish(throwing: error)
                        throw error
                    }
                }
            }
        }
    }
}
