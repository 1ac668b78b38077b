public import Encoding
public import Sodium
public import Wallet

/// Where a wallet and its owner meet on a broker. The broker is trusted with nothing: commands are signed by
/// the owner, answers by the wallet's identity.
public struct OwnerTopics: Sendable, Hashable {
    /// Requests, ``WalletRequest``; not retained.
    public let ask: String
    /// A signed freeze, retained: a robot that was offline finds it when it comes back.
    public let freeze: String
    /// Signed answers, ``SignedAnswer``.
    public let answer: String
    /// How the wallet stands, signed and retained, once a minute.
    public let state: String

    /// Signed commands to devices; not retained.
    public let device: String
    /// Signed answers to them, ``SignedAnswer``.
    public let deviceAnswer: String

    /// - Parameter wallet: base58 address.
    public init(wallet: String) {
        let root = "depai/\(wallet)/owner"
        self.ask = "\(root)/ask"
        self.freeze = "\(root)/freeze"
        self.answer = "\(root)/answer"
        self.state = "\(root)/state"
        self.device = "depai/\(wallet)/device/ask"
        self.deviceAnswer = "depai/\(wallet)/device/answer"
    }
}

/// An answer as it goes over a broker.
///
///     {"body": {"wallet": …, "request": "<hex>", "answer": {…}}, "identity": "<base58>", "signature": …}
public struct SignedAnswer: Sendable {
    /// A ``WalletAnswer``, or what was said of a device.
    public let answer: JSON
    /// BLAKE2b-128 of the request's bytes.
    public let request: [UInt8]
    /// Who signed. Whether that is the wallet's identity is the reader's to know.
    public let identity: PublicKey

    /// A longer one is not read.
    public static let byteLimit = 1 << 20

    /// What names a request in its answer.
    public static func name(of request: [UInt8]) -> [UInt8] { BLAKE2b.digest(of: request, length: 16) }

    public static func bytes(
        _ answer: JSON, to request: [UInt8], of address: String, by wallet: UnlockedWallet
    ) async throws -> [UInt8] {
        let body: JSON = [
            "wallet": .string(address), "request": .string(Hex.encode(self.name(of: request))),
            "answer": answer,
        ]
        return try await wallet.signed(.acknowledgement, body)
    }

    /// Reads an answer and verifies its signature.
    public init(_ bytes: [UInt8], wallet: String) throws {
        let root = JSONField(try JSON.read(bytes, limits: .init(bytes: Self.byteLimit, depth: 48)))
        guard let body = root["body"].value, try root["body"]["wallet"].string() == wallet else {
            throw root["body"].fault("an answer of another wallet")
        }
        self.identity = try PublicKey(try Base58.decode(try root["identity"].string()))
        let signature = try Signature(try Base64.standard.decode(try root["signature"].string()))
        let statement = Statement(.acknowledgement, body: try body.canonicalBytes())
        guard self.identity.isSound, statement.isSigned(by: self.identity, signature) else {
            throw root["signature"].fault("not the identity's")
        }
        self.request = try Hex.decode(try root["body"]["request"].string())
        self.answer = root["body"]["answer"].value ?? .null
    }
}

extension UnlockedWallet {
    /// `{"body": …, "identity": "<base58>", "signature": "<base64>"}`: a statement that can be passed on.
    public nonisolated func signed(_ kind: Statement.Kind, _ body: JSON) async throws -> [UInt8] {
        // Devices say what they like, and it is passed on.
        let body = body.signable
        let signature = try await self.sign(Statement(kind, body: try body.canonicalBytes()))
        let file: JSON = [
            "body": body, "identity": .string(Base58.encode(self.publicKey(.identity).bytes)),
            "signature": .string(Base64.standard.encode(signature.bytes)),
        ]
        return try file.canonicalBytes()
    }
}
