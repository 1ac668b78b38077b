internal import Encoding
internal import Payments
internal import Rails
internal import Synchronization
public import World

/// Serves a shop on a broker, as ``NodeServer`` does over HTTP: same requests, same answers.
public struct TopicServer: Sendable {
    private let bus: any MessageBus
    private let limits: Limits
    private let topic: String
    private let respond: @Sendable (ShopRequest) async -> ShopResponse
    private let box: Box

    /// What strangers may make a node hold and do at once.
    public struct Limits: Sendable, Hashable {
        /// Requests that are worked on at once.
        public var concurrency = 16
        /// Requests that wait, and bytes of them; more are answered with status 503, then not at all.
        public var waiting = 64
        public var waitingBytes = 16 << 20

        public init() {}
    }

    /// - Parameter name: of the seller on the broker.
    public init(shop: Shop, bus: any MessageBus, name: String, limits: Limits = Limits()) {
        self.init(bus: bus, name: name, limits: limits) { await shop.respond(to: $0) }
    }

    init(
        bus: any MessageBus, name: String, limits: Limits,
        respond: @escaping @Sendable (ShopRequest) async -> ShopResponse
    ) {
        self.bus = bus
        self.limits = limits
        self.topic = MQTTTransport.requestTopic(of: name)
        self.respond = respond
        self.box = Box(limits)
    }

    /// Requests that nobody could answer, or that found no room.
    public var dropped: UInt64 { self.box.dropped }

    /// Serves until the task is cancelled. Runs once.
    ///
    /// - Parameter ready: called once the broker takes requests for us.
    /// - Throws: `BusError.refused` when the broker does not let us listen.
    public func run(ready: @escaping @Sendable () async -> Void = {}) async throws {
        try self.bus.subscribe(to: self.topic, quality: .atLeastOnce) { [box] in box.put($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do throws(BusError) {
                    try await self.bus.confirm(self.topic)
                    await ready()
                } catch {
                    // Cancelled; or refused, which no waiting heals.
                    self.box.close()
                    if case .refused = error { throw error }
                }
            }
            var working = 0
            for await _ in self.box.wakes {
                while let item = self.box.take() {
                    if working >= self.limits.concurrency {
                        try await group.next()
                        working -= 1
                    }
                    working += 1
                    group.addTask { await self.serve(item) }
                }
            }
            group.cancelAll()
            try await group.waitForAll()
        }
        try Task.checkCancellation()
    }

    private func serve(_ item: Box.Item) async {
        let response: ShopResponse
        switch item.content {
        case .refused(let status, let reason): response = .error(status, reason)
        case .payload(let bytes): response = await self.answer(bytes)
        }
        // Before the answer leaves: who has it may ask the next thing under the same name at once.
        self.box.finish(item)
        let web = WebResponse(status: response.status, headers: response.headers, body: response.body)
        // A shop's own headers are sound; were they not, the customer learns that much.
        let body = (try? MQTTTransport.bytes(of: web)) ?? Array(#"{"status":500}"#.utf8)
        let message = Message(
            topic: item.answerTopic, payload: body,
            properties: Message.Properties(
                correlation: item.correlation, contentType: MQTTTransport.contentType, expirySeconds: 60))
        do throws(BusError) {
            try await self.bus.publish(message)
        } catch .refused {
            // The customer's topic is not ours to write to: nobody could tell him.
        } catch {
            // Once more when the broker is back. Who still gets no answer asks again: a payment's is kept.
            guard (try? await self.bus.confirm(self.topic)) != nil else { return }
            try? await self.bus.publish(message)
        }
    }

    private func answer(_ bytes: [UInt8]) async -> ShopResponse {
        do throws(X402Error) {
            let request = try MQTTTransport.request(bytes)
            guard let address = MQTTAddress(request.url),
                MQTTTransport.requestTopic(of: address.node) == self.topic,
                let wanted = ShopRequest(request, at: address)
            else { return .error(400, "the URL is not one of this seller's") }
            return await self.respond(wanted)
        } catch {
            return .error(400, "\(error)")
        }
    }
}

extension ShopRequest {
    /// A request that came over a broker; nil when its query is not one.
    init?(_ request: WebRequest, at address: MQTTAddress) {
        self.init(request, target: address.target, base: "\(address.broker)/\(address.node)")
    }

