/// Walks over bytes from outside and never past their end.
public struct ByteReader: Sendable {
    private let bytes: [UInt8]
    /// How many bytes were read.
    public private(set) var offset = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public var remaining: Int { self.bytes.count - self.offset }

    public mutating func byte() throws(DecodingError) -> UInt8 {
        guard self.remaining > 0 else { throw .truncated(offset: self.offset) }
        defer { self.offset += 1 }
        return self.bytes[self.offset]
    }

    public mutating func take(_ count: Int) throws(DecodingError) -> [UInt8] {
        guard count >= 0, count <= self.remaining else { throw .truncated(offset: self.bytes.count) }
        defer { self.offset += count }
        return Array(self.bytes[self.offset..<self.offset + count])
    }

    /// A little-endian integer of the width of `Value`.
    public mutating func little<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type = Value.self
    ) throws(DecodingError) -> Value {
        var value: Value = 0
        for (index, byte) in try self.take(Value.bitWidth / 8).enumerated() {
            value |= Value(truncatingIfNeeded: byte) << Value(index * 8)
        }
        return value
    }

    /// - Throws: `DecodingError.trailing` when bytes are left.
    public func end() throws(DecodingError) {
        guard self.remaining == 0 else { throw .trailing(offset: self.offset) }
    }
}

extension [UInt8] {
    /// Appends an integer, low byte first.
    @inlinable
    public mutating func append(little value: some FixedWidthInteger & UnsignedInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { self.append(contentsOf: $0) }
    }

    /// Appends an unsigned LEB128 number (protobuf, multiformats).
    public mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.append(UInt8(rest))
    }
}
