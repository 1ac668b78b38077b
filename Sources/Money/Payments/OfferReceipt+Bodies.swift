public import Encoding
public import Statements

/// The terms of one way to pay, as a seller signs them. What they are worth is looked at where they are used.
public struct X402Offer: Signable {
    public static let kind = Statement.Kind.x402Offer
    public static let limits = OfferReceipt.limits
    public let json: JSON

    /// - Throws: `JSONError` for other members than an offer has.
    public init(_ field: JSONField) throws(JSONError) {
        self.json = try OfferReceipt.body(
            field, required: ["version", "resourceUrl", "scheme", "network", "asset", "payTo", "amount"],
            optional: ["validUntil"])
    }
}

/// That somebody paid for something, as a seller signs it.
public struct X402Receipt: Signable {
    public static let kind = Statement.Kind.x402Receipt
    public static let limits = OfferReceipt.limits
    public let json: JSON

    /// - Throws: `JSONError` for other members than a receipt has.
    public init(_ field: JSONField) throws(JSONError) {
        self.json = try OfferReceipt.body(
            field, required: ["version", "network", "resourceUrl", "payer", "issuedAt"],
            optional: ["transaction"])
    }
}

extension OfferReceipt {
    /// Of the compact form, and of what stands in it.
    fileprivate static let limits = JSON.Limits(bytes: 8 << 10, depth: 4)

    /// A body with the members of its kind and no others: they are what tells the kinds apart.
    fileprivate static func body(
        _ field: JSONField, required: Set<String>, optional: Set<String>
    ) throws(JSONError) -> JSON {
        try field.only(required.union(optional))
        for name in required.sorted() where field[name].value == nil { throw field[name].fault("missing") }
        return field.value ?? .null
    }
}
