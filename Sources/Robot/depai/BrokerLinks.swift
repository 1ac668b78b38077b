import Console
import Encoding
import Glibc
import Home
import Linux
import Payments
import Synchronization
import SystemPackage
import World

/// Buys over whatever broker a URL names: makes a link when it is first needed, and keeps it until the end.
final class BrokerLinks: Web {
    /// The broker that the home's configuration knows, with what opens it.
    private let known: BrokerAddress?
    private let state = Mutex<[String: MQTTWeb]>([:])
    private let buses: AsyncStream<MosquittoBus>
    private let arrival: AsyncStream<MosquittoBus>.Continuation

    /// The most brokers of one command.
    private static let limit = 8

    init(known: BrokerAddress?) {
        self.known = known
        (self.buses, self.arrival) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.limit))
    }

    /// Keeps the links until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await bus in self.buses { group.addTask { await bus.run() } }
            group.cancelAll()
        }
    }

    func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        guard let address = MQTTAddress(request.url) else {
            throw .refused("a seller on a broker is mqtt://BROKER/NODE/PATH")
        }
        let web: MQTTWeb? = self.state.withLock { links in
            if let link = links[address.broker] { return link }
            guard links.count < Self.limit else { return nil }
            let name = "depai-pay-\(Hex.encode(SystemEntropy().bytes(8)))"
            var broker = BrokerAddress(
                host: address.host, port: address.port, clientID: name,
                tls: address.isSecure ? BrokerAddress.TLS() : nil)
            if let known, address.isReached(through: known) { broker = known }
            // A link of its own beside the robot's, and nobody comes back under this name.
            (broker.clientID, broker.sessionSeconds) = (name, 0)
            (broker.birth, broker.will) = (nil, nil)
            let words = BrokerWords()
            let bus = MosquittoBus(broker, entropy: SystemEntropy()) { words.hear($0) }
            let link = MQTTWeb(
                bus: bus, broker: broker, name: name, timeline: SystemTimeline(), entropy: SystemEntropy())
            links[address.broker] = link
            self.arrival.yield(bus)
            return link
        }
        guard let web else { throw .refused("more than \(Self.limit) brokers") }
        return try await web.send(request)
    }
}

/// Tells a person why there is no connection: each reason once.
final class BrokerWords: Sendable {
    private let told = Mutex<Set<LinkEvent>>([])

    func hear(_ event: LinkEvent) {
        if case .connected = event { return }
        // What is not a refusal may be over in a moment, but nobody waits gladly without knowing.
        if self.told.withLock({ $0.count < 8 && $0.insert(event).inserted }) {
            Terminal.talk("depai: \(event)".plain())
        }
    }
}
