public import Encoding
public import Statements

/// How a wallet stands, `depai.state/1`: said every minute, the body of a ``Signed`` by its identity.
public struct WalletState: Sendable, Hashable {
    public static let schema = "depai.state/1"

    /// Base58 address.
    public let wallet: String
    /// Milliseconds since 1970.
    public let at: Int64
    /// Number of the journal's last row.
    public let journal: Int64
    /// Hash of that row, 32 bytes.
    public let hash: [UInt8]
    /// Why the wallet stands still; nil when it does not.
    public let hold: String?
    /// Number of the policy in force; nil without one.
    public let policy: UInt64?

    public init(
        wallet: String, at: Int64, journal: Int64, hash: [UInt8], hold: String?, policy: UInt64?
    ) {
        self.wallet = wallet
        self.at = at
        self.journal = journal
        self.hash = hash
        self.hold = hold
        self.policy = policy
    }
}

extension WalletState: Signable {
    public static let kind = Statement.Kind.state
    public static let limits = JSON.Limits(bytes: 16 << 10, depth: 4)

    public var json: JSON {
        [
            "schema": .string(Self.schema), "wallet": .string(self.wallet), "at": .integer(self.at),
            "journal": .integer(self.journal), "hash": .string(Hex.encode(self.hash)),
            "hold": JSON(self.hold), "policy": self.policy.map { JSON($0) } ?? .null,
        ]
    }

    public init(_ field: JSONField) throws {
        guard try field["schema"].string() == Self.schema else {
            throw field["schema"].fault("expected \(Self.schema)")
        }
        self.init(
            wallet: try field["wallet"].string(), at: try field["at"].integer(),
            journal: try field["journal"].integer(), hash: try Hex.decode(try field["hash"].string()),
            hold: try field["hold"].ifPresent?.string(), policy: try field["policy"].ifPresent?.integer())
    }
}
