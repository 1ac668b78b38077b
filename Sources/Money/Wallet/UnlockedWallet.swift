internal import Encoding
public import Ledger
public import Sodium
internal import Solana

/// The unlocked keys of this machine. Signs payments that the ledger authorized, and typed statements;
/// nothing else.
public actor UnlockedWallet {
    private let payment: SigningKey
    private let sponsor: SigningKey
    private let voucher: SigningKey
    private let identity: SigningKey
    private let storage: SecretBytes
    private nonisolated let keys: [KeyRole: PublicKey]

    init(
        payment: consuming SigningKey, sponsor: consuming SigningKey, voucher: consuming SigningKey,
        identity: consuming SigningKey, storage: consuming SecretBytes
    ) {
        self.keys = [
            .payment: payment.publicKey, .sponsor: sponsor.publicKey, .voucher: voucher.publicKey,
            .identity: identity.publicKey,
        ]
        self.payment = payment
        self.sponsor = sponsor
        self.voucher = voucher
        self.identity = identity
        self.storage = storage
    }

    /// The public half of one signing key.
    public nonisolated func publicKey(_ role: KeyRole) -> PublicKey {
        guard let key = self.keys[role] else { preconditionFailure("\(role.rawValue) signs nothing") }
        return key
    }

    /// Signs the message of one authorized payment and uses the authorization up. A fee is signed by the
    /// sponsor key, a voucher by the voucher key, everything else by the payment key.
    ///
    /// The signature is verified before this returns. It must be journalled before it is sent.
    ///
    /// - Throws: `SigningRefusal` when the message pays something else than was authorized, is a voucher and
    ///   should not be, or the other way round; `SodiumError`.
    public func sign(
        _ authorization: consuming Authorization, message: [UInt8]
    ) throws -> SignedAttempt {
        if let voucher = authorization.voucher {
            guard Self.isVoucher(message, saying: voucher) else {
                throw SigningRefusal.notAVoucher(channel: voucher.channel)
            }
            return try authorization.signed(message, by: self.voucher)
        }
        guard !Self.isVoucher(message) else { throw SigningRefusal.voucher }
        let check = MessageCheck(
            payer: Address(self.payment.publicKey), sponsor: Address(self.sponsor.publicKey))
        try check.check(message, pays: authorization.proposal)
        switch authorization.proposal.purpose {
        case .fee: return try authorization.signed(message, by: self.sponsor)
        case .storage, .compute, .service, .channel, .sweep:
            return try authorization.signed(message, by: self.payment)
        }
    }

    /// The shape of a voucher: 0x56 0x01, channel, amount, expiry. No transaction begins so.
    private static func isVoucher(_ message: [UInt8], saying wanted: VoucherAuthority? = nil) -> Bool {
        guard message.count == 50, message[0] == 0x56, message[1] == 0x01 else { return false }
        guard let wanted else { return true }
        var amount: [UInt8] = []
        amount.append(little: wanted.cumulative)
        return Base58.encode(Array(message[2..<34])) == wanted.channel && Array(message[34..<42]) == amount
    }

    /// Signs a statement with the identity key.
    public func sign(_ statement: Statement) throws(SodiumError) -> Signature {
        try self.identity.signature(over: statement.signedBytes)
    }

    /// Signs a statement for others' software with the identity key.
    /// - Returns: the compact form.
    public func sign(_ statement: PortableStatement) throws -> String {
        let input = try statement.signingInput(self.identity.publicKey)
        let signature = try self.identity.signature(over: Array(input.utf8))
        return "\(input).\(Base64.url.encode(signature.bytes))"
    }

    /// Seals bytes that leave the machine (libsodium secretstream) under a key of their own.
    /// - Parameter context: names what is sealed; the same context opens it.
    public func seal(_ bytes: [UInt8], context: String) throws(SodiumError) -> [UInt8] {
        try SecretStream.seal(bytes, key: try self.storageKey(context))
    }

    /// Opens what ``seal(_:context:)`` made.
    /// - Throws: `SodiumError.forged` when anything was changed.
    public func open(_ sealed: [UInt8], context: String) throws(SodiumError) -> [UInt8] {
        try SecretStream.open(sealed, key: try self.storageKey(context))
    }

    private func storageKey(_ context: String) throws(SodiumError) -> SecretBytes {
        try BLAKE2b.key(from: self.storage, context: "depai/seal/v1/\(context)")
    }
}

/// Why the wallet does not sign what it has an authorization for.
public enum SigningRefusal: Error, Equatable, CustomStringConvertible {
    case notAVoucher(channel: String)
    case voucher
    /// The message does not pay what was authorized.
    case otherPayment(String)

    public var description: String {
        switch self {
        case .notAVoucher(let channel): "the message is not the authorized voucher of channel \(channel)"
        case .otherPayment(let what): "the message does not pay what was authorized: \(what)"
        case .voucher: "the message is a voucher, the authorization is for a payment on the chain"
        }
    }
}

/// Something that this machine says about itself or its work. What is signed starts with a line that names
/// the kind, so that no signature can be taken for another kind, nor for a transaction.
public struct Statement: Sendable, Hashable {
    /// The kinds that may be signed; a closed list.
    public enum Kind: String, Sendable, Hashable {
        case offer
        case receipt
        case possession
        /// What was done with a command.
        case acknowledgement
        /// How the wallet stands.
        case state
        /// What is in a copy of the home.
        case backup
    }

    public let kind: Kind
    /// Canonical bytes of what is said.
    public let body: [UInt8]

    public init(_ kind: Kind, body: [UInt8]) {
        self.kind = kind
        self.body = body
    }

    /// `depai/<kind>/v1`, a line feed, the body.
    public var signedBytes: [UInt8] { Array("depai/\(self.kind.rawValue)/v1\n".utf8) + self.body }

    /// Whether `signature` is `key`'s over this statement.
    public func isSigned(by key: PublicKey, _ signature: Signature) -> Bool {
        key.verifies(signature, over: self.signedBytes)
    }
}
