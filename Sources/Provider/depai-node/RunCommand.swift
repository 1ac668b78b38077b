import ArgumentParser
import Console
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
            let logger = ProgramLog.logger("depai-node")
            let portFile = self.portFile.map { FilePath($0) }
            let configuration = try Settings.read(path) {
                try NodeConfiguration($0, in: home.path)
            }
            let bus = configuration.broker.map { address in
                MosquittoBus(address, entropy: SystemEntropy()) { event in
                    logger.info("broker", metadata: ["event": "\(event)"])
                }
            }
            let server = NodeServer(
                home: home, configuration: configuration, web: WebProcess(), bus: bus,
                timeline: SystemTimeline(), logger: logger)
            let serving = Serving(server: server) { port in
                guard let portFile else { return }
                try? DurableFile.write(Array("\(port)\n".utf8), to: portFile)
            }
            // The link comes first: what needs it ends before it.
            let services: [any Service] = (bus.map { [Linked(bus: $0)] } ?? []) + [serving]
            var group = ServiceGroupConfiguration(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            group.maximumGracefulShutdownDuration = NodeServer.grace
            try await ServiceGroup(configuration: group).run()
        }
    }
}

/// The server's place in the service group. Over HTTP what is being answered is answered; whoever got no
/// answer over MQTT asks the next run.
struct Serving: Service {
    let server: NodeServer
    let ready: @Sendable (Int) async -> Void

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.server.run(ready: self.ready) }
        } catch is CancellationError {
            // Asked to end, and ended.
        }
    }
}

/// The link's place in the service group.
struct Linked: Service {
    let bus: MosquittoBus

    func run() async throws { await cancelWhenGracefulShutdown { await self.bus.run() } }
}
