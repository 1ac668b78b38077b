import Encoding
package import Sodium
package import Stellar
package import World

/// What a seller asks for, as far as a facilitator looks at it.
package struct StellarTerms: Sendable {
    package var asset: StellarAddress
    package var payTo: StellarAddress
    package var amount: UInt64
    package var maxTimeoutSeconds: Int

    package init(asset: StellarAddress, payTo: StellarAddress, amount: UInt64, maxTimeoutSeconds: Int = 60) {
        self.asset = asset
        self.payTo = payTo
        self.amount = amount
        self.maxTimeoutSeconds = maxTimeoutSeconds
    }
}

/// What became of a payment, in a facilitator's words.
package struct StellarSettlement: Sendable, Equatable {
    /// A code of the specification; nil for success.
    package let errorReason: String?
    /// In hex; empty when nothing was sent.
    package let transaction: String
    package let payer: StellarAddress?
}

/// A facilitator of x402's scheme `exact` (specs/schemes/exact/scheme_exact_stellar): it checks a payload,
/// puts its own account in as the source, pays the fee and follows the transaction.
package struct StellarFacilitator: Sendable {
    /// Ledgers that other nodes may be ahead.
    private static let tolerance: UInt32 = 2

    private let node: StellarNode
    private let seed: [UInt8]
    package let address: StellarAddress

    /// - Parameter seed: of the account that pays the fees, 32 bytes.
    package init(node: StellarNode, seed: [UInt8] = [UInt8](repeating: 0x33, count: 32)) throws(SodiumError) {
        self.node = node
        self.seed = seed
        self.address = StellarAddress(try Self.key(seed).publicKey)
    }

    private static func key(_ seed: [UInt8]) throws(SodiumError) -> SigningKey {
        try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: seed.prefix(32)) })
    }

    /// Why a payload is not accepted, or nil.
    package func verify(_ transaction: String, against terms: StellarTerms) async -> String? {
        await self.check(transaction, terms).errorReason
    }

    private func check(
        _ text: String, _ terms: StellarTerms
    ) async -> (errorReason: String?, envelope: StellarEnvelope?) {
        let network = await self.node.ledger.network
        guard let envelope = try? StellarEnvelope(base64: text, on: network),
            let resources = envelope.resources
        else { return ("invalid_exact_stellar_payload_malformed", nil) }
        let payment = envelope.authorization.payment
        let (simulated, latest) = await (self.node.reason(against: envelope), self.node.latest)
        let ledgers = UInt32(clamping: (max(0, terms.maxTimeoutSeconds) + 4) / StellarTransfer.ledgerSeconds)
        let (end, overflow) = latest.addingReportingOverflow(
            ledgers.addingReportingOverflow(Self.tolerance).0)
        let code: String? =
            if payment.token != terms.asset {
                "wrong_asset"
            } else if payment.from == self.address {
                "facilitator_is_payer"
            } else if payment.to != terms.payTo {
                "wrong_recipient"
            } else if payment.amount != terms.amount {
                "wrong_amount"
            } else if payment.credentials != .address {
                "unsupported_credential_type"
            } else if simulated != nil {
                "simulation_failed"
            } else if Int64(envelope.fee) < max(StellarLedger.resourceFee, resources.fee) {
                "fee_below_minimum"
            } else if envelope.fee > StellarEnvelope.sponsoredFee {
                "fee_exceeds_maximum"
            } else if payment.expiration > (overflow ? .max : end) {
                "expiration_too_far"
            } else {
                nil
            }
        if code == "expiration_too_far" {
            return ("invalid_exact_stellar_signature_expiration_too_far", envelope)
        }
        return (code.map { "invalid_exact_stellar_payload_\($0)" }, envelope)
    }

    /// Verifies a payload, sends it, and waits until it is in a ledger or the seller's time is up.
    ///
    /// - Parameter timeline: waits while the network runs; nil closes ledgers instead of waiting.
    package func settle(
        _ text: String, against terms: StellarTerms, timeline: (any Timeline)? = nil
    ) async throws -> StellarSettlement {
        let (reason, envelope) = await self.check(text, terms)
        let payer = envelope?.authorization.payment.from
        guard reason == nil, let envelope else {
            return StellarSettlement(errorReason: reason, transaction: "", payer: payer)
        }
        guard let id = try await self.node.submit(envelope, by: self.address, Self.key(self.seed)) else {
            return StellarSettlement(
                errorReason: "settle_exact_stellar_transaction_submission_failed", transaction: "",
                payer: payer)
        }
        for _ in 0..<max(1, terms.maxTimeoutSeconds) {
            if let failed = await self.node.outcome(of: id) {
                await self.node.forget(envelope)
                return StellarSettlement(
                    errorReason: failed ? "settle_exact_stellar_transaction_failed" : nil, transaction: id,
                    payer: payer)
            }
            if let timeline { try await timeline.sleep(for: .seconds(1)) } else { await self.node.close() }
        }
        await self.node.forget(envelope)
        return StellarSettlement(
            errorReason: "settle_exact_stellar_transaction_failed", transaction: id, payer: payer)
    }
}