    /// A request for `target`, the path and query of its URL, below `base`; nil when the query is not one.
    package init?(_ request: WebRequest, target: String, base: String) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = Percent.decode(parts[0]) else { return nil }
        var query: [String: String] = [:]
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Percent.decode(sides[0]),
                let value = sides.count > 1 ? Percent.decode(sides[1]) : ""
            else { return nil }
            query[name] = value
        }
        var headers: [String: String] = [:]
        for header in request.headers { headers[header.name.lowercased()] = header.value }
        self.init(
            method: request.method, path: path, query: query, headers: headers, body: request.body, base: base
        )
    }
}

/// Where the bus's thread leaves requests: bounded, and each only once until there is an answer.
private final class Box: Sendable {
    struct Item: Sendable {
        enum Content: Sendable {
            case payload([UInt8])
            /// Refused unread.
            case refused(status: Int, reason: String)
        }

        let answerTopic: String
        let correlation: [UInt8]
        let content: Content

        var bytes: Int { if case .payload(let bytes) = self.content { bytes.count } else { 0 } }
        var name: ExactText { ExactText("\(self.answerTopic) \(self.correlation)") }
    }

    private struct State {
        var items: [Item] = []
        var bytes = 0
        /// Requests that wait or are worked on.
        var names: Set<ExactText> = []
        var dropped: UInt64 = 0
    }

    private let limits: TopicServer.Limits
    private let state = Mutex(State())
    private let waker: AsyncStream<Void>.Continuation
    let wakes: AsyncStream<Void>

    init(_ limits: TopicServer.Limits) {
        self.limits = limits
        (self.wakes, self.waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var dropped: UInt64 { self.state.withLock { $0.dropped } }

    func put(_ message: Message) {
        // A kept request is somebody's mistake, and old; the broker clears it with an empty one.
        guard !message.retained else { return }
        self.state.withLock { state in
            guard let topic = message.properties.responseTopic, MQTTTransport.isAnswerTopic(topic),
                let correlation = message.properties.correlation,
                (1...MQTTTransport.correlationLimit).contains(correlation.count)
            else {
                state.dropped += 1
                return
            }
            let item = Item(
                answerTopic: topic, correlation: correlation,
                content: Self.content(message, room: self.limits.waitingBytes - state.bytes))
            // The answer to the first serves the second as well.
            guard !state.names.contains(item.name) else { return }
            guard state.items.count < self.limits.waiting else {
                state.dropped += 1
                return
            }
            state.names.insert(item.name)
            state.items.append(item)
            state.bytes += item.bytes
        }
        self.waker.yield()
    }

    private static func content(_ message: Message, room: Int) -> Item.Content {
        let size = message.payload.count
        if let type = message.properties.contentType, type != MQTTTransport.contentType {
            return .refused(status: 415, reason: "requests are \(MQTTTransport.contentType)")
        }
        guard size <= MQTTTransport.messageLimit else {
            return .refused(status: 413, reason: "the request has \(size) bytes")
        }
        guard size <= room else { return .refused(status: 503, reason: "too many requests wait") }
        return .payload(message.payload)
    }

    func take() -> Item? {
        self.state.withLock { state in
            guard !state.items.isEmpty else { return nil }
            let item = state.items.removeFirst()
            state.bytes -= item.bytes
            return item
        }
    }

    /// Ends ``wakes``.
    func close() { self.waker.finish() }

    func finish(_ item: Item) { _ = self.state.withLock { $0.names.remove(item.name) } }
}
