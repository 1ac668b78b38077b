internal import Encoding
internal import Sodium

/// A transaction that somebody signed and sent, as far as it can have to do with a payment: one operation
/// that calls a contract, alone or with its fee raised. Others are not read.
public struct StellarTransaction: Sendable, Hashable {
    /// Longer ones are refused, in bytes.
    public static let byteLimit = 128 << 10

    /// One authorization entry, whoever signed it.
    struct Entry: Hashable {
        let credentials: UInt32
        /// Nil for the source's own: it has no nonce.
        let signer: StellarAddress?
        let nonce: Int64
        let expiration: UInt32
        let invocation: [UInt8]
        /// The XDR.
        let bytes: [UInt8]
    }

    /// The account that it acts for, and whose sequence number it takes.
    package let source: StellarAddress
    package let sequence: Int64
    /// Stroops.
    package let fee: UInt32
    /// Seconds since 1970 until which it can be taken; 0 for ever.
    package let maxTime: UInt64
    /// The called contract, function and arguments.
    let call: [UInt8]
    let entries: [Entry]
    /// The XDR of the transaction inside.
    package let body: [UInt8]
    /// The XDR of what raises its fee, if anything does.
    private let feeBump: [UInt8]?
    /// The last four bytes of a key, and its signature.
    package let signatures: [Decorated]

    /// A signature with a hint whose it is.
    package struct Decorated: Sendable, Hashable {
        package let hint: [UInt8]
        package let signature: [UInt8]
    }

    /// Reads a `TransactionEnvelope`.
    public init(decoding bytes: [UInt8]) throws(StellarError) {
        var reader = try XDRReader(bytes, limit: Self.byteLimit)
        let kind = try reader.uint32()
        let feeBumpStart = reader.offset
        if kind == 5 {
            _ = try reader.muxedAccount()
            _ = try reader.int64()
            try reader.expect(2, "a transaction inside")
        } else if kind != 2 {
            throw .kind(kind, of: "an envelope")
        }
        let start = reader.offset
        self.source = try reader.muxedAccount()
        self.fee = try reader.uint32()
        self.sequence = try reader.int64()
        self.maxTime = try reader.preconditions()
        try reader.skipMemo()
        guard try reader.uint32() == 1 else { throw .shape("not one operation") }
        if try reader.isPresent() { _ = try reader.muxedAccount() }
        try reader.expect(24, "an operation")
        try reader.expect(0, "a function")
        let callStart = reader.offset
        try reader.skipCall()
        self.call = reader.bytes(since: callStart)
        var entries: [Entry] = []
        for _ in 0..<(try reader.count("entries")) { entries.append(try reader.entry()) }
        self.entries = entries
        if try reader.isPresent() {
            try reader.skipResources()
            _ = try reader.int64()
        }
        self.body = reader.bytes(since: start)
        self.signatures = try reader.signatures()
        if kind == 5 {
            try reader.expect(0, "an extension")
            self.feeBump = reader.bytes(since: feeBumpStart)
            _ = try reader.signatures()
        } else {
            self.feeBump = nil
        }
        try reader.end()
    }

    /// What the source signs, hashed: the transaction's id.
    package func hash(on network: StellarNetwork) -> [UInt8] {
        SHA256.digest(of: network.id, [0, 0, 0, 2], self.body)
    }

    /// The ids by which the network knows it, in hex: with and without what raises its fee.
    func ids(on network: StellarNetwork) -> [[UInt8]] {
        [self.hash(on: network)]
            + (self.feeBump.map { [SHA256.digest(of: network.id, [0, 0, 0, 5], $0)] } ?? [])
    }

    /// The one contract that it calls; nil where that is none that a payment calls.
    package var contract: StellarAddress? {
        guard var reader = try? XDRReader(self.call, limit: Self.byteLimit) else { return nil }
        return try? reader.address()
    }

    /// What it would pay if it were authorized; nil where it makes no plain transfer.
    package func unauthorized(nonce: Int64, expiration: UInt32, on network: StellarNetwork) -> StellarPayment?
    {
        guard self.entries.isEmpty, var reader = try? XDRReader(self.call, limit: StellarPayment.byteLimit),
            let call = try? TransferCall(&reader)
        else { return nil }
        let transfer = StellarTransfer(
            network: network, token: call.token, from: call.from, to: call.to, amount: call.amount,
            nonce: nonce, expiration: expiration)
        return try? StellarPayment(preimage: transfer.preimage)
    }

    /// Every entry that allows a transfer and is signed for `network`.
    package func authorizations(on network: StellarNetwork) -> [StellarAuthorization] {
        self.entries.compactMap { try? StellarAuthorization(decoding: $0.bytes, on: network) }
    }

