internal import CSodium

/// XChaCha20-Poly1305 (IETF): one message under a 32-byte key with authenticated header bytes.
public enum SealedBox {
    public static let keyBytes = 32
    public static let nonceBytes = 24
    static let tagBytes = 16

    /// Ciphertext followed by its 16-byte tag. `nonce` must be fresh: 24 random bytes.
    public static func seal(
        _ secret: borrowing SecretBytes, key: borrowing SecretBytes, nonce: [UInt8], header: [UInt8]
    ) throws(SodiumError) -> [UInt8] {
        try self.check(key: key, nonce: nonce)
        var sealed = [UInt8](repeating: 0, count: secret.count + self.tagBytes)
        crypto_aead_xchacha20poly1305_ietf_encrypt(
            &sealed, nil, secret.pointer, UInt64(secret.count), header, UInt64(header.count), nil, nonce,
            key.pointer)
        return sealed
    }

    /// The secret that ``seal(_:key:nonce:header:)`` took.
    /// - Throws: `SodiumError.forged` when key, nonce, header or bytes are not those of the sealing.
    public static func open(
        _ sealed: [UInt8], key: borrowing SecretBytes, nonce: [UInt8], header: [UInt8]
    ) throws(SodiumError) -> SecretBytes {
        try self.check(key: key, nonce: nonce)
        guard sealed.count > self.tagBytes else { throw .forged }
        let secret = try SecretBytes(count: sealed.count - self.tagBytes)
        let result = crypto_aead_xchacha20poly1305_ietf_decrypt(
            secret.pointer, nil, nil, sealed, UInt64(sealed.count), header, UInt64(header.count), nonce,
            key.pointer)
        guard result == 0 else { throw .forged }
        return secret
    }

    private static func check(key: borrowing SecretBytes, nonce: [UInt8]) throws(SodiumError) {
        Library.start()
        guard key.count == self.keyBytes else {
            throw .length(what: "a sealing key", expected: self.keyBytes, actual: key.count)
        }
        guard nonce.count == self.nonceBytes else {
            throw .length(what: "a sealing nonce", expected: self.nonceBytes, actual: nonce.count)
        }
    }
}

/// libsodium's secretstream over a whole buffer: a 24-byte header, then chunks of 64 KiB, each with 17 bytes
/// more; the last one is marked, so that a cut stream is noticed. Order, number and content of the chunks are
/// authenticated.
public enum SecretStream {
    public static let keyBytes = 32
    static let chunkBytes = 64 << 10
    static let headerBytes = Int(crypto_secretstream_xchacha20poly1305_HEADERBYTES)
    static let chunkOverhead = 17
    private static let final = UInt8(
        crypto_secretstream_xchacha20poly1305_TAG_PUSH | crypto_secretstream_xchacha20poly1305_TAG_REKEY)

    /// Seals `bytes`; an empty input gives one empty final chunk. The header is fresh randomness of
    /// libsodium, so the same bytes sealed twice differ: keep the sealed form if it has to be sent again.
    public static func seal(_ bytes: [UInt8], key: borrowing SecretBytes) throws(SodiumError) -> [UInt8] {
        try self.check(key)
        var state = crypto_secretstream_xchacha20poly1305_state()
        defer { sodium_memzero(&state, MemoryLayout.size(ofValue: state)) }
        let chunks = max(1, (bytes.count + self.chunkBytes - 1) / self.chunkBytes)
        let size = self.headerBytes + bytes.count + chunks * self.chunkOverhead
        return [UInt8](unsafeUninitializedCapacity: size) { sealed, sealedCount in
            guard var output = sealed.baseAddress else { return }
            crypto_secretstream_xchacha20poly1305_init_push(&state, output, key.pointer)
            output += self.headerBytes
            bytes.withUnsafeBufferPointer { bytes in
                for chunk in 0..<chunks {
                    let start = chunk * self.chunkBytes
                    let count = min(self.chunkBytes, bytes.count - start)
                    _ = crypto_secretstream_xchacha20poly1305_push(
                        &state, output, nil, bytes.baseAddress.map { $0 + start }, UInt64(count), nil, 0,
                        chunk == chunks - 1 ? self.final : 0)
                    output += count + self.chunkOverhead
                }
            }
            sealedCount = size
        }
    }

