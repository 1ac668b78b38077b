public import Encoding
public import Sodium
public import Statements

extension Policy {
    /// Reads a signed policy, also one that was signed before ``Signed`` was its form, and verifies it.
    ///
    /// - Parameters:
    ///   - owner: the key that was pinned at provisioning; the document cannot choose its own judge.
    ///   - wallet: base58 address of the wallet's payment key, so that another robot's policy does not fit.
    /// - Throws: `PolicyError` that says which member is wrong.
    public static func read(
        _ file: [UInt8], owner: PublicKey, wallet: String
    ) throws(PolicyError) -> Signed<Policy> {
        let signed: Signed<Policy>
        do throws(StatementError) {
            signed = try Signed(kept: file, from: owner)
        } catch {
            throw error.malformation.map { .malformed($0) } ?? .unsigned(error)
        }
        guard signed.body.wallet == wallet else {
            throw .wrongWallet(expected: wallet, found: signed.body.wallet)
        }
        return signed
    }

    /// The same, for who needs the rules alone.
    public init(signed file: [UInt8], owner: PublicKey, wallet: String) throws(PolicyError) {
        self = try Self.read(file, owner: owner, wallet: wallet).body
    }

    /// Signs a policy document as the owner does, and returns the file's bytes.
    public static func sign(_ document: JSON, with key: borrowing SigningKey) throws -> [UInt8] {
        let policy = try Policy(JSONField(document))
        let signature = try key.signature(over: try policy.statement.bytes)
        return Array(try Signed(policy, by: key.publicKey, signature).json.prettyText.utf8)
    }
}

extension Policy: Signable {
    public static let kind = Statement.Kind.policy
    public static let limits = JSON.Limits(bytes: 256 << 10, depth: 16)

    /// The signed document as it was received.
    public var json: JSON { self.document }
    /// Whom the document names.
    public var signer: PublicKey? { self.owner }

