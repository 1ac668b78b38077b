public import Encoding
public import Sodium

/// A JSON document with a proof in it, as verifiable credentials are passed on: cryptosuite `eddsa-jcs-2022`.
///
/// What is signed are two hashes: first that of the proof without its value, then that of the document
/// without its proof, both in canonical form (RFC 8785). No JSON-LD is processed; whether the document's
/// contexts are known is its reader's to ask, and so is whether the issuer that it names speaks by this key.
///
/// Source: W3C Data Integrity EdDSA Cryptosuites v1.0, section 3.3.
public struct DataIntegrity: Sendable, Equatable {
    /// What is said of a proof, and is signed with the document.
    public struct Options: Sendable, Equatable {
        /// Such as `assertionMethod`.
        public var purpose: String
        /// The URL of the key; by default that of a `did:key`.
        public var method: String
        /// An XML date and time with its zone; nil where it is not said.
        public var created: String?
        /// What the reader gave out, so that nothing is shown twice.
        public var challenge: String?
        /// For whom it was made; nil for anybody.
        public var domain: String?

        /// - Parameter key: who signs, under the name of its `did:key`.
        public init(
            purpose: String, by key: PublicKey, created: String? = nil, challenge: String? = nil,
            domain: String? = nil
        ) {
            self.init(purpose, method: DIDKey.url(of: key), created, challenge, domain)
        }

        fileprivate init(
            _ purpose: String, method: String, _ created: String?, _ challenge: String?, _ domain: String?
        ) {
            self.purpose = purpose
            self.method = method
            self.created = created
            self.challenge = challenge
            self.domain = domain
        }
    }

    private static let type = "DataIntegrityProof"
    private static let suite = "eddsa-jcs-2022"
    /// The longest and deepest document that is read.
    public static let limits = JSON.Limits(bytes: 1 << 20, depth: 32)

    /// Without its proof.
    public let document: JSON
    /// What is said of the proof.
    public let options: Options
    /// Who signed.
    public let signer: PublicKey

    /// What is signed of a document under a name.
    /// - Throws: `JSONError` for a document that has no canonical form.
    public static func statement(_ document: JSON, _ options: Options) throws(JSONError) -> Statement {
        try self.statement(document, self.configuration(options, of: document))
    }

    /// The document with its proof.
    /// - Throws: ``StatementError`` when there is a proof already, or the signature is another one's.
    public static func document(
        _ document: JSON, _ options: Options, by key: PublicKey, _ signature: Signature
    ) throws -> JSON {
        guard case .object = document, document["proof"] == nil else {
            throw StatementError.form("a document without a proof is needed")
        }
        guard try self.statement(document, options).isSigned(by: key, signature) else {
            throw StatementError.signature(of: DIDKey.text(of: key))
        }
        var proof = self.configuration(options, of: document)
        proof["proofValue"] = .string("z" + Base58.encode(signature.bytes))
        var signed = document
        signed["proof"] = proof
        return signed
    }

    /// Reads a document and verifies its one proof.
    /// - Parameters:
    ///   - purpose: what the proof has to be for.
    ///   - expected: whose word counts; nil for that of the `did:key` which the proof names.
    public init(
        _ bytes: [UInt8], for purpose: String, from expected: PublicKey?
    ) throws(StatementError) {
        let root = try JSON.statement(bytes, within: Self.limits)
        guard let proof = root["proof"] else { throw .form("there is no proof") }
        var (document, configuration) = (root, proof)
        document["proof"] = nil
        configuration["proofValue"] = nil
        let (options, signature) = try Self.read(JSONField(root)["proof"], for: purpose)
        if let contexts = proof["@context"] {
            guard Self.list(document["@context"]).starts(with: Self.list(contexts)) else {
                throw .members("the document does not begin with the proof's contexts")
            }
            document["@context"] = contexts
        }
        let named = DIDKey.key(options.method)
        guard let signer = expected ?? named else { throw .key(options.method.plain(limit: 80)) }
        if let named, named != signer {
            throw .signer(expected: DIDKey.text(of: signer), found: DIDKey.text(of: named))
        }
        let statement: Statement
        do {
            statement = try Self.statement(document, configuration)
        } catch {
            throw .form("\(error)")
        }
        guard statement.isSigned(by: signer, signature) else { throw .signature(of: DIDKey.text(of: signer)) }
        self.document = document
        self.options = options
        self.signer = signer
    }

    /// What the standard also allows (`expires`, `nonce`, `previousProof`, several proofs) nobody here looks
    /// at, so it is refused.
    private static func read(
        _ proof: JSONField, for purpose: String
    ) throws(StatementError) -> (options: Options, signature: Signature) {
        do {
            try proof.only([
                "type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue",
                "challenge", "domain", "@context",
            ])
            let suite = try proof["cryptosuite"].string()
            guard try proof["type"].string() == Self.type, suite == Self.suite else {
                throw StatementError.algorithm(suite.plain(limit: 40))
            }
            let found = try proof["proofPurpose"].string()
            guard sameBytes(found, purpose) else {
                throw StatementError.kind(expected: purpose, found: found.plain(limit: 40))
            }
            let created = try proof["created"].ifPresent?.string()
            guard created.map(Self.isDateTime) ?? true else {
                throw proof["created"].fault("no date and time")
            }
            let value = try proof["proofValue"].string()
            guard value.hasPrefix("z") else { throw proof["proofValue"].fault("no base58 with its z") }
            let options = Options(
                found, method: try proof["verificationMethod"].string(), created,
                try proof["challenge"].ifPresent?.string(), try proof["domain"].ifPresent?.string())
            return (options, try Signature(try Base58.decode(String(value.dropFirst()))))
        } catch let error as StatementError {
            throw error
        } catch {
            throw .form("\(error)")
        }
    }

    /// The proof without its value. The document's contexts are its own.
    private static func configuration(_ options: Options, of document: JSON) -> JSON {
        var proof: JSON = [
            "type": .string(self.type), "cryptosuite": .string(self.suite),
            "verificationMethod": .string(options.method), "proofPurpose": .string(options.purpose),
        ]
        proof["created"] = options.created.map { .string($0) }
        proof["challenge"] = options.challenge.map { .string($0) }
        proof["domain"] = options.domain.map { .string($0) }
        proof["@context"] = document["@context"]
        return proof
    }

    private static func statement(_ document: JSON, _ configuration: JSON) throws(JSONError) -> Statement {
        Statement(
            SHA256.digest(of: try configuration.canonicalBytes())
                + SHA256.digest(of: try document.canonicalBytes()))
    }

    private static func list(_ contexts: JSON?) -> [JSON] {
        if case .array(let list)? = contexts { list } else { contexts.map { [$0] } ?? [] }
    }

    /// `2023-02-24T23:36:38Z`, with a fraction or another zone if need be; whether the day exists is not
    /// looked at.
    private static func isDateTime(_ text: String) -> Bool {
        var rest = text.utf8[...]
        func take(_ shape: String) -> Bool {
            for letter in shape.utf8 {
                guard let byte = rest.popFirst() else { return false }
                let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                guard letter == UInt8(ascii: "0") ? isDigit : byte == letter else { return false }
            }
            return true
        }
        guard text.utf8.count <= 40, take("0000-00-00T00:00:00") else { return false }
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard !fraction.isEmpty else { return false }
            rest = rest[fraction.endIndex...]
        }
        switch rest.first {
        case UInt8(ascii: "Z"): return rest.count == 1
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            rest = rest.dropFirst()
            return take("00:00") && rest.isEmpty
        default: return false
        }
    }
}
