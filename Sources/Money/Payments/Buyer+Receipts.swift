public import Encoding
public import Ledger
public import Sodium
internal import Statements
public import World

/// What a seller signed about one purchase, for the books.
public struct SellerSignatures: Sendable, Equatable {
    /// The price, as it was verified before we signed.
    public let offer: String?
    /// The receipt, if one came that holds.
    public let receipt: VerifiedReceipt?
    /// Why the receipt that came does not count.
    public let refusal: String?

    /// What is kept: the signed texts, and of the receipt also who signed it and what it says.
    public var json: JSON {
        var json: JSON = [:]
        if let offer { json["offer"] = .string(offer) }
        if let receipt {
            json["receipt"] = .string(receipt.text)
            json["signer"] = .string(DIDKey.text(of: receipt.signer))
            json["says"] = receipt.body
        }
        if let refusal { json["refused"] = .string(refusal) }
        return json
    }
}

extension Buyer {
    /// What the seller of a purchase signed, read from what is journalled and from its answer. A receipt that
    /// does not hold changes nothing: the money is gone; but it is no evidence, and says why.
    ///
    /// - Parameter seller: the key that has to sign, where it is known; otherwise who signed the price.
    /// - Returns: nil when it signed nothing.
    public func signatures(
        of seller: PublicKey?, about id: IntentID, in response: WebResponse
    ) async throws -> SellerSignatures? {
        let (record, payment) = try await self.ledger.read { view in
            let record = try view.intent(id)
            return (record, try record.flatMap { try view.payment($0) })
        }
        guard let record, let payment else { return nil }
        let payload = try PaymentPayload(bytes: payment.payload)
        let claim = response.header(X402.responseHeader).flatMap { try? SettlementResponse(header: $0) }
        guard let text = claim?.receipt else {
            return payload.offer.map { SellerSignatures(offer: $0, receipt: nil, refusal: nil) }
        }
        let payer = try self.rail(of: record.proposal.asset).payer
        do throws(X402Error) {
            let receipt = try VerifiedReceipt(
                text, about: payload, payer: payer, transaction: record.transaction,
                since: record.createdAt / 1_000, by: seller, now: self.timeline.now)
            return SellerSignatures(offer: payload.offer, receipt: receipt, refusal: nil)
        } catch {
            return SellerSignatures(offer: payload.offer, receipt: nil, refusal: error.description)
        }
    }
}
