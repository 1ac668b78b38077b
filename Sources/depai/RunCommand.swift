import Agent
import ArgumentParser
import Database
import Glibc
import Home
import Linux
import Logging
import ServiceLifecycle
import SystemPackage
import UnixSignals
import World

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the robot until stopped.")

    @OptionGroup var home: HomeOption

    @Option(help: "Configuration file; HOME/depai.yaml by default.")
    var config: String?

    func run() async throws {
        let home = self.home.home
        let path = self.config.map { FilePath($0) } ?? home.configurationPath
        let logger = Logger(label: "depai", factory: StreamLogHandler.standardError(label:))
        let agent = try RobotAssembly(
            home: home, configuration: try AgentConfiguration(try Settings.read(path))
        ) { event in logger.info("broker", metadata: ["event": "\(event)"]) }
        logger.info("starting", metadata: ["home": "\(home.path)"])
        var group = ServiceGroupConfiguration(
            services: agent.buses.map { bus in Running { await bus.run() } }
                + [Running { try await agent.agent.run() }],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(5)
        try await ServiceGroup(configuration: group).run()
    }
}

/// The robot on the real ports.
struct RobotAssembly {
    /// The connections: to the robot's own broker, and to its fleet's.
    let buses: [MosquittoBus]
    let agent: Agent

    init(
        home: Home, configuration: AgentConfiguration, onEvent: @escaping @Sendable (LinkEvent) -> Void
    ) throws {
        let bus = MosquittoBus(configuration.broker, entropy: SystemEntropy(), onEvent: onEvent)
        let fleet = try configuration.vda5050.map { settings in
            var broker = settings.broker
            broker.will = try settings.will(at: SystemTimeline().now)
            return MosquittoBus(broker, entropy: SystemEntropy(), onEvent: onEvent)
        }
        self.buses = [bus] + (fleet.map { [$0] } ?? [])
        self.agent = Agent(
            home: home, configuration: configuration, bus: bus, web: CurlWeb(),
            timeline: SystemTimeline(), entropy: SystemEntropy(), credential: Self.credential,
            control: home.controlSocket, fleet: fleet)
    }
}

extension RobotAssembly {
    /// Where systemd delivers the keystore's credential (`LoadCredentialEncrypted=depai.key:…`); nil when it
    /// delivers none.
    private static var credential: FilePath? {
        getenv("CREDENTIALS_DIRECTORY").map {
            FilePath(String(cString: $0)).appending("depai.key")
        }.flatMap { DurableFile.exists($0) ? $0 : nil }
    }
}

/// Gives something that runs until cancelled a place in a service group.
struct Running: Service {
    let body: @Sendable () async throws -> Void

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.body() }
        } catch is CancellationError {
            // Asked to end, and ended.
        }
    }
}