    public init(_ root: JSONField) throws {
        try root.only([
            "schema", "wallet", "owner", "seq", "issued_at", "mode", "lease", "assets", "payees",
            "unknown_payees", "limits", "approval", "approvers", "guardians", "sweep", "notes",
        ])
        guard try root["schema"].string() == Self.schema else {
            throw root["schema"].fault("expected \(Self.schema)")
        }
        self.document = root.value ?? .null
        self.wallet = try root["wallet"].string()
        let owner = try Self.key(root["owner"])
        self.owner = owner
        self.sequence = try root["seq"].integer()
        self.mode = try Self.word(root["mode"])
        self.lease = try root["lease"].ifPresent.map(Self.lease)
        self.assets = try root["assets"].elements().map(Self.asset)
        self.payees = try root["payees"].elements().map(Self.payee)
        self.unknownPayees = try root["unknown_payees"].ifPresent.map { try Self.word($0) } ?? .deny
        self.limits = try root["limits"].elements().map(Self.limit)
        self.approvers = try root["approvers"].ifPresent?.elements().map(Self.key) ?? [owner]
        self.guardians = try root["guardians"].ifPresent?.elements().map(Self.key) ?? []
        self.sweeps = try root["sweep"].ifPresent?.elements().map(Self.sweep) ?? []
        var approvals: [String: Approval] = [:]
        for field in try root["approval"].ifPresent?.elements() ?? [] {
            try field.only(["asset", "above", "quorum"])
            let quorum = try field["quorum"].ifPresent?.integer(Int.self) ?? 1
            guard (1...max(1, self.approvers.count)).contains(quorum) else {
                throw field["quorum"].fault("there are \(self.approvers.count) approvers")
            }
            let approval = Approval(above: try field["above"].decimal(), quorum: quorum)
            guard approvals.updateValue(approval, forKey: try field["asset"].string()) == nil else {
                throw field["asset"].fault("stands twice")
            }
        }
        self.approvals = approvals
        self.digest = BLAKE2b.digest(of: try self.statement.bytes)
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
        _ = try unique(self.approvers.map { Base58.encode($0.bytes) }, "approvers")
        guard !self.approvers.isEmpty else { throw root["approvers"].fault("somebody has to approve") }
        guard assets.isSuperset(of: try unique(self.sweeps.map(\.asset), "sweep")) else {
            throw root["sweep"].fault("names an asset that is not among the assets")
        }
        guard assets.isSuperset(of: self.approvals.keys) else {
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
        try field.only(["id", "account", "purposes", "cap", "until_ms"])
        let purposes = try field["purposes"].elements().map { try Self.purpose($0) }
        return Payee(
            id: try field["id"].string(), account: try field["account"].string(), purposes: Set(purposes),
            cap: try field["cap"].ifPresent?.decimal(),
            until: try field["until_ms"].ifPresent?.integer())
    }

    private static func purpose(_ field: JSONField) throws -> Purpose { try self.word(field) }

    /// One of a closed list of words.
    private static func word<Word: RawRepresentable<String>>(_ field: JSONField) throws -> Word {
        guard let word = Word(rawValue: try field.string()) else {
            throw field.fault("unknown \(field.pointer.split(separator: "/").last ?? "word")")
        }
        return word
    }

    /// A key that may command: one that is not a sound point would let two verifiers disagree.
    private static func key(_ field: JSONField) throws -> PublicKey {
        let key = try PublicKey(try Base58.decode(try field.string()))
        guard key.isSound else { throw field.fault("not a sound Ed25519 key") }
        return key
    }

    private static func lease(_ field: JSONField) throws -> Lease {
        try field.only(["until_ms", "max_offline_seconds"])
        let lease = Lease(
            until: try field["until_ms"].ifPresent?.integer(),
            maxOfflineSeconds: try field["max_offline_seconds"].ifPresent?.integer())
        guard lease.until != nil || lease.maxOfflineSeconds != nil else {
            throw field.fault("until_ms or max_offline_seconds is needed")
        }
        guard lease.maxOfflineSeconds ?? 1 > 0 else {
            throw field["max_offline_seconds"].fault("must be positive")
        }
        return lease
    }

    private static func sweep(_ field: JSONField) throws -> Sweep {
        try field.only(["asset", "above", "account"])
        return Sweep(
            asset: try field["asset"].string(), above: try field["above"].decimal(),
            account: try field["account"].string())
    }

    private static func window(_ field: JSONField) throws -> Window? {
        if let calendar = field["calendar"].ifPresent {
            guard !field["window_seconds"].exists else {
                throw calendar.fault("window_seconds is there already")
            }
            try calendar.only(["unit", "offset_minutes"])
            let offset = try calendar["offset_minutes"].ifPresent?.integer(Int64.self) ?? 0
            guard (-14 * 60...14 * 60).contains(offset) else {
                throw calendar["offset_minutes"].fault("at most 14 hours from UTC")
            }
            return .calendar(try self.word(calendar["unit"]), offsetMinutes: offset)
        }
        guard let seconds = try field["window_seconds"].ifPresent?.integer(Int64.self) else { return nil }
        guard seconds > 0 else { throw field["window_seconds"].fault("must be positive") }
        return .rolling(seconds: seconds)
    }

    private static func limit(_ field: JSONField) throws -> Limit {
        try field.only([
            "id", "asset", "purpose", "payee", "per_payment", "window_seconds", "calendar", "sum", "count",
            "lifetime",
        ])
        let limit = Limit(
            id: try field["id"].string(), asset: try field["asset"].string(),
            purpose: try field["purpose"].ifPresent.map(Self.purpose),
            payee: try field["payee"].ifPresent?.string(),
            perPayment: try field["per_payment"].ifPresent?.decimal(),
            window: try self.window(field),
            sum: try field["sum"].ifPresent?.decimal(),
            count: try field["count"].ifPresent?.integer(),
            lifetime: try field["lifetime"].ifPresent?.decimal())
        guard (limit.window != nil) == (limit.sum != nil || limit.count != nil) else {
            throw field.fault("sum and count go with window_seconds or calendar")
        }
        guard limit.perPayment != nil || limit.window != nil || limit.lifetime != nil else {
            throw field.fault("it bounds nothing: per_payment, sum, count or lifetime is needed")
        }
        guard limit.count ?? 0 >= 0 else { throw field["count"].fault("must not be negative") }
        return limit
    }
}
