public import Encoding
public import Sodium

/// The owner's rules for the wallet, `depai-policy/1`: signed by the owner's key, with a rising number,
/// default deny.
public struct Policy: Sendable {
    public static let schema = "depai-policy/1"
    /// First line of what the owner signs.
    static let domain = Array("depai/policy/v1\n".utf8)

    public enum Mode: String, Sendable {
        case active
        case receiveOnly = "receive_only"
        case frozen
    }

    /// Somebody who may be paid.
    public struct Payee: Sendable {
        public let id: String
        /// CAIP-10 account, or `network`.
        public let account: String
        public let purposes: Set<Purpose>
        /// The most that this payee ever gets per asset, in atomic units.
        public let cap: UInt64?
    }

    /// One limit. All that match a payment must hold.
    public struct Limit: Sendable {
        public let id: String
        public let asset: String
        /// Nil matches every purpose.
        public let purpose: Purpose?
        /// A payee id; nil matches every payee.
        public let payee: String?
        public let perPayment: UInt64?
        /// Length of the rolling window of `sum` and `count`, in seconds.
        public let windowSeconds: Int64?
        public let sum: UInt64?
        public let count: Int?
        public let lifetime: UInt64?
    }

    public let wallet: String
    public let owner: PublicKey
    public let sequence: UInt64
    public let mode: Mode
    /// The wallet is receive-only from then on, in milliseconds since 1970; nil without a lease.
    public let leaseUntil: Int64?
    public let assets: [Asset]
    public let payees: [Payee]
    public let limits: [Limit]
    /// Payments above this many atomic units wait for the owner; keyed by asset id.
    public let approvalAbove: [String: UInt64]
    /// The signed document as it was received.
    public let document: JSON

    /// Reads and verifies a signed policy: `{"policy": {…}, "signature": "<base64>"}`.
    ///
    /// - Parameters:
    ///   - owner: the key that was pinned at provisioning; the document cannot choose its own judge.
    ///   - wallet: base58 address of the wallet's payment key, so that another robot's policy does not fit.
    /// - Throws: `PolicyError` that says which member is wrong.
    public init(signed text: [UInt8], owner: PublicKey, wallet: String) throws(PolicyError) {
        do {
            let file = JSONField(try JSON.read(text, limits: .init(bytes: 256 << 10, depth: 16)))
            try file.only(["policy", "signature"])
            guard let document = file["policy"].value else {
                throw file["policy"].fault("the policy is missing")
            }
            let signature = try Signature(try Base64.standard.decode(try file["signature"].string()))
            guard owner.verifies(signature, over: Self.domain + (try document.canonicalBytes())) else {
                throw PolicyError.badSignature(owner: Base58.encode(owner.bytes))
            }
            try self.init(document: document)
        } catch let error as PolicyError {
            throw error
        } catch {
            throw .malformed("\(error)")
        }
        guard self.owner == owner else { throw .wrongOwner }
        guard self.wallet == wallet else { throw .wrongWallet(expected: wallet, found: self.wallet) }
    }

    /// Signs a policy document as the owner does, and returns the file's bytes.
    public static func sign(_ document: JSON, with key: borrowing SigningKey) throws -> [UInt8] {
        _ = try Policy(document: document)
        let signature = try key.signature(over: self.domain + (try document.canonicalBytes()))
        let file: JSON = ["policy": document, "signature": .string(Base64.standard.encode(signature.bytes))]
        return Array(file.prettyText.utf8)
    }

    private init(document: JSON) throws {
        let root = JSONField(document)
        try root.only([
            "schema", "wallet", "owner", "seq", "issued_at", "mode", "lease", "assets", "payees", "limits",
            "approval",
            "notes",
        ])
        guard try root["schema"].string() == Self.schema else {
            throw root["schema"].fault("expected \(Self.schema)")
        }
        self.document = document
        self.wallet = try root["wallet"].string()
        self.owner = try PublicKey(try Base58.decode(try root["owner"].string()))
        self.sequence = try root["seq"].integer()
        guard let mode = Mode(rawValue: try root["mode"].string()) else {
            throw root["mode"].fault("unknown mode")
        }
        self.mode = mode
        try root["lease"].ifPresent?.only(["until_ms"])
        self.leaseUntil = try root["lease"].ifPresent?["until_ms"].integer()
        self.assets = try root["assets"].elements().map(Self.asset)
        self.payees = try root["payees"].elements().map(Self.payee)
        self.limits = try root["limits"].elements().map(Self.limit)
        var approvals: [String: UInt64] = [:]
        for field in try root["approval"].ifPresent?.elements() ?? [] {
            try field.only(["asset", "above"])
            let asset = try field["asset"].string()
            guard approvals.updateValue(try field["above"].decimal(), forKey: asset) == nil else {
                throw field["asset"].fault("stands twice")
            }
        }
        self.approvalAbove = approvals
        try self.checkNames(root)
    }

