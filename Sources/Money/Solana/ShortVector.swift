public import Encoding

/// Solana's compact-u16: 7 bits a byte, low bits first, the high bit says that more follow; at most 3 bytes.
public enum ShortVector {
    /// The bytes of a length.
    public static func encode(_ value: UInt16) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(varint: UInt64(value))
        return bytes
    }

    /// Reads a length; forms with a needless byte are refused, so that one message has one encoding.
    public static func decode(from reader: inout ByteReader) throws(DecodingError) -> UInt16 {
        var value: UInt32 = 0
        for index in 0..<3 {
            let byte = try reader.byte()
            value |= UInt32(byte & 0x7f) << UInt32(index * 7)
            guard byte & 0x80 == 0 else { continue }
            guard index == 0 || byte != 0, let length = UInt16(exactly: value) else { throw .notCanonical }
            return length
        }
        throw .notCanonical
    }
}

extension [UInt8] {
    /// Appends a length prefix. A message that fits a packet never has a longer part than 16 bits count.
    mutating func append(shortLength count: Int) {
        guard let length = UInt16(exactly: count) else {
            preconditionFailure("checked when the message was made")
        }
        self += ShortVector.encode(length)
    }
}
