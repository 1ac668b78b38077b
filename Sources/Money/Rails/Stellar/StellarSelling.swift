internal import Encoding
package import Ledger
package import Payments
internal import Sodium
package import Stellar
package import Wallet
package import World

/// Selling on Stellar, in the network's dollar. A facilitator brings what customers sign to the network and
/// pays the fee; whether it arrived our own nodes say.
package struct StellarSelling: SellingRail {
    private let chain: StellarNetwork
    private let rpc: StellarRPC
    private let facilitator: RemoteFacilitator
    private let timeline: any Timeline
    private let owner: StellarAddress
    /// How long a settlement waits for the network before it answers `settlement_pending`.
    private let patience: Duration

    package init(
        wallet: UnlockedWallet, rpc: StellarRPC, facilitator: RemoteFacilitator, timeline: any Timeline,
        patience: Duration = .seconds(30)
    ) {
        self.chain = rpc.network
        self.rpc = rpc
        self.facilitator = facilitator
        self.timeline = timeline
        self.owner = StellarAddress(wallet.publicKey(.stellar))
        self.patience = patience
    }

    package var network: String { self.chain.chainID }
    package var asset: Asset {
        Asset(
            id: StellarNames.token(self.chain.usdcContract, on: self.chain), symbol: "USDC",
            decimals: Int(clamping: StellarAsset.decimals))
    }
    package var assetName: String { self.chain.usdcContract.description }
    package var payTo: String { self.owner.description }
    /// An authorization has no room for a text.
    package var carriesMemo: Bool { false }
    /// The facilitator pays.
    package var transferBounds: FeeBounds { FeeBounds(payer: 0, strangers: 0) }
    package var channels: (any ChannelSelling)? { nil }

    package func requirements(_ amount: UInt64, memo: String) -> PaymentRequirements {
        PaymentRequirements(
            network: self.network, amount: amount, asset: self.assetName, payTo: self.payTo,
            maxTimeoutSeconds: Self.timeoutSeconds, extra: ["areFeesSponsored": true, "memo": .string(memo)])
    }

    private static let timeoutSeconds = 60

    /// It sponsors nobody itself.
    package var supported: FacilitatorSupport { FacilitatorSupport(kinds: [], signers: ("stellar:*", [])) }

    // MARK: A payment

    private func payment(_ payload: PaymentPayload) throws(X402Error) -> StellarPayment {
        do {
            let text = try JSONField(payload.payload)["transaction"].string()
            return try StellarEnvelope(base64: text, on: self.chain).authorization.payment
        } catch {
            throw .malformed("\(error)")
        }
    }

    package func signed(_ payload: PaymentPayload) throws(X402Error) -> SignedPayment {
        let payment = try self.payment(payload)
        return SignedPayment(
            payer: payment.from.description, key: Hex.encode(payment.signedHash), cost: 0)
    }

    /// What the ledger shows as done.
    package func knows(_ payload: PaymentPayload) async throws -> Bool {
        let payment = try self.payment(payload)
        guard payment.to == self.owner, try await self.rpc.latestLedger() > payment.expiration else {
            return try await self.rpc.isUsed(nonce: payment.nonce, of: payment.from)
        }
        // The ledger keeps a nonce until its payment's end, and no longer.
        guard case .settled = try await self.search(payment).find() else { return false }
        return true
    }

    private func search(_ payment: StellarPayment) throws(StellarError) -> StellarSearch {
        try StellarSearch(
            preimage: payment.preimage,
            firstLedger: payment.expiration - min(payment.expiration, Self.span), rpc: self.rpc)
    }

    package func verify(
        _ payload: PaymentPayload, against requirements: PaymentRequirements
    ) async throws {
        let payment = try self.payment(payload)
        let latest = try await self.rpc.latestLedger()
        let last = StellarTransfer.expiration(
            latestLedger: latest, timeoutSeconds: requirements.maxTimeoutSeconds)
        let prefix = "invalid_exact_stellar_payload_"
        let rules: [(code: String, holds: Bool)] = [
            (prefix + "wrong_asset", payment.token == self.chain.usdcContract),
            (prefix + "wrong_recipient", payment.to == self.owner && payment.from != self.owner),
            (prefix + "wrong_amount", payment.amount == requirements.amount),
            (prefix + "unsupported_credential_type", payment.credentials == .address),
            (
                "invalid_exact_stellar_signature_expiration_too_far",
                payment.expiration <= last.saturating(plus: Self.tolerance)
            ),
            (prefix + "expired", payment.expiration > latest),
        ]
        if let broken = rules.first(where: { !$0.holds }) {
            throw X402Error.invalid(code: broken.code, reason: "the payment does not pay what was asked")
        }
        do {
            try await self.facilitator.verify(payload, requirements)
        } catch  where error is WebError || error is JSONError {
            throw FacilitatorSilence(reason: "\(error)", isCancelled: error as? WebError == .cancelled)
        }
    }

    /// Ledgers that the customer's node may be ahead of ours.
    private static let tolerance: UInt32 = 2
    /// Ledgers before the expiration in which a payment that was checked here may have happened.
    private static let span = UInt32(clamping: 2 * Self.timeoutSeconds / StellarTransfer.ledgerSeconds)

    /// The facilitator's word is a hint: paid is what the ledger shows.
    package func settle(
        _ payload: PaymentPayload, against requirements: PaymentRequirements
    ) async throws -> SettlementResponse {
        let payment = try self.payment(payload)
        let search = try self.search(payment)
        var answer: SettlementResponse?
        if try await !self.rpc.isUsed(nonce: payment.nonce, of: payment.from) {
            // Silence says nothing: it may have sent the payment.
            answer = try? await self.facilitator.settle(payload, requirements)
        }
        try Task.checkCancellation()
        let end = self.timeline.uptime + self.patience
        let payer = payment.from.description
        while true {
            switch try await search.find(hint: answer?.hint) {
            case .settled(let transaction, _):
                return SettlementResponse(transaction: transaction, payer: payer, network: self.network)
            case .failed(let transaction, let reason):
                return SettlementResponse(
                    failure: "settle_exact_stellar_transaction_failed", message: reason,
                    transaction: transaction, payer: payer, network: self.network)
            case .dead:
                return SettlementResponse(
                    failure: "settle_exact_stellar_transaction_failed",
                    message: answer?.errorMessage ?? "it did not happen, and cannot any more", payer: payer,
                    network: self.network)
            case .open where self.timeline.uptime >= end || answer?.success == false:
                return SettlementResponse(
                    failure: "settlement_pending",
                    message: answer?.errorMessage ?? "not in a ledger yet; send the same payment again",
                    transaction: answer?.transaction ?? "", payer: payer, network: self.network)
            case .open: try await self.timeline.sleep(for: .seconds(1))
            }
        }
    }

    // MARK: The books

    /// Fees are the facilitator's.
    package func bookDeposits() async throws {}
    package func sweep() async throws -> [BookFault] { [] }
}

/// The facilitator gives no answer, or none that can be read: nothing was asked of the network, and the
/// customer may come again.
private struct FacilitatorSilence: ChainError, CustomStringConvertible {
    let reason: String
    let isCancelled: Bool
    let isOtherNetwork = false
    var description: String { "the facilitator gives no usable answer: \(self.reason)" }
}
