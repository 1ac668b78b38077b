import Encoding
import Ledger
import Linux
import PaymentSupport
import Payments
import Rails
import Solana
import Storage
import TestSupport
import Testing
import World

@testable import Node

/// Selling and buying over a real mosquitto, with the code that sells and buys over HTTP.
@Suite(.enabled(if: Broker.isInstalled), .endsHangs)
struct TopicTests {
    /// A paid request or answer: what a test breaks.
    private static func isPaid(_ message: Message) -> Bool {
        let text = String(decoding: message.payload, as: UTF8.self)
        return text.contains("\"paymentPayload\"") || text.contains("\"settlementResponse\"")
    }

    private func expectDelivered(_ purchase: PurchaseEnd, _ text: String, _ stall: Stall) throws {
        guard case .answered(_, let response) = purchase else {
            Issue.record("not delivered: \(purchase)")
            return
        }
        let object = ObjectSummary(try stall.market.object(text))
        _ = try StorageClient.receipt(response.body, for: object, days: 10, from: stall.provider)
    }

    @Test func `storage is bought on the chain, proved and fetched, all over the broker`() async throws {
        try await Stall.with { stall in
            let buyer = stall.market.buyer(try await stall.market.robotLedger(), web: stall.web)
            try self.expectDelivered(try await buyer.buy(stall.order("a map")), "a map", stall)
            #expect(try await stall.market.tokens(of: stall.market.payTo) == 1_000)
            let client = StorageClient(web: stall.web, entropy: SystemEntropy())
            let object = ObjectSummary(try stall.market.object("a map"))
            let proof = try await client.challenge(object, at: stall.provider)
            #expect(proof.leaf == Array("a map".utf8))
            // Bytes that are not JSON, and a part of them.
            #expect(try await client.fetch(object, at: stall.provider) == Array("a map".utf8))
            let part = try await stall.web.send(
                WebRequest(
                    "GET", "\(stall.provider.url)/v1/storage/\(object.id)",
                    headers: [Header("Range", "bytes=2-")]))
            #expect(part.status == 206 && part.body == Array("map".utf8))
            #expect(part.header("Content-Range") == "bytes 2-4/5")
            // The same purchase again is the same payment.
            try self.expectDelivered(try await buyer.buy(stall.order("a map")), "a map", stall)
            #expect(await stall.market.transfers().count == 1)
        }
    }

    @Test func `vouchers of a channel buy without the chain`() async throws {
        try await Stall.with(channels: ChannelSales(withdrawDelay: 3_600)) { stall in
            let buyer = stall.market.buyer(try await stall.market.robotLedger(), web: stall.web)
            for text in ["one", "two", "three"] {
                let order = try stall.order(text, channel: .open(deposit: .units(10_000)))
                try self.expectDelivered(try await buyer.buy(order), text, stall)
            }
            #expect(await stall.market.transfers().count == 1)
            #expect(try await stall.market.tokens(of: stall.market.payer) == TestMarket.money - 10_000)
            let charged = try SalesBook(reading: stall.market.folder.appending("node/sales.db")).charged()
            #expect(Array(charged.values) == [3_000])
        }
    }

    @Test(arguments: [Order.ChannelUse.never, .open(deposit: .units(10_000))])
    func `a request that comes twice is paid once`(use: Order.ChannelUse) async throws {
        let stranger = Count()
        try await Stall.with(
            channels: ChannelSales(withdrawDelay: 3_600),
            requests: { _, message in
                // At once, and as another exchange, from somebody who watched the broker.
                let copy = Message(
                    topic: message.topic, payload: message.payload,
                    properties: .init(
                        responseTopic: message.properties.responseTopic,
                        correlation: [1, UInt8(clamping: stranger.add())]))
                return [message, message, copy]
            }
        ) { stall in
            let ledger = try await stall.market.robotLedger()
            let buyer = stall.market.buyer(ledger, web: stall.web)
            let order = try stall.order("a map", channel: use)
            // The buyer's pauses take no time here, the work for the stranger's copy does: all tries may fall
            // into it. The same purchase again asks for what is paid.
            let purchase = try await eventually("an answer") { () -> PurchaseEnd? in
                let purchase = try await buyer.buy(order)
                if case .unanswered = purchase { return nil }
                return purchase
            }
            try self.expectDelivered(purchase, "a map", stall)
            #expect(stranger.value >= 2)
            #expect(await stall.market.transfers().count == 1)
            #expect(try await ledger.read { try $0.balances().first?.spent } == 1_000)
            let book = try SalesBook(reading: stall.market.folder.appending("node/sales.db"))
            #expect(try book.totals().done == 1)
        }
    }

