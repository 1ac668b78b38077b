import Agent
import Console
import Control
import Glibc
import Home
import Linux
import Logging
import SystemPackage
import UnixSignals
import World

/// The robot's service: depaid [--home DIR] [--config FILE]. A program of its own, because a robot that runs
/// for years need not hold in memory what a command line needs.
@main
struct Depaid {
    static func main() async {
        keepToOneself()
        do {
            try await Self.run(try Invocation(CommandLine.arguments.dropFirst()))
        } catch {
            let failure = Failure(error) ?? Failure(1, "\(error)")
            failure.tell()
            exit(failure.code)
        }
    }

    /// Runs the robot until a signal ends it, or it fails.
    private static func run(_ invocation: Invocation) async throws {
        let home = invocation.home
        let logger = ProgramLog.logger("depai")
        let manager = ServiceManager()
        let robot = try RobotAssembly(
            home: home,
            configuration: try Settings.read(invocation.configuration) {
                try AgentConfiguration($0, in: home.path)
            },
            supervisor: manager
        ) { event in
            if case .connected = event {
                logger.info("broker: \(event)")
            } else {
                logger.warning("broker: \(event)")
            }
        } onEvent: { event in
            logger.log(level: event.isTrouble ? .warning : .info, "\(event.kind): \(event.text)")
        }
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        logger.info("starting", metadata: ["home": "\(home.path)"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await robot.runBuses() }
            group.addTask { try await robot.agent.run() }
            group.addTask { try await Self.keepSmall() }
            group.addTask {
                for await signal in signals {
                    logger.info("ending", metadata: ["signal": "\(signal)"])
                    return
                }
            }
            do {
                try await group.next()
            } catch is CancellationError {
                // Asked to end, and ended.
            }
            manager?.stopping()
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }
}

extension Depaid {
    /// Gives back the code that the start needed, and later what a rare piece of work did.
    private static func keepSmall() async throws {
        var pause = Duration.seconds(5)
        while true {
            try await SystemTimeline().sleep(for: pause)
            CodePages.release()
            pause = .seconds(3_600)
        }
    }
}

/// What the service was started with.
struct Invocation {
    let home: Home
    let configuration: FilePath

    init(_ arguments: some Sequence<String>) throws(Failure) {
        var home: String?
        var configuration: String?
        var rest = arguments.makeIterator()
        while let name = rest.next() {
            guard let value = rest.next() else { throw Self.usage("\(name) needs a value") }
            switch name {
            case "--home": home = value
            case "--config": configuration = value
            default: throw Self.usage("there is no \(name)")
            }
        }
        self.home = Home(given: home)
        self.configuration = configuration.map { FilePath($0) } ?? self.home.configurationPath
    }

    private static func usage(_ reason: String) -> Failure {
        Failure(2, reason, hint: "depaid [--home DIR] [--config FILE]")
    }
}
