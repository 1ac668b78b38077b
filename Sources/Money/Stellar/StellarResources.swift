internal import Encoding

/// What a transaction may touch and use, and what it offers for it (`SorobanTransactionData`): a node's
/// answer to a simulation, kept as it came.
public struct StellarResources: Sendable, Hashable {
    /// Longer footprints are not for a transfer, in bytes.
    public static let byteLimit = 4_096

    /// The XDR.
    public let bytes: [UInt8]
    /// Stroops.
    public let fee: Int64

    /// Reads the XDR.
    public init(decoding bytes: [UInt8]) throws(StellarError) {
        var reader = try XDRReader(bytes, limit: Self.byteLimit)
        try self.init(&reader)
        try reader.end()
    }

    init(_ reader: inout XDRReader) throws(StellarError) {
        let start = reader.offset
        try reader.skipResources()
        self.fee = try reader.int64()
        guard self.fee >= 0 else { throw .shape("a negative fee") }
        self.bytes = reader.bytes(since: start)
        guard self.bytes.count <= Self.byteLimit else {
            throw .tooLarge(bytes: self.bytes.count, limit: Self.byteLimit)
        }
    }

    /// The same for a nonce of one's own. A node that is asked before anybody signed makes a nonce up, and
    /// names its place.
    /// - Throws: `StellarError.shape` unless just one nonce of `account` is used.
    func using(_ nonce: Int64, of account: StellarAddress) throws(StellarError) -> StellarResources {
        // All but the eight bytes of the nonce, and how long it is kept.
        let place = Array(StellarLedgerKey.nonce(account, 0).xdr.dropLast(12))
        let starts = self.bytes.indices.filter { start in
            start % 4 == 0 && self.bytes[start...].starts(with: place)
        }
        guard starts.count == 1, let start = starts.first else { throw .shape("not one nonce is used") }
        var key = XDRWriter()
        key.int64(nonce)
        var bytes = self.bytes
        bytes.replaceSubrange(start + place.count..<start + place.count + 8, with: key.bytes)
        return try StellarResources(decoding: bytes)
    }

    /// Bytes that the accounts and trustlines of a transfer can have, and more: what is too little fails.
    private static let (readBytes, writeBytes): (UInt32, UInt32) = (4_096, 1_024)

    /// For who knows without asking what a call touches. What it costs only a simulation knows.
    package init(
        readOnly: [StellarLedgerKey], readWrite: [StellarLedgerKey], instructions: UInt32, fee: Int64
    ) {
        var writer = XDRWriter()
        writer.uint32(0)
        for keys in [readOnly, readWrite] {
            writer.uint32(UInt32(clamping: keys.count))
            for key in keys { writer.fixed(key.xdr) }
        }
        for limit in [instructions, Self.readBytes, Self.writeBytes] { writer.uint32(limit) }
        writer.int64(fee)
        self.bytes = writer.bytes
        self.fee = fee
    }
}

/// A place in the ledger (`LedgerKey`).
public enum StellarLedgerKey: Sendable, Hashable {
    case account(StellarAddress)
    case trustline(StellarAddress, StellarAsset)
    /// A contract itself.
    case instance(StellarAddress)
    /// What a contract holds of a token that is not an account's.
    case balance(of: StellarAddress, token: StellarAddress)
    /// Stands there once the nonce was used, at least until it cannot be used any more.
    case nonce(StellarAddress, Int64)

    /// The XDR.
    public var xdr: [UInt8] {
        var writer = XDRWriter()
        switch self {
        case .account(let account):
            writer.uint32(0)
            writer.account(account)
        case .trustline(let account, let asset):
            writer.uint32(1)
            writer.account(account)
            writer.asset(asset)
        case .instance(let contract): Self.write(.instanceKey, of: contract, isPersistent: true, to: &writer)
        case .balance(let owner, let token):
            Self.write(
                .vector([.symbol("Balance"), .address(owner)]), of: token, isPersistent: true, to: &writer)
        case .nonce(let account, let nonce):
            Self.write(.nonceKey(nonce), of: account, isPersistent: false, to: &writer)
        }
        return writer.bytes
    }

    private static func write(
        _ key: SorobanValue, of owner: StellarAddress, isPersistent: Bool, to writer: inout XDRWriter
    ) {
        writer.uint32(6)
        writer.address(owner)
        key.write(to: &writer)
        writer.uint32(isPersistent ? 1 : 0)
    }
}

extension XDRReader {
    /// All but the fee of a `SorobanTransactionData`.
    mutating func skipResources() throws(StellarError) {
        switch try self.uint32() {
        case 0: break
        case 1: for _ in 0..<(try self.count("entries to restore")) { _ = try self.uint32() }
        case let kind: throw .kind(kind, of: "resources")
        }
        for what in ["places that are read", "places that are written"] {
            for _ in 0..<(try self.count(what)) { try self.skipLedgerKey() }
        }
        _ = try self.fixed(12)
    }

    private mutating func skipLedgerKey() throws(StellarError) {
        switch try self.uint32() {
        case 0: _ = try self.account()
        case 1:
            _ = try self.account()
            switch try self.uint32() {
            case 0: break
            case 1:
                _ = try self.fixed(4)
                _ = try self.account()
            case 2:
                _ = try self.fixed(12)
                _ = try self.account()
            case 3: _ = try self.fixed(32)
            case let kind: throw .kind(kind, of: "an asset")
            }
        case 6:
            _ = try self.anyAddress()
            _ = try self.value()
            guard try self.uint32() <= 1 else { throw .bytes(.notCanonical) }
        case 7: _ = try self.fixed(32)
        case let kind: throw .kind(kind, of: "a place in the ledger")
        }
    }
}
