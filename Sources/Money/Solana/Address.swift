public import Encoding
public import Sodium

/// A Solana address: 32 bytes, either an Ed25519 public key or a program-derived address. Written in Base58.
///
/// Addresses have no checksum: a misspelt one that still has 32 bytes is another address.
public struct Address: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Bytes in an address.
    public static let byteCount = 32

    // Four big-endian words: comparing them in order compares the bytes in order, without an array on the
    // heap.
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64

    /// - Throws: `DecodingError.length` unless there are 32 bytes.
    public init(bytes: [UInt8]) throws(DecodingError) {
        guard bytes.count == Self.byteCount else { throw .length(bytes.count) }
        self.init(exactly: bytes)
    }

    /// Reads the Base58 form.
    /// - Throws: `DecodingError` unless it is Base58 of exactly 32 bytes.
    public init(_ text: String) throws(DecodingError) {
        try self.init(bytes: Base58.decode(text, maximumLength: 44))
    }

    /// The address that a key signs for.
    public init(_ key: PublicKey) { self.init(exactly: key.bytes) }

    /// 32 bytes that the caller has counted.
    init(exactly bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "an address has 32 bytes")
        func word(_ start: Int) -> UInt64 {
            bytes[start..<start + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        self.first = word(0)
        self.second = word(8)
        self.third = word(16)
        self.fourth = word(24)
    }

    /// A well-known address written in this source; a misspelt one is our own bug.
    init(known text: StaticString) {
        guard let bytes = try? Base58.decode(String(describing: text)), bytes.count == Self.byteCount else {
            preconditionFailure("a well-known address is misspelt")
        }
        self.init(exactly: bytes)
    }

    /// The 32 bytes as they are on the wire.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for word in [self.first, self.second, self.third, self.fourth] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return bytes
    }

    /// The key with this address; nil for program-derived addresses, which nobody can sign for.
    public var publicKey: PublicKey? {
        guard let key = try? PublicKey(self.bytes), key.isOnCurve else { return nil }
        return key
    }

    /// Base58.
    public var description: String { Base58.encode(self.bytes) }

    /// The order of the bytes: the order in which accounts stand in a built message.
    public static func < (left: Self, right: Self) -> Bool {
        (left.first, left.second, left.third, left.fourth)
            < (right.first, right.second, right.third, right.fourth)
    }
}

extension Address {
    /// The longest seed of a program-derived address, in bytes.
    public static let seedByteLimit = 32
    /// The most seeds of a program-derived address, the bump included.
    public static let seedLimit = 16

    /// The address that `program` alone can sign for, with the highest bump that takes it off the curve.
    ///
    /// - Returns: Nil when a seed is longer than 32 bytes, there are more than 15, or no bump fits (never
    /// seen).
    /// Source: SHA-256(seeds | bump | program | "ProgramDerivedAddress"), the first bump from 255 down that
    /// does not decompress to a curve point.
    public static func programDerived(
        seeds: [[UInt8]], program: Address
    ) -> (address: Address, bump: UInt8)? {
        guard seeds.count < Self.seedLimit, seeds.allSatisfy({ $0.count <= Self.seedByteLimit }) else {
            return nil
        }
        let prefix = seeds.reduce([], +)
        let suffix = program.bytes + Array("ProgramDerivedAddress".utf8)
        for bump in stride(from: UInt8.max, through: 0, by: -1) {
            let digest = SHA256.digest(of: prefix, [bump], suffix)
            guard let candidate = try? PublicKey(digest), !candidate.isOnCurve else { continue }
            return (Address(exactly: digest), bump)
        }
        return nil
    }

    /// The account that holds `owner`'s tokens of `mint`, by convention.
    public static func associatedToken(
        owner: Address, mint: Address, tokenProgram: Address = .tokenProgram
    ) -> Address {
        let seeds = [owner.bytes, tokenProgram.bytes, mint.bytes]
        guard let derived = self.programDerived(seeds: seeds, program: .associatedTokenProgram) else {
            preconditionFailure("256 bumps on the curve in a row: a chance of 1 in 2^256")
        }
        return derived.address
    }
}
