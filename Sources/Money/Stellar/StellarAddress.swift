public import Encoding
public import Sodium

/// An account ("G…", an Ed25519 public key) or a contract ("C…", a hash), 32 bytes. Its text has a checksum.
public struct StellarAddress: Sendable, Hashable, CustomStringConvertible {
    public let kind: StrKey
    /// 32 bytes.
    public let bytes: [UInt8]

    /// The account of a key.
    public init(_ key: PublicKey) {
        self.kind = .account
        self.bytes = key.bytes
    }

    /// A contract by its hash.
    /// - Throws: `DecodingError.length` unless there are 32 bytes.
    public init(contract bytes: [UInt8]) throws(DecodingError) {
        try self.init(.contract, bytes)
    }

    init(_ kind: StrKey, _ bytes: [UInt8]) throws(DecodingError) {
        guard bytes.count == StrKey.payloadByteCount else { throw .length(bytes.count) }
        self.kind = kind
        self.bytes = bytes
    }

    /// Reads the text form; muxed accounts and other kinds are refused.
    public init(_ text: String) throws(DecodingError) { (self.kind, self.bytes) = try StrKey.decode(text) }

    /// An address written in this source; a misspelt one is our own bug.
    init(known text: StaticString) {
        guard let address = try? StellarAddress(String(describing: text)) else {
            preconditionFailure("a well-known address is misspelt")
        }
        self = address
    }

    /// The key that signs for an account; nil for contracts.
    public var publicKey: PublicKey? { self.kind == .account ? try? PublicKey(self.bytes) : nil }

    /// The text form.
    public var description: String { self.kind.encode(self.bytes) }

    /// Nobody's account: the source of a transaction that somebody else will send.
    static let nobody = StellarAddress(known: "GAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWHF")
}
