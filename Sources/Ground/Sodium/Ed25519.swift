internal import CSodium

/// A 64-byte Ed25519 signature: R then S (RFC 8032).
public struct Signature: Sendable, Hashable {
    public static let byteCount = 64
    public let bytes: [UInt8]

    /// - Throws: `SodiumError.length` unless there are 64 bytes.
    public init(_ bytes: [UInt8]) throws(SodiumError) {
        guard bytes.count == Self.byteCount else {
            throw .length(what: "an Ed25519 signature", expected: Self.byteCount, actual: bytes.count)
        }
        self.bytes = bytes
    }
}

/// A 32-byte Ed25519 public key.
public struct PublicKey: Sendable, Hashable {
    public static let byteCount = 32
    public let bytes: [UInt8]

    /// - Throws: `SodiumError.length` unless there are 32 bytes. Whether they are a point is said by
    ///   ``isSound``.
    public init(_ bytes: [UInt8]) throws(SodiumError) {
        guard bytes.count == Self.byteCount else {
            throw .length(what: "an Ed25519 public key", expected: Self.byteCount, actual: bytes.count)
        }
        self.bytes = bytes
    }

    /// Whether `signature` was made over `message` with this key.
    public func verifies(_ signature: Signature, over message: [UInt8]) -> Bool {
        Library.start()
        return crypto_sign_verify_detached(signature.bytes, message, UInt64(message.count), self.bytes) == 0
    }

    /// Whether the key is a canonical point of the prime-order subgroup. Keys that are not make two honest
    /// verifiers disagree, so a peer with such a key is not enrolled.
    public var isSound: Bool {
        Library.start()
        return crypto_core_ed25519_is_valid_point(self.bytes) == 1
    }

    /// Whether the bytes decompress to a point of the curve, as Solana asks when it derives program
    /// addresses: adding the base point succeeds. `crypto_core_ed25519_is_valid_point` is another, stricter
    /// question.
    public var isOnCurve: Bool {
        Library.start()
        let basePoint = [0x58] + [UInt8](repeating: 0x66, count: 31)
        var sum = [UInt8](repeating: 0, count: Self.byteCount)
        return crypto_core_ed25519_add(&sum, self.bytes, basePoint) == 0
    }
}

extension PublicKey {
    /// Seals a secret so that only this key's owner opens it (libsodium's `crypto_box_seal` to the key's
    /// X25519 form): 48 bytes more than the secret.
    /// - Throws: `SodiumError.forged` when the key is no point that has such a form.
    public func seal(_ secret: borrowing SecretBytes) throws(SodiumError) -> [UInt8] {
        Library.start()
        var exchangeKey = [UInt8](repeating: 0, count: Int(crypto_box_PUBLICKEYBYTES))
        guard crypto_sign_ed25519_pk_to_curve25519(&exchangeKey, self.bytes) == 0 else { throw .forged }
        var sealed = [UInt8](repeating: 0, count: secret.count + crypto_box_sealbytes())
        guard crypto_box_seal(&sealed, secret.pointer, UInt64(secret.count), exchangeKey) == 0 else {
            throw .forged
        }
        return sealed
    }
}

/// An Ed25519 secret key in guarded memory.
public struct SigningKey: ~Copyable, Sendable {
    private let secret: SecretBytes
    public let publicKey: PublicKey

    /// Rebuilds the pair from a 32-byte seed: a stored public half that does not match would leak the key.
    public init(seed: borrowing SecretBytes) throws(SodiumError) {
        guard seed.count == Int(crypto_sign_SEEDBYTES) else {
            throw .length(what: "an Ed25519 seed", expected: Int(crypto_sign_SEEDBYTES), actual: seed.count)
        }
        let secret = try SecretBytes(count: Int(crypto_sign_SECRETKEYBYTES))
        var publicBytes = [UInt8](repeating: 0, count: PublicKey.byteCount)
        crypto_sign_seed_keypair(&publicBytes, secret.pointer, seed.pointer)
        self.publicKey = try PublicKey(publicBytes)
        self.secret = secret
    }

    /// Signs `message` as it is and verifies the result before it is handed out.
    /// - Throws: `SodiumError.signatureFault` when the fresh signature does not verify (a bit flip on a hot
    ///   board).
    public borrowing func signature(over message: [UInt8]) throws(SodiumError) -> Signature {
        var bytes = [UInt8](repeating: 0, count: Signature.byteCount)
        crypto_sign_detached(&bytes, nil, message, UInt64(message.count), self.secret.pointer)
        let signature = try Signature(bytes)
        guard self.publicKey.verifies(signature, over: message) else { throw .signatureFault }
        return signature
    }

    /// Opens what ``PublicKey/seal(_:)`` sealed to this key.
    /// - Throws: `SodiumError.forged` when it was sealed to another key, or changed.
    public borrowing func open(_ sealed: [UInt8]) throws(SodiumError) -> SecretBytes {
        guard sealed.count > crypto_box_sealbytes() else { throw .forged }
        let exchangeSecret = try SecretBytes(count: Int(crypto_box_SECRETKEYBYTES))
        var exchangeKey = [UInt8](repeating: 0, count: Int(crypto_box_PUBLICKEYBYTES))
        guard crypto_sign_ed25519_sk_to_curve25519(exchangeSecret.pointer, self.secret.pointer) == 0,
            crypto_sign_ed25519_pk_to_curve25519(&exchangeKey, self.publicKey.bytes) == 0
        else { throw .forged }
        let secret = try SecretBytes(count: sealed.count - crypto_box_sealbytes())
        guard
            crypto_box_seal_open(
                secret.pointer, sealed, UInt64(sealed.count), exchangeKey, exchangeSecret.pointer) == 0
        else { throw .forged }
        return secret
    }
}
