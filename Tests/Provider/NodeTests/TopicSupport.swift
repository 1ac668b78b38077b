import Encoding
import Linux
import Market
import PaymentSupport
import Payments
import Solana
import Storage
import Synchronization
import TestSupport
import Testing
import World

@testable import Node

/// A bus between the code and the real one, which changes what is published.
final class HookedBus: MessageBus {
    typealias Hook = @Sendable (Message) async -> [Message]
    private let inner: any MessageBus
    private let hook: Hook

    init(_ inner: any MessageBus, _ hook: @escaping Hook) {
        self.inner = inner
        self.hook = hook
    }

    var isConnected: Bool { self.inner.isConnected }

    func subscribe(
        to filter: String, quality: DeliveryQuality, receive: @escaping @Sendable (Message) -> Void
    ) throws(BusError) {
        try self.inner.subscribe(to: filter, quality: quality, receive: receive)
    }

    func beforeAcknowledging(_ body: @escaping @Sendable () throws -> Void) {
        self.inner.beforeAcknowledging(body)
    }

    func confirm(_ filter: String) async throws(BusError) { try await self.inner.confirm(filter) }

    func publish(_ message: Message) async throws(BusError) {
        for message in await self.hook(message) { try await self.inner.publish(message) }
    }
}

/// A node that sells over a real broker, and a customer beside it.
struct Stall: Sendable {
    let broker: Broker
    let market: TestMarket
    let server: TopicServer
    /// The customer's.
    let bus: MosquittoBus
    let web: MQTTWeb
    let provider: Provider

    var name: String { Address(self.provider.identity).description }

    /// - Parameters:
    ///   - answers: what becomes of what the node publishes.
    ///   - requests: what becomes of what the customer publishes.
    static func with(
        channels: ChannelSales? = nil, limits: TopicServer.Limits = TopicServer.Limits(),
        respond: (@Sendable (ShopRequest) async -> ShopResponse)? = nil,
        answers: @escaping @Sendable (Broker, Message) async -> [Message] = { [$1] },
        requests: @escaping @Sendable (Broker, Message) async -> [Message] = { [$1] },
        _ body: @Sendable (Stall) async throws -> Void
    ) async throws {
        try await Broker.with { broker in
            try await TestMarket.with { market in
                let (shop, _) = try await market.openShop(channels: channels)
                let identity = market.provider.identity
                let name = Address(identity).description
                let nodeBus = Self.bus("node", broker)
                let server = TopicServer(
                    bus: HookedBus(nodeBus) { await answers(broker, $0) }, name: name, limits: limits,
                    respond: respond ?? { await shop.respond(to: $0) })
                let bus = Self.bus("customer", broker)
                let web = MQTTWeb(
                    bus: HookedBus(bus) { await requests(broker, $0) },
                    broker: Self.address("customer", broker),
                    name: "customer", timeline: SystemTimeline(), entropy: SystemEntropy(),
                    patience: .milliseconds(150))
                let provider = Provider(url: "mqtt://127.0.0.1:\(broker.port)/\(name)", identity: identity)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await nodeBus.run() }
                    group.addTask { await bus.run() }
                    // A broker keeps nothing for a seller who does not listen yet.
                    let opening = AsyncStream.makeStream(of: Void.self)
                    group.addTask {
                        defer { opening.continuation.finish() }
                        try await server.run { opening.continuation.finish() }
                    }
                    defer { group.cancelAll() }
                    for await _ in opening.stream {}
                    try await body(
                        Stall(
                            broker: broker, market: market, server: server, bus: bus, web: web,
                            provider: provider))
                }
            }
        }
    }

    static func address(_ client: String, _ broker: Broker) -> BrokerAddress {
        BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: client)
    }

    static func bus(_ client: String, _ broker: Broker) -> MosquittoBus {
        MosquittoBus(
            Self.address(client, broker), entropy: SystemEntropy(),
            pause: RetryPause(leastMilliseconds: 5, mostMilliseconds: 40))
    }

    /// Ten days of storage for 1,000 units.
    func order(_ text: String, channel: Order.ChannelUse = .existing) throws -> Order {
        StorageClient.order(
            try self.market.object(text), days: 10, at: self.provider, name: "node a", ceiling: 1_000,
            channel: channel)
    }

    func get(_ path: String, timeout: Duration = .seconds(60)) async throws -> WebResponse {
        try await self.web.send(WebRequest("GET", self.provider.url + path, timeout: timeout))
    }

    /// Publishes a request as a stranger would and gives the answer's status.
    func ask(_ payload: [UInt8], contentType: String? = MQTTTransport.contentType) async throws -> Int {
        let answers = AsyncStream.makeStream(of: Message.self, bufferingPolicy: .bufferingOldest(1))
        let topic = MQTTTransport.answerTopic(of: "stranger-\(payload.count)")
        try self.bus.subscribe(to: topic, quality: .atLeastOnce) { answers.continuation.yield($0) }
        try await self.bus.confirm(topic)
        try await self.bus.publish(
            Message(
                topic: MQTTTransport.requestTopic(of: self.name), payload: payload,
                properties: .init(responseTopic: topic, correlation: [7], contentType: contentType)))
        for await answer in answers.stream {
            #expect(answer.properties.correlation == [7])
            return try MQTTTransport.response(answer.payload).status
        }
        return 0
    }
}

/// How often something happened.
final class Count: Sendable {
    private let state = Mutex(0)
    var value: Int { self.state.withLock { $0 } }
    /// - Returns: the new count.
    func add() -> Int {
        self.state.withLock { count in
            count += 1
            return count
        }
    }
}

/// A bus whose broker allows nothing.
struct RefusingBus: MessageBus {
    var isConnected: Bool { true }

    func subscribe(
        to filter: String, quality: DeliveryQuality, receive: @escaping @Sendable (Message) -> Void
    ) throws(BusError) {}

    func beforeAcknowledging(_ body: @escaping @Sendable () throws -> Void) {}

    func confirm(_ filter: String) async throws(BusError) { throw .refused("Not authorized") }

    func publish(_ message: Message) async throws(BusError) { throw .refused("Not authorized") }
}

/// A bus whose only customer asks when the seller listens, and once more when he has the answer, which is
/// before the seller knows that he has it.
final class EchoingBus: MessageBus {
    let answers = Count()
    private let request: Message
    private let receive = Mutex<(@Sendable (Message) -> Void)?>(nil)

    init(_ request: Message) { self.request = request }

    var isConnected: Bool { true }

    func subscribe(
        to filter: String, quality: DeliveryQuality, receive: @escaping @Sendable (Message) -> Void
    ) throws(BusError) { self.receive.withLock { $0 = receive } }

    /// What it brings needs no acknowledgement.
    func beforeAcknowledging(_ body: @escaping @Sendable () throws -> Void) {}

    func confirm(_ filter: String) async throws(BusError) { self.ask() }

    func publish(_ message: Message) async throws(BusError) { if self.answers.add() == 1 { self.ask() } }

    private func ask() { self.receive.withLock { $0 }?(self.request) }
}
