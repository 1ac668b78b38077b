internal import Encoding
public import Sodium

/// A signed authorization entry (`SorobanAuthorizationEntry`) of one transfer: whoever holds it can make the
/// transfer happen once.
public struct StellarAuthorization: Sendable, Hashable {
    /// What it authorizes.
    public let payment: StellarPayment
    public let signature: Signature
    /// The XDR.
    public let bytes: [UInt8]

    /// Puts a signature under a transfer.
    /// - Throws: `StellarError` when the transfer is none that is read back, or the signature is another's.
    public init(_ transfer: StellarTransfer, signature: Signature) throws(StellarError) {
        var writer = XDRWriter()
        transfer.writeEntry(signature, to: &writer)
        try self.init(decoding: writer.bytes, on: transfer.network)
        guard self.payment.preimage == transfer.preimage else { throw .bytes(.notCanonical) }
    }

    /// Puts a signature under a preimage that was read.
    public init(_ payment: StellarPayment, signature: Signature) throws(StellarError) {
        try self.init(StellarTransfer(payment), signature: signature)
    }

    /// Reads an entry. It does not say of which network it is: the signature does.
    /// - Throws: `StellarError.forged` when the payer did not sign it for `network`.
    public init(decoding bytes: [UInt8], on network: StellarNetwork) throws(StellarError) {
        var reader = try XDRReader(bytes, limit: 2 * StellarPayment.byteLimit)
        try self.init(&reader, on: network)
        try reader.end()
    }

    init(_ reader: inout XDRReader, on network: StellarNetwork) throws(StellarError) {
        let start = reader.offset
        let kind = try reader.uint32()
        guard let credentials = StellarCredentials(rawValue: kind) else {
            throw .kind(kind, of: "credentials")
        }
        let signer = try reader.address()
        let (nonce, expiration) = (try reader.int64(), try reader.uint32())
        let proof = try reader.value()
        let invocationStart = reader.offset
        _ = try TransferCall(authorized: &reader)
        var preimage = XDRWriter()
        preimage.uint32(credentials.envelopeType)
        preimage.fixed(network.id)
        preimage.int64(nonce)
        preimage.uint32(expiration)
        if credentials == .addressV2 { preimage.address(signer) }
        preimage.fixed(reader.bytes(since: invocationStart))
        let payment = try StellarPayment(preimage: preimage.bytes)
        guard payment.from == signer else { throw .notATransfer("another account signs") }
        guard case .vector(let signatures) = proof, signatures.count == 1,
            case .map(let members) = signatures[0], members.count == 2,
            members[0] == .init(.symbol("public_key"), .bytes(signer.bytes)),
            members[1].key == .symbol("signature"), case .bytes(let signatureBytes) = members[1].value,
            let signature = try? Signature(signatureBytes), payment.verifies(signature)
        else { throw .forged(signer) }
        self.payment = payment
        self.signature = signature
        self.bytes = reader.bytes(since: start)
    }
}
