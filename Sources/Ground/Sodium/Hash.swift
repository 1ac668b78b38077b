internal import CCrypto
internal import CSodium

/// SHA-256 in steps, for data that does not fit in memory.
///
/// OpenSSL's, because it uses the processor's own instructions for it, which libsodium does not; libmosquitto
/// and libcurl bring it along anyway.
public struct SHA256: Sendable {
    public static let byteCount = 32
    private var state = SHA256_CTX()

    public init() { SHA256_Init(&self.state) }

    public mutating func update(_ bytes: [UInt8]) { self.update(bytes.span.bytes) }

    public mutating func update(_ bytes: RawSpan) { bytes.withUnsafeBytes { self.update($0) } }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        SHA256_Update(&self.state, bytes.baseAddress, bytes.count)
    }

    /// The 32-byte digest of all that was fed in.
    public consuming func digest() -> [UInt8] {
        var digest: [UInt8] = []
        self.append(to: &digest)
        return digest
    }

    /// Adds the 32-byte digest of all that was fed in to those in `digests`.
    consuming func append(to digests: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.byteCount) {
            SHA256_Final($0.baseAddress, &self.state)
            digests.append(contentsOf: $0)
        }
    }

    /// The 32-byte digest of `bytes`.
    public static func digest(of bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(bytes)
        return hash.digest()
    }

    /// The digest of two pieces, without joining them first.
    public static func digest(of first: [UInt8], _ second: [UInt8], _ third: [UInt8] = []) -> [UInt8] {
        var hash = SHA256()
        hash.update(first)
        hash.update(second)
        hash.update(third)
        return hash.digest()
    }
}

/// BLAKE2b with a chosen output length.
public enum BLAKE2b {
    /// - Parameter length: of the digest, 16 to 64 bytes.
    public static func digest(of bytes: [UInt8], length: Int = 32) -> [UInt8] {
        Library.start()
        precondition((16...64).contains(length), "BLAKE2b gives 16 to 64 bytes")
        var digest = [UInt8](repeating: 0, count: length)
        crypto_generichash(&digest, length, bytes, UInt64(bytes.count), nil, 0)
        return digest
    }

    /// A 32-byte key that is bound to `context`, from a secret of 16 to 64 bytes (keyed BLAKE2b).
    public static func key(from secret: borrowing SecretBytes, context: String) throws(SodiumError)
        -> SecretBytes
    {
        let key = try SecretBytes(count: 32)
        let message = Array(context.utf8)
        crypto_generichash(key.pointer, 32, message, UInt64(message.count), secret.pointer, secret.count)
        return key
    }
}

/// HMAC-SHA512 over guarded memory: the step of BIP-39 and SLIP-0010.
public enum HMACSHA512 {
    public static let byteCount = 64

    /// Writes the 64-byte code of `messages`, one after the other, under `key` into `output`.
    public static func authenticate(
        _ messages: [UnsafeRawBufferPointer], key: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) {
        Library.start()
        precondition(output.count == self.byteCount, "HMAC-SHA512 gives 64 bytes")
        var state = crypto_auth_hmacsha512_state()
        defer { sodium_memzero(&state, MemoryLayout.size(ofValue: state)) }
        withBytePointer(key) { _ = crypto_auth_hmacsha512_init(&state, $0, key.count) }
        for message in messages {
            withBytePointer(message) { _ = crypto_auth_hmacsha512_update(&state, $0, UInt64(message.count)) }
        }
        guard let start = output.baseAddress else { return }
        crypto_auth_hmacsha512_final(&state, start.assumingMemoryBound(to: UInt8.self))
    }
}

/// PBKDF2-HMAC-SHA512 (RFC 8018), which libsodium does not have: BIP-39's way from words to seed.
public enum PBKDF2 {
    /// Derives 64 bytes: one block of the function.
    public static func derive(
        password: borrowing SecretBytes, salt: borrowing SecretBytes, rounds: Int
    ) throws(SodiumError) -> SecretBytes {
        let result = try SecretBytes(count: HMACSHA512.byteCount)
        let round = try SecretBytes(count: HMACSHA512.byteCount)
        password.withBytes { password in
            round.withMutableBytes { round in
                result.withMutableBytes { result in
                    let blockNumber: [UInt8] = [0, 0, 0, 1]
                    salt.withBytes { salt in
                        blockNumber.withUnsafeBytes {
                            HMACSHA512.authenticate([salt, $0], key: password, into: round)
                        }
                    }
                    result.copyMemory(from: UnsafeRawBufferPointer(round))
                    for _ in 1..<rounds {
                        HMACSHA512.authenticate([UnsafeRawBufferPointer(round)], key: password, into: round)
                        for index in result.indices { result[index] ^= round[index] }
                    }
                }
            }
        }
        return result
    }
}

/// C wants an address even for no bytes.
private func withBytePointer(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafePointer<UInt8>) -> Void) {
    if let start = bytes.baseAddress {
        body(start.assumingMemoryBound(to: UInt8.self))
    } else {
        withUnsafePointer(to: 0, body)
    }
}
