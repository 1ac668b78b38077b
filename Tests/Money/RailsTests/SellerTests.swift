import Encoding
import Ledger
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Testing
import World

/// Sellers as they are: what of their 402 cannot be used is passed over, and what a payment gives back to
/// them is what they said, to the byte.
@Suite struct SellerTests {
    /// An answer 402 whose header is written by hand.
    private func answer(_ json: String, encoded: (String) -> String = { $0 }) -> WebResponse {
        let header = encoded(Base64.standard.encode(Array(json.utf8)))
        return WebResponse(status: 402, headers: [Header(X402.requiredHeader, header)], body: [])
    }

    private func preview(
        _ market: TestMarket, _ response: WebResponse, ledger: PaymentLedger? = nil
    ) async throws -> Preview {
        market.web.change { $0.impostor = { _ in response } }
        let buyer: Buyer
        if let ledger {
            buyer = market.buyer(ledger)
        } else {
            buyer = market.buyer(try await market.robotLedger())
        }
        var order = try market.order()
        order.seller = nil
        return try await buyer.preview(order)
    }

    private func expectPrice(
        _ market: TestMarket, _ response: WebResponse, _ comment: Comment = "",
        ledger: PaymentLedger? = nil
    ) async throws {
        switch try await self.preview(market, response, ledger: ledger) {
        case .wouldSign(let quote, .allowed, _): #expect(quote.proposal.amount == 1_000, comment)
        case let other: Issue.record("\(comment): \(other)")
        }
    }

    private func required(_ market: TestMarket, accepts: [String], more: String = "") -> String {
        #"{"x402Version":2,"resource":{"url":"/"},"accepts":[\#(accepts.joined(separator: ","))]\#(more)}"#
    }

    @Test func `one way to pay that cannot be used does not spoil the others`() async throws {
        try await TestMarket.with { market in
            let good = Draft.requirements(market).json
            var unusable: [JSON] = []
            for (member, value) in [
                ("amount", "0.5"), ("amount", "500000000000000000000"), ("amount", 1_000),
                ("network", "eip155:8453"), ("payTo", 7), ("asset", .null), ("maxTimeoutSeconds", "soon"),
            ] as [(String, JSON)] {
                var bad = good
                bad[member] = value
                unusable.append(bad)
            }
            unusable += [.null, [], "exact", ["scheme": "exact"], ["scheme": 1]]
            for bad in unusable {
                for accepts in [[bad.text, good.text], [good.text, bad.text]] {
                    try await self.expectPrice(
                        market, self.answer(self.required(market, accepts: accepts)), "\(bad.text)")
                }
                // Where nothing is left it says what there was.
                let answer = self.answer(self.required(market, accepts: [bad.text]))
                guard case .ended(.unpaid) = try await self.preview(market, answer) else {
                    Issue.record("\(bad.text) would be paid")
                    continue
                }
            }
        }
    }

