internal import Encoding
public import Sodium

/// What a preimage pays, read from its bytes alone: exactly one `transfer` of a token, no call below it, no
/// byte behind it. Anything else is refused.
public struct StellarPayment: Sendable, Hashable {
    /// No preimage of a transfer is longer, in bytes.
    public static let byteLimit = 512

    public let network: StellarNetwork
    /// The token's contract.
    public let token: StellarAddress
    /// Who pays: an account, whose key signs.
    public let from: StellarAddress
    public let to: StellarAddress
    /// Atomic units, at least 1.
    public let amount: UInt64
    public let nonce: Int64
    /// The last ledger in which it can happen.
    public let expiration: UInt32
    public let credentials: StellarCredentials
    /// The bytes that were read.
    public let preimage: [UInt8]

    /// Reads a `HashIDPreimage`.
    public init(preimage bytes: [UInt8]) throws(StellarError) {
        var reader = try XDRReader(bytes, limit: Self.byteLimit)
        let kind = try reader.uint32()
        guard let credentials = StellarCredentials.allCases.first(where: { $0.envelopeType == kind }) else {
            throw .kind(kind, of: "signed bytes")
        }
        guard let network = StellarNetwork(id: try reader.fixed(32)) else { throw .unknownNetwork }
        self.credentials = credentials
        self.network = network
        self.nonce = try reader.int64()
        self.expiration = try reader.uint32()
        let signer = credentials == .addressV2 ? try reader.address() : nil
        let call = try TransferCall(authorized: &reader)
        try reader.end()
        guard signer == nil || signer == call.from else { throw .notATransfer("another account signs") }
        self.token = call.token
        self.from = call.from
        self.to = call.to
        self.amount = call.amount
        self.preimage = bytes
    }

    /// What is signed: SHA-256 of the preimage.
    public var signedHash: [UInt8] { SHA256.digest(of: self.preimage) }

    /// The authorized call, as the entry has it.
    var invocation: [UInt8] {
        // Kind, network, nonce, expiration, and perhaps who signs.
        Array(self.preimage.dropFirst(4 + 32 + 8 + 4 + (self.credentials == .addressV2 ? 4 + 4 + 32 : 0)))
    }

    /// Whether the payer signed it.
    public func verifies(_ signature: Signature) -> Bool {
        self.from.publicKey?.verifies(signature, over: self.signedHash) ?? false
    }
}

/// One call of `transfer`, as strictly as a wallet reads it.
struct TransferCall: Hashable {
    let token: StellarAddress
    let from: StellarAddress
    let to: StellarAddress
    let amount: UInt64

    /// As an entry authorizes it: a call of a contract with nothing below it.
    init(authorized reader: inout XDRReader) throws(StellarError) {
        guard try reader.uint32() == 0 else { throw .notATransfer("it calls no contract") }
        try self.init(&reader)
        guard try reader.uint32() == 0 else { throw .notATransfer("it authorizes further calls") }
    }

    /// As an operation makes it.
    init(_ reader: inout XDRReader) throws(StellarError) {
        self.token = try reader.address()
        guard self.token.kind == .contract else { throw .notATransfer("\(self.token) is no contract") }
        let function = try reader.symbol()
        guard function == "transfer" else { throw .notATransfer("it calls \(function)") }
        guard try reader.uint32() == 3 else { throw .notATransfer("other arguments") }
        guard try reader.uint32() == 18 else { throw .notATransfer("no payer") }
        self.from = try reader.address()
        guard self.from.kind == .account else { throw .notATransfer("a contract pays") }
        guard try reader.uint32() == 18 else { throw .notATransfer("no payee") }
        self.to = try reader.address()
        guard try reader.uint32() == 10 else { throw .notATransfer("no amount") }
        let (high, low) = (try reader.int64(), try reader.uint64())
        guard high == 0, low > 0 else { throw .amount(Int128(high) << 64 | Int128(low)) }
        self.amount = low
    }
}
