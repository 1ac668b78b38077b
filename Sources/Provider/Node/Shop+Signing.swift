internal import Market
internal import Payments
internal import Statements
internal import Wallet
internal import World

/// What the shop signs with its identity key in x402's own form (extension `offer-receipt`).
extension Shop {
    /// A quote whose every way to pay is signed.
    func signed(
        _ resource: String, _ accepts: [PaymentRequirements], error: String? = nil
    ) async throws -> PaymentRequired {
        var offers: [SignedOffer] = []
        for (index, terms) in accepts.enumerated() {
            let offer = try OfferReceipt.offer(of: terms, for: resource, at: self.timeline.now)
            offers.append(SignedOffer(try await self.wallet.jws(offer).text, acceptIndex: index))
        }
        return PaymentRequired(resource: resource, accepts: accepts, error: error, offers: offers)
    }

    /// Says that a sale was paid and worked for.
    /// - Parameter transaction: nil for a voucher.
    func receipt(
        _ payer: String, _ resource: String, _ sale: SalesBook.Sale, on network: String, transaction: String?
    ) async throws -> String {
        try await self.wallet.jws(
            try OfferReceipt.receipt(
                from: payer, for: resource, on: network, transaction: transaction,
                issuedAt: sale.openedAt / 1_000)
        ).text
    }
}
