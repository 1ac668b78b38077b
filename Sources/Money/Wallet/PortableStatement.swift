public import Encoding
public import Sodium

/// A statement in a form that anybody's software checks: a JSON Web Signature in the compact form, with
/// Ed25519 and the signer named by its `did:key`.
///
/// What is signed begins with the Base64 of `{"alg":"EdDSA","kid":"did:key:z`, so it is never taken for a
/// ``Statement`` or a transaction; and what one kind says, no other kind can say: the names of its members
/// are part of the kind.
///
/// Source: RFC 7515 (compact serialization), RFC 8037 (`EdDSA`), x402 extension-offer-and-receipt, section 3.
public struct PortableStatement: Sendable, Equatable {
    /// The kinds that may be signed; a closed list.
    public enum Kind: Sendable, Hashable, CaseIterable {
        /// x402 extension `offer-receipt`: the terms of one way to pay.
        case x402Offer
        /// The same: that somebody paid for something.
        case x402Receipt

        var required: [String] {
            switch self {
            case .x402Offer: ["version", "resourceUrl", "scheme", "network", "asset", "payTo", "amount"]
            case .x402Receipt: ["version", "network", "resourceUrl", "payer", "issuedAt"]
            }
        }

        var optional: [String] {
            switch self {
            case .x402Offer: ["validUntil"]
            case .x402Receipt: ["transaction"]
            }
        }

        /// Whether `body` has the members of this kind and no others.
        func fits(_ body: JSON) -> Bool {
            guard case .object(let object) = body else { return false }
            let names = Set(object.members.map(\.name))
            return names.isSuperset(of: self.required)
                && names.isSubset(of: self.required + self.optional)
        }
    }

    public let kind: Kind
    public let body: JSON

    /// - Throws: `PortableStatementError.members` when the body is not of that kind.
    public init(_ kind: Kind, body: JSON) throws(PortableStatementError) {
        guard kind.fits(body) else { throw .members }
        self.kind = kind
        self.body = body
    }

    /// The longest text that is read, in bytes.
    public static let byteLimit = 8 << 10

    /// Reads a compact signature and verifies it with the key that it names.
    ///
    /// The header is `alg` and `kid`, and perhaps the same key as a `jwk`; everything else is refused, also
    /// what the standard allows: what nobody needs, nobody can use against us. That a signature verifies says
    /// who signed, not that the signer may speak for somebody.
    ///
    /// - Returns: what is said, and whose key said so.
    public static func read(
        _ text: String, kind: Kind
    ) throws(PortableStatementError) -> (statement: PortableStatement, signer: PublicKey) {
        guard text.utf8.count <= Self.byteLimit else { throw .form("it is longer than \(Self.byteLimit)") }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3 else { throw .form("\(parts.count) parts instead of 3") }
        let signer = try Self.signer(Self.json(parts[0], "the header"))
        let signature: Signature
        do {
            signature = try Signature(try Base64.url.decode(parts[2]))
        } catch {
            throw .form("the signature: \(error)")
        }
        guard signer.verifies(signature, over: Array("\(parts[0]).\(parts[1])".utf8)) else {
            throw .signature(of: DIDKey.text(of: signer))
        }
        let body = try Self.json(parts[1], "the body")
        return (try PortableStatement(kind, body: body.value ?? .null), signer)
    }

    private static func json(_ part: String, _ what: String) throws(PortableStatementError) -> JSONField {
        do {
            return JSONField(
                try JSON.read(try Base64.url.decode(part), limits: .init(bytes: 8 << 10, depth: 4)))
        } catch {
            throw .form("\(what): \(error)")
        }
    }

    private static func signer(_ header: JSONField) throws(PortableStatementError) -> PublicKey {
        do {
            try header.only(["alg", "kid", "jwk"])
            let algorithm = try header["alg"].string()
            guard algorithm == "EdDSA" else { throw PortableStatementError.algorithm(algorithm) }
            let name = try header["kid"].string()
            guard let key = DIDKey.key(name) else { throw PortableStatementError.key(name) }
            if let jwk = header["jwk"].ifPresent {
                try jwk.only(["kty", "crv", "x"])
                guard try jwk["kty"].string() == "OKP", try jwk["crv"].string() == "Ed25519",
                    try jwk["x"].string() == Base64.url.encode(key.bytes)
                else { throw PortableStatementError.key("another jwk than \(name)") }
            }
            return key
        } catch let error as PortableStatementError {
            throw error
        } catch {
            throw .form("the header: \(error)")
        }
    }

    /// Header and body as they are signed: the body in its canonical form (RFC 8785).
    func signingInput(_ signer: PublicKey) throws(JSONError) -> String {
        let header: JSON = ["alg": "EdDSA", "kid": .string(DIDKey.url(of: signer))]
        return Base64.url.encode(Array(header.text.utf8)) + "."
            + Base64.url.encode(try self.body.canonicalBytes())
    }
}

/// Why a portable statement does not count.
public enum PortableStatementError: Error, Equatable, CustomStringConvertible {
    /// Not three parts of Base64 with JSON in them, or a header with more than it needs.
    case form(String)
    /// Signed with something else than Ed25519, or not at all.
    case algorithm(String)
    /// The signer is not named by the `did:key` of an Ed25519 key.
    case key(String)
    case signature(of: String)
    /// The body says something else than statements of its kind.
    case members

    /// For programs.
    public var rule: String {
        switch self {
        case .form: "form"
        case .algorithm: "algorithm"
        case .key: "key"
        case .signature: "signature"
        case .members: "members"
        }
    }

    public var description: String {
        switch self {
        case .form(let reason): "it is no compact signature: \(reason)"
        case .algorithm(let name): "it is signed with \"\(name.prefix(20))\", and only EdDSA counts"
        case .key(let name): "\"\(name.prefix(80))\" is no did:key of an Ed25519 key"
        case .signature(let signer): "it is not what \(signer) signed"
        case .members: "it says something else than its kind"
        }
    }
}
