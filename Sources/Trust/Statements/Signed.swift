public import Encoding
public import Sodium

/// A body under a name, verified. All signed messages of depai have this one form:
///
///     {"kind": "depai-offer/1", "signer": "<base58>", "body": {…}, "signature": "<base64>"}
///
/// Kind and signer stand outside of what is signed: the kind is its first line, and the signer is whose
/// signature it is.
public struct Signed<Body: Signable>: Sendable {
    /// What was said.
    public let body: Body
    /// Who said it. Whether it is somebody whose word counts was the reader's to say.
    public let signer: PublicKey
    /// Over the statement that the body makes.
    public let signature: Signature
    /// The body as it was signed.
    private let document: JSON

    /// Puts a name under `body`.
    /// - Throws: ``StatementError`` when the signature is another one's, or the body names another signer.
    public init(_ body: Body, by signer: PublicKey, _ signature: Signature) throws {
        let document = try body.json
        try Self.check(try document.canonicalBytes(), signer, signature)
        try Self.check(body, signer)
        self.body = body
        self.signer = signer
        self.signature = signature
        self.document = document
    }

    /// Reads a message and verifies all of it.
    /// - Parameter expected: whose word counts; nil for that of whoever signed, whom the caller judges by
    ///   ``signer``.
    public init(_ bytes: [UInt8], from expected: PublicKey?) throws(StatementError) {
        try self.init(JSONField(try JSON.statement(bytes, within: Body.limits)), from: expected)
    }

    /// Reads a message that is a part of another one, whose reader has bounded it.
    /// - Parameter expected: whose word counts; nil for that of whoever signed.
    public init(_ root: JSONField, from expected: PublicKey?) throws(StatementError) {
        let (signer, signature) = try Self.names(root)
        if let expected, expected != signer {
            throw .signer(expected: Base58.encode(expected.bytes), found: Base58.encode(signer.bytes))
        }
        guard let document = root["body"].value else { throw .form("the body is missing") }
        let canonical: [UInt8]
        do throws(JSONError) {
            canonical = try document.canonicalBytes()
        } catch {
            throw .form("\(error)")
        }
        try Self.check(canonical, signer, signature)
        let body: Body
        let read: [UInt8]
        do {
            body = try Body(root["body"])
            read = try body.json.canonicalBytes()
        } catch {
            throw .members("\(error)")
        }
        // What a reader overlooks somebody else may obey.
        guard read == canonical else { throw .members("there is more in it, or it is written otherwise") }
        try Self.check(body, signer)
        self.body = body
        self.signer = signer
        self.signature = signature
        self.document = document
    }

    /// The message.
    public var json: JSON {
        [
            "kind": .string(Body.kind.name), "signer": .string(Base58.encode(self.signer.bytes)),
            "body": self.document, "signature": .string(Base64.standard.encode(self.signature.bytes)),
        ]
    }

    /// The message in canonical form.
    public var bytes: [UInt8] { get throws(JSONError) { try self.json.canonicalBytes() } }

    private static func names(
        _ root: JSONField
    ) throws(StatementError) -> (signer: PublicKey, signature: Signature) {
        let (name, kind): (String, String)
        let signature: Signature
        do {
            try root.only(["kind", "signer", "body", "signature"])
            (name, kind) = (try root["signer"].string(), try root["kind"].string())
            signature = try Signature(try Base64.standard.decode(try root["signature"].string()))
        } catch {
            throw .form("\(error)")
        }
        guard sameBytes(kind, Body.kind.name) else {
            throw .kind(expected: Body.kind.name, found: kind.plain(limit: 40))
        }
        guard let signer = try? PublicKey(try Base58.decode(name, maximumLength: 44)) else {
            throw .key(name.plain(limit: 80))
        }
        return (signer, signature)
    }

    private static func check(
        _ canonical: [UInt8], _ signer: PublicKey, _ signature: Signature
    ) throws(StatementError) {
        // Of a key of small order anybody makes signatures.
        guard signer.isSound else { throw .key(Base58.encode(signer.bytes)) }
        guard signer.verifies(signature, over: Body.statement(canonical: canonical).bytes) else {
            throw .signature(of: Base58.encode(signer.bytes))
        }
    }

    private static func check(_ body: Body, _ signer: PublicKey) throws(StatementError) {
        guard let named = body.signer, named != signer else { return }
        throw .signer(expected: Base58.encode(named.bytes), found: Base58.encode(signer.bytes))
    }
}

extension Signed: Equatable where Body: Equatable {}