    @Test(arguments: [Order.ChannelUse.never, .open(deposit: .units(10_000))])
    func `a paid answer that gets lost comes when it is asked for again`(use: Order.ChannelUse) async throws {
        let lost = Count()
        try await Stall.with(
            channels: ChannelSales(withdrawDelay: 3_600),
            answers: { _, message in Self.isPaid(message) && lost.add() <= 2 ? [] : [message] }
        ) { stall in
            let buyer = stall.market.buyer(try await stall.market.robotLedger(), web: stall.web)
            try self.expectDelivered(try await buyer.buy(stall.order("a map", channel: use)), "a map", stall)
            #expect(lost.value >= 3)
            #expect(await stall.market.transfers().count == 1)
        }
    }

    @Test(arguments: [true, false], [Order.ChannelUse.never, .open(deposit: .units(10_000))])
    func `a broker that dies in the middle of a purchase costs nothing but time`(
        beforeTheWork: Bool, use: Order.ChannelUse
    ) async throws {
        let deaths = Count()
        let die: @Sendable (Broker, Message, Bool) async -> [Message] = { broker, message, isHere in
            if isHere, Self.isPaid(message), deaths.add() == 1 { try? await broker.restart() }
            return [message]
        }
        try await Stall.with(
            channels: ChannelSales(withdrawDelay: 3_600),
            answers: { await die($0, $1, !beforeTheWork) }, requests: { await die($0, $1, beforeTheWork) }
        ) { stall in
            let ledger = try await stall.market.robotLedger()
            let buyer = stall.market.buyer(ledger, web: stall.web)
            try self.expectDelivered(try await buyer.buy(stall.order("a map", channel: use)), "a map", stall)
            #expect(deaths.value >= 1 && stall.bus.connections >= 2)
            #expect(await stall.market.transfers().count == 1)
            #expect(try await ledger.read { try $0.balances().first?.spent } == 1_000)
        }
    }

    @Test func `what is no request is answered with an error and harms nobody`() async throws {
        try await Stall.with { stall in
            let url = "\(stall.provider.url)/v1/offer"
            let refused: [(String, Int)] = [
                ("", 400), ("{", 400), ("no JSON", 400), ("[]", 400), ("{\"request\":{}}", 400),
                (String(repeating: "[", count: 5_000), 400),
                ("{\"request\":{\"method\":\"GET\",\"url\":\"http://elsewhere/\"}}", 400),
                ("{\"request\":{\"method\":\"GET\",\"url\":\"mqtt://h/other/v1/offer\"}}", 400),
                ("{\"request\":{\"method\":\"get it\",\"url\":\"\(url)\"}}", 400),
                (
                    "{\"request\":{\"method\":\"GET\",\"url\":\"\(url)\",\"headers\":{\"payment-signature\":\"x\"}}}",
                    400
                ),
                ("{\"request\":{\"method\":\"GET\",\"url\":\"\(url)\",\"bodyBase64\":\"?\"}}", 400),
                ("{\"request\":{\"method\":\"GET\",\"url\":\"\(url)?a=%f\"}}", 400),
                ("{\"paymentPayload\":7,\"request\":{\"method\":\"GET\",\"url\":\"\(url)\"}}", 400),
                ("{\"request\":{\"method\":\"GET\",\"url\":\"\(stall.provider.url)/nothing\"}}", 404),
                (
                    "{\"paymentPayload\":{},\"request\":{\"method\":\"PUT\",\"url\":\"\(stall.provider.url)"
                        + "/v1/storage/\(try stall.market.object().id)?size=5&days=1\"}}", 400
                ),
            ]
            for (text, status) in refused {
                #expect(try await stall.ask(Array(text.utf8)) == status, "\(text.prefix(100))")
            }
            let oversized = [UInt8](repeating: 0x20, count: MQTTTransport.messageLimit + 1)
            #expect(try await stall.ask(oversized) == 413)
            #expect(try await stall.ask([1], contentType: "text/plain") == 415)
            #expect(try await stall.get("/v1/offer").status == 200)
        }
    }

    @Test func `nobody is answered where he could not have asked, and a kept request is not served`()
        async throws
    {
        try await Broker.with { broker in
            let served = Count()
            let bus = Stall.bus("one", broker)
            let heard = Count()
            let request = try MQTTTransport.bytes(of: WebRequest("GET", "mqtt://h/seller/v1/offer"))
            func message(_ topic: String?, _ correlation: [UInt8]?, retained: Bool = false) -> Message {
                Message(
                    topic: "depai/v1/seller/req", payload: request, retained: retained,
                    properties: .init(responseTopic: topic, correlation: correlation))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { await bus.run() }
                for topic in ["cmnd/plug/power", "depai/v1/x/res"] {
                    try bus.subscribe(to: topic, quality: .atLeastOnce) { _ in _ = heard.add() }
                    try await bus.confirm(topic)
                }
                // There before the seller listens.
                try await bus.publish(message("depai/v1/x/res", [1], retained: true))
                let server = TopicServer(bus: bus, name: "seller", limits: TopicServer.Limits()) { _ in
                    _ = served.add()
                    return ShopResponse(status: 200)
                }
                group.addTask { try await server.run() }
                _ = try await eventually("the seller") {
                    (try? await bus.confirm("depai/v1/seller/req")) == nil ? nil : true
                }
                for (topic, correlation) in [
                    (nil, [1]), ("cmnd/plug/power", [1]), ("depai/v1/seller/req", [1]),
                    ("depai/v1/x/res", nil),
                    ("depai/v1/x/res", []), ("depai/v1/x/res", [UInt8](repeating: 1, count: 65)),
                    ("depai/v1/x/y/res", [1]), ("depai/v1/+/res", [1]),
                ] as [(String?, [UInt8]?)] {
                    // A topic with a wildcard is no topic: the library or the broker says so.
                    try? await bus.publish(message(topic, correlation))
                }
                try await bus.publish(message("depai/v1/x/res", [2]))
                _ = try await eventually("the answer") { heard.value >= 1 ? true : nil }
                #expect(served.value == 1 && heard.value == 1)
                #expect(server.dropped >= 6)
            }
        }
    }

