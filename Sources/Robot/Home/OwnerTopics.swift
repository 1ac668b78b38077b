public import Encoding
internal import Sodium
public import Statements

/// Where a wallet and its owner meet on a broker. The broker is trusted with nothing: commands are signed by
/// the owner, answers by the wallet's identity.
public struct OwnerTopics: Sendable, Hashable {
    /// Requests, ``WalletRequest``; not retained.
    public let ask: String
    /// A signed freeze, retained: a robot that was offline finds it when it comes back.
    public let freeze: String
    /// Signed answers, ``Answer``.
    public let answer: String
    /// How the wallet stands, signed and retained, once a minute.
    public let state: String

    /// Signed commands to devices; not retained.
    public let device: String
    /// Signed answers to them, ``Answer``.
    public let deviceAnswer: String

    /// - Parameter wallet: base58 address.
    public init(wallet: String) {
        let root = "depai/\(wallet)/owner"
        self.ask = "\(root)/ask"
        self.freeze = "\(root)/freeze"
        self.answer = "\(root)/answer"
        self.state = "\(root)/state"
        self.device = "depai/\(wallet)/device/ask"
        self.deviceAnswer = "depai/\(wallet)/device/answer"
    }
}

/// An answer as it goes over a broker, the body of a ``Signed`` by the wallet's identity:
///
///     {"wallet": "<base58>", "request": "<hex>", "answer": {…}}
public struct Answer: Sendable, Equatable {
    /// Base58 address of the wallet that answers.
    public let wallet: String
    /// What names the request: BLAKE2b-128 of its bytes.
    public let request: [UInt8]
    /// A ``WalletAnswer``, or what was said of a device.
    public let answer: JSON

    /// - Parameter answer: what devices say in it is passed on under the wallet's name, so a number that has
    ///   no canonical text becomes one.
    public init(_ answer: JSON, to request: [UInt8], of wallet: String) {
        self.wallet = wallet
        self.request = Self.name(of: request)
        self.answer = answer.signable
    }

    /// What names a request in its answer.
    public static func name(of request: [UInt8]) -> [UInt8] { BLAKE2b.digest(of: request, length: 16) }
}

extension Answer: Signable {
    public static let kind = Statement.Kind.acknowledgement
    public static let limits = JSON.Limits(bytes: 1 << 20, depth: 48)

    public var json: JSON {
        [
            "wallet": .string(self.wallet), "request": .string(Hex.encode(self.request)),
            "answer": self.answer,
        ]
    }

    public init(_ field: JSONField) throws {
        self.wallet = try field["wallet"].string()
        self.request = try Hex.decode(try field["request"].string())
        guard let answer = field["answer"].value else { throw field["answer"].fault("missing") }
        self.answer = answer
    }
}

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
