public import Sodium

/// What all keys of a wallet come from.
public struct WalletSeed: ~Copyable {
    private let secret: SecretBytes
    /// The secret is the payment key itself; the other keys are derived from it.
    private let isPaymentKey: Bool

    /// Every key on its standard path below the words.
    public init(words: borrowing Mnemonic) throws {
        self.secret = try words.seed()
        self.isPaymentKey = false
    }

    /// Below the words and their own passphrase, the "25th word".
    public init(words: borrowing Mnemonic, passphrase: borrowing SecretBytes) throws {
        self.secret = try words.seed(passphrase: passphrase)
        self.isPaymentKey = false
    }

    /// An Ed25519 seed of 32 bytes from elsewhere pays; the other keys are derived from it by SLIP-0010.
    public init(paymentKey: borrowing SecretBytes) throws {
        guard paymentKey.count == SealedBox.keyBytes else {
            throw SodiumError.length(
                what: "an Ed25519 seed", expected: SealedBox.keyBytes, actual: paymentKey.count)
        }
        self.secret = try paymentKey.duplicated()
        self.isPaymentKey = true
    }

    /// The public key at any path below the words.
    public func publicKey(at path: DerivationPath) throws -> PublicKey {
        try SigningKey(seed: try path.key(below: self.secret)).publicKey
    }

    /// The 32-byte seed of one key.
    func key(_ role: KeyRole) throws -> SecretBytes {
        self.isPaymentKey && role == .payment
            ? try self.secret.duplicated() : try role.path.key(below: self.secret)
    }

    /// As the keystore's header says it: a derivation path, or `imported`.
    func path(_ role: KeyRole) -> String {
        self.isPaymentKey && role == .payment ? "imported" : role.path.description
    }
}
