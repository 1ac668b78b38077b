public import Encoding

/// The 32-byte hash of a recent block: a transaction that names it dies 150 blocks later.
public struct Blockhash: Sendable, Hashable, CustomStringConvertible {
    /// Blocks after its own in which a transaction with the hash can still land.
    public static let lifetimeBlocks: UInt64 = 150

    private let hash: Address

    /// - Throws: `DecodingError.length` unless there are 32 bytes.
    public init(bytes: [UInt8]) throws(DecodingError) { self.hash = try Address(bytes: bytes) }

    /// Reads the Base58 form.
    public init(_ text: String) throws(DecodingError) { self.hash = try Address(text) }

    /// 32 bytes that the caller has counted.
    package init(exactly bytes: [UInt8]) { self.hash = Address(exactly: bytes) }

    /// The 32 bytes as they are on the wire.
    public var bytes: [UInt8] { self.hash.bytes }

    /// Base58.
    public var description: String { self.hash.description }
}
