public import Ledger
public import Sodium
public import Statements

/// The unlocked keys of this machine. Signs payments that the ledger authorized, and typed statements;
/// nothing else.
public actor UnlockedWallet {
    private let payment: SigningKey
    private let sponsor: SigningKey
    private let voucher: SigningKey
    private let stellar: SigningKey
    private let identity: SigningKey
    private let storage: SecretBytes
    private nonisolated let keys: [KeyRole: PublicKey]

    init(
        payment: consuming SigningKey, sponsor: consuming SigningKey, voucher: consuming SigningKey,
        stellar: consuming SigningKey, identity: consuming SigningKey, storage: consuming SecretBytes
    ) {
        self.keys = [
            .payment: payment.publicKey, .sponsor: sponsor.publicKey, .voucher: voucher.publicKey,
            .stellar: stellar.publicKey, .identity: identity.publicKey,
        ]
        self.payment = payment
        self.sponsor = sponsor
        self.voucher = voucher
        self.stellar = stellar
        self.identity = identity
        self.storage = storage
    }

    /// The public half of one signing key.
    public nonisolated func publicKey(_ role: KeyRole) -> PublicKey {
        guard let key = self.keys[role] else { preconditionFailure("\(role.rawValue) signs nothing") }
        return key
    }

    /// Signs one checked message and uses its authorization up.
    ///
    /// The signature is verified before this returns. It must be journalled before it is sent.
    public func sign(_ message: consuming CheckedMessage) throws(SodiumError) -> SignedAttempt {
        switch message.key {
        case .payment: try message.signed(by: self.payment)
        case .sponsor: try message.signed(by: self.sponsor)
        case .voucher: try message.signed(by: self.voucher)
        case .stellar: try message.signed(by: self.stellar)
        }
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
