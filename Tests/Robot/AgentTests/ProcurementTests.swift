import Encoding
import Ledger
import Market
import PaymentSupport
import Payments
import Rails
import Storage
import Synchronization
import TestSupport
import Testing
import World

@testable import Agent

/// Buying while the wallet may not, in virtual time.
@Suite(.endsHangs) struct ProcurementTests {
    /// Counts what is asked of sellers.
    private final class CountingWeb: Web {
        private let web: any Web
        private let count = Atomic<Int>(0)
        init(_ web: any Web) { self.web = web }
        var offers: Int { self.count.load(ordering: .relaxed) }
        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            if request.url.hasSuffix("/v1/offer") { self.count.add(1, ordering: .relaxed) }
            return try await self.web.send(request)
        }
    }

    private func procurement(
        _ market: TestMarket, _ ledger: PaymentLedger, _ web: CountingWeb, _ store: AgentStore,
        _ gate: BooksGate
    ) -> Procurement {
        Procurement(
            directory: Directory(providers: [market.provider], web: web),
            buyer: market.buyer(ledger, web: web), ledger: ledger, store: store, timeline: market.timeline,
            channels: .existing, gate: gate)
    }

    private func want(_ market: TestMarket) throws -> Procurement.Want {
        let object = try market.object()
        return Procurement.Want(
            what: "storage", purchase: StorageClient.purchase(of: object),
            price: { $0.storage?.price(bytes: object.bytes.count, days: 10) },
            order: { seller, ceiling in
                StorageClient.order(
                    object, days: 10, at: seller.provider, name: seller.name, ceiling: ceiling)
            }, verify: { body, _ in (String(decoding: body, as: UTF8.self), []) })
    }

    /// Runs a purchase for ten minutes of the market's time, or until it is made.
    private func buy(
        _ market: TestMarket, _ procurement: Procurement, _ store: AgentStore,
        meanwhile: @escaping @Sendable () async throws -> Void = {}
    ) async throws -> Bool {
        let project = try await store.open(kind: "archive", bytes: [1], context: "")
        let want = try self.want(market)
        let end = market.timeline.uptime + .seconds(600)
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                var project = project
                _ = try await procurement.buy(want, for: &project)
                return true
            }
            group.addTask {
                while market.timeline.uptime < end { try await Task.sleep(for: .milliseconds(50)) }
                try await meanwhile()
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    @Test func `a stopped wallet says so once, asks nobody, and goes on when it may`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let (ledger, web) = (try await market.robotLedger(), CountingWeb(market.web))
            let store = try AgentStore(path: nil, timeline: market.timeline)
            let gate = BooksGate()
            await gate.open()
            try await ledger.freeze(reason: "smoke")
            let procurement = self.procurement(market, ledger, web, store, gate)
            #expect(try await self.buy(market, procurement, store) == false)
            #expect(web.offers == 0)
            let events = try await store.events(after: 0, limit: 100)
            #expect(events.map(\.text) == ["the wallet is stopped: smoke"])
        }
    }

    @Test func `a denied payment is said once and asked for ever less often`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger(change: { rules in
                rules["limits"] = [
                    ["id": "all", "asset": .string(market.asset.id), "per_payment": "1"]
                ]
            })
            let (store, web) = (
                try AgentStore(path: nil, timeline: market.timeline), CountingWeb(market.web)
            )
            let gate = BooksGate()
            await gate.open()
            let procurement = self.procurement(market, ledger, web, store, gate)
            #expect(try await self.buy(market, procurement, store) == false)
            // Ten minutes are 300 times two seconds.
            #expect(web.offers < 60, "\(web.offers)")
            let kinds = try await store.events(after: 0, limit: 100).map(\.kind)
            #expect(kinds.count { $0 == "denial" } == 1 && kinds.count <= 3, "\(kinds)")
        }
    }

    @Test func `a payment that nobody answered is followed where it went, and nobody is asked for offers`()
        async throws
    {
        try await TestMarket.with { market in
            try await market.openShop()
            let (ledger, web) = (try await market.robotLedger(), CountingWeb(market.web))
            let store = try AgentStore(path: nil, timeline: market.timeline)
            let gate = BooksGate()
            await gate.open()
            // The seller takes the money and falls silent.
            let silence: @Sendable (WebRequest) -> WebResponse? = { request in
                request.headers.contains { $0.name == "PAYMENT-SIGNATURE" }
                    ? WebResponse(status: 503, headers: [], body: []) : nil
            }
            market.web.change { $0.impostor = silence }
            let order = StorageClient.order(
                try market.object(), days: 10, at: market.provider, name: "node a", ceiling: 1_000, tries: 1)
            guard case .open(let intent, _) = try await market.buyer(ledger).buy(order) else {
                Issue.record("the payment is not open")
                return
            }
            market.web.change { $0.impostor = nil }
            var project = try await store.open(kind: "archive", bytes: [1], context: "")
            project.provider = market.provider.url
            let procurement = self.procurement(market, ledger, web, store, gate)
            let seller = try await procurement.buy(try self.want(market), for: &project)
            #expect(seller.name == "node a" && web.offers == 0)
            #expect(try await ledger.read { try $0.intents().map(\.id) } == [intent])
        }
    }

    @Test func `nothing is bought before the books were compared with the chain`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let (ledger, web) = (try await market.robotLedger(), CountingWeb(market.web))
            let store = try AgentStore(path: nil, timeline: market.timeline)
            let gate = BooksGate()
            let procurement = self.procurement(market, ledger, web, store, gate)
            #expect(try await self.buy(market, procurement, store) == false)
            #expect(web.offers == 0)
            await gate.open()
            #expect(try await self.buy(market, procurement, store))
        }
    }

    // MARK: What a price is counted in

    private static let dollars = [
        Asset(id: "solana:1/token:mint", symbol: "USD", decimals: 6),
        Asset(id: "stellar:1/token:contract", symbol: "USDC", decimals: 7),
    ]

    private func offer(_ ways: [(network: String, asset: String, decimals: Int?)]) throws -> Offer {
        Offer(
            name: "a", identity: try key(3).publicKey,
            accepts: ways.map {
                Offer.Acceptance(network: $0.network, asset: $0.asset, payTo: "x", decimals: $0.decimals)
            }, storage: nil, compute: nil)
    }

    @Test func `the policy says what a price is counted in, the seller only which asset`() throws {
        let (mint, contract) = (("solana:1", "mint"), ("stellar:1", "contract"))
        let cases: [(ways: [(String, String, Int?)], decimals: Int?)] = [
            ([(mint.0, mint.1, nil)], 6), ([(contract.0, contract.1, nil)], 7),
            ([(mint.0, mint.1, 6), (contract.0, contract.1, 7)], 6),
            // Prices are in the first, also where only the second can be paid.
            ([("other:1", "coin", 9), (contract.0, contract.1, 7)], 9),
            ([("other:1", "coin", nil)], nil), ([("solana:2", "mint", nil)], nil),
            ([("solana:1", "int", nil)], nil),
            // One that says what the policy does not say is not believed in anything.
            ([(mint.0, mint.1, 0), (contract.0, contract.1, 7)], nil),
            ([(mint.0, mint.1, 6), (contract.0, contract.1, 2)], nil),
        ]
        for (ways, decimals) in cases {
            #expect(try self.offer(ways).decimals(in: Self.dollars) == decimals, "\(ways)")
        }
    }

    @Test func `a ceiling is worth the same in every asset`() {
        #expect(Order.Ceiling.units(1_000).atomic(in: Self.dollars[1]) == 1_000)
        #expect(Order.Ceiling.units(1_000, decimals: 6).atomic(in: Self.dollars[0]) == 1_000)
        #expect(Order.Ceiling.units(1_000, decimals: 6).atomic(in: Self.dollars[1]) == 10_000)
        #expect(Order.Ceiling.units(1_001, decimals: 7).atomic(in: Self.dollars[0]) == 101)
        #expect(Order.Ceiling.units(.max, decimals: 6).atomic(in: Self.dollars[1]) == nil)
    }
}
