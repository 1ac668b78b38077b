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
        let logger = Log.logger()
        let manager = ServiceManager()
        let agent = try RobotAssembly(
            home: home, configuration: try AgentConfiguration(try Settings.read(path)), supervisor: manager
        ) { event in
            if case .connected = event {
                logger.info("broker: \(event)")
            } else {
                logger.warning("broker: \(event)")
            }
        } onEvent: { event in
            logger.log(level: event.isTrouble ? .warning : .info, "\(event.kind): \(event.text)")
        }
        logger.info("starting", metadata: ["home": "\(home.path)"])
        var group = ServiceGroupConfiguration(
            services: [
                Running { await agent.runBuses() },
                Running(onStop: { manager?.stopping() }) { try await agent.agent.run() },
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(5)
        try await ServiceGroup(configuration: group).run()
    }
}

/// The robot on the real ports.
struct RobotAssembly {
    let agent: Agent
    /// The connections: to the robot's own broker, and to its fleet's.
    private let buses: [MosquittoBus]
    /// Ends when the agent listens.
    private let listening: AsyncStream<Void>

    init(
        home: Home, configuration: AgentConfiguration, supervisor: (any Supervisor)?,
        onLink: @escaping @Sendable (LinkEvent) -> Void, onEvent: @escaping @Sendable (Event) -> Void
    ) throws {
        let bus = MosquittoBus(configuration.broker, entropy: SystemEntropy(), onEvent: onLink)
        let fleet = try configuration.vda5050.map { settings in
            var broker = settings.broker
            broker.will = try settings.will(at: SystemTimeline().now)
            return MosquittoBus(broker, entropy: SystemEntropy(), onEvent: onLink)
        }
        self.buses = [bus] + (fleet.map { [$0] } ?? [])
        let (listening, gate) = AsyncStream<Void>.makeStream()
        self.listening = listening
        self.agent = Agent(
            home: home, configuration: configuration, bus: bus, web: CurlWeb(),
            timeline: SystemTimeline(), entropy: SystemEntropy(), credential: Self.credential,
            control: home.controlSocket, fleet: fleet, supervisor: supervisor,
            metrics: configuration.metrics.map {
                switch $0 {
                case .socket(let path): MetricsSocket(path: path.string)
                case .port(let port): MetricsSocket(loopback: port)
                }
            },
            onListening: { gate.finish() }, onEvent: onEvent)
    }

    /// Connects once everybody listens: a broker hands out what it kept without asking whether they do.
    func runBuses() async {
        for await _ in self.listening {}
        await withTaskGroup(of: Void.self) { group in
            for bus in self.buses { group.addTask { await bus.run() } }
        }
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
    /// Called when the end is asked for.
    var onStop: @Sendable () -> Void = {}
    let body: @Sendable () async throws -> Void

    func run() async throws {
        do {
            try await withGracefulShutdownHandler {
                try await cancelWhenGracefulShutdown { try await self.body() }
            } onGracefulShutdown: {
                self.onStop()
            }
        } catch is CancellationError {
            // Asked to end, and ended.
        }
    }
}
