/// A CIDv1: the name of a block by its hash (multiformats).
public struct ContentID: Sendable, Hashable, CustomStringConvertible {
    /// How the block's bytes are to be read.
    public enum Codec: UInt8, Sendable, Hashable {
        case raw = 0x55
        case dagPB = 0x70
    }

    public let codec: Codec
    /// 32 bytes, SHA2-256 of the block.
    public let digest: [UInt8]

    /// - Parameter sha256: 32 bytes; anything else is a bug of the caller.
    public init(codec: Codec, sha256: [UInt8]) {
        precondition(sha256.count == 32, "a SHA2-256 digest has 32 bytes")
        self.codec = codec
        self.digest = sha256
    }

    /// Version 1, codec, multihash code 0x12 (SHA2-256), length 32, digest: 36 bytes.
    public var bytes: [UInt8] { [0x01, self.codec.rawValue, 0x12, 0x20] + self.digest }

    /// `b` and the bytes in Base32: 59 characters.
    public var description: String { "b" + Base32.encode(self.bytes) }

    /// Reads the Base32 form; other bases, versions and hashes are refused.
    public init(_ text: String) throws(DecodingError) {
        guard text.utf8.count == 59 else { throw .length(text.utf8.count) }
        guard text.utf8.first == UInt8(ascii: "b") else { throw .character(offset: 0) }
        let bytes = try Base32.decode(String(text.dropFirst()))
        guard bytes.count == 36, bytes[0] == 1, let codec = Codec(rawValue: bytes[1]), bytes[2] == 0x12,
            bytes[3] == 0x20
        else { throw .notCanonical }
        self.init(codec: codec, sha256: Array(bytes[4...]))
    }
}
