import ArgumentParser
import Database
import Encoding
import Glibc
import Linux
import Simulation
import SystemPackage
import World

/// The simulator: a broker, a chain, nodes and devices around a robot that does not know the difference.
@main
struct DepaiSim: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "depai-sim",
        abstract: "Run a robot in a simulated world of real programs.",
        subcommands: [Run.self, List.self, CrowdCommand.self], defaultSubcommand: Run.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The scenarios there are.")
        @OptionGroup var place: PlaceOption

        func run() async throws {
            let sources = try self.place.sources
            for name in try sources.scenarioNames() {
                print("\(name)\n    \(try sources.scenario(name).summary)")
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a scenario to its end and check what everybody left behind.",
            discussion: "Exit code 0 only if every check held.")

        @Argument(help: "Name of a scenario; see: depai-sim list")
        var scenario = "first-purchase"

        @OptionGroup var place: PlaceOption

        @Option(help: "Write the report as JSON to this file.")
        var report: String?

        @Option(help: "Keep all state in this folder, which must not exist.")
        var keep: String?

        @Option(help: "Another seed than the scenario's.")
        var seed: UInt64?

        @Option(help: "Start this program instead of depai: one that runs the robot on another machine.")
        var robot: String?

        @Flag(help: "For machines: fixed seed, no live view.")
        var check = false

        func run() async throws {
            let sources = try self.place.sources
            var scenario = try sources.scenario(self.scenario)
            if let seed = self.seed { scenario.seed = seed }
            let folder = try self.folder()
            let workshop = Workshop(
                folder: folder, programs: try Self.programs(), sources: sources, scenario: scenario)
            let screen = Screen(plain: self.check)
            let simulation = Simulation(
                workshop, timeline: SystemTimeline(), say: { screen.say($0) },
                status: { screen.show(status: $0) })
            let robot = self.robot.map { FilePath($0) }
            let report: Report
            do {
                report = try await Self.untilInterrupted { try await simulation.run(robot: robot) }
            } catch {
                screen.show(status: "")
                let text = "depai-sim: error: \(error)\ndepai-sim: hint: the logs are in \(folder)\n"
                _ = try FileDescriptor.standardError.writeAll(text.utf8)
                throw ExitCode(1)
            }
            if let path = self.report {
                try DurableFile.write(Array((report.json.prettyText + "\n").utf8), to: FilePath(path))
            }
            screen.show(status: "")
            screen.say(report.text)
            if self.keep == nil, report.passed { try TemporaryFolder.remove(folder) }
            if !report.passed { throw ExitCode(8) }
        }

        private func folder() throws -> FilePath {
            if let keep = self.keep {
                let path = FilePath(keep).isAbsolute ? FilePath(keep) : Self.currentFolder.appending(keep)
                guard !DurableFile.exists(path) else {
                    throw ValidationError("\(keep) exists already; name a new folder")
                }
                try DurableFile.createFolder(path)
                return path
            }
            return try TemporaryFolder.make()
        }

        private static var currentFolder: FilePath {
            guard let path = getcwd(nil, 0) else { return "/" }
            defer { free(path) }
            return FilePath(String(cString: path))
        }

        /// The folder of this program holds the others.
        private static func programs() throws -> FilePath {
            guard let folder = OwnProgram.folder else {
                throw ValidationError("cannot find the programs beside this one")
            }
            return FilePath(folder)
        }

        /// Ctrl-C and SIGTERM take the world down in order.
        private static func untilInterrupted<Value: Sendable>(
            _ body: @escaping @Sendable () async throws -> Value
        ) async throws -> Value {
            try await withThrowingTaskGroup(of: Value?.self) { group in
                group.addTask { try await body() }
                group.addTask {
                    await Interruption.wait()
                    return nil
                }
                defer { group.cancelAll() }
                guard let value = try await group.next() ?? nil else { throw Interrupted() }
                return value
            }
        }
    }
}

struct Interrupted: Error, CustomStringConvertible {
    var description: String { "interrupted" }
}

/// Where `Devices` and `Simulator` are: the repository that this was built from, unless told otherwise.
struct PlaceOption: ParsableArguments {
    @Option(help: "Folder that holds Devices and Simulator.")
    var root: String?

    var sources: Sources {
        get throws {
            let built = FilePath(#filePath).removingLastComponent().removingLastComponent()
                .removingLastComponent()
            return Sources(root: self.root.map { FilePath($0) } ?? built)
        }
    }
}
