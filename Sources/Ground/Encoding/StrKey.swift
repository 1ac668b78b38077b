/// Stellar's text form of keys (SEP-23): a version byte, 32 bytes and CRC-16/XMODEM, low byte first, in
/// Base32 in upper case. Only the kinds that a payment names are read.
public enum StrKey: UInt8, Sendable, Hashable {
    /// "G…": an Ed25519 account.
    case account = 0x30
    /// "C…": a contract.
    case contract = 0x10

    public static let payloadByteCount = 32
    /// 35 bytes have 56 characters and no bits to spare: each key has one text.
    private static let textLength = 56

    /// The text of 32 bytes that the caller has counted.
    public func encode(_ payload: [UInt8]) -> String {
        precondition(payload.count == Self.payloadByteCount, "a key has 32 bytes")
        let body = [self.rawValue] + payload
        let check = Self.checksum(body)
        let bytes = body + [UInt8(truncatingIfNeeded: check), UInt8(truncatingIfNeeded: check >> 8)]
        return Base32.encode(bytes).uppercased()
    }

    /// Reads a text.
    /// - Throws: `DecodingError` for another length, lower case, another kind or a wrong checksum.
    public static func decode(_ text: String) throws(DecodingError) -> (kind: StrKey, payload: [UInt8]) {
        guard text.utf8.count == self.textLength else { throw .length(text.utf8.count) }
        for (offset, byte) in text.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "2")...UInt8(ascii: "7"): break
            default: throw .character(offset: offset)
            }
        }
        let bytes = try Base32.decode(text.lowercased())
        guard let kind = bytes.first.flatMap(StrKey.init(rawValue:)) else { throw .character(offset: 0) }
        let payload = Array(bytes[1...self.payloadByteCount])
        guard kind.encode(payload) == text else { throw .notCanonical }
        return (kind, payload)
    }

    /// CRC-16/XMODEM: polynomial 0x1021, nothing reflected, starts at zero.
    private static func checksum(_ bytes: [UInt8]) -> UInt16 {
        bytes.reduce(UInt16.zero) { check, byte in
            (0..<8).reduce(check ^ UInt16(byte) << 8) { check, _ in  // bounded: 8 bits
                check & 0x8000 == 0 ? check << 1 : check << 1 ^ 0x1021
            }
        }
    }
}
