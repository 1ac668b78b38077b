internal import Encoding

/// Writes XDR (RFC 4506): big-endian, everything a multiple of four bytes.
struct XDRWriter {
    private(set) var bytes: [UInt8] = []

    mutating func uint32(_ value: UInt32) { self.big(value) }
    mutating func uint64(_ value: UInt64) { self.big(value) }
    mutating func int64(_ value: Int64) { self.big(UInt64(bitPattern: value)) }

    /// Bytes whose number the reader knows.
    mutating func fixed(_ bytes: [UInt8]) { self.bytes += bytes }

    /// Bytes with their number, padded with zeros.
    mutating func opaque(_ bytes: [UInt8]) {
        self.uint32(UInt32(clamping: bytes.count))
        self.bytes += bytes
        while self.bytes.count % 4 != 0 { self.bytes.append(0) }
    }

    private mutating func big(_ value: some FixedWidthInteger) {
        for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
            self.bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// `AccountID`.
    mutating func account(_ address: StellarAddress) {
        self.uint32(0)
        self.fixed(address.bytes)
    }

    /// `SCAddress`.
    mutating func address(_ address: StellarAddress) {
        switch address.kind {
        case .account:
            self.uint32(0)
            self.account(address)
        case .contract:
            self.uint32(1)
            self.fixed(address.bytes)
        }
    }

    /// `Asset`, and `TrustLineAsset` alike.
    mutating func asset(_ asset: StellarAsset) {
        let (kind, length): (UInt32, Int) = asset.code.utf8.count <= 4 ? (1, 4) : (2, 12)
        self.uint32(kind)
        self.fixed(Array(asset.code.utf8) + [UInt8](repeating: 0, count: length - asset.code.utf8.count))
        self.account(asset.issuer)
    }
}

/// Reads XDR from outside and never past its end. Padding that is not zero is refused.
struct XDRReader {
    private var reader: ByteReader
    private let bytes: [UInt8]

    init(_ bytes: [UInt8], limit: Int) throws(StellarError) {
        guard bytes.count <= limit else { throw .tooLarge(bytes: bytes.count, limit: limit) }
        self.reader = ByteReader(bytes)
        self.bytes = bytes
    }

    var offset: Int { self.reader.offset }

    /// What was read since `offset`.
    func bytes(since offset: Int) -> [UInt8] { Array(self.bytes[offset..<self.offset]) }

    mutating func uint32() throws(StellarError) -> UInt32 { try self.big() }
    mutating func uint64() throws(StellarError) -> UInt64 { try self.big() }
    mutating func int64() throws(StellarError) -> Int64 { Int64(bitPattern: try self.big()) }

    private mutating func big<Value: FixedWidthInteger & UnsignedInteger>() throws(StellarError) -> Value {
        try self.fixed(Value.bitWidth / 8).reduce(Value.zero) { $0 << 8 | Value(truncatingIfNeeded: $1) }
    }

    mutating func fixed(_ count: Int) throws(StellarError) -> [UInt8] {
        do throws(DecodingError) { return try self.reader.take(count) } catch { throw .bytes(error) }
    }

    /// Bytes with their number, at most `limit`.
    mutating func opaque(limit: Int, _ what: String) throws(StellarError) -> [UInt8] {
        let count = try self.uint32()
        guard let length = Int(exactly: count), length <= limit else { throw .count(count, of: what) }
        let bytes = try self.fixed(length)
        let padding = try self.fixed((4 - length % 4) % 4)
        guard padding.allSatisfy({ $0 == 0 }) else { throw .bytes(.notCanonical) }
        return bytes
    }

    /// Whether an optional value follows.
    mutating func isPresent() throws(StellarError) -> Bool {
        let flag = try self.uint32()
        guard flag <= 1 else { throw .bytes(.notCanonical) }
        return flag == 1
    }

    /// The length of a list whose elements have at least four bytes each.
    mutating func count(_ what: String) throws(StellarError) -> Int {
        let count = try self.uint32()
        guard let length = Int(exactly: count), length <= self.reader.remaining / 4 else {
            throw .count(count, of: what)
        }
        return length
    }

    /// A number that has to be this one.
    mutating func expect(_ value: UInt32, _ what: String) throws(StellarError) {
        let found = try self.uint32()
        guard found == value else { throw .kind(found, of: what) }
    }

    func end() throws(StellarError) {
        do throws(DecodingError) { try self.reader.end() } catch { throw .bytes(error) }
    }

    /// `AccountID`.
    mutating func account() throws(StellarError) -> StellarAddress {
        try self.expect(0, "a key")
        return try self.address(.account)
    }

    /// `SCAddress`: an account or a contract.
    mutating func address() throws(StellarError) -> StellarAddress {
        switch try self.uint32() {
        case 0: try self.account()
        case 1: try self.address(.contract)
        case let kind: throw .kind(kind, of: "an address")
        }
    }

    private mutating func address(_ kind: StrKey) throws(StellarError) -> StellarAddress {
        let bytes = try self.fixed(StrKey.payloadByteCount)
        do throws(DecodingError) { return try StellarAddress(kind, bytes) } catch { throw .bytes(error) }
    }
}
