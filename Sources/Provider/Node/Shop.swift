internal import Compute
internal import Database
internal import Encoding
package import Ledger
package import Market
package import Payments
internal import Sodium
internal import Statements
internal import Storage
package import SystemPackage
package import Wallet
public import World

/// A request to the shop, whatever carried it.
public struct ShopRequest: Sendable {
    public var method: String
    /// Path without the query, `/v1/offer` for instance.
    public var path: String
    public var query: [String: String]
    /// Lower-case names.
    public var headers: [String: String]
    public var body: [UInt8]
    /// What stands before the path in the URL that the customer used.
    public var base: String

    public init(
        method: String, path: String, query: [String: String], headers: [String: String], body: [UInt8],
        base: String = ""
    ) {
        self.base = base
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// Path and query with their names in order: what a price and a payment are for.
    var target: String {
        let pairs = self.query.sorted { $0.key < $1.key }.map {
            "\(Self.escaped($0.key))=\(Self.escaped($0.value))"
        }
        return pairs.isEmpty ? self.path : "\(self.path)?\(pairs.joined(separator: "&"))"
    }

    /// A name or value as it stands in a URL: two different questions must not read the same.
    private static func escaped(_ text: String) -> String {
        Percent.encode(text) { (0x21..<0x7f).contains($0) && !"&=%#+".utf8.contains($0) }
    }

    /// Everything that a payment is for: the target, and the digest of the body.
    var subject: String { "\(self.target)#\(Hex.encode(BLAKE2b.digest(of: self.body, length: 16)))" }

    /// The text that a payment on the chain carries, so that nobody who sees it can spend it for something
    /// else of the same price.
    var memo: String { "depai:\(Base58.encode(BLAKE2b.digest(of: Array(self.target.utf8), length: 16)))" }
}

/// The shop's answer.
public struct ShopResponse: Sendable {
    public var status: Int
    public var headers: [Header]
    public var body: [UInt8]

