import Compute
import Encoding
import Ledger
import Market
import Node
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Storage
import SystemPackage
import Testing
import Wallet
import World

@Suite struct ShopTests {
    /// What the robot would send for `order`, made by the robot's own wallet and ledger without reaching the
    /// shop.
    private func payment(_ market: TestMarket, _ order: Order, ledger: PaymentLedger) async throws
        -> WebRequest
    {
        market.web.change { state in
            state.impostor = { request in
                guard request.headers.contains(where: { $0.name == "PAYMENT-SIGNATURE" }) else { return nil }
                return WebResponse(status: 503, headers: [], body: [])
            }
        }
        let once = Order(
            request: order.request, order.purchase, note: order.note, ceiling: order.ceiling, tries: 1)
        _ = try await market.buyer(ledger).buy(once)
        market.web.change { $0.impostor = nil }
        let header = try #require(market.web.change { $0.payments }.last)
        var request = order.request
        request.headers.append(Header("PAYMENT-SIGNATURE", header))
        return request
    }

    private func send(_ request: WebRequest, to market: TestMarket) async throws -> WebResponse {
        try await market.web.send(request)
    }

    private func sale(_ response: WebResponse) throws -> SettlementResponse {
        try SettlementResponse(header: try #require(response.header("PAYMENT-RESPONSE")))
    }

    @Test func `the offer is signed and says what is sold`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let directory = Directory(providers: [market.provider], web: market.web)
            let (listed, unavailable) = await directory.offers()
            #expect(unavailable.isEmpty && listed.map(\.offer) == [market.offer])
            let stranger = Provider(
                url: TestMarket.nodeURL, identity: market.robotWallet.publicKey(.identity))
            #expect(await Directory(providers: [stranger], web: market.web).offers().unavailable.count == 1)
        }
    }

    @Test func `without a payment there is a price and no work`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            var request = try market.order().request
            request.body = []
            let response = try await self.send(request, to: market)
            #expect(response.status == 402)
            let required = try PaymentRequired(header: try #require(response.header("PAYMENT-REQUIRED")))
            #expect(required.wantsIdentifier && required.accepts.map(\.amount) == [1_000])
            #expect(
                required.accepts[0].payTo == market.payTo.description
                    && required.accepts[0].paymentFlow == "upfront")
            let object = try market.object()
            #expect(
                try await self.send(
                    WebRequest("GET", "\(TestMarket.nodeURL)/v1/storage/\(object.id)"), to: market
                ).status == 404)
        }
    }

    @Test func `what is not sold has no price`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let id = try market.object().id
            let url = TestMarket.nodeURL
            for (method, path, status) in [
                ("PUT", "/v1/storage/\(id)?size=0&days=1", 400),
                ("PUT", "/v1/storage/\(id)?size=262145&days=1", 400),
                ("PUT", "/v1/storage/\(id)?size=5&days=367", 400), ("PUT", "/v1/storage/\(id)", 400),
                ("PUT", "/v1/storage/nonsense?size=5&days=1", 400),
                ("POST", "/v1/compute?job=x&units=0", 404),
                ("POST", "/v1/compute?job=x&units=100000001", 404), ("POST", "/v1/compute", 400),
                ("GET", "/", 404),
                ("DELETE", "/v1/storage/\(id)", 404), ("GET", "/v1/storage/..%2Fsales.db", 400),
                ("GET", "/v1/storage/..", 400),
                ("GET", "/v1/storage/\(id)/proof?leaf=0&nonce=0011223344556677", 404),
            ] {
                #expect(
                    try await self.send(WebRequest(method, url + path), to: market).status == status,
                    "\(method) \(path)")
            }
        }
    }

    @Test func `four copies of one payment at once do the work once`() async throws {
        try await TestMarket.with { market in
            let (_, node) = try await market.openShop()
            let request = try await self.payment(market, market.order(), ledger: market.robotLedger())
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<4 { group.addTask { (try? await market.web.send(request).status) ?? 0 } }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(
                statuses.sorted().first == 200 && statuses.allSatisfy { $0 == 200 || $0 == 409 },
                "\(statuses)")
            #expect(await market.transfers().count == 1)
            let later = try await self.send(request, to: market)
            #expect(later.status == 200)
            #expect(
                try await node.read { try $0.balances().first { $0.asset.id == market.asset.id }?.earned }
                    == 1_000)
            #expect(try await node.read { try $0.intents().count } == 1)
        }
    }

    @Test func `the answer is kept for whoever lost it, also over a restart`() async throws {
        try await TestMarket.with { market in
            let request: WebRequest
            do {
                try await market.openShop()
                request = try await self.payment(market, market.order(), ledger: market.robotLedger())
            }
            let first = try await self.send(request, to: market)
            #expect(first.status == 200)
            market.web.change { $0.shop = nil }
            try await market.openShop()
            let again = try await self.send(request, to: market)
            #expect(again.body == first.body)
            #expect(try self.sale(again).transaction == self.sale(first).transaction)
            #expect(await market.transfers().count == 1)
        }
    }

    @Test func `a payment with another identifier, or changed in any way, is refused`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let request = try await self.payment(market, market.order(), ledger: market.robotLedger())
            #expect(try await self.send(request, to: market).status == 200)
            let header = try #require(request.headers.last?.value)
            let payload = try PaymentPayload(header: header)
            func resent(_ payload: PaymentPayload, _ body: [UInt8]? = nil) async throws -> Int {
                var copy = request
                copy.headers[copy.headers.count - 1] = Header(
                    "PAYMENT-SIGNATURE", Base64.standard.encode(payload.bytes))
                return try await self.send(copy, to: market).status
            }
            let other = PaymentPayload(
                resource: payload.resource, accepted: payload.accepted, payload: payload.payload,
                identifier: "another-identifier-1")
            #expect(try await resent(other) == 409)
            let none = PaymentPayload(
                resource: payload.resource, accepted: payload.accepted, payload: payload.payload,
                identifier: nil)
            #expect(try await resent(none) == 409)
            #expect(await market.transfers().count == 1)
        }
    }

    @Test func `an identifier belongs to one payment`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            let first = try await self.payment(market, market.order(), ledger: ledger)
            #expect(try await self.send(first, to: market).status == 200)
            let second = try await self.payment(market, market.order("another map"), ledger: ledger)
            let (one, two) = try (
                PaymentPayload(header: first.headers.last?.value ?? ""),
                PaymentPayload(header: second.headers.last?.value ?? "")
            )
            let borrowed = PaymentPayload(
                resource: two.resource, accepted: two.accepted, payload: two.payload,
                identifier: one.identifier)
            var request = second
            request.headers[request.headers.count - 1] = Header(
                "PAYMENT-SIGNATURE", Base64.standard.encode(borrowed.bytes))
            #expect(try await self.send(request, to: market).status == 409)
            #expect(await market.transfers().count == 1)
        }
    }

    @Test func `what one customer calls a payment is another's to use as well`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            let first = try await self.payment(market, market.order(), ledger: ledger)
            #expect(try await self.send(first, to: market).status == 200)
            let name = try PaymentPayload(header: first.headers.last?.value ?? "").identifier
            var second = try await self.payment(market, market.order("another map"), ledger: ledger)
            let terms = try PaymentPayload(header: second.headers.last?.value ?? "").accepted
            let payload = try await self.neighboursPayment(market, terms, named: name)
            second.headers[second.headers.count - 1] = Header(
                "PAYMENT-SIGNATURE", Base64.standard.encode(payload.bytes))
            #expect(try await self.send(second, to: market).status == 200)
            #expect(try await market.tokens(of: market.payTo) == 2_000)
        }
    }

    /// Of somebody else who has money.
    private func neighboursPayment(
        _ market: TestMarket, _ terms: PaymentRequirements, named name: String?
    ) async throws -> PaymentPayload {
        let neighbour = Address(try key(7).publicKey)
        let treasury = Address(try key(1).publicKey)
        let tokens = market.tokenAccount(of: neighbour)
        try await market.cluster.withBank { bank in
            var funding = try Transaction(
                TransactionMessage.build(
                    version: .zero, feePayer: treasury,
                    instructions: [
                        .createAssociatedTokenIdempotent(
                            payer: treasury, owner: neighbour, mint: market.mint),
                        .mintTo(mint: market.mint, account: tokens, authority: treasury, amount: 5_000),
                    ], recentBlockhash: bank.latestBlockhash(.processed).blockhash))
            try funding.sign(with: key(1))
            #expect(try bank.execute(funding).failure == nil)
        }
        let recent = try await market.rpc.latestBlockhash().blockhash
        var payment = try Transaction(
            TransactionMessage.build(
                version: .zero, feePayer: market.sponsor,
                instructions: [
                    .setComputeUnitLimit(60_000), .setComputeUnitPrice(microLamports: 1),
                    .transferChecked(
                        TokenTransfer(
                            from: neighbour, to: market.payTo, mint: market.mint, amount: terms.amount,
                            decimals: 6)),
                    .memo(terms.memo ?? ""),
                ], recentBlockhash: recent))
        try payment.sign(with: key(7))
        return PaymentPayload(
            resource: "/", accepted: terms, transaction: payment.bytes, identifier: name)
    }

    @Test func `nobody pays for a body that is not what was ordered`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            var request = try await self.payment(market, market.order(), ledger: market.robotLedger())
            let right = request.body
            for body in [[], Array("a mop".utf8), right + [0]] as [[UInt8]] {
                request.body = body
                #expect(try await self.send(request, to: market).status == 400)
            }
            #expect(await market.transfers().isEmpty)
            request.body = right
            #expect(try await self.send(request, to: market).status == 200)
        }
    }

    /// The blobs' folder cannot be written for a while: the money is there, the work is not, the process
    /// ends.
    @Test func `a node that stops between settlement and work works once after the restart`() async throws {
        try await TestMarket.with { market in
            let blobs = market.folder.appending("node/blobs")
            let (_, _) = try await market.openShop()
            let request = try await self.payment(market, market.order(), ledger: market.robotLedger())
            try market.obstruct(blobs)
            #expect(try await self.send(request, to: market).status == 500)
            #expect(try await market.tokens(of: market.payTo) == 1_000)
            market.web.change { $0.shop = nil }
            try market.clear(blobs)
            let (_, node) = try await market.openShop()
            let response = try await self.send(request, to: market)
            #expect(response.status == 200)
            let receipt = try StorageClient.receipt(
                response.body, for: ObjectSummary(market.object()), days: 10, from: market.provider)
            #expect(await market.transfers().map(\.id) == [receipt.transaction])
            #expect(
                try await node.read { try $0.balances().first { $0.asset.id == market.asset.id }?.earned }
                    == 1_000)
        }
    }

    /// The payment is settled and not yet worked for: it must not buy something dearer.
    @Test func `a settled payment does not buy a dearer thing`() async throws {
        try await TestMarket.with { market in
            let blobs = market.folder.appending("node/blobs")
            try await market.openShop()
            let request = try await self.payment(market, market.order(), ledger: market.robotLedger())
            try market.obstruct(blobs)
            #expect(try await self.send(request, to: market).status == 500)
            try market.clear(blobs)
            let dear = StorageClient.order(
                try market.object("a map"), days: 366, at: market.provider, name: "", ceiling: .max)
            var wanted = dear.request
            wanted.headers.append(try #require(request.headers.last))
            #expect(try await self.send(wanted, to: market).status == 409)
            #expect(try await self.send(request, to: market).status == 200)
        }
    }

    @Test func `an unpaid, executed-with-error payment gets no work and may be asked about again`()
        async throws
    {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            let request = try await self.payment(market, market.order(), ledger: ledger)
            // The robot's tokens are gone before the payment lands, and no preflight sees it.
            try await market.drainRobot()
            await market.cluster.withBank { $0.faults.blindPreflightNext = 10 }
            for _ in 0..<2 {
                let response = try await self.send(request, to: market)
                #expect(response.status == 402)
                #expect(try self.sale(response).success == false)
            }
            let object = try market.object()
            #expect(
                try await self.send(
                    WebRequest("GET", "\(TestMarket.nodeURL)/v1/storage/\(object.id)"), to: market
                ).status == 404)
        }
    }

    @Test func `a silent chain costs nobody anything`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let request = try await self.payment(market, market.order(), ledger: market.robotLedger())
            market.web.change { $0.rpcSilent = true }
            #expect(try await self.send(request, to: market).status == 503)
            market.web.change { $0.rpcSilent = false }
            #expect(try await self.send(request, to: market).status == 200)
            #expect(await market.transfers().count == 1)
        }
    }
}
