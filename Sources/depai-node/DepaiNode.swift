import ArgumentParser
import Database
import Home
import Linux
import Logging
import Node
import ServiceLifecycle
import SystemPackage
import UnixSignals

/// The provider: sells storage and compute to whoever pays.
@main
struct DepaiNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "depai-node",
        abstract: "Sell storage and compute to machines that pay by x402.",
        subcommands: [Run.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve until stopped.")

        @Option(help: "Folder that holds all state (made by: depai init --home DIR).")
        var home: String

        @Option(help: "Configuration file; HOME/node.yaml by default.")
        var config: String?

        @Option(help: "Write the port to this file once requests are answered.")
        var portFile: String?

        func run() async throws {
            let home = Home(FilePath(self.home))
            let path = self.config.map { FilePath($0) } ?? home.path.appending("node.yaml")
            let logger = Logger(label: "depai-node", factory: StreamLogHandler.standardError(label:))
            let portFile = self.portFile.map { FilePath($0) }
            let server = NodeServer(
                home: home, configuration: try NodeConfiguration(try Settings.read(path)), web: CurlWeb(),
                timeline: SystemTimeline(), logger: logger)
            var group = ServiceGroupConfiguration(
                services: [
                    Running {
                        try await server.run { port in
                            guard let portFile else { return }
                            try? DurableFile.write(Array("\(port)\n".utf8), to: portFile)
                        }
                    }
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            group.maximumGracefulShutdownDuration = .seconds(5)
            try await ServiceGroup(configuration: group).run()
        }
    }
}

/// Gives something that runs until cancelled a place in a service group.
struct Running: Service {
    let body: @Sendable () async throws -> Void
    func run() async throws { try await cancelWhenGracefulShutdown { try await self.body() } }
}
