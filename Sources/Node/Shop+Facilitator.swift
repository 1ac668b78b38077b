internal import Encoding
internal import Market
internal import Payments
internal import Solana

/// The facilitator's HTTP interface (x402 v2). It sponsors payments to this shop only: a stranger's payments
/// would be paid for with our fees.
extension Shop {
    func verify(_ request: ShopRequest) async throws -> ShopResponse {
        do {
            let (payload, requirements) = try self.read(request)
            let payment = try await self.facilitator.verify(payload, against: requirements)
            return .json(200, ["isValid": true, "payer": .string(payment.payer.description)])
        } catch let error as X402Error {
            return .json(
                200,
                [
                    "isValid": false, "invalidReason": .string(error.code),
                    "invalidMessage": .string("\(error)"),
                ])
        }
    }

    func settle(_ request: ShopRequest) async throws -> ShopResponse {
        do {
            let (payload, requirements) = try self.read(request)
            _ = try await self.facilitator.verify(payload, against: requirements)
            return .json(200, try await self.facilitator.settle(payload, against: requirements).json)
        } catch let error as X402Error {
            let failure = SettlementResponse(
                failure: error.code, message: "\(error)", payer: nil, network: self.offer.network)
            return .json(200, failure.json)
        }
    }

    private func read(_ request: ShopRequest) throws -> (PaymentPayload, PaymentRequirements) {
        let root = JSONField(try JSON.read(request.body, limits: .init(bytes: 128 << 10, depth: 16)))
        guard let payload = root["paymentPayload"].value else {
            throw root["paymentPayload"].fault("missing")
        }
        let requirements = try PaymentRequirements(facilitator: root["paymentRequirements"])
        guard requirements.payTo == self.offer.payTo else {
            throw X402Error.invalid(
                code: "invalid_payment_requirements",
                reason: "only payments to \(self.offer.payTo) are sponsored")
        }
        return (try PaymentPayload(bytes: Array(payload.text.utf8)), requirements)
    }
}