    /// Whether it makes exactly the payment's call, with exactly its entry.
    package func makes(_ payment: StellarPayment) -> Bool { self.relation(to: payment) == .makes }

    /// How a transaction and a payment belong together.
    enum Relation: Hashable {
        /// It has no entry with the payment's nonce.
        case foreign
        /// It makes exactly the payment's call, and has exactly its entry: if it succeeds, the entry is used.
        case makes
        /// It has the entry, and does something else or more: it used the entry if a transfer came of it and
        /// nothing else of the payer's was there to allow it.
        case carries(alone: Bool)
    }

    func relation(to payment: StellarPayment) -> Relation {
        let own = self.entries.filter { $0.signer == payment.from }
        guard own.contains(where: { $0.nonce == payment.nonce }) else { return .foreign }
        let isSource = self.source == payment.from || self.entries.contains { $0.credentials == 0 }
        guard own.count == 1, !isSource, own[0].expiration == payment.expiration,
            own[0].credentials == payment.credentials.rawValue,
            own[0].invocation == payment.invocation
        else { return .carries(alone: false) }
        let makes =
            self.entries.count == 1
            // The authorized call stands between the kind before it and the count behind it.
            && own[0].invocation.dropFirst(4).dropLast(4) == self.call[...]
        return makes ? .makes : .carries(alone: true)
    }
}

extension XDRReader {
    /// `MuxedAccount`: the account, whatever number it was given.
    fileprivate mutating func muxedAccount() throws(StellarError) -> StellarAddress {
        switch try self.uint32() {
        case 0: break
        case 0x100: _ = try self.fixed(8)
        case let kind: throw .kind(kind, of: "an account")
        }
        let bytes = try self.fixed(32)
        guard let key = try? PublicKey(bytes) else { throw .bytes(.length(bytes.count)) }
        return StellarAddress(key)
    }

    /// - Returns: the latest time.
    fileprivate mutating func preconditions() throws(StellarError) -> UInt64 {
        switch try self.uint32() {
        case 0: return 0
        case 1: return try self.timeBounds()
        case 2:
            let maxTime = try self.isPresent() ? try self.timeBounds() : 0
            if try self.isPresent() { _ = try self.fixed(8) }
            if try self.isPresent() { _ = try self.fixed(8) }
            _ = try self.fixed(12)
            guard try self.uint32() == 0 else { throw .shape("further signers") }
            return maxTime
        case let kind: throw .kind(kind, of: "preconditions")
        }
    }

    private mutating func timeBounds() throws(StellarError) -> UInt64 {
        _ = try self.uint64()
        return try self.uint64()
    }

    fileprivate mutating func skipMemo() throws(StellarError) {
        switch try self.uint32() {
        case 0: break
        case 1: _ = try self.opaque(limit: 28, "bytes of a memo")
        case 2: _ = try self.fixed(8)
        case 3, 4: _ = try self.fixed(32)
        case let kind: throw .kind(kind, of: "a memo")
        }
    }

    fileprivate mutating func skipCall() throws(StellarError) {
        _ = try self.anyAddress()
        _ = try self.symbol()
        _ = try self.values()
    }

    fileprivate mutating func entry() throws(StellarError) -> StellarTransaction.Entry {
        let start = self.offset
        let credentials = try self.uint32()
        var (signer, nonce, expiration): (StellarAddress?, Int64, UInt32) = (nil, 0, 0)
        switch credentials {
        case 0: break
        case 1, 2:
            signer = try self.anyAddress()
            (nonce, expiration) = (try self.int64(), try self.uint32())
            _ = try self.value()
        default: throw .kind(credentials, of: "credentials")
        }
        let invocationStart = self.offset
        try self.skipInvocation(depth: 0)
        return StellarTransaction.Entry(
            credentials: credentials, signer: signer, nonce: nonce, expiration: expiration,
            invocation: self.bytes(since: invocationStart), bytes: self.bytes(since: start))
    }

    private mutating func skipInvocation(depth: Int) throws(StellarError) {
        guard depth < SorobanValue.depthLimit else { throw .tooDeep }
        try self.expect(0, "an authorized function")
        try self.skipCall()
        for _ in 0..<(try self.count("calls below")) { try self.skipInvocation(depth: depth + 1) }
    }

    fileprivate mutating func signatures() throws(StellarError) -> [StellarTransaction.Decorated] {
        var signatures: [StellarTransaction.Decorated] = []
        let count = try self.count("signatures")
        guard count <= 20 else { throw .count(UInt32(clamping: count), of: "signatures") }
        for _ in 0..<count {
            signatures.append(
                .init(hint: try self.fixed(4), signature: try self.opaque(limit: 64, "bytes of a signature")))
        }
        return signatures
    }
}
