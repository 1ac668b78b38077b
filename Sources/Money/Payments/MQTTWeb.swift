internal import Encoding
internal import Synchronization
public import World

/// Buys over a broker as over the web: a request goes to the seller's topic, its answer comes to ours.
///
/// A request is sent again until it is answered, with the same correlation data: sellers take it for the
/// same.
public final class MQTTWeb: Web {
    private let bus: any MessageBus
    private let broker: BrokerAddress
    private let topic: String
    private let timeline: any Timeline
    private let entropy: any Entropy
    private let limit: Int
    private let state = Mutex(State())

    private struct State {
        var isSubscribed = false
        /// By correlation data.
        var open: [[UInt8]: AsyncStream<Message>.Continuation] = [:]
    }

    private let patience: Duration
    /// How long until the next try when the broker is away.
    static let pause = Duration.milliseconds(100)

    /// - Parameters:
    ///   - broker: where `bus` leads: URLs of other brokers are refused.
    ///   - name: of the customer; nobody else on the broker has it.
    ///   - patience: how long an answer is waited for before the request is sent again.
    ///   - exchanges: how many may be under way at once; more are refused.
    public init(
        bus: any MessageBus, broker: BrokerAddress, name: String, timeline: any Timeline,
        entropy: any Entropy, patience: Duration = .seconds(5), exchanges: Int = 32
    ) {
        self.patience = patience
        self.bus = bus
        self.broker = broker
        self.topic = MQTTTransport.answerTopic(of: name)
        self.timeline = timeline
        self.entropy = entropy
        self.limit = exchanges
    }

    public func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        let message = try self.message(request)
        let correlation = message.properties.correlation ?? []
        let answers = try self.open(correlation)
        defer { self.state.withLock { $0.open[correlation] = nil } }
        let isSent = Flag()
        let result = await withTaskGroup(of: Result<WebResponse, WebError>.self) { group in
            group.addTask {
                for await answer in answers { return Self.read(answer, request) }
                return .failure(.cancelled)
            }
            group.addTask { .failure(await self.ask(message, isSent)) }
            group.addTask {
                do {
                    try await self.timeline.sleep(for: request.timeout)
                } catch { return .failure(.cancelled) }
                return .failure(
                    isSent.value ? .timedOut : .unreachable("no connection to \(self.broker.host)"))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(.cancelled)
        }
        if Task.isCancelled { throw .cancelled }
        return try result.get()
    }

    private func message(_ request: WebRequest) throws(WebError) -> Message {
        guard let address = MQTTAddress(request.url) else {
            throw .refused("\(request.url.prefix(200)) is no address of a seller on a broker")
        }
        guard address.isReached(through: self.broker) else {
            throw .refused("no link leads to \(address.broker)")
        }
        let bytes: [UInt8]
        do throws(X402Error) { bytes = try MQTTTransport.bytes(of: request) } catch {
            throw .refused("\(error)")
        }
        guard bytes.count <= MQTTTransport.messageLimit else {
            throw .refused("the request is longer than \(MQTTTransport.messageLimit) bytes")
        }
        // Who comes back after that long finds nobody who waits.
        let seconds = UInt32(clamping: max(1, request.timeout.components.seconds))
        return Message(
            topic: MQTTTransport.requestTopic(of: address.node), payload: bytes,
            properties: Message.Properties(
                responseTopic: self.topic, correlation: self.entropy.bytes(16),
                contentType: MQTTTransport.contentType, expirySeconds: seconds))
    }

    private func open(_ correlation: [UInt8]) throws(WebError) -> AsyncStream<Message> {
        // The first answer counts.
        let (answers, arrival) = AsyncStream.makeStream(
            of: Message.self, bufferingPolicy: .bufferingOldest(1))
        let isFirst: Bool? = self.state.withLock { state in
            guard state.open.count < self.limit else { return nil }
            state.open[correlation] = arrival
            defer { state.isSubscribed = true }
            return !state.isSubscribed
        }
        guard let isFirst else { throw .refused("\(self.limit) exchanges are under way") }
        guard isFirst else { return answers }
        do throws(BusError) {
            try self.bus.subscribe(to: self.topic, quality: .atLeastOnce) { [weak self] message in
                self?.receive(message)
            }
        } catch {
            self.state.withLock { $0.open[correlation] = nil }
            throw .refused("\(error)")
        }
        return answers
    }

    /// On the bus's thread.
    private func receive(_ message: Message) {
        // What the broker had kept answers nothing that is asked now.
        guard !message.retained, let correlation = message.properties.correlation else { return }
        self.state.withLock { $0.open[correlation] }?.yield(message)
    }

    /// Sends until somebody stops it.
    /// - Returns: why it cannot be sent at all.
    private func ask(_ message: Message, _ isSent: Flag) async -> WebError {
        while !Task.isCancelled {
            var pause = self.patience
            do throws(BusError) {
                // Nobody hears an answer before the broker knows that we listen.
                try await self.bus.confirm(self.topic)
                try await self.bus.publish(message)
                isSent.set()
            } catch {
                switch error {
                case .offline: pause = Self.pause
                case .unacknowledged:
                    isSent.set()
                    pause = Self.pause
                case .refused(let reason):
                    return isSent.value ? .broken(reason) : .refused("the broker: \(reason)")
                }
            }
            do { try await self.timeline.sleep(for: pause) } catch { return .cancelled }
        }
        return .cancelled
    }

    private static func read(_ message: Message, _ request: WebRequest) -> Result<WebResponse, WebError> {
        do throws(X402Error) {
            let response = try MQTTTransport.response(message.payload)
            let head = response.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
            guard head <= request.headerLimit else { return .failure(.tooLarge(limit: request.headerLimit)) }
            guard response.body.count <= request.bodyLimit else {
                return .failure(.tooLarge(limit: request.bodyLimit))
            }
            return .success(response)
        } catch {
            return .failure(.broken("\(error)"))
        }
    }
}

/// Something that has happened, or not yet.
private final class Flag: Sendable {
    private let state = Mutex(false)
    var value: Bool { self.state.withLock { $0 } }
    func set() { self.state.withLock { $0 = true } }
}

/// Sends each request over the transport that its URL names.
public struct TransportWeb: Web {
    private let http: any Web
    private let mqtt: any Web

    public init(http: any Web, mqtt: any Web) {
        self.http = http
        self.mqtt = mqtt
    }

    public func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        let scheme = request.url.prefix { $0 != ":" }.lowercased()
        return try await (["mqtt", "mqtts"].contains(scheme) ? self.mqtt : self.http).send(request)
    }
}
