internal import Encoding

/// A value that contracts take and give (`SCVal`): the kinds that a payment has to do with are told apart,
/// the rest is kept as bytes.
package indirect enum SorobanValue: Sendable, Hashable {
    case void
    case i128(Int128)
    case bytes([UInt8])
    case string([UInt8])
    case symbol(String)
    case vector([SorobanValue])
    case map([Pair])
    case address(StellarAddress)
    /// Where a contract itself stands in the ledger.
    case instanceKey
    /// Where a used nonce stands in the ledger.
    case nonceKey(Int64)
    /// Any other kind.
    case other(kind: UInt32, body: [UInt8])

    /// One entry of a map.
    package struct Pair: Sendable, Hashable {
        package let key: SorobanValue
        package let value: SorobanValue

        package init(_ key: SorobanValue, _ value: SorobanValue) {
            self.key = key
            self.value = value
        }
    }

    /// Values inside values.
    static let depthLimit = 16

    /// The XDR.
    package var xdr: [UInt8] {
        var writer = XDRWriter()
        self.write(to: &writer)
        return writer.bytes
    }

    /// Reads XDR that is one value and nothing else.
    package init(decoding bytes: [UInt8], limit: Int = 64 << 10) throws(StellarError) {
        var reader = try XDRReader(bytes, limit: limit)
        self = try reader.value()
        try reader.end()
    }

    func write(to writer: inout XDRWriter) {
        switch self {
        case .void: writer.uint32(1)
        case .i128(let number):
            writer.uint32(10)
            writer.uint64(UInt64(truncatingIfNeeded: number >> 64))
            writer.uint64(UInt64(truncatingIfNeeded: number))
        case .bytes(let bytes):
            writer.uint32(13)
            writer.opaque(bytes)
        case .string(let bytes):
            writer.uint32(14)
            writer.opaque(bytes)
        case .symbol(let name):
            writer.uint32(15)
            writer.opaque(Array(name.utf8))
        case .vector(let elements):
            writer.uint32(16)
            writer.uint32(1)
            writer.uint32(UInt32(clamping: elements.count))
            for element in elements { element.write(to: &writer) }
        case .map(let pairs):
            writer.uint32(17)
            writer.uint32(1)
            writer.uint32(UInt32(clamping: pairs.count))
            for pair in pairs {
                pair.key.write(to: &writer)
                pair.value.write(to: &writer)
            }
        case .address(let address):
            writer.uint32(18)
            writer.address(address)
        case .instanceKey: writer.uint32(20)
        case .nonceKey(let nonce):
            writer.uint32(21)
            writer.int64(nonce)
        case .other(let kind, let body):
            writer.uint32(kind)
            writer.fixed(body)
        }
    }
}

extension XDRReader {
    /// `SCSymbol`: at most 32 of `[A-Za-z0-9_]`.
    mutating func symbol() throws(StellarError) -> String {
        let bytes = try self.opaque(limit: 32, "characters of a symbol")
        let isSymbol = bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isSymbol else { throw .bytes(.notCanonical) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// One value of any kind.
    mutating func value(depth: Int = 0) throws(StellarError) -> SorobanValue {
        guard depth < SorobanValue.depthLimit else { throw .tooDeep }
        let kind = try self.uint32()
        switch kind {
        case 1: return .void
        case 10:
            let (high, low) = (try self.int64(), try self.uint64())
            return .i128(Int128(high) << 64 | Int128(low))
        case 13: return .bytes(try self.opaque(limit: .max, "bytes"))
        case 14: return .string(try self.opaque(limit: .max, "bytes of a string"))
        case 15: return .symbol(try self.symbol())
        case 16:
            guard try self.isPresent() else { return .other(kind: kind, body: [0, 0, 0, 0]) }
            return .vector(try self.values(depth: depth + 1))
        case 17:
            guard try self.isPresent() else { return .other(kind: kind, body: [0, 0, 0, 0]) }
            return .map(try self.pairs(depth: depth + 1))
        case 18:
            let start = self.offset
            guard let address = try self.anyAddress() else {
                return .other(kind: kind, body: self.bytes(since: start))
            }
            return .address(address)
        case 20: return .instanceKey
        case 21: return .nonceKey(try self.int64())
        default:
            let start = self.offset
            try self.skipBody(of: kind, depth: depth)
            return .other(kind: kind, body: self.bytes(since: start))
        }
    }

    /// A list of values.
    mutating func values(depth: Int = 0) throws(StellarError) -> [SorobanValue] {
        var values: [SorobanValue] = []
        for _ in 0..<(try self.count("values")) { values.append(try self.value(depth: depth)) }
        return values
    }

    private mutating func pairs(depth: Int) throws(StellarError) -> [SorobanValue.Pair] {
        var pairs: [SorobanValue.Pair] = []
        for _ in 0..<(try self.count("pairs")) {
            pairs.append(.init(try self.value(depth: depth), try self.value(depth: depth)))
        }
        return pairs
    }

    /// Nil for an address that no payment of ours has: muxed accounts, balances, pools.
    mutating func anyAddress() throws(StellarError) -> StellarAddress? {
        switch try self.uint32() {
        case 0: return try self.account()
        case 1: return try StellarAddress.contract(self.fixed(32))
        case 2: _ = try self.fixed(8 + 32)
        case 3: _ = try self.fixed(4 + 32)
        case 4: _ = try self.fixed(32)
        case let kind: throw .kind(kind, of: "an address")
        }
        return nil
    }

    private mutating func skipBody(of kind: UInt32, depth: Int) throws(StellarError) {
        switch kind {
        case 0, 3, 4: _ = try self.fixed(4)
        case 2, 5, 6, 7, 8: _ = try self.fixed(8)
        case 9: _ = try self.fixed(16)
        case 11, 12: _ = try self.fixed(32)
        case 19:
            // A contract instance: code, and perhaps storage.
            switch try self.uint32() {
            case 0: _ = try self.fixed(32)
            case 1: break
            case let other: throw .kind(other, of: "code")
            }
            if try self.isPresent() { _ = try self.pairs(depth: depth + 1) }
        default: throw .kind(kind, of: "a value")
        }
    }
}

extension StellarAddress {
    static func contract(_ bytes: [UInt8]) throws(StellarError) -> StellarAddress {
        do throws(DecodingError) { return try StellarAddress(contract: bytes) } catch { throw .bytes(error) }
    }
}
