internal import Encoding
public import Sodium

/// A statement in a form that anybody's software checks: a JSON Web Signature in the compact form, with
/// Ed25519 and the signer named by its `did:key`.
///
/// What is signed begins with the Base64 of `{"alg":"EdDSA","kid":"did:key:z`, so it is never taken for
/// another framing or a transaction; and what one kind says, no other kind can say: the names of its members
/// are part of the kind.
///
/// Source: RFC 7515 (compact serialization), RFC 8037 (`EdDSA`).
public struct JWS<Body: Signable>: Sendable {
    /// What was said.
    public let body: Body
    /// Who said it. That a signature verifies says who signed, not that he may speak for somebody.
    public let signer: PublicKey
    /// The compact form.
    public let text: String

    /// What `signer` signs: header and body, the body in its canonical form (RFC 8785).
    public static func statement(_ body: Body, by signer: PublicKey) throws -> Statement {
        precondition(Body.kind.framing == .jws, "\(Body.kind.name) is no JWS")
        let header: JSON = ["alg": "EdDSA", "kid": .string(DIDKey.url(of: signer))]
        let input =
            Base64.url.encode(Array(header.text.utf8)) + "."
            + Base64.url.encode(try body.json.canonicalBytes())
        return Statement(Array(input.utf8), isPersons: Body.kind.isPersons)
    }

    /// Puts a name under `body`.
    /// - Throws: ``StatementError/signature(of:)`` when the signature is another one's.
    public init(_ body: Body, by signer: PublicKey, _ signature: Signature) throws {
        let statement = try Self.statement(body, by: signer)
        guard signer.verifies(signature, over: statement.bytes) else {
            throw StatementError.signature(of: DIDKey.text(of: signer))
        }
        self.body = body
        self.signer = signer
        self.text =
            String(decoding: statement.bytes, as: UTF8.self) + "." + Base64.url.encode(signature.bytes)
    }

    /// Reads a compact signature and verifies it with the key that it names.
    ///
    /// The header is `alg` and `kid`, and perhaps the same key as a `jwk`; everything else is refused, also
    /// what the standard allows: what nobody needs, nobody can use against us.
    ///
    /// - Parameter expected: whose word counts; nil for that of whoever signed.
    public init(_ text: String, from expected: PublicKey?) throws(StatementError) {
        precondition(Body.kind.framing == .jws, "\(Body.kind.name) is no JWS")
        guard text.utf8.count <= Body.limits.bytes else {
            throw .form("it is longer than \(Body.limits.bytes)")
        }
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
        if let expected, expected != signer {
            throw .signer(expected: DIDKey.text(of: expected), found: DIDKey.text(of: signer))
        }
        let field = try Self.json(parts[1], "the body")
        do {
            let body = try Body(field)
            guard try body.json == field.value else {
                throw StatementError.members("there is more in it, or it is written otherwise")
            }
            self.body = body
        } catch let error as StatementError {
            throw error
        } catch {
            throw .members("\(error)")
        }
        self.signer = signer
        self.text = text
    }

    private static func json(_ part: String, _ what: String) throws(StatementError) -> JSONField {
        do {
            return JSONField(try JSON.read(try Base64.url.decode(part), limits: Body.limits))
        } catch {
            throw .form("\(what): \(error)")
        }
    }

    private static func signer(_ header: JSONField) throws(StatementError) -> PublicKey {
        do {
            try header.only(["alg", "kid", "jwk"])
            let algorithm = try header["alg"].string()
            guard algorithm == "EdDSA" else { throw StatementError.algorithm(algorithm.plain(limit: 20)) }
            let name = try header["kid"].string()
            guard let key = DIDKey.key(name) else { throw StatementError.key(name.plain(limit: 80)) }
            if let jwk = header["jwk"].ifPresent {
                try jwk.only(["kty", "crv", "x"])
                guard try jwk["kty"].string() == "OKP", try jwk["crv"].string() == "Ed25519",
                    try jwk["x"].string() == Base64.url.encode(key.bytes)
                else { throw StatementError.key("another jwk than \(name)") }
            }
            return key
        } catch let error as StatementError {
            throw error
        } catch {
            throw .form("the header: \(error)")
        }
    }
}