    /// The bytes that ``seal(_:key:)`` took.
    /// - Throws: `SodiumError.forged` when anything was changed, cut, added or reordered.
    public static func open(_ sealed: [UInt8], key: borrowing SecretBytes) throws(SodiumError) -> [UInt8] {
        try self.check(key)
        var state = crypto_secretstream_xchacha20poly1305_state()
        defer { sodium_memzero(&state, MemoryLayout.size(ofValue: state)) }
        let sealedChunk = self.chunkBytes + self.chunkOverhead
        let body = sealed.count - self.headerBytes
        let chunks = (body + sealedChunk - 1) / sealedChunk
        guard body >= self.chunkOverhead, body - (chunks - 1) * sealedChunk >= self.chunkOverhead,
            crypto_secretstream_xchacha20poly1305_init_pull(&state, sealed, key.pointer) == 0
        else { throw .forged }
        let size = body - chunks * self.chunkOverhead
        var isForged = false
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { bytes, bytesCount in
            sealed.withUnsafeBufferPointer { sealed in
                for chunk in 0..<chunks where !isForged {
                    let start = chunk * sealedChunk
                    let count = min(sealedChunk, body - start)
                    var tag: UInt8 = 0
                    let result = crypto_secretstream_xchacha20poly1305_pull(
                        &state, bytes.baseAddress.map { $0 + chunk * self.chunkBytes }, nil, &tag,
                        sealed.baseAddress.map { $0 + self.headerBytes + start }, UInt64(count), nil, 0)
                    // The last chunk, and no other, says that it is the last one.
                    isForged = result != 0 || (tag == self.final) != (chunk == chunks - 1)
                }
            }
            bytesCount = isForged ? 0 : size
        }
        guard !isForged else { throw .forged }
        return bytes
    }

    private static func check(_ key: borrowing SecretBytes) throws(SodiumError) {
        Library.start()
        guard key.count == self.keyBytes else {
            throw .length(what: "a stream key", expected: self.keyBytes, actual: key.count)
        }
    }
}

/// Argon2id (RFC 9106, one lane as libsodium fixes it): a key from a passphrase.
public struct PasswordHash: Sendable, Hashable {
    /// Passes over the memory.
    public let operations: UInt64
    /// Memory in bytes.
    public let memory: Int
    /// 16 random bytes.
    public let salt: [UInt8]
    public static let saltBytes = 16
    /// The least that is accepted from a keystore file (OWASP's floor): 2 passes over 19 MiB.
    public static let floor = (operations: UInt64(2), memory: 19 << 20)
    /// The most that is accepted from a keystore file, so that a planted header cannot exhaust the device.
    public static let ceiling = (operations: UInt64(20), memory: 1 << 30)

    public init(operations: UInt64 = 3, memory: Int = 64 << 20, salt: [UInt8]) {
        self.operations = operations
        self.memory = memory
        self.salt = salt
    }

    /// Derives 32 bytes. Takes up to a second and blocks its thread.
    public func key(from passphrase: borrowing SecretBytes) throws(SodiumError) -> SecretBytes {
        Library.start()
        guard self.salt.count == Self.saltBytes else {
            throw .length(what: "a password salt", expected: Self.saltBytes, actual: self.salt.count)
        }
        let key = try SecretBytes(count: 32)
        let result = passphrase.withBytes { passphrase in
            crypto_pwhash(
                key.pointer, UInt64(key.count),
                passphrase.assumingMemoryBound(to: CChar.self).baseAddress.unsafelyUnwrapped,
                UInt64(passphrase.count), self.salt, self.operations, self.memory,
                crypto_pwhash_ALG_ARGON2ID13)
        }
        guard result == 0 else { throw .passwordHashMemory(self.memory) }
        return key
    }
}
