import Database
import Encoding
import Ledger
import Market
import Node
import PaymentSupport
import Payments
import Sodium
import Statements
import Testing
import World

/// One shop, paid on two networks.
@Suite struct NetworksTests {
    /// A purchase that is paid in notes.
    private struct Note {
        let market: TestMarket
        let shop: Shop
        let text: String

        func terms() async throws -> PaymentRequirements {
            let bare = await self.shop.respond(to: try self.request(nil))
            let header = try #require(bare.headers.first { $0.name == X402.requiredHeader })
            let required = try PaymentRequired(header: header.value)
            return try #require(required.accepts.first { $0.network == "note:1" })
        }

        func request(_ payload: PaymentPayload?) throws -> ShopRequest {
            var request = try self.market.order(self.text).request
            if let payload {
                request.headers.append(Header(X402.signatureHeader, Base64.standard.encode(payload.bytes)))
            }
            return ShopRequest(request, path: String(request.url.dropFirst(TestMarket.nodeURL.count)))
        }

        func pay(_ terms: PaymentRequirements) async throws -> ShopResponse {
            await self.shop.respond(
                to: try self.request(try NoteRail.payment(terms, for: "/", by: try key(9))))
        }
    }

    @Test func `a price is asked for on each network in its own units`() async throws {
        try await TestMarket.with { market in
            let (shop, _) = try await market.openShop(
                channels: ChannelSales(withdrawDelay: 3_600), also: [NoteRail(decimals: 8)])
            let bare = await shop.respond(to: try Note(market: market, shop: shop, text: "a").request(nil))
            let header = try #require(bare.headers.first { $0.name == X402.requiredHeader })
            let accepts = try PaymentRequired(header: header.value).accepts
            #expect(accepts.map(\.network) == [market.network.chainID, "note:1", market.network.chainID])
            #expect(accepts.map(\.amount) == [1_000, 100_000, 1_000])
            #expect(accepts.map(\.scheme) == ["exact", "exact", BatchSettlement.scheme])
        }
    }

    @Test func `a payment on the second network is worked for once and booked in its asset`() async throws {
        try await TestMarket.with { market in
            let rail = NoteRail(decimals: 8)
            let (shop, ledger) = try await market.openShop(also: [rail])
            let note = Note(market: market, shop: shop, text: "a map")
            let terms = try await note.terms()
            let first = try await note.pay(terms)
            #expect(first.status == 200)
            let again = try await note.pay(terms)
            #expect(again.status == 200 && again.body == first.body)
            #expect(rail.tries == 1)
            let earned = try await ledger.read { try $0.balances() }.map { ($0.asset.symbol, $0.earned) }
            #expect(earned.first { $0.0 == "NOTE" }?.1 == 100_000)
            #expect(earned.first { $0.0 == "USD" }?.1 ?? 0 == 0)
            // The same note is no money for something else.
            let other = Note(market: market, shop: shop, text: "another")
            #expect(try await other.pay(terms).status == 409)
        }
    }

    @Test func `a network that is not sold on is refused, one that is silent holds up no other`() async throws
    {
        try await TestMarket.with { market in
            let rail = NoteRail(decimals: 6)
            let (shop, _) = try await market.openShop(also: [rail])
            let note = Note(market: market, shop: shop, text: "a map")
            let terms = try await note.terms()
            rail.isSilent = true
            #expect(try await note.pay(terms).status == 503)
            await #expect(throws: NoteRail.Silence.self) { try await shop.keepBooks() }
            let (ledger, order) = (try await market.robotLedger(), try market.order("elsewhere"))
            let end = try await market.buyer(ledger).buy(order)
            guard case .answered = end else {
                Issue.record("the first network sells no more: \(end)")
                return
            }
            try await market.openShop()
            let alone = try #require(market.web.change { $0.shop })
            #expect(try await Note(market: market, shop: alone, text: "a map").pay(terms).status == 409)
        }
    }

