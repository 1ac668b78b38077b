public import Encoding
public import Sodium
internal import Statements
public import World

/// The x402 extension `offer-receipt`: the seller signs what it asks for, and that it was paid. An answer 402
/// that somebody changed on its way is noticed before anything is signed.
///
/// Signatures are ``JWS`` with Ed25519. What others sign with other keys (`eip712`) is
/// about other networks and left alone.
/// Source: x402 extension-offer-and-receipt, sections 4 and 5.
public enum OfferReceipt {
    public static let name = "offer-receipt"
    /// Codes begin so; the rule's name follows.
    public static let prefix = "invalid_offer_receipt_"
    /// How long an offer of ours holds, in seconds.
    public static let validity: Int64 = 3_600
    /// How far two honest clocks are apart at most, in seconds.
    public static let clockTolerance: Int64 = 300
    /// Of the payloads.
    private static let version = 1

    /// What a seller signs about one way to pay.
    public static func offer(
        of terms: PaymentRequirements, for resource: String, at now: Timestamp
    ) throws(JSONError) -> X402Offer {
        try X402Offer(
            JSONField([
                "version": JSON(self.version), "resourceUrl": .string(resource),
                "scheme": .string(terms.scheme), "network": .string(terms.network),
                "asset": .string(terms.asset), "payTo": .string(terms.payTo),
                "amount": .string(String(terms.amount)),
                "validUntil": JSON(now.milliseconds / 1_000 + self.validity),
            ]))
    }

    /// What a seller signs about a payment that it was given and worked for.
    /// - Parameter transaction: on the chain; nil for a voucher, which has none.
    public static func receipt(
        from payer: String, for resource: String, on network: String, transaction: String?,
        issuedAt: Int64
    ) throws(JSONError) -> X402Receipt {
        var body: JSON = [
            "version": JSON(self.version), "network": .string(network), "resourceUrl": .string(resource),
            "payer": .string(payer), "issuedAt": JSON(issuedAt),
        ]
        if let transaction { body["transaction"] = .string(transaction) }
        return try X402Receipt(JSONField(body))
    }

    /// The extension as it stands in an answer 402.
    static func json(_ offers: [SignedOffer]) -> JSON {
        [
            "info": ["offers": .array(offers.map(\.json))],
            "schema": [
                "type": "object", "required": ["offers"], "properties": ["offers": ["type": "array"]],
            ],
        ]
    }

    static func broken(_ rule: String, _ reason: String) -> X402Error {
        .invalid(code: self.prefix + rule, reason: reason)
    }

    static func read<Body: Signable>(
        _ text: String, as kind: Body.Type, by seller: PublicKey?
    ) throws(X402Error) -> (body: JSONField, signer: PublicKey) {
        do {
            let statement = try JWS<Body>(text, from: seller)
            let body = JSONField(try statement.body.json)
            guard try body["version"].integer(Int.self) == self.version else {
                throw self.broken("version", "only version \(self.version) is known here")
            }
            return (body, statement.signer)
        } catch let error as StatementError {
            throw self.broken(error.rule, "\(error)")
        } catch let error as X402Error {
            throw error
        } catch {
            throw self.broken("members", "\(error)")
        }
    }

    /// Whether two URLs name the same thing of one seller: path and query, in any order of its members. Hosts
    /// are not compared, since what stands before a seller may have another name than the seller.
    static func sameTarget(_ one: String, _ other: String) -> Bool {
        self.target(one) == self.target(other)
    }

    private static func target(_ url: String) -> [[UInt8]] {
        var rest = url.prefix { $0 != "#" }
        if let scheme = rest.firstPlace(of: "://") {
            rest = rest[scheme.upperBound...].drop { $0 != "/" && $0 != "?" }
        }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first.map { $0.isEmpty ? "/" : $0 } ?? "/"
        let query = parts.count > 1 ? parts[1].split(separator: "&").map { Array($0.utf8) } : []
        return [Array(path.utf8)] + query.sorted { $0.lexicographicallyPrecedes($1) }
    }
}

/// What a signed offer and a way to pay have in common.
struct OfferTerms: Sendable, Hashable {
    let scheme: String
    let network: String
    let asset: String
    let payTo: String
    let amount: String

    /// Nil for a way to pay that is no such thing.
    init?(_ field: JSONField) {
        guard let scheme = try? field["scheme"].string(), let network = try? field["network"].string(),
            let asset = try? field["asset"].string(), let payTo = try? field["payTo"].string(),
            let amount = try? field["amount"].string()
        else { return nil }
        self.scheme = scheme
        self.network = network
        self.asset = asset
        self.payTo = payTo
        self.amount = amount
    }
}

/// An offer as it stands in an answer 402.
public struct SignedOffer: Sendable, Hashable {
    /// JWS in the compact form.
    public let text: String
    /// Which way to pay it is about, by the seller's word.
    public let acceptIndex: Int?

    public init(_ text: String, acceptIndex: Int? = nil) {
        self.text = text
        self.acceptIndex = acceptIndex
    }

    var json: JSON {
        var json: JSON = ["format": "jws", "signature": .string(self.text)]
        if let acceptIndex { json["acceptIndex"] = JSON(acceptIndex) }
        return json
    }

