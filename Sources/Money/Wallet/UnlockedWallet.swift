internal import Encoding
public import Ledger
public import Sodium
internal import Solana
public import Statements

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
    /// - Throws: `SigningRefusal.personsWord` for what only a person may say, `SodiumError`.
    public func sign(_ statement: Statement) throws -> Signature {
        guard !statement.isPersons else { throw SigningRefusal.personsWord }
        return try self.identity.signature(over: statement.bytes)
    }

    /// Puts the machine's name under `body`.
    public func sign<Body: Signable>(_ body: Body) throws -> Signed<Body> {
        try Signed(body, by: self.identity.publicKey, try self.sign(try body.statement))
    }

    /// Puts the machine's name under `body` in the form that others' software checks.
    public func jws<Body: Signable>(_ body: Body) throws -> JWS<Body> {
        let key = self.identity.publicKey
        return try JWS(body, by: key, try self.sign(try JWS.statement(body, by: key)))
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
    /// The statement is an owner's or an operator's to make.
    case personsWord

    public var description: String {
        switch self {
        case .notAVoucher(let channel): "the message is not the authorized voucher of channel \(channel)"
        case .otherPayment(let what): "the message does not pay what was authorized: \(what)"
        case .personsWord: "only a person's key signs this, no machine's"
        case .voucher: "the message is a voucher, the authorization is for a payment on the chain"
        }
    }
}
