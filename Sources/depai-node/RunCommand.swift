import ArgumentParser
import Database
import Home
import Linux
import Logging
import Node
import ServiceLifecycle
import SystemPackage
import UnixSignals

extension DepaiNode {
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
                    Serving(server: server) { port in
                        guard let portFile else { return }
                        try? DurableFile.write(Array("\(port)\n".utf8), to: portFile)
                    }
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            group.maximumGracefulShutdownDuration = .seconds(5)
            try await ServiceGroup(configuration: group).run()
        }
    }
}

/// The server's place in the service group. It listens to a graceful shutdown itself: what is being answered
/// is answered.
struct Serving: Service {
    let server: NodeServer
    let ready: @Sendable (Int) async -> Void

    func run() async throws { try await self.server.run(ready: self.ready) }
}
