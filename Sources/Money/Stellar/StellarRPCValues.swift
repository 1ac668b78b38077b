internal import Encoding

/// How far back a node knows.
public struct StellarHistory: Sendable, Hashable {
    public let oldest: UInt32
    /// The last closed ledger.
    public let latest: UInt32
}

/// What a node was told about a transaction that it should pass on. Only a ledger settles anything.
public enum StellarSending: String, Sendable, Hashable {
    case pending = "PENDING"
    /// It was sent before.
    case duplicate = "DUPLICATE"
    case tryAgainLater = "TRY_AGAIN_LATER"
    case error = "ERROR"
}

/// What a simulation says that a transaction needs.
public struct StellarSimulation: Sendable, Hashable {
    public let resources: StellarResources
    /// Stroops for the resources.
    public let minimumFee: UInt64
}

/// A transaction that is in a ledger.
public struct StellarLanded: Sendable, Hashable {
    public let ledger: UInt32
    /// A transaction that failed is in the ledger, too: it paid its fee and did nothing else. It used no
    /// nonce.
    public let succeeded: Bool
    /// The XDR of the envelope.
    public let bytes: [UInt8]
    /// Nil when the bytes are of a kind that this module does not read.
    public let transaction: StellarTransaction?
}

/// A transfer as a token's contract reports it.
struct TransferEvent: Hashable {
    let ledger: UInt32
    /// The id of the transaction, in hex.
    let transaction: String
    /// Nil where the report cannot be read.
    let amount: Int128?
}

/// Events of consecutive ledgers.
struct EventPage {
    let events: [TransferEvent]
    let cursor: String
    let history: StellarHistory
}

/// What stands in the ledger at one place.
struct LedgerEntry {
    let key: [UInt8]
    let xdr: [UInt8]
    /// The last ledger in which it is there; nil where it stays.
    let liveUntil: UInt32?
}

/// An account as it stands in the ledger.
public struct StellarAccount: Sendable, Hashable {
    /// Stroops.
    public let balance: Int64
    /// The last one that was used.
    public let sequence: Int64

    /// Reads a `LedgerEntryData`; what stands behind the sequence number is not read.
    init(decoding bytes: [UInt8], of owner: StellarAddress) throws(StellarError) {
        var reader = try XDRReader(bytes, limit: 4_096)
        try reader.expect(0, "an entry")
        guard try reader.account() == owner else { throw .shape("another account") }
        self.balance = try reader.int64()
        self.sequence = try reader.int64()
    }
}

/// What an account holds of an asset.
public struct StellarTrustline: Sendable, Hashable {
    /// Atomic units.
    public let balance: UInt64
    /// The most that it takes.
    public let limit: UInt64
    /// Whether the issuer lets it be moved.
    public let isAuthorized: Bool

    /// Reads a `LedgerEntryData`; what stands behind the flags is not read.
    init(decoding bytes: [UInt8], of owner: StellarAddress, _ asset: StellarAsset) throws(StellarError) {
        var reader = try XDRReader(bytes, limit: 4_096)
        var head = XDRWriter()
        head.uint32(1)
        head.account(owner)
        head.asset(asset)
        guard try reader.fixed(head.bytes.count) == head.bytes else { throw .shape("another trustline") }
        let (balance, limit) = (try reader.int64(), try reader.int64())
        guard let balance = UInt64(exactly: balance), let limit = UInt64(exactly: limit) else {
            throw .shape("a negative balance")
        }
        self.balance = balance
        self.limit = limit
        self.isAuthorized = try reader.uint32() & 1 == 1
    }
}

extension JSONField {
    /// Base64 of XDR.
    func xdr() throws(JSONError) -> [UInt8] {
        let text = try self.string()
        do throws(DecodingError) { return try Base64.standard.decode(text) } catch {
            throw self.fault(error.description)
        }
    }

    /// What `read` makes of Base64 of XDR.
    func xdr<Value>(_ read: ([UInt8]) throws(StellarError) -> Value) throws(JSONError) -> Value {
        let bytes = try self.xdr()
        do throws(StellarError) { return try read(bytes) } catch { throw self.fault(error.description) }
    }
}
