public import Encoding

/// What became of a payment, in a facilitator's words.
public struct SettlementResponse: Sendable, Equatable {
    public let success: Bool
    /// A code of the specification; `settlement_pending` with a transaction means: not decided, ask again.
    public let errorReason: String?
    public let errorMessage: String?
    public let payer: String?
    /// Base58, empty when there is none.
    public let transaction: String
    public let network: String
    /// Atomic units that moved on the chain, where the scheme says so.
    public let amount: String?
    /// Of `batch-settlement`: `commitmentId`, `chargedAmount`, `channelState`.
    public let extra: JSON?
    /// What the seller signed about the payment; not verified yet.
    public let receipt: String?

    public init(
        transaction: String, payer: String?, network: String, amount: String? = nil, extra: JSON? = nil,
        receipt: String? = nil
    ) {
        self.receipt = receipt
        self.amount = amount
        self.extra = extra
        self.success = true
        self.errorReason = nil
        self.errorMessage = nil
        self.payer = payer
        self.transaction = transaction
        self.network = network
    }

    public init(
        failure reason: String, message: String, transaction: String = "", payer: String?, network: String
    ) {
        self.amount = nil
        self.extra = nil
        self.receipt = nil
        self.success = false
        self.errorReason = reason
        self.errorMessage = message
        self.payer = payer
        self.transaction = transaction
        self.network = network
    }

    /// The transaction that it names, if any.
    package var hint: String? { self.transaction.isEmpty ? nil : self.transaction }

    /// Reads the `PAYMENT-RESPONSE` header.
    public init(header: String) throws(X402Error) { try self.init(try X402.decode(header)) }

    /// Reads the body of a facilitator's answer.
    public init(_ root: JSONField) throws(X402Error) {
        do {
            self.success = try root["success"].bool()
            self.errorReason = try root["errorReason"].ifPresent?.string()
            self.errorMessage = try root["errorMessage"].ifPresent?.string()
            self.payer = try root["payer"].ifPresent?.string()
            self.transaction = try root["transaction"].string()
            self.network = try root["network"].string()
            self.amount = try root["amount"].ifPresent?.string()
            self.extra = root["extra"].ifPresent?.value
            // The money is gone: an unreadable receipt must not hide what became of it.
            let receipt = root["extensions"][OfferReceipt.name]["info"]["receipt"]
            self.receipt =
                (try? receipt["format"].string()) == "jws" ? try? receipt["signature"].string() : nil
        } catch {
            throw .malformed("\(error)")
        }
    }

    public var json: JSON {
        var message: JSON = [
            "success": .bool(self.success), "transaction": .string(self.transaction),
            "network": .string(self.network),
        ]
        if let errorReason { message["errorReason"] = .string(errorReason) }
        if let errorMessage { message["errorMessage"] = .string(errorMessage) }
        if let payer { message["payer"] = .string(payer) }
        if let amount { message["amount"] = .string(amount) }
        if let extra { message["extra"] = extra }
        if let receipt {
            message["extensions"] = [
                OfferReceipt.name: [
                    "info": ["receipt": ["format": "jws", "signature": .string(receipt)]]
                ]
            ]
        }
        return message
    }

    /// The text of the `PAYMENT-RESPONSE` header.
    public var header: String { X402.encode(self.json) }
}
