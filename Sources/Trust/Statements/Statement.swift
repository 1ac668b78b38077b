public import Encoding
public import Sodium

/// Bytes to sign, as one of the framings of this module made them; nobody else can make one. Payments and
/// these are all that a wallet signs.
///
/// Every framing begins its bytes in a way of its own, so that no signature is good for two of them, nor for
/// a transaction of any network.
public struct Statement: Sendable, Hashable {
    /// What is signed, byte for byte.
    public let bytes: [UInt8]
    /// Whether a person gives this order, so that no robot's key may sign it.
    package let isPersons: Bool

    init(_ bytes: [UInt8], isPersons: Bool = false) {
        self.bytes = bytes
        self.isPersons = isPersons
    }

    /// Whether `signature` is `key`'s over these bytes. Of a key of small order anybody makes signatures, so
    /// such a key signs nothing.
    public func isSigned(by key: PublicKey, _ signature: Signature) -> Bool {
        key.isSound && key.verifies(signature, over: self.bytes)
    }
}

extension Statement {
    /// What may be said under a name: the closed list. A kind that is missing here cannot be signed.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A provider's price list.
        case offer
        /// That something was sold and done.
        case receipt
        /// That a provider holds what it was paid to hold.
        case possession
        /// What was done with a request.
        case acknowledgement
        /// How a wallet stands.
        case state
        /// What is in a copy of a home.
        case backup
        /// The owner's rules for a wallet.
        case policy
        /// What an owner, an approver or a guardian tells a wallet.
        case command
        /// What an owner or an operator tells a device.
        case device
        /// x402 extension `offer-receipt`: the terms of one way to pay.
        case x402Offer = "x402-offer"
        /// The same: that somebody paid for something.
        case x402Receipt = "x402-receipt"

        /// One kind has one framing: what is signed as a ``JWS`` does not carry its kind, so it is told from
        /// others by what it says.
        enum Framing { case line, jws }

        var framing: Framing {
            switch self {
            case .offer, .receipt, .possession, .acknowledgement, .state, .backup, .policy, .command, .device:
                .line
            case .x402Offer, .x402Receipt: .jws
            }
        }

        /// Whether a person says it.
        var isPersons: Bool {
            switch self {
            case .policy, .command, .device: true
            case .offer, .receipt, .possession, .acknowledgement, .state, .backup, .x402Offer, .x402Receipt:
                false
            }
        }

        /// As a message names it: `depai-offer/1`.
        public var name: String { "depai-\(self.rawValue)/1" }

        /// The first line of what is signed: `depai/offer/v1` and a line feed.
        var line: [UInt8] { Array("depai/\(self.rawValue)/v1\n".utf8) }
    }
}

/// Something that can be said under a name. One type has one kind; a kind may have several types, which their
/// `schema` tells apart.
public protocol Signable: Sendable {
    /// What kind of statement this is.
    static var kind: Statement.Kind { get }
    /// The longest and deepest message that is read.
    static var limits: JSON.Limits { get }

    /// Reads what was signed. What this overlooks makes the message invalid: ``json`` has to give all of it.
    init(_ field: JSONField) throws
    /// What is signed.
    var json: JSON { get throws }
    /// Whom it names as its signer itself; nil where it names nobody.
    var signer: PublicKey? { get }
}

extension Signable {
    /// It names nobody.
    public var signer: PublicKey? { nil }

    /// The line of its kind and its canonical bytes (RFC 8785): what ``Signed`` has under a signature.
    public var statement: Statement {
        get throws { Self.statement(canonical: try self.json.canonicalBytes()) }
    }

    static func statement(canonical bytes: [UInt8]) -> Statement {
        precondition(Self.kind.framing == .line, "\(Self.kind.name) is signed as a JWS")
        return Statement(Self.kind.line + bytes, isPersons: Self.kind.isPersons)
    }
}
