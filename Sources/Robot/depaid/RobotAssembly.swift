import Agent
import Console
import Control
import Database
import Glibc
import Home
import Linux
import SystemPackage
import World

/// The robot on the real ports.
struct RobotAssembly {
    let agent: Agent
    /// The connections: to the robot's own broker, and to its fleet's.
    private let buses: [MosquittoBus]
    /// Ends when the agent listens.
    private let listening: AsyncStream<Void>

    init(
        home: Home, configuration: AgentConfiguration, supervisor: (any Supervisor)?,
        onLink: @escaping @Sendable (LinkEvent) -> Void, onEvent: @escaping @Sendable (EventRecord) -> Void
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
            home: home, configuration: configuration, bus: bus, web: WebProcess(),
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
