public import Encoding
public import Sodium

/// A Dead Simple Signing Envelope: bytes of a named type and signatures over both, as in-toto attestations
/// are passed on.
///
///     {"payload": "<base64>", "payloadType": "<type>", "signatures": [{"keyid": …, "sig": "<base64>"}]}
///
/// Source: secure-systems-lab/dsse, protocol.md and envelope.md, version 1.0.2.
public struct DSSE: Sendable, Equatable {
    /// One signature, and what its maker calls his key: a hint that nobody signed.
    public struct Entry: Sendable, Equatable {
        /// Nil where nothing is hinted.
        public let keyID: String?
        /// As it came: another algorithm's may have another length.
        public let signature: [UInt8]

        /// Names the key of a signature.
        public init(keyID: String?, signature: [UInt8]) {
            self.keyID = keyID
            self.signature = signature
        }
    }

    /// What the payload is, as a media type or a URI.
    public let type: String
    /// Any bytes: they are signed as they are.
    public let payload: [UInt8]
    /// By whom it is signed, in the order of the envelope.
    public private(set) var signatures: [Entry]

    /// The longest and deepest envelope that is read.
    public static let limits = JSON.Limits(bytes: 1 << 20, depth: 4)
    /// The most signatures that are read.
    public static let signatureLimit = 16

    /// An envelope without a signature.
    public init(type: String, payload: [UInt8]) {
        self.type = type
        self.payload = payload
        self.signatures = []
    }

    /// What is signed, the "pre-authentication encoding": `DSSEv1`, then type and payload, each with its
    /// length in bytes before it, all with one space between them.
    public var statement: Statement {
        let head = "DSSEv1 \(self.type.utf8.count) \(self.type) \(self.payload.count) "
        return Statement(Array(head.utf8) + self.payload)
    }

    /// Adds a signature over ``statement``.
    /// - Throws: ``StatementError/signature(of:)`` when it is another one's.
    public mutating func add(
        _ signature: Signature, by key: PublicKey, keyID: String? = nil
    ) throws(StatementError) {
        guard self.statement.isSigned(by: key, signature) else { throw .signature(of: Hex.encode(key.bytes)) }
        self.signatures.append(Entry(keyID: keyID, signature: signature.bytes))
    }

    /// Whether one of the signatures is `key`'s, whatever it is called.
    public func isSigned(by key: PublicKey) -> Bool {
        let statement = self.statement
        return self.signatures.contains {
            (try? Signature($0.signature)).map { statement.isSigned(by: key, $0) } ?? false
        }
    }

    /// Reads an envelope. Whose signatures count is asked afterwards, with ``isSigned(by:)``.
    public init(_ bytes: [UInt8]) throws(StatementError) {
        do {
            let root = JSONField(try JSON.read(bytes, limits: Self.limits))
            try root.only(["payload", "payloadType", "signatures"])
            self.type = try root["payloadType"].string()
            self.payload = try Self.bytes(root["payload"])
            let entries = try root["signatures"].elements()
            guard (1...Self.signatureLimit).contains(entries.count) else {
                throw root["signatures"].fault("1 to \(Self.signatureLimit) signatures are read")
            }
            self.signatures = try entries.map { entry in
                try entry.only(["keyid", "sig"])
                return Entry(
                    keyID: try entry["keyid"].ifPresent?.string(), signature: try Self.bytes(entry["sig"]))
            }
        } catch {
            throw .form("\(error)")
        }
    }

    /// The envelope.
    public var json: JSON {
        [
            "payload": .string(Base64.standard.encode(self.payload)), "payloadType": .string(self.type),
            "signatures": .array(
                self.signatures.map { entry in
                    var json: JSON = ["sig": .string(Base64.standard.encode(entry.signature))]
                    if let keyID = entry.keyID { json["keyid"] = .string(keyID) }
                    return json
                }),
        ]
    }

    /// The specification lets signers take either alphabet, so a reader takes both.
    private static func bytes(_ field: JSONField) throws -> [UInt8] {
        let text = try field.string()
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }) else {
            return try Base64.standard.decode(text)
        }
        return try Base64.url.decode(String(text.prefix { $0 != "=" }))
    }
}