    /// A name that stands twice or that nothing has would make a rule silently speak about nothing.
    private func checkNames(_ root: JSONField) throws(JSONError) {
        func unique(_ names: [String], _ member: String) throws(JSONError) -> Set<String> {
            let set = Set(names)
            guard set.count == names.count else { throw root[member].fault("a name stands twice") }
            return set
        }
        let assets = try unique(self.assets.map(\.id), "assets")
        let payees = try unique(self.payees.map(\.id), "payees")
        _ = try unique(self.payees.map(\.account), "payees")
        _ = try unique(self.limits.map(\.id), "limits")
        for (index, limit) in self.limits.enumerated() {
            let field = root["limits"][index]
            guard assets.contains(limit.asset) else { throw field["asset"].fault("is not among the assets") }
            guard limit.payee.map(payees.contains) ?? true else {
                throw field["payee"].fault("is not among the payees")
            }
        }
        guard assets.isSuperset(of: self.approvalAbove.keys) else {
            throw root["approval"].fault("names an asset that is not among the assets")
        }
    }

    private static func asset(_ field: JSONField) throws -> Asset {
        try field.only(["asset", "symbol", "decimals"])
        let decimals = try field["decimals"].integer(Int.self)
        guard (0...18).contains(decimals) else { throw field["decimals"].fault("0 to 18 are possible") }
        return Asset(
            id: try field["asset"].string(), symbol: try field["symbol"].string(), decimals: decimals)
    }

    private static func payee(_ field: JSONField) throws -> Payee {
        try field.only(["id", "account", "purposes", "cap"])
        let purposes = try field["purposes"].elements().map { try Self.purpose($0) }
        return Payee(
            id: try field["id"].string(), account: try field["account"].string(), purposes: Set(purposes),
            cap: try field["cap"].ifPresent?.decimal())
    }

    private static func purpose(_ field: JSONField) throws -> Purpose {
        guard let purpose = Purpose(rawValue: try field.string()) else {
            throw field.fault("unknown purpose")
        }
        return purpose
    }

    private static func limit(_ field: JSONField) throws -> Limit {
        try field.only([
            "id", "asset", "purpose", "payee", "per_payment", "window_seconds", "sum", "count", "lifetime",
        ])
        let limit = Limit(
            id: try field["id"].string(), asset: try field["asset"].string(),
            purpose: try field["purpose"].ifPresent.map(Self.purpose),
            payee: try field["payee"].ifPresent?.string(),
            perPayment: try field["per_payment"].ifPresent?.decimal(),
            windowSeconds: try field["window_seconds"].ifPresent?.integer(),
            sum: try field["sum"].ifPresent?.decimal(),
            count: try field["count"].ifPresent?.integer(),
            lifetime: try field["lifetime"].ifPresent?.decimal())
        guard (limit.windowSeconds != nil) == (limit.sum != nil || limit.count != nil) else {
            throw field.fault("window_seconds goes with sum or count")
        }
        guard limit.windowSeconds ?? 1 > 0, limit.count ?? 0 >= 0 else {
            throw field.fault("window_seconds is positive, count is not negative")
        }
        return limit
    }
}

/// Why a policy is not applied.
public enum PolicyError: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    /// The signature is not the pinned owner's.
    case badSignature(owner: String)
    case wrongOwner
    case wrongWallet(expected: String, found: String)
    /// Not newer than the one in force: an old policy may be wider.
    case staleSequence(inForce: UInt64, found: UInt64)

    public var description: String {
        switch self {
        case .malformed(let reason): "the policy is malformed: \(reason)"
        case .badSignature(let owner): "the policy is not signed by this wallet's owner \(owner)"
        case .wrongOwner: "the policy names another owner than the one pinned here"
        case .wrongWallet(let expected, let found):
            "the policy is for wallet \(found), this one is \(expected)"
        case .staleSequence(let inForce, let found):
            "policy \(found) is not newer than \(inForce), which is in force"
        }
    }
}
