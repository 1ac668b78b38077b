import ArgumentParser
import Database
import Encoding
import Glibc
import Home
import Ledger
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
        subcommands: [Run.self, Status.self])

    static func main() async {
        // What this program makes is its operator's alone, SQLite's files included.
        umask(0o077)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let usage = exitCode(for: error)
            guard usage == .failure else { exit(withError: error) }
            _ = try? FileDescriptor.standardError.writeAll("depai-node: error: \(error)\n".utf8)
            Glibc.exit(1)
        }
    }

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

extension DepaiNode {
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "What was sold and earned, from the files.")

        @Option(help: "Folder that holds all state.")
        var home: String

        @Flag(help: "Print one JSON object.")
        var json = false

        func run() async throws {
            let view = try NodeView(Home(FilePath(self.home)))
            let balances = view.balances.map { balance -> JSON in
                [
                    "asset": .string(balance.asset.id), "symbol": .string(balance.asset.symbol),
                    "available": .string(balance.asset.decimal(balance.available)),
                    "earned": .string(balance.asset.decimal(balance.earned)),
                    "spent": .string(balance.asset.decimal(balance.spent)),
                ]
            }
            guard !self.json else {
                let status: JSON = [
                    "schema": "depai.node-status/1", "salesDone": JSON(view.salesDone),
                    "salesOpen": JSON(view.salesOpen),
                    "objects": JSON(view.objects), "storedBytes": JSON(view.storedBytes),
                    "balances": .array(balances),
                ]
                return print(status.prettyText)
            }
            print("sales    \(view.salesDone) done, \(view.salesOpen) open")
            print("storage  \(view.objects) objects, \(view.storedBytes) bytes")
            for balance in view.balances {
                let asset = balance.asset
                let symbol = asset.symbol + String(repeating: " ", count: max(1, 9 - asset.symbol.count))
                print(
                    "\(symbol)\(asset.decimal(balance.earned)) earned, "
                        + "\(asset.decimal(balance.available)) free"
                )
            }
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
