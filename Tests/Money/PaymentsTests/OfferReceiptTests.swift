import Encoding
import Ledger
import Node
import PaymentSupport
import Payments
import Rails
import Sodium
import Solana
import Statements
import Testing
import Wallet
import World

@Suite struct OfferReceiptTests {
    private static let terms = ChannelSales(withdrawDelay: 3_600, minDeposit: 1_000)

    /// The node's own answer 402, changed on its way.
    private func changed(
        _ market: TestMarket, _ order: Order, _ change: (inout JSON) async throws -> Void
    ) async throws -> WebResponse {
        var request = order.request
        request.body = []
        let answer = try await market.web.send(request)
        var root = try JSON.read(
            Base64.standard.decode(try #require(answer.header(X402.requiredHeader))))
        try await change(&root)
        let header = Base64.standard.encode(Array(root.text.utf8))
        return WebResponse(status: 402, headers: [Header(X402.requiredHeader, header)], body: [])
    }

    private static func offers(_ root: JSON) -> [JSON] {
        guard case .array(let offers)? = root["extensions"]?["offer-receipt"]?["info"]?["offers"] else {
            return []
        }
        return offers
    }

    private static func set(_ offers: [JSON], in root: inout JSON) {
        root["extensions"] = ["offer-receipt": ["info": ["offers": .array(offers)]]]
    }

    private static func accept(_ place: Int, _ root: inout JSON, _ change: (inout JSON) -> Void) {
        guard case .array(var accepts)? = root["accepts"] else { return }
        change(&accepts[place])
        root["accepts"] = .array(accepts)
    }

    /// Signs terms of one's own choice as the node would.
    private func sign(
        _ market: TestMarket, _ order: Order, amount: UInt64 = 1_000, resource: String? = nil,
        at now: Timestamp? = nil, with wallet: UnlockedWallet? = nil
    ) async throws -> JSON {
        let path = String(order.request.url.dropFirst(TestMarket.nodeURL.count))
        let sorted = path.replacing("?size=5&days=10", with: "?days=10&size=5")
        let offer = try OfferReceipt.offer(
            of: Draft.requirements(market, amount: amount), for: resource ?? sorted,
            at: now ?? market.timeline.now)
        return [
            "format": "jws", "signature": .string(try await (wallet ?? market.nodeWallet).jws(offer).text),
            "acceptIndex": 0,
        ]
    }

    @Test func `every way to pay is signed by the node, and the receipt is kept with the payment`()
        async throws
    {
        try await TestMarket.with { market in
            try await market.openShop(channels: Self.terms)
            let order = try market.order()
            var request = order.request
            request.body = []
            let header = try #require(try await market.web.send(request).header(X402.requiredHeader))
            let identity = market.nodeWallet.publicKey(.identity)
            let required = try PaymentRequired(header: header)
            let offers = try required.verifiedOffers(
                at: request.url, by: identity, now: market.timeline.now)
            #expect(required.accepts.map(\.scheme) == ["exact", "batch-settlement"])
            #expect(offers.count == 2 && offers.allSatisfy { $0.signer == identity })
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            for channel in [Order.ChannelUse.never, .open(deposit: .units(10_000))] {
                let order = try market.order("\(channel)", channel: channel)
                guard case .answered(let id, let response) = try await buyer.buy(order) else {
                    Issue.record("the purchase did not end")
                    return
                }
                let signed = try #require(
                    try await buyer.signatures(of: identity, about: id, in: response))
                let receipt = try #require(signed.receipt, "\(signed.refusal ?? "")")
                #expect(receipt.signer == identity && signed.offer != nil && signed.refusal == nil)
                let record = try #require(try await ledger.read { try $0.intent(id) })
                let named = channel == .never ? record.transaction : nil
                #expect(try JSONField(receipt.body)["transaction"].ifPresent?.string() == named)
                #expect(receipt.body["payer"] == .string(market.payer.description))
                // The same purchase again has the same receipt.
                guard case .answered(_, let again) = try await buyer.buy(order) else { return }
                #expect(again.header(X402.responseHeader) == response.header(X402.responseHeader))
            }
        }
    }

    /// What an attacker between robot and node can do to an answer 402, and the rule that notices.
    @Test func `a price that was changed on its way is refused by its rule, and nothing is signed`()
        async throws
    {
        try await TestMarket.with { market in
            try await market.openShop()
            let order = try market.order()
            let late = market.timeline.now.adding(seconds: -OfferReceipt.validity - 301)
            typealias Change = (inout JSON) async throws -> Void
            let changes: [(String, Change)] = [
                ("mismatch", { Self.accept(0, &$0) { $0["amount"] = "999" } }),
                ("mismatch", { Self.accept(0, &$0) { $0["payTo"] = .string(market.payer.description) } }),
                ("mismatch", { Self.accept(0, &$0) { $0["asset"] = .string(market.payer.description) } }),
                ("mismatch", { Self.accept(0, &$0) { $0["network"] = .string(Network.mainnet.chainID) } }),
                ("mismatch", { Self.accept(0, &$0) { $0["scheme"] = "upto" } }),
                (
                    "mismatch",
                    { root in
                        var offer = try await self.sign(market, order)
                        offer["acceptIndex"] = 1
                        Self.set([offer], in: &root)
                    }
                ),
                ("mismatch", { Self.set([try await self.sign(market, order, amount: 2_000)], in: &$0) }),
                (
                    "mismatch",
                    { root in
                        var offer = try await self.sign(market, order, amount: 2_000)
                        offer["acceptIndex"] = nil
                        Self.set([offer], in: &root)
                    }
                ),
                ("expired", { Self.set([try await self.sign(market, order, at: late)], in: &$0) }),
                ("resource", { Self.set([try await self.sign(market, order, resource: "/b")], in: &$0) }),
                (
                    "resource",
                    { root in
                        root["resource"] = ["url": "/v1/storage/other"]
                        let offer = try await self.sign(market, order, resource: "/v1/storage/other")
                        Self.set([offer], in: &root)
                    }
                ),
                ("unsigned", { $0["extensions"] = [:] }),
                ("unsigned", { Self.set([["format": "eip712", "signature": "0x00"]], in: &$0) }),
                (
                    "signer",
                    { Self.set([try await self.sign(market, order, with: market.robotWallet)], in: &$0) }
                ),
                (
                    "signature",
                    { root in
                        guard case .string(let text)? = Self.offers(root)[0]["signature"] else { return }
                        let signature = text.split(separator: ".").last ?? ""
                        let other = try await self.sign(market, order, amount: 2_000)
                        guard case .string(let body)? = other["signature"] else { return }
                        let mixed = body.split(separator: ".").dropLast().joined(separator: ".")
                        Self.set(
                            [["format": "jws", "signature": .string("\(mixed).\(signature)")]], in: &root)
                    }
                ),
                (
                    "algorithm",
                    { root in
                        guard case .string(let text)? = Self.offers(root)[0]["signature"] else { return }
                        let parts = text.split(separator: ".")
                        let header = Base64.url.encode(Array(#"{"alg":"none","kid":"x"}"#.utf8))
                        Self.set(
                            [["format": "jws", "signature": .string("\(header).\(parts[1]).")]], in: &root)
                    }
                ),
            ]
            let ledger = try await market.robotLedger()
            for (index, (rule, change)) in changes.enumerated() {
                let answer = try await self.changed(market, order, change)
                market.web.change { $0.impostor = { _ in answer } }
                guard case .unpaid(let reason) = try await market.buyer(ledger).buy(order) else {
                    Issue.record("change \(index) was believed")
                    continue
                }
                #expect(reason.contains("\(OfferReceipt.prefix)\(rule))"), "change \(index): \(reason)")
                market.web.change { $0.impostor = nil }
            }
            #expect(market.web.change { $0.payments }.isEmpty)
            #expect(try await ledger.read { try $0.intents().isEmpty })
            guard case .answered = try await market.buyer(ledger).buy(order) else {
                Issue.record("the unchanged price was refused")
                return
            }
        }
    }

    @Test func `of a seller whose key is not known only what it signed can be bought`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            var order = try market.order(ceiling: 5_000)
            order.seller = nil
            // Somebody adds a cheaper way to pay, to himself.
            let answer = try await self.changed(market, order) { root in
                var added = Draft.requirements(market, amount: 10).json
                added["payTo"] = .string(market.sponsor.description)
                guard case .array(let accepts)? = root["accepts"] else { return }
                root["accepts"] = .array(accepts + [added])
            }
            market.web.change {
                $0.impostor = { request in
                    request.headers.contains { $0.name == X402.signatureHeader } ? nil : answer
                }
            }
            let ledger = try await market.robotLedger()
            guard case .answered(let id, _) = try await market.buyer(ledger).buy(order) else {
                Issue.record("the signed way to pay was not taken")
                return
            }
            #expect(try await ledger.read { try $0.intent(id)?.proposal.amount } == 1_000)
            // Without any signature it buys as before.
            market.web.change { $0.impostor = nil }
            let plain = try await self.changed(market, try market.order("b")) { $0["extensions"] = [:] }
            market.web.change {
                $0.impostor = { request in
                    request.headers.contains { $0.name == X402.signatureHeader } ? nil : plain
                }
            }
            var second = try market.order("b")
            second.seller = nil
            guard case .answered(let id, let response) = try await market.buyer(ledger).buy(second) else {
                Issue.record("an unsigned price was refused")
                return
            }
            let signed = try await market.buyer(ledger).signatures(of: nil, about: id, in: response)
            #expect(signed?.offer == nil && signed?.receipt != nil)
        }
    }

    @Test func `what one kind says no other kind can say`() throws {
        let offer: JSON = [
            "version": 1, "resourceUrl": "https://a/b?c=é", "scheme": "exact", "network": "solana:x",
            "asset": "m", "payTo": "p", "amount": "1000", "validUntil": 1_800_000_000,
        ]
        let receipt: JSON = [
            "version": 1, "network": "n", "resourceUrl": "r", "payer": "p", "issuedAt": 1, "transaction": "t",
        ]
        #expect(try X402Offer(JSONField(offer)).json == offer)
        #expect(try X402Receipt(JSONField(receipt)).json == receipt)
        #expect(throws: JSONError.self) { try X402Offer(JSONField(receipt)) }
        #expect(throws: JSONError.self) { try X402Receipt(JSONField(offer)) }
        for change in [{ $0["amount"] = nil }, { $0["payer"] = "x" }] as [(inout JSON) -> Void] {
            var body = offer
            change(&body)
            #expect(throws: JSONError.self) { try X402Offer(JSONField(body)) }
        }
        #expect(throws: JSONError.self) { try X402Offer(JSONField([])) }
    }

    @Test func `a receipt about something else is no evidence, and says by which rule`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            guard case .answered(let id, let response) = try await buyer.buy(market.order()) else {
                Issue.record("the purchase did not end")
                return
            }
            let claim = try SettlementResponse(header: try #require(response.header(X402.responseHeader)))
            let text = try #require(claim.receipt)
            let good = try JWS<X402Receipt>(text, from: nil).body.json
            let changes: [(String, (inout JSON) -> Void)] = [
                ("payer", { $0["payer"] = .string(market.payTo.description) }),
                ("network", { $0["network"] = .string(Network.mainnet.chainID) }),
                ("resource", { $0["resourceUrl"] = "/else" }),
                ("transaction", { $0["transaction"] = "another" }), ("issued", { $0["issuedAt"] = 1 }),
                ("issued", { $0["issuedAt"] = 1_900_000_000 }), ("version", { $0["version"] = 2 }),
            ]
            func refusal(_ receipt: String, of key: PublicKey? = nil) async throws -> String? {
                let answer = SettlementResponse(
                    transaction: claim.transaction, payer: nil, network: claim.network, receipt: receipt)
                let response = WebResponse(
                    status: 200, headers: [Header(X402.responseHeader, answer.header)], body: [])
                let signed = try #require(try await buyer.signatures(of: key, about: id, in: response))
                #expect(signed.receipt == nil || signed.refusal == nil)
                return signed.refusal
            }
            for (rule, change) in changes {
                var body = good
                change(&body)
                let receipt = try await market.nodeWallet.jws(X402Receipt(JSONField(body))).text
                let reason = try await refusal(receipt)
                #expect(reason?.contains("\(OfferReceipt.prefix)\(rule))") == true, "\(reason ?? "believed")")
            }
            let stranger = try await market.robotWallet.jws(X402Receipt(JSONField(good))).text
            #expect(
                try await refusal(stranger)?.contains("_signer)") == true, "who signed the price signs this")
            let offer = try await self.sign(market, try market.order())
            guard case .string(let other)? = offer["signature"] else { return }
            #expect(try await refusal(other)?.contains("_members)") == true)
            var silent = good
            silent["transaction"] = nil
            #expect(
                try await refusal(market.nodeWallet.jws(X402Receipt(JSONField(silent))).text) == nil)
        }
    }
}