    @Test func `who has his answer may ask again under the same name at once`() async throws {
        let request = try MQTTTransport.bytes(of: WebRequest("GET", "mqtt://h/seller/v1/offer"))
        let bus = EchoingBus(
            Message(
                topic: "depai/v1/seller/req", payload: request,
                properties: .init(responseTopic: "depai/v1/x/res", correlation: [7])))
        let server = TopicServer(bus: bus, name: "seller", limits: TopicServer.Limits()) { _ in
            ShopResponse(status: 200)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await server.run() }
            _ = try await eventually("two answers", within: .seconds(20)) {
                bus.answers.value == 2 ? true : nil
            }
        }
    }

    @Test func `a broker that does not let us listen ends the selling, in its words`() async throws {
        let server = TopicServer(bus: RefusingBus(), name: "seller", limits: TopicServer.Limits()) { _ in
            ShopResponse(status: 200)
        }
        await #expect(throws: BusError.refused("Not authorized")) { try await server.run() }
    }

    @Test func `more than a node may hold is refused, and what waits is served`() async throws {
        let (gates, gate) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(100))
        let most = Count()
        var limits = TopicServer.Limits()
        (limits.concurrency, limits.waiting) = (2, 3)
        try await Stall.with(
            limits: limits,
            respond: { _ in
                _ = most.add()
                for await _ in gates { break }
                return ShopResponse(status: 200)
            }
        ) { stall in
            let statuses = try await withThrowingTaskGroup(of: Int?.self) { group in
                for _ in 0..<20 {
                    group.addTask { try? await stall.get("/", timeout: .seconds(60)).status }
                }
                _ = try await eventually("a full node") { stall.server.dropped > 0 ? true : nil }
                #expect(most.value <= 3)
                for _ in 0..<100 { gate.yield() }
                gate.finish()
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // Who found no room asked again.
            #expect(statuses.allSatisfy { $0 == 200 })
        }
    }

    @Test func `a customer learns why there is no answer`() async throws {
        try await Stall.with { stall in
            let other = stall.provider.url.replacing("127.0.0.1", with: "localhost")
            for url in [
                other, "mqtts" + stall.provider.url.dropFirst(4), "mqtt://h", "mqtt://h/a b/c", "http://h/",
            ] {
                await #expect(throws: WebError.self) {
                    do throws(WebError) {
                        _ = try await stall.web.send(WebRequest("GET", url))
                    } catch {
                        guard case .refused = error else {
                            Issue.record("\(url): \(error)")
                            return
                        }
                        throw error
                    }
                }
            }
            // Connected and heard, so that only the seller is missing.
            #expect(try await stall.get("/v1/offer").status == 200)
            let nobody = "mqtt://127.0.0.1:\(stall.broker.port)/nobody/"
            await #expect(throws: WebError.timedOut) {
                try await stall.web.send(WebRequest("GET", nobody, timeout: .seconds(1)))
            }
            await #expect(throws: WebError.tooLarge(limit: 10)) {
                try await stall.web.send(
                    WebRequest("GET", "\(stall.provider.url)/v1/offer", bodyLimit: 10))
            }
            try await stall.broker.halt()
            _ = try await eventually("the end of the connection") { stall.bus.isConnected ? nil : true }
            await #expect(throws: WebError.unreachable("no connection to 127.0.0.1")) {
                try await stall.get("/v1/offer", timeout: .milliseconds(300))
            }
            let waiting = Task { try await stall.get("/v1/offer", timeout: .seconds(30)) }
            waiting.cancel()
            await #expect(throws: WebError.cancelled) { try await waiting.value }
        }
    }

    @Test func `the 402 names the URL that was asked for`() async throws {
        try await Stall.with { stall in
            let url = try stall.order("a map").request.url
            let response = try await stall.web.send(WebRequest("PUT", url))
            let required = try PaymentRequired(header: try #require(response.header(X402.requiredHeader)))
            let parts = try #require(MQTTAddress(required.resource))
            #expect(response.status == 402 && MQTTAddress(url)?.broker == parts.broker)
            #expect(parts.node == stall.name && parts.target.hasPrefix("/v1/storage/"))
        }
    }
}
