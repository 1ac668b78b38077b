/// Reads the primitives of the binary format from a range of the module's bytes. It never reads past `end`.
struct Cursor {
    let bytes: [UInt8]
    private(set) var offset: Int
    let end: Int

    init(_ bytes: [UInt8], from start: Int, to end: Int) {
        self.bytes = bytes
        self.offset = start
        self.end = end
    }

    var isAtEnd: Bool { self.offset >= self.end }

    func malformed(_ reason: String) -> ModuleError { .malformed(offset: self.offset, reason: reason) }

    func unsupported(_ feature: String) -> ModuleError { .unsupported(feature: feature, offset: self.offset) }

    mutating func byte() throws(ModuleError) -> UInt8 {
        guard self.offset < self.end else { throw self.malformed("unexpected end") }
        defer { self.offset += 1 }
        return self.bytes[self.offset]
    }

    /// The next byte without taking it.
    var next: UInt8? { self.offset < self.end ? self.bytes[self.offset] : nil }

    /// A part of `count` bytes, which is skipped here and read by a cursor of its own.
    mutating func part(count: Int) throws(ModuleError) -> Cursor {
        guard count <= self.end - self.offset else { throw self.malformed("length beyond the end") }
        let part = Cursor(self.bytes, from: self.offset, to: self.offset + count)
        self.offset += count
        return part
    }

    /// Unsigned LEB128 of at most 32 bits; unused bits of the last byte must be zero.
    mutating func u32() throws(ModuleError) -> UInt32 {
        var result: UInt32 = 0
        var shift: UInt32 = 0
        while true {
            let byte = try self.byte()
            if shift == 28, byte > 0x0f { throw self.malformed("number beyond 32 bits") }
            result |= UInt32(byte & 0x7f) << shift
            if byte < 0x80 { return result }
            shift += 7
        }
    }

    mutating func index() throws(ModuleError) -> Int { Int(try self.u32()) }

    /// Signed LEB128 of `bits` bits (32, 33 or 64); unused bits of the last byte must repeat the sign.
    mutating func signed(bits: Int) throws(ModuleError) -> Int64 {
        var result: Int64 = 0
        var shift = 0
        while true {
            let byte = try self.byte()
            result |= Int64(byte & 0x7f) << Int64(shift)
            let left = bits - shift
            if left < 7 {
                let high = Int8(bitPattern: byte << 1) >> Int8(left)
                guard byte < 0x80, high == 0 || high == -1 else {
                    throw self.malformed("number beyond \(bits) bits")
                }
            }
            shift += 7
            if byte < 0x80 {
                return shift < 64 && byte & 0x40 != 0 ? result | (-1 << Int64(shift)) : result
            }
        }
    }

    /// `count` bytes (4 or 8), little endian.
    mutating func fixed(count: Int) throws(ModuleError) -> UInt64 {
        var result: UInt64 = 0
        for position in 0..<count { result |= UInt64(try self.byte()) << UInt64(8 * position) }
        return result
    }

    mutating func name(limit: Int) throws(ModuleError) -> String {
        let count = try self.index()
        guard count <= limit else { throw .tooLarge(what: "nameBytes", limit: limit, actual: count) }
        let part = try self.part(count: count)
        guard let name = String(validating: self.bytes[part.offset..<part.end], as: UTF8.self) else {
            throw .malformed(offset: part.offset, reason: "name is not UTF-8")
        }
        return name
    }

    /// A count of entries under a limit of `Limits`.
    mutating func count(_ what: String, limit: Int) throws(ModuleError) -> Int {
        let count = try self.index()
        guard count <= limit else { throw .tooLarge(what: what, limit: limit, actual: count) }
        return count
    }

    mutating func valueType() throws(ModuleError) -> ValueType {
        let byte = try self.byte()
        if let type = ValueType(rawValue: byte) { return type }
        switch byte {
        case 0x7b: throw self.unsupported("simd")
        case 0x69, 0x6f, 0x70: throw self.unsupported("reference types")
        case 0x63, 0x64, 0x6a...0x6e, 0x71...0x74: throw self.unsupported("garbage collection")
        default: throw self.malformed("unknown value type 0x\(String(byte, radix: 16))")
        }
    }
}