    /// Reads those of the extension that are JWS.
    static func read(_ extensions: JSONField) throws(JSONError) -> [SignedOffer] {
        guard let list = extensions[OfferReceipt.name]["info"]["offers"].ifPresent else { return [] }
        let entries = try list.elements()
        guard entries.count <= 32 else { throw list.fault("at most 32 offers are read") }
        var offers: [SignedOffer] = []
        for entry in entries where try entry["format"].string() == "jws" {
            offers.append(
                SignedOffer(
                    try entry["signature"].string(),
                    acceptIndex: try entry["acceptIndex"].ifPresent?.integer()))
        }
        return offers
    }
}

/// A signed offer that holds.
public struct VerifiedOffer: Sendable, Hashable {
    public let text: String
    public let signer: PublicKey
    let terms: OfferTerms
}

extension PaymentRequired {
    /// Verifies everything that is signed here.
    ///
    /// - Parameters:
    ///   - url: what was asked for.
    ///   - seller: the key that must have signed, where it is known; then an unsigned quote is refused, too.
    ///     Where it is not, signatures show only that what is signed and what is asked belong together.
    /// - Throws: `X402Error.invalid` naming the broken rule.
    public func verifiedOffers(
        at url: String, by seller: PublicKey?, now: Timestamp
    ) throws(X402Error) -> [VerifiedOffer] {
        if let seller, self.offers.isEmpty {
            throw OfferReceipt.broken(
                "unsigned", "the price is not signed by \(DIDKey.text(of: seller))")
        }
        var verified: [VerifiedOffer] = []
        for offer in self.offers {
            let (body, signer) = try OfferReceipt.read(
                offer.text, as: X402Offer.self, by: seller ?? verified.first?.signer)
            guard let terms = OfferTerms(body), let resource = try? body["resourceUrl"].string() else {
                throw OfferReceipt.broken("members", "the signed terms are no texts")
            }
            guard self.terms.contains(terms) else {
                throw OfferReceipt.broken("mismatch", "none of the ways to pay is the signed one")
            }
            if let index = offer.acceptIndex {
                guard self.terms.indices.contains(index), self.terms[index] == terms else {
                    throw OfferReceipt.broken("mismatch", "way to pay \(index) is not the signed one")
                }
            }
            guard resource == self.resource, OfferReceipt.sameTarget(resource, url) else {
                throw OfferReceipt.broken("resource", "the signed price is for \(resource.prefix(200))")
            }
            try Self.checkTime(body["validUntil"], now)
            verified.append(VerifiedOffer(text: offer.text, signer: signer, terms: terms))
        }
        return verified
    }

    private static func checkTime(_ field: JSONField, _ now: Timestamp) throws(X402Error) {
        guard let field = field.ifPresent else { return }
        guard let until = try? field.integer(Int64.self) else {
            throw OfferReceipt.broken("members", "validUntil is no whole number")
        }
        let seconds = now.milliseconds / 1_000
        // Zero says the same as nothing.
        guard until == 0 || seconds - OfferReceipt.clockTolerance <= until else {
            throw OfferReceipt.broken("expired", "the price held until \(until), and it is \(seconds)")
        }
    }
}

/// A receipt that holds.
public struct VerifiedReceipt: Sendable, Equatable {
    public let text: String
    public let signer: PublicKey
    public let body: JSON

    /// Verifies what a seller signed about a payment.
    ///
    /// - Parameters:
    ///   - payload: what was sent; an offer in it names the seller's key.
    ///   - payer: who paid, in Base58.
    ///   - transaction: by which it was paid, as our own chain node shows it.
    ///   - since: when the purchase began, in seconds since 1970.
    /// - Throws: `X402Error.invalid` naming the broken rule.
    public init(
        _ text: String, about payload: PaymentPayload, payer: String, transaction: String?, since: Int64,
        by seller: PublicKey?, now: Timestamp
    ) throws(X402Error) {
        var known = seller
        if known == nil, let offer = payload.offer {
            known = try OfferReceipt.read(offer, as: X402Offer.self, by: nil).signer
        }
        let (body, signer) = try OfferReceipt.read(text, as: X402Receipt.self, by: known)
        func says(_ name: String) -> String? { try? body[name].string() }
        guard says("network") == payload.accepted.network else {
            throw OfferReceipt.broken("network", "the receipt is for another network")
        }
        guard says("resourceUrl") == payload.resource else {
            throw OfferReceipt.broken("resource", "the receipt is for something else")
        }
        guard says("payer") == payer else {
            throw OfferReceipt.broken("payer", "the receipt is for somebody else's payment")
        }
        if body["transaction"].exists, let named = says("transaction"), !named.isEmpty {
            guard named == transaction else {
                throw OfferReceipt.broken("transaction", "the receipt is for another transaction")
            }
        }
        let tolerance = OfferReceipt.clockTolerance
        guard let issuedAt = try? body["issuedAt"].integer(Int64.self), issuedAt >= since - tolerance,
            issuedAt <= now.milliseconds / 1_000 + tolerance
        else { throw OfferReceipt.broken("issued", "the receipt is of another time than the payment") }
        self.text = text
        self.signer = signer
        self.body = body.value ?? .null
    }
}