    @Test func `a channel of an older book, which names no network, is redeemed on the first`() async throws {
        try await TestMarket.with { market in
            let terms = ChannelSales(withdrawDelay: 3_600, minDeposit: 1_000, claimSeconds: 60)
            try await market.openShop(channels: terms)
            let robot = try await market.robotLedger()
            let order = try market.order("1", channel: .open(deposit: .units(10_000)))
            guard case .answered = try await market.buyer(robot).buy(order) else {
                Issue.record("it was not sold")
                return
            }
            let book = try Connection(path: market.folder.appending("node/sales.db").string)
            #expect(
                try book.query("SELECT network FROM channel").map { $0.text(0) } == [market.network.chainID])
            try book.run("UPDATE channel SET network = ''")
            let (shop, _) = try await market.openShop(channels: terms, also: [NoteRail(decimals: 6)])
            try await market.timeline.pass(slots: 200)
            #expect(try await shop.keepBooks().isEmpty)
            #expect(try await market.tokens(of: market.payTo) == 1_000)
        }
    }

    // MARK: The offer

    private static let ways = [
        Offer.Acceptance(network: "solana:1", asset: "mint", payTo: "one", decimals: 6),
        Offer.Acceptance(network: "note:1", asset: "note", payTo: "two", decimals: 8),
    ]

    private func offer(_ ways: [Offer.Acceptance]) throws -> Offer {
        Offer(
            name: "a", identity: try key(3).publicKey, accepts: ways,
            storage: Offer.StoragePrice(perMebibyteDay: 1, minimum: 1, maximumBytes: 10), compute: nil)
    }

    @Test func `an offer with one way to be paid is the one that older robots read`() throws {
        let only = Offer.Acceptance(network: "solana:1", asset: "mint", payTo: "one", decimals: nil)
        let json = try self.offer([only]).json
        #expect(json["schema"] == "depai.offer/1" && json["payTo"] == "one" && json["accepts"] == nil)
        #expect(try Offer(JSONField(json)) == self.offer([only]))
    }

    @Test func `an offer names every way to be paid`() throws {
        let offer = try self.offer(Self.ways)
        let signature = try key(3).signature(over: offer.statement.bytes)
        let signed = try Signed(offer, by: try key(3).publicKey, signature)
        #expect(try Signed<Offer>(Array(signed.json.text.utf8), from: try key(3).publicKey).body == offer)
        #expect(offer.json["schema"] == "depai.offer/2")
        let ways = try JSONField(offer.json)["accepts"].elements().compactMap(\.value)
        for ways in [[], [ways[0]], Array(repeating: ways[0], count: 17), [ways[0], 7]] {
            var json = offer.json
            json["accepts"] = .array(ways)
            #expect(throws: JSONError.self) { try Offer(JSONField(json)) }
        }
    }

    @Test func `prices are compared by what they are worth`() throws {
        let prices: [(name: String, price: UInt64, decimals: Int?)] = [
            ("cheap", 9_000, 7), ("dear", 1_000, 6), ("unknown", 1, nil), ("dearest", .max, 18),
            ("free", 0, 0),
        ]
        let offers = try prices.enumerated().map { index, entry in
            ListedOffer(
                provider: Provider(url: "http://\(entry.name)", identity: try key(UInt8(index)).publicKey),
                offer: Offer(
                    name: entry.name, identity: try key(3).publicKey, accepts: Self.ways, storage: nil,
                    compute: nil))
        }
        func entry(_ offer: Offer) -> (name: String, price: UInt64, decimals: Int?)? {
            prices.first { $0.name == offer.name }
        }
        let ranked = Directory.ranked(
            offers, excluding: [], price: { entry($0)?.price }, decimals: { entry($0)?.decimals })
        #expect(ranked.map(\.offer.offer.name) == ["free", "cheap", "dear", "dearest", "unknown"])
    }

    @Test func `whoever is not to be paid is not paid on any network`() throws {
        let listed = ListedOffer(
            provider: Provider(url: "http://a", identity: try key(3).publicKey),
            offer: try self.offer(Self.ways))
        #expect(Directory.ranked([listed], excluding: [], price: { _ in 1 }, decimals: { _ in 6 }).count == 1)
        for payee in ["one", "two"] {
            #expect(
                Directory.ranked(
                    [listed], excluding: [], payees: [ExactText(payee)], price: { _ in 1 },
                    decimals: { _ in 6 }
                ).isEmpty)
        }
    }
}
