internal import Encoding
public import Sodium

/// The transaction that an x402 payload carries: nobody is its source, nobody signed it, and it makes the one
/// transfer that its one entry authorizes. A facilitator puts itself in as the source and signs.
public struct StellarEnvelope: Sendable, Hashable {
    /// Longer ones are refused, in bytes.
    public static let byteLimit = 6_144
    /// What is offered for a place in a ledger, beside the resources, in stroops.
    public static let inclusionFee: UInt32 = 100
    /// Facilitators sponsor no higher fee, in stroops.
    public static let sponsoredFee: UInt32 = 50_000

    public let authorization: StellarAuthorization
    /// Stroops; at least what the resources cost.
    public let fee: UInt32
    /// Seconds since 1970 until which a ledger may take it; 0 leaves that to the entry's expiration.
    public let maxTime: UInt64
    /// Nil before a simulation has said them: such an envelope can be simulated and nothing else.
    public let resources: StellarResources?
    /// The XDR (`TransactionEnvelope`).
    public let bytes: [UInt8]

    public init(_ authorization: StellarAuthorization, maxTime: UInt64, resources: StellarResources?) {
        self.authorization = authorization
        self.maxTime = maxTime
        self.resources = resources
        let (fee, overflow) = UInt32(clamping: resources?.fee ?? 0).addingReportingOverflow(Self.inclusionFee)
        self.fee = overflow ? .max : fee
        self.bytes = Self.write(authorization, self.fee, maxTime, resources)
    }

    /// Padded Base64, as the payload's `transaction` has it.
    public var base64: String { Base64.standard.encode(self.bytes) }

    /// Reads the payload's `transaction`.
    public init(base64 text: String, on network: StellarNetwork) throws(StellarError) {
        guard text.utf8.count <= Self.byteLimit / 3 * 4 + 4 else {
            throw .tooLarge(bytes: text.utf8.count, limit: Self.byteLimit / 3 * 4 + 4)
        }
        let bytes: [UInt8]
        do throws(DecodingError) { bytes = try Base64.standard.decode(text) } catch { throw .bytes(error) }
        try self.init(decoding: bytes, on: network)
    }

    /// Reads the XDR; it has to be the one that writing gives.
    public init(decoding bytes: [UInt8], on network: StellarNetwork) throws(StellarError) {
        var reader = try XDRReader(bytes, limit: Self.byteLimit)
        try reader.expect(2, "an envelope")
        try reader.expect(0, "a source")
        guard try reader.fixed(32) == StellarAddress.nobody.bytes else { throw .shape("it has a source") }
        self.fee = try reader.uint32()
        guard try reader.int64() == 0 else { throw .shape("it has a sequence number") }
        try reader.expect(1, "preconditions")
        guard try reader.uint64() == 0 else { throw .shape("it is not valid at once") }
        self.maxTime = try reader.uint64()
        try reader.expect(0, "a memo")
        guard try reader.uint32() == 1 else { throw .shape("not one operation") }
        guard try !reader.isPresent() else { throw .shape("the operation has a source") }
        try reader.expect(24, "an operation")
        try reader.expect(0, "a function")
        let call = try TransferCall(&reader)
        guard try reader.uint32() == 1 else { throw .shape("not one entry") }
        self.authorization = try StellarAuthorization(&reader, on: network)
        let payment = self.authorization.payment
        guard call.token == payment.token, call.from == payment.from, call.to == payment.to,
            call.amount == payment.amount
        else { throw .shape("it calls something else than was authorized") }
        self.resources = try reader.isPresent() ? try StellarResources(&reader) : nil
        guard try reader.uint32() == 0 else { throw .shape("it is signed") }
        try reader.end()
        guard Self.write(self.authorization, self.fee, self.maxTime, self.resources) == bytes else {
            throw .bytes(.notCanonical)
        }
        self.bytes = bytes
    }

    /// The same transaction with somebody as its source who pays the fee: for that account to sign.
    public func submission(by source: StellarAddress, sequence: Int64) -> StellarSubmission {
        StellarSubmission(
            network: self.authorization.payment.network, source: source,
            body: Array(
                Self.write(
                    self.authorization, self.fee, self.maxTime, self.resources, source: source,
                    sequence: sequence
                ).dropFirst(4).dropLast(4)))
    }

    /// The same transaction before anybody signed: for a node to say what it needs.
    static func probe(_ transfer: StellarTransfer) -> [UInt8] {
        Self.write(transfer, [], fee: Self.inclusionFee, maxTime: 0, nil)
    }

    private static func write(
        _ authorization: StellarAuthorization, _ fee: UInt32, _ maxTime: UInt64,
        _ resources: StellarResources?, source: StellarAddress = .nobody, sequence: Int64 = 0
    ) -> [UInt8] {
        Self.write(
            StellarTransfer(authorization.payment), [authorization.bytes], fee: fee, maxTime: maxTime,
            resources, source: source, sequence: sequence)
    }

    private static func write(
        _ transfer: StellarTransfer, _ entries: [[UInt8]], fee: UInt32, maxTime: UInt64,
        _ resources: StellarResources?, source: StellarAddress = .nobody, sequence: Int64 = 0
    ) -> [UInt8] {
        var writer = XDRWriter()
        writer.uint32(2)
        writer.account(source)
        writer.uint32(fee)
        writer.int64(sequence)
        writer.uint32(1)
        writer.uint64(0)
        writer.uint64(maxTime)
        // No memo, one operation without a source of its own: a host function that calls a contract.
        for number: UInt32 in [0, 1, 0, 24, 0] { writer.uint32(number) }
        transfer.writeCall(to: &writer)
        writer.uint32(UInt32(clamping: entries.count))
        for entry in entries { writer.fixed(entry) }
        writer.uint32(resources == nil ? 0 : 1)
        if let resources { writer.fixed(resources.bytes) }
        writer.uint32(0)
        return writer.bytes
    }
}

/// A transaction that its source has to sign.
public struct StellarSubmission: Sendable, Hashable {
    public let network: StellarNetwork
    public let source: StellarAddress
    /// The XDR of the transaction inside the envelope.
    public let body: [UInt8]

    package init(network: StellarNetwork, source: StellarAddress, body: [UInt8]) {
        self.network = network
        self.source = source
        self.body = body
    }

    /// What is signed, and in hex the transaction's id.
    public var signedHash: [UInt8] { SHA256.digest(of: self.network.id, [0, 0, 0, 2], self.body) }

    /// The envelope with the source's signature.
    /// - Throws: `StellarError.forged` when it is another's.
    public func signed(_ signature: Signature) throws(StellarError) -> [UInt8] {
        guard self.source.publicKey?.verifies(signature, over: self.signedHash) == true else {
            throw .forged(self.source)
        }
        var writer = XDRWriter()
        writer.uint32(2)
        writer.fixed(self.body)
        writer.uint32(1)
        writer.fixed(Array(self.source.bytes.suffix(4)))
        writer.opaque(signature.bytes)
        return writer.bytes
    }
}