extension StellarNode {
    /// Why a payment would fail in the next ledger, or nil.
    fileprivate func reason(against envelope: StellarEnvelope) -> String? {
        self.ledger.refusal(of: envelope.authorization.payment, in: self.ledger.sequence + 1)
    }

    /// Signs and hands on, unless the same payment is on its way already.
    /// - Returns: the id of the transaction; nil when the network does not take it.
    fileprivate func submit(
        _ envelope: StellarEnvelope, by source: StellarAddress, _ key: borrowing SigningKey
    ) throws -> String? {
        let signed = envelope.authorization.payment.signedHash
        if let id = self.settling[signed] { return id }
        let submission = envelope.submission(by: source, sequence: self.ledger.nextSequence(of: source))
        let bytes = try submission.signed(key.signature(over: submission.signedHash))
        guard self.ledger.submit(bytes) == nil else { return nil }
        let id = Hex.encode(submission.signedHash)
        self.settling[signed] = id
        return id
    }

    /// Whether a transaction failed; nil while it is in no ledger.
    fileprivate func outcome(of id: String) -> Bool? {
        self.ledger.history.last { $0.id == id }.map { $0.failure != nil }
    }

    fileprivate func forget(_ envelope: StellarEnvelope) {
        self.settling[envelope.authorization.payment.signedHash] = nil
    }
}

extension StellarFacilitator {
    /// Answers its HTTP interface (x402 v2): `POST /verify` and `POST /settle`.
    ///
    /// - Parameter what: the last part of the path.
    /// - Throws: `JSONError` for what is no such request.
    package func respond(to what: String, _ body: [UInt8]) async throws -> [UInt8] {
        let root = JSONField(try JSON.read(body, limits: JSON.Limits(bytes: 256 << 10)))
        let (text, terms) = try (
            root["paymentPayload"]["payload"]["transaction"].string(),
            StellarTerms(root["paymentRequirements"])
        )
        guard what == "settle" else {
            let reason = await self.verify(text, against: terms)
            var answer: JSON = ["isValid": .bool(reason == nil)]
            if let reason { answer["invalidReason"] = .string(reason) }
            return Array(answer.text.utf8)
        }
        let outcome = try await self.settle(text, against: terms)
        var answer: JSON = [
            "success": .bool(outcome.errorReason == nil), "transaction": .string(outcome.transaction),
            "network": .string(await self.node.ledger.network.chainID),
        ]
        if let reason = outcome.errorReason { answer["errorReason"] = .string(reason) }
        if let payer = outcome.payer { answer["payer"] = .string(payer.description) }
        return Array(answer.text.utf8)
    }
}

extension StellarTerms {
    fileprivate init(_ field: JSONField) throws {
        self.init(
            asset: try StellarAddress(try field["asset"].string()),
            payTo: try StellarAddress(try field["payTo"].string()), amount: try field["amount"].decimal(),
            maxTimeoutSeconds: try field["maxTimeoutSeconds"].integer())
    }
}
