import Encoding
import PaymentSupport
import Payments
import Testing

@Suite struct X402Tests {
    /// Source: x402-specification-v2 and transports-v2/http: header names, members and their nesting.
    @Test func `a price in the specification's form is read`() throws {
        let text = """
            {"x402Version":2,"error":"PAYMENT-SIGNATURE header is required","resource":{"url":"https://a/b","mimeType":"x"},
            "accepts":[{"scheme":"exact","network":"solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1","amount":"1000",
            "asset":"4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU","payTo":"2wKupLR9q6wXYppw8Gr2NvWxKBUqm4PPJKkQfoxHDBg4",
            "maxTimeoutSeconds":60,"extra":{"feePayer":"EwWqGE4ZFKLofuestmU4LDdK7XM1N4ALgdZccwYugwGd"}}],"extensions":{}}
            """
        let required = try PaymentRequired(header: Base64.standard.encode(Array(text.utf8)))
        #expect(
            required.resource == "https://a/b" && required.accepts.count == 1 && !required.wantsIdentifier)
        #expect(required.accepts[0].amount == 1_000 && required.accepts[0].paymentFlow == "authorization")
        #expect(required.accepts[0].feePayer == "EwWqGE4ZFKLofuestmU4LDdK7XM1N4ALgdZccwYugwGd")
    }

    @Test func `messages come back as they were written`() async throws {
        try await TestMarket.with { market in
            let terms = Draft.requirements(market, memo: "m")
            let required = PaymentRequired(resource: "/x", accepts: [terms], error: "pay")
            #expect(try PaymentRequired(header: required.header) == required)
            let payload = try await Draft(market).payload(market)
            let again = try PaymentPayload(header: Base64.standard.encode(payload.bytes))
            #expect(again == payload && again.accepted.json == payload.accepted.json)
            for response in [
                SettlementResponse(transaction: "t", payer: "p", network: "n"),
                SettlementResponse(failure: "r", message: "m", payer: nil, network: "n"),
            ] {
                #expect(try SettlementResponse(header: response.header) == response)
            }
        }
    }

    @Test(arguments: [
        "", "!", "e30", "e30=", "bm90IGpzb24=", "W10=",
        // {"x402Version":1}
        "eyJ4NDAyVmVyc2lvbiI6MX0=",
    ])
    func `what is no message is refused`(header: String) {
        #expect(throws: X402Error.self) { try PaymentRequired(header: header) }
        #expect(throws: X402Error.self) { try PaymentPayload(header: header) }
        #expect(throws: X402Error.self) { try SettlementResponse(header: header) }
    }

    @Test func `amounts that are no plain decimals and identifiers of another shape are refused`()
        async throws
    {
        try await TestMarket.with { market in
            for amount in ["-1", "1.0", "01", "18446744073709551616", ""] {
                var json = Draft.requirements(market).json
                json["amount"] = .string(amount)
                let root: JSON = ["x402Version": 2, "resource": ["url": "/"], "accepts": [json]]
                #expect(throws: X402Error.self) {
                    try PaymentRequired(header: Base64.standard.encode(Array(root.text.utf8)))
                }
            }
            for identifier in [
                "short", String(repeating: "a", count: 129), "0123456789abcde ", "0123456789abcdé",
            ] {
                var draft = Draft(market)
                draft.identifier = identifier
                let bytes = try await draft.payload(market).bytes
                #expect(throws: X402Error.self) { try PaymentPayload(bytes: bytes) }
            }
            let root: JSON = ["x402Version": 2, "resource": ["url": "/"], "accepts": []]
            #expect(throws: X402Error.self) {
                try PaymentRequired(header: Base64.standard.encode(Array(root.text.utf8)))
            }
        }
    }
}
