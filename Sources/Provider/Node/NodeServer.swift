internal import Encoding
internal import HTTPTypes
public import Home
internal import Hummingbird
internal import HummingbirdCore
internal import Ledger
public import Logging
internal import Market
internal import NIOCore
internal import Payments
internal import Rails
internal import Sodium
internal import Wallet
public import World

/// A provider: opens its home, checks that it can be paid, and serves the shop over HTTP and MQTT until
/// cancelled.
public struct NodeServer: Sendable {
    private let home: Home
    private let configuration: NodeConfiguration
    private let web: any Web
    private let bus: (any MessageBus)?
    private let timeline: any Timeline
    private let logger: Logger

    /// - Parameter bus: leads to the configured broker; nil where none is configured.
    public init(
        home: Home, configuration: NodeConfiguration, web: any Web, bus: (any MessageBus)? = nil,
        timeline: any Timeline, logger: Logger
    ) {
        self.bus = bus
        self.home = home
        self.configuration = configuration
        self.web = web
        self.timeline = timeline
        self.logger = logger
    }

    /// Serves until the task is cancelled.
    ///
    /// - Parameter ready: told the HTTP port once requests are answered; 0 for a node that sells over MQTT
    ///   only.
    public func run(ready: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
        try await self.sell { shop in try await self.serve(shop, ready) }
    }

    /// The same for customers that come another way: `serve` is given the shop, which is kept running until
    /// it returns.
    package func sell(_ serve: @escaping @Sendable (Shop) async throws -> Void) async throws {
        let lock = try self.home.lock()
        defer { lock.release() }
        let shop = try await self.openShop()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await serve(shop) }
            group.addTask { await shop.ledger.run() }
            group.addTask { try await self.sweep(shop) }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Answers at the port and the broker that are configured.
    private func serve(_ shop: Shop, _ ready: @escaping @Sendable (Int) async -> Void) async throws {
        let listen = self.configuration.listen
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let listen {
                group.addTask { try await self.serve(shop, listen, ready) }
            }
            if let bus = self.bus {
                let name = Base58.encode(shop.offer.identity.bytes)
                let server = TopicServer(shop: shop, bus: bus, name: name)
                group.addTask { try await self.watch(server) }
                group.addTask {
                    try await server.run {
                        self.logger.info("selling over MQTT", metadata: ["name": "\(name)"])
                        if listen == nil { await ready(0) }
                    }
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Says once that requests are lost, and again each time a thousand more are.
    private func watch(_ server: TopicServer) async throws {
        var told: UInt64 = 0
        while true {
            try await self.timeline.sleep(for: Self.sweepInterval)
            let dropped = server.dropped
            guard dropped > 0, told == 0 || dropped >= told + 1_000 else { continue }
            told = dropped
            self.logger.warning("requests over MQTT were dropped", metadata: ["count": "\(dropped)"])
        }
    }

    private func serve(
        _ shop: Shop, _ listen: NodeConfiguration.Listen, _ ready: @escaping @Sendable (Int) async -> Void
    ) async throws {
        let router = Router()
        for method in [HTTPRequest.Method.get, .put, .post] {
            // The pattern of everything leaves the root out.
            for path in ["/", "**"] as [RouterPath] {
                router.on(path, method: method) { request, _ in try await Self.answer(request, from: shop) }
            }
        }
        let application = Application(
            router: router,
            server: Self.http(listen.limits),
            configuration: .init(
                address: .hostname(listen.host, port: listen.port), serverName: "depai-node",
                availableConnectionsDelegate: .maximum(listen.limits.connections, logger: self.logger)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? 0
                self.logger.info(
                    "serving", metadata: ["name": "\(self.configuration.name)", "port": "\(port)"])
                await ready(port)
            }, logger: self.logger)
        try await application.serve(grace: Self.grace)
    }

    /// HTTP/1.1 with a watch over each connection.
    static func http(_ limits: ConnectionLimits) -> HTTPServerBuilder {
        let addresses = AddressCount(limit: limits.perAddress)
        return .http1(
            configuration: .init(
                additionalChannelHandlers: [ConnectionGuard(limits, addresses)],
                idleTimeout: .seconds(Int64(clamping: limits.readSeconds))))
    }

    /// How long a customer whose request came in time is waited for at the end: a settlement takes seconds.
    public static let grace: Duration = .seconds(5)

    /// How often open fees are looked after.
    private static let sweepInterval: Duration = .seconds(15)

    private func sweep(_ shop: Shop) async throws {
        try await shop.deleteStrays()
        var waiting = ""
        var told: Set<BookFault> = []
        while true {
            do {
                try await shop.expire()
                let faults = Set(try await shop.keepBooks())
                // Said once, and anew when it comes back.
                for fault in faults.subtracting(told) {
                    self.logger.warning("passed over", metadata: ["what": "\(fault)"])
                }
                told = faults
                waiting = ""
            } catch  where endsTheProgram(error) {
                throw error
            } catch {
                // Whatever a chain or a customer causes is waited for, and said once.
                if waiting != "\(error)" {
                    self.logger.warning("open fees and vouchers wait", metadata: ["reason": "\(error)"])
                }
                waiting = "\(error)"
            }
            try await self.timeline.sleep(for: Self.sweepInterval)
        }
    }

    private func openShop() async throws -> Shop {
        let keystore = try self.home.keystore()
        let wallet = try self.home.unlock(passphraseFile: self.configuration.passphraseFile)
        let ledger = try self.home.openLedger(keystore, timeline: self.timeline)
        let (storage, compute) = (self.configuration.storage, self.configuration.compute)
        let rails = try await self.configuration.selling.open(
            ledger: ledger, wallet: wallet, web: self.web, timeline: self.timeline,
            sellingFrom: Offer.leastPrice(storage, compute))
        let balances = try await ledger.read { try $0.balances() }
        for balance in balances where balance.available > 0 {
            let amount = "\(balance.asset.decimal(balance.available)) \(balance.asset.symbol)"
            self.logger.info("has", metadata: ["amount": "\(amount)"])
        }
        let accepts = rails.map { rail in
            Offer.Acceptance(
                network: rail.network, asset: rail.assetName, payTo: rail.payTo,
                decimals: rails.count > 1 ? rail.asset.decimals : nil)
        }
        return try Shop(
            offer: Offer(
                name: self.configuration.name, identity: wallet.publicKey(.identity), accepts: accepts,
                storage: storage, compute: compute),
            home: self.home.path, ledger: ledger, wallet: wallet, rails: rails, timeline: self.timeline,
            onFault: { [logger] in logger.error("a request failed", metadata: ["reason": "\($0)"]) })
    }

    private static func answer(_ request: Request, from shop: Shop) async throws -> Response {
        var body: [UInt8] = []
        do {
            body = Array(buffer: try await request.body.collect(upTo: Shop.bodyLimit))
        } catch {
            return Response(status: .contentTooLarge)
        }
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        var query: [String: String] = [:]
        for (name, value) in request.uri.queryParameters { query[String(name)] = String(value) }
        let answer = await shop.respond(
            to: ShopRequest(
                method: request.method.rawValue, path: request.uri.path, query: query, headers: headers,
                body: body, base: request.head.authority.map { "http://\($0)" } ?? "")
        )
        var fields = HTTPFields()
        for header in answer.headers {
            if let name = HTTPField.Name(header.name) { fields[name] = header.value }
        }
        return Response(
            status: .init(code: answer.status), headers: fields,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }
}