    public init(status: Int, headers: [Header] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    static func json(_ status: Int, _ json: JSON) -> ShopResponse {
        ShopResponse(
            status: status, headers: [Header("Content-Type", "application/json")], body: Array(json.text.utf8)
        )
    }

    /// An error for people and programs: `{"error": …}`.
    static func error(_ status: Int, _ reason: String) -> ShopResponse {
        .json(status, ["error": .string(reason)])
    }
}

/// Sells storage and compute behind x402: price first, money second, work third, and never the work twice for
/// one payment.
public actor Shop {
    let offer: Offer
    let ledger: PaymentLedger
    let wallet: UnlockedWallet
    /// Where money is taken; prices are in what the first asks for.
    let rails: [any SellingRail]
    let timeline: any Timeline
    let blobs: FilePath
    let sales: SalesBook
    /// Payments that are being worked on at this moment, by the digest of their message, and channels.
    private var busy: Set<String> = []
    private var signedOffer: ShopResponse?
    /// What is at risk for transfers and for deposits, by network.
    var (fees, rents): ([String: FeeGuard], [String: FeeGuard]) = ([:], [:])
    /// Told what goes wrong inside: customers learn only that something did.
    private let onFault: @Sendable (String) -> Void

    /// The largest request body, in bytes.
    public static let bodyLimit = 2 << 20

    /// - Parameters:
    ///   - home: folder of the sales book and the stored objects.
    ///   - rails: where the offer says that it is paid, in its order.
    package init(
        offer: Offer, home: FilePath, ledger: PaymentLedger, wallet: UnlockedWallet,
        rails: [any SellingRail], timeline: any Timeline,
        onFault: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        self.onFault = onFault
        self.offer = offer
        self.ledger = ledger
        self.wallet = wallet
        self.rails = rails
        self.timeline = timeline
        self.blobs = home.appending("blobs")
        try DurableFile.createFolder(self.blobs)
        self.sales = try SalesBook(path: home.appending("sales.db"))
    }

    /// Answers one request. Never throws: what goes wrong is an answer.
    public func respond(to request: ShopRequest) async -> ShopResponse {
        do {
            if let refund = self.refund(in: request) { return try await self.refund(refund) }
            let parts = request.path.split(separator: "/").map(String.init)
            switch (request.method, parts.count) {
            case ("GET", 2) where parts == ["v1", "offer"]:
                return try await self.offerAnswer()
            case ("PUT", 3) where parts[..<2] == ["v1", "storage"]:
                return try await self.sell(try StorageSale(parts[2], request, self.offer), request)
            case ("GET", 3) where parts[..<2] == ["v1", "storage"]: return try self.content(parts[2], request)
            case ("GET", 4) where parts[..<2] == ["v1", "storage"] && parts[3] == "proof":
                return try await self.proof(parts[2], request)
            case ("POST", 2) where parts == ["v1", "compute"]:
                return try await self.sell(try ComputeSale(request, self.offer), request)
            case ("GET", 2) where parts == ["facilitator", "supported"]:
                return .json(200, self.supported)
            case ("POST", 2) where parts == ["facilitator", "verify"]: return try await self.verify(request)
            case ("POST", 2) where parts == ["facilitator", "settle"]: return try await self.settle(request)
            default: return .error(404, "there is no \(request.method) \(request.path) here")
            }
        } catch let error as X402Error {
            return .error(400, "\(error)")
        } catch let error as Refusal where error.status != 500 {
            return .error(error.status, error.reason)
        } catch let error as JSONError {
            return .error(400, "\(error)")
        } catch let error as any ChainError {
            self.onFault("\(error)")
            return .error(503, "the chain does not answer; ask again")
        } catch {
            // A path, a disk's state or a library's words help nobody outside but somebody who means harm.
            self.onFault("\(error)")
            return .error(500, "something failed here; what was paid holds, ask again")
        }
    }

    /// An offer stays as it is while the shop runs, and so does its signature: asking costs us no signing.
    private func offerAnswer() async throws -> ShopResponse {
        if let answer = self.signedOffer { return answer }
        let answer = ShopResponse.json(200, try await self.wallet.sign(self.offer).json)
        self.signedOffer = answer
        return answer
    }

    /// What one sale needs: a price that depends on the request line alone, a check before the money moves,
    /// the work after it.
    protocol SaleKind: Sendable {
        var purpose: Purpose { get }
        var price: UInt64 { get }
        /// Refuses a request whose body is not what the request line says: nobody pays for what cannot be
        /// done.
        func check() async throws
        /// Does the work for a settled payment and says what to answer.
        func work(in shop: isolated Shop, transaction: String) async throws -> ShopResponse
    }

    /// Why a request is not served; nothing was charged.
    struct Refusal: Error {
        let status: Int
        let reason: String
    }

    private func sell(_ kind: some SaleKind, _ request: ShopRequest) async throws -> ShopResponse {
        let resource = self.resource(request)
        guard let header = request.headers[X402.signatureHeader.lowercased()] else {
            let required = try await self.signed(resource, self.accepts(kind.price, memo: request.memo))
            var response = ShopResponse.json(402, [:])
            response.headers.append(Header(X402.requiredHeader, required.header))
            return response
        }
        let payload = try PaymentPayload(header: header)
        let rail = try self.rail(of: payload)
        guard let amount = self.amount(kind.price, on: rail) else { throw Self.otherTerms }
        let sale = Sale(rail: rail, payload: payload, amount: amount, resource: resource)
        guard payload.accepted.channel == nil else {
            return try await self.sell(kind, by: sale, request)
        }
        let signed = try rail.signed(payload)
        let identifier = Self.identifier(of: payload, by: signed.payer, signed: signed.key)
        // Two payments at once under one name: one of them waits, or it would be settled and never noted.
        let answer = try await self.alone(signed.key) {
            try await self.alone("identifier \(identifier)") {
                try await self.sell(kind, sale, signed.key, identifier, request)
            }
        }
        return (answer ?? nil) ?? Self.busyAnswer
    }

    /// A payment, on what network it came, and what it is for.
    struct Sale {
        let rail: any SellingRail
        let payload: PaymentPayload
        /// The price there.
        let amount: UInt64
        let resource: String
    }

    /// What a sale is known by. A name is its customer's own: nobody takes it from him by using it first. Who
    /// names no purchase is known by what he signed: the nonce makes every message another one.
    static func identifier(of payload: PaymentPayload, by payer: String?, signed key: String) -> String {
        payload.identifier.map { "\(payer ?? "") \($0)" } ?? key
    }

    static let otherTerms = Refusal(status: 409, reason: "the payment was made for other terms")

    /// Settles, works, stores the answer: each step only once, and each from where a crash left it. Before
    /// the payment is settled nothing of it is stored here, but what its network does not keep.
    private func sell(
        _ kind: some SaleKind, _ sale: Sale, _ key: String, _ identifier: String, _ request: ShopRequest
    ) async throws -> ShopResponse {
        let known = try self.sales.sale(key)
        if let known {
            guard known.payload == sale.payload.bytes else {
                throw Refusal(status: 409, reason: "the payment was changed")
            }
            guard known.isFor(request) else {
                throw Refusal(status: 409, reason: "the payment was for another request")
            }
            if known.state == .done { return try await self.answer(known, for: sale.resource) }
        } else {
            guard try !self.sales.isTaken(identifier: identifier, byOtherThan: key) else {
                throw Refusal(status: 409, reason: "the identifier belongs to another payment")
            }
        }
        // After a crash the payment is already settled, or may be: it buys what it was made for, nothing
        // dearer.
        let requirements = sale.rail.requirements(sale.amount, memo: request.memo)
        guard sale.payload.accepted.json == requirements.json else { throw Self.otherTerms }
        try await kind.check()
        if known?.state != .settled {
            let open = { (state: SalesBook.State, transaction: String) in
                try self.sales.open(
                    key, identifier: identifier, subject: request.subject, payload: sale.payload.bytes, state,
                    transaction: transaction, at: self.timeline.now.milliseconds)
            }
            // What it pays for is in no block: who comes with it after a crash may have found it there.
            let isNoted = known != nil || !sale.rail.carriesMemo
            let note: (() throws -> Void)? =
                known == nil && isNoted ? { try open(.settling, "") } : nil
            let settlement = try await self.settled(sale.payload, requirements, on: sale.rail, note)
            guard settlement.success else {
                return try await self.refuse(settlement, sale.resource, [requirements])
            }
            if isNoted {
                try self.sales.markSettled(key, transaction: settlement.transaction)
            } else {
                try open(.settled, settlement.transaction)
            }
        }
        guard let booked = try self.sales.sale(key) else { throw Self.lostSale }
        try await self.ledger.earn(
            sale.amount, asset: sale.rail.asset, purpose: kind.purpose, reference: booked.transaction)
        return try await self.work(kind, key, booked.transaction, sale.resource)
    }

    /// Brings a payment to the chain that is worth its fee. What is wrong with it is an answer, as in x402.
    private func settled(
        _ payload: PaymentPayload, _ requirements: PaymentRequirements, on rail: any SellingRail,
        _ note: (() throws -> Void)?
    ) async throws -> SettlementResponse {
        do {
            return try await self.sponsor(payload, requirements, on: rail, note)
        } catch let error as X402Error {
            return SettlementResponse(error, on: rail.network)
        }
    }

    /// Does the work of a paid sale and keeps the answer.
    func work(
        _ kind: some SaleKind, _ key: String, _ transaction: String, _ resource: String
    ) async throws -> ShopResponse {
        let response = try await kind.work(in: self, transaction: transaction)
        try self.sales.finish(key, status: response.status, body: response.body)
        guard let done = try self.sales.sale(key) else { throw Self.lostSale }
        return try await self.answer(done, for: resource)
    }

    private static let lostSale = Refusal(status: 500, reason: "the sale is gone")

    /// Works on what has a name alone; nil when somebody does already.
    func alone<Result: Sendable>(
        _ name: String, _ work: () async throws -> Result
    ) async throws -> Result? {
        guard self.busy.insert(name).inserted else { return nil }
        defer { self.busy.remove(name) }
        return try await work()
    }

    /// Who comes while the same is worked on.
    static let busyAnswer = ShopResponse.error(409, "this payment is being worked on; ask again")

    func resource(_ request: ShopRequest) -> String { request.base + request.target }

    /// What was worked for a payment, with the receipt. The same sale has the same receipt, byte for byte.
    func answer(_ sale: SalesBook.Sale, for resource: String) async throws -> ShopResponse {
        let payload = try PaymentPayload(bytes: sale.payload)
        let rail = try self.rail(of: payload)
        let settlement: SettlementResponse
        if let channels = rail.channels, payload.accepted.channel != nil {
            let payment = try channels.read(payload)
            settlement = try self.settlement(
                of: payment, on: rail.network, charged: payload.accepted.amount,
                receipt: try await self.receipt(
                    payment.payer, resource, sale, on: rail.network, transaction: nil))
        } else {
            let payer = try rail.signed(payload).payer ?? ""
            settlement = SettlementResponse(
                transaction: sale.transaction, payer: payer, network: rail.network,
                receipt: try await self.receipt(
                    payer, resource, sale, on: rail.network, transaction: sale.transaction))
        }
        return ShopResponse(
            status: sale.status,
            headers: [
                Header("Content-Type", "application/json"), Header(X402.responseHeader, settlement.header),
            ],
            body: sale.body)
    }

    /// Status 402 with why, and how it could be paid.
    /// - Parameter error: for the quote; the message by default.
    func refuse(
        _ settlement: SettlementResponse, _ resource: String, _ accepts: [PaymentRequirements],
        error: String? = nil
    ) async throws -> ShopResponse {
        let required = try await self.signed(resource, accepts, error: error ?? settlement.errorMessage)
        var response = ShopResponse.json(402, ["error": JSON(settlement.errorMessage)])
        response.headers += [
            Header(X402.requiredHeader, required.header), Header(X402.responseHeader, settlement.header),
        ]
        return response
    }
}
