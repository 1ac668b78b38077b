package import Encoding
package import World

/// Somebody who checks payments and brings them to a chain for others, over HTTP (x402 facilitator). What it
/// says moves no book: the chain does.
package struct RemoteFacilitator: Sendable {
    /// Without a slash at the end.
    private let url: String
    private let web: any Web

    package init(url: String, web: any Web) {
        self.url = url
        self.web = web
    }

    /// What it says about a scheme on a network; nil when it does not serve it.
    package func kind(_ scheme: String, on network: String) async throws -> JSONField? {
        let response = try await self.web.send(WebRequest("GET", self.url + "/supported"))
        let kinds = JSONField(try JSON.read(response.body, limits: X402.limits))["kinds"]
        return try kinds.elements().first {
            try $0["scheme"].string() == scheme && $0["network"].string() == network
        }
    }

    /// Asks whether it would bring a payment to the chain.
    /// - Throws: `X402Error` with its reason why not.
    package func verify(_ payload: PaymentPayload, _ requirements: PaymentRequirements) async throws {
        let answer = JSONField(
            try JSON.read(try await self.ask("verify", payload, requirements), limits: X402.limits))
        guard try !answer["isValid"].bool() else { return }
        let code = try answer["invalidReason"].ifPresent?.string() ?? "unexpected_verify_error"
        throw X402Error.invalid(
            code: code.plain(), reason: (try answer["invalidMessage"].ifPresent?.string() ?? code).plain())
    }

    /// Has a signed payment brought to the chain. The same payment again is the same transaction.
    package func settle(
        _ payload: PaymentPayload, _ requirements: PaymentRequirements
    ) async throws -> SettlementResponse {
        try SettlementResponse(
            JSONField(try JSON.read(try await self.ask("settle", payload, requirements), limits: X402.limits))
        )
    }

    private func ask(
        _ what: String, _ payload: PaymentPayload, _ requirements: PaymentRequirements
    ) async throws(WebError) -> [UInt8] {
        // As they are, to the byte: strict facilitators compare.
        let body =
            "{\"x402Version\":\(X402.version),"
            + "\"paymentPayload\":\(String(decoding: payload.bytes, as: UTF8.self)),"
            + "\"paymentRequirements\":\(requirements.text)}"
        return try await self.web.send(
            WebRequest(
                "POST", "\(self.url)/\(what)", headers: [Header("Content-Type", "application/json")],
                body: Array(body.utf8))
        ).body
    }
}
