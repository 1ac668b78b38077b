internal import Encoding
internal import Sodium

/// How an account shows that it agreed to a call (`SorobanCredentials`).
public enum StellarCredentials: UInt32, Sendable, Hashable, CaseIterable {
    /// What every x402 facilitator takes.
    case address = 1
    /// The signature covers the signer's address too (CAP-71, protocol 27 and later).
    case addressV2 = 2

    /// What the signed bytes begin with (`EnvelopeType`).
    var envelopeType: UInt32 { self.rawValue + 8 }
}

/// The scheme `exact` on Stellar (x402 specs/schemes/exact/scheme_exact_stellar): one transfer of tokens that
/// the payer authorizes and that somebody else sends.
///
/// This is the wish; ``StellarPayment`` is what bytes say. The two share no code.
public struct StellarTransfer: Sendable, Hashable {
    public let network: StellarNetwork
    /// The token's contract.
    public let token: StellarAddress
    /// Who pays, and signs.
    public let from: StellarAddress
    public let to: StellarAddress
    /// Atomic units.
    public let amount: UInt64
    /// The chain takes each nonce of an account once as long as it could be used.
    public let nonce: Int64
    /// The last ledger in which the transfer can happen.
    public let expiration: UInt32
    public let credentials: StellarCredentials

    public init(
        network: StellarNetwork, token: StellarAddress, from: StellarAddress, to: StellarAddress,
        amount: UInt64, nonce: Int64, expiration: UInt32, credentials: StellarCredentials = .address
    ) {
        self.network = network
        self.token = token
        self.from = from
        self.to = to
        self.amount = amount
        self.nonce = nonce
        self.expiration = expiration
        self.credentials = credentials
    }

    /// The wish that a payment fulfils.
    public init(_ payment: StellarPayment) {
        self.init(
            network: payment.network, token: payment.token, from: payment.from, to: payment.to,
            amount: payment.amount, nonce: payment.nonce, expiration: payment.expiration,
            credentials: payment.credentials)
    }

    /// How many seconds a ledger takes, as x402 reckons where a network does not say.
    public static let ledgerSeconds = 5

    /// The expiration of a payment that a seller gives `timeoutSeconds`: facilitators refuse a later one, and
    /// other nodes may lag behind the one that said `latestLedger`, so it is taken `margin` ledgers earlier.
    public static func expiration(latestLedger: UInt32, timeoutSeconds: Int, margin: UInt32 = 1) -> UInt32 {
        let seconds = max(0, timeoutSeconds)
        let begun = seconds % Self.ledgerSeconds > 0 ? 1 : 0
        let ledgers = UInt32(clamping: seconds / Self.ledgerSeconds + begun)
        let (sum, overflow) = latestLedger.addingReportingOverflow(
            ledgers > margin ? ledgers - margin : ledgers)
        return overflow ? .max : sum
    }

    /// The canonical bytes (`HashIDPreimage`) that stand for the payment: what is signed is their SHA-256.
    public var preimage: [UInt8] {
        var writer = XDRWriter()
        writer.uint32(self.credentials.envelopeType)
        writer.fixed(self.network.id)
        writer.int64(self.nonce)
        writer.uint32(self.expiration)
        if self.credentials == .addressV2 { writer.address(self.from) }
        self.writeInvocation(to: &writer)
        return writer.bytes
    }

    /// What is signed.
    public var signedHash: [UInt8] { SHA256.digest(of: self.preimage) }

    /// The call, as the one operation of a transaction has it.
    func writeCall(to writer: inout XDRWriter) {
        writer.address(self.token)
        writer.opaque(Array("transfer".utf8))
        writer.uint32(3)
        SorobanValue.address(self.from).write(to: &writer)
        SorobanValue.address(self.to).write(to: &writer)
        SorobanValue.i128(Int128(self.amount)).write(to: &writer)
    }

    /// The call as the payer authorizes it: with nothing below it.
    func writeInvocation(to writer: inout XDRWriter) {
        writer.uint32(0)
        self.writeCall(to: &writer)
        writer.uint32(0)
    }

    /// `SorobanAuthorizationEntry`.
    func writeEntry(_ signature: Signature, to writer: inout XDRWriter) {
        writer.uint32(self.credentials.rawValue)
        writer.address(self.from)
        writer.int64(self.nonce)
        writer.uint32(self.expiration)
        SorobanValue.vector([
            .map([
                .init(.symbol("public_key"), .bytes(self.from.bytes)),
                .init(.symbol("signature"), .bytes(signature.bytes)),
            ])
        ]).write(to: &writer)
        self.writeInvocation(to: &writer)
    }
}