    @Test func `what is left out, nested deep, or written in the other alphabet is read`() async throws {
        try await TestMarket.with { market in
            let good = Draft.requirements(market).json.text
            let bare = #"{"x402Version":2,"accepts":[\#(good)]}"#
            try await self.expectPrice(market, self.answer(bare), "no resource")
            for depth in [20, 50] {
                let deep = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
                let schema = self.required(
                    market, accepts: [good], more: #","extensions":{"schema":{"output":\#(deep)}}"#)
                try await self.expectPrice(market, self.answer(schema), "\(depth) deep")
            }
            // The text holds bytes that differ between the alphabets.
            let text = self.required(market, accepts: [good], more: #","error":"<<???>>~~~""#)
            for (name, encoded) in [
                ("url", { $0.writing("-", for: "+").writing("_", for: "/") }),
                ("url, bare", { $0.writing("-", for: "+").writing("_", for: "/").writing("", for: "=") }),
                ("bare", { $0.writing("", for: "=") }), ("standard", { $0 }),
            ] as [(String, (String) -> String)] {
                try await self.expectPrice(market, self.answer(text, encoded: encoded), "\(name)")
            }
        }
    }

    @Test func `a payment gives back what the seller said, to the byte`() async throws {
        try await TestMarket.with { market in
            let base = Draft.requirements(market).json.text.dropLast(2)
            let odd =
                base
                + #","big":9223372036854775808,"huge":12345678901234567890123456789012345678901234567890,"e":1e3,"#
                + #""z":-0.0,"u":"\u00e9\/" , "sp" : [ 1 ,2 ]}}"#
            let resource = #"{"url":"/","description":"caf\u00e9","mimeType":"a/b","n":1e3}"#
            let extensions = #"{"other":{"info":{"k":1E2},"schema":{}},"payment-identifier":{"info":{}}}"#
            let text =
                #"{"x402Version":2,"resource":\#(resource),"accepts":[\#(odd)],"extensions":\#(extensions)}"#
            let answer = self.answer(text)
            market.web.change { $0.impostor = { _ in answer } }
            var order = try market.order(tries: 1)
            order.seller = nil
            _ = try await market.buyer(market.robotLedger()).buy(order)
            let header = try #require(market.web.change { $0.payments }.last)
            let sent = String(decoding: try Base64.standard.decode(header), as: UTF8.self)
            #expect(sent.contains(#""accepted":\#(odd),"#), "\(sent)")
            #expect(sent.contains(#""resource":\#(resource),"#))
            #expect(sent.contains(#""other":{"info":{"k":1E2},"schema":{}}"#))
            #expect(try PaymentPayload(header: header).identifier != nil)
        }
    }

    @Test func `of several tokens the first is taken that policy, funds and ceiling allow`() async throws {
        try await TestMarket.with { market in
            let other = Address(try key(44).publicKey)
            let otherID = SolanaNames.token(other, on: .devnet)
            let ledger = try await market.robotLedger(change: { rules in
                rules["assets"] = [
                    ["asset": .string(market.asset.id), "symbol": "USD", "decimals": 6],
                    ["asset": .string(otherID), "symbol": "OTH", "decimals": 6],
                ]
                rules["limits"] = [
                    ["id": "a", "asset": .string(market.asset.id), "per_payment": "50000"],
                    ["id": "b", "asset": .string(otherID), "per_payment": "50000"],
                ]
            })
            // No money in the first; the second is what the wallet has.
            var first = Draft.requirements(market).json
            first["asset"] = .string(other.description)
            let second = Draft.requirements(market).json
            let both = self.required(market, accepts: [first.text, second.text])
            try await self.expectPrice(market, self.answer(both), ledger: ledger)
            // Dearer than the ceiling of the order.
            first["amount"] = "40000"
            let dear = self.required(market, accepts: [first.text, second.text])
            try await self.expectPrice(market, self.answer(dear), ledger: ledger)
        }
    }

    @Test func `decimals that are not the mint's are refused before anything is signed`() async throws {
        for decimals: Int64 in [2, 9] {
            try await TestMarket.with { market in
                let ledger = try await market.robotLedger(
                    knowsMoney: false,
                    change: { rules in
                        rules["assets"] = [
                            [
                                "asset": .string(market.asset.id), "symbol": "USD",
                                "decimals": .integer(decimals),
                            ]
                        ]
                    })
                try await ledger.deposit(
                    TestMarket.money,
                    asset: Asset(id: market.asset.id, symbol: "USD", decimals: Int(decimals)), reference: "d")
                let answer = self.answer(
                    self.required(market, accepts: [Draft.requirements(market).json.text]))
                guard
                    case .ended(.unpaid(let reason)) = try await self.preview(market, answer, ledger: ledger)
                else {
                    Issue.record("it would be signed")
                    return
                }
                #expect(reason.contains("\(decimals) decimals") && reason.contains("has 6"), "\(reason)")
            }
        }
    }

    @Test func `what the chain would refuse is not signed`() async throws {
        try await TestMarket.with { market in
            // A payee without an account for the token.
            var terms = Draft.requirements(market).json
            let payee = Address(try key(55).publicKey)
            terms["payTo"] = .string(payee.description)
            let ledger = try await market.robotLedger(change: { rules in
                rules["payees"] = [
                    [
                        "id": "new", "account": .string(SolanaNames.account(payee, on: .devnet)),
                        "purposes": ["storage"],
                    ]
                ]
            })
            let answer = self.answer(self.required(market, accepts: [terms.text]))
            guard case .ended(.unpaid(let reason)) = try await self.preview(market, answer, ledger: ledger)
            else {
                Issue.record("it would be signed")
                return
            }
            #expect(reason.contains("the chain would refuse"), "\(reason)")
            market.web.change { $0.impostor = { _ in answer } }
            var order = try market.order()
            order.seller = nil
            _ = try await market.buyer(ledger).buy(order)
            #expect(market.web.change { $0.payments }.isEmpty)
            let balance = try await ledger.read { try $0.balances()[0] }
            #expect(balance.reserved == 0 && balance.available == Int64(TestMarket.money))
        }
    }
}
