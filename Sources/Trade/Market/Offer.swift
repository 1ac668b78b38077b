public import Encoding
public import Sodium
public import Wallet

/// What a provider sells and for how much, `depai.offer/1`, signed with its identity key.
public struct Offer: Sendable, Equatable {
    public static let schema = "depai.offer/1"

    /// For people; the identity is the name that counts.
    public let name: String
    public let identity: PublicKey
    /// CAIP-2.
    public let network: String
    /// Mint address.
    public let asset: String
    /// Base58 owner that is paid.
    public let payTo: String
    public let storage: StoragePrice?
    public let compute: ComputePrice?

    /// Price of keeping bytes, in atomic units.
    public struct StoragePrice: Sendable, Equatable {
        /// Per mebibyte and day, each started one counts.
        public let perMebibyteDay: UInt64
        public let minimum: UInt64
        public let maximumBytes: Int

        public init(perMebibyteDay: UInt64, minimum: UInt64, maximumBytes: Int) {
            self.perMebibyteDay = perMebibyteDay
            self.minimum = minimum
            self.maximumBytes = maximumBytes
        }

        /// The price of `bytes` for `days`; nil when it is more than can be counted or than is sold.
        public func price(bytes: Int, days: Int) -> UInt64? {
            guard bytes > 0, bytes <= self.maximumBytes, days > 0 else { return nil }
            let (mebibytes, days) = (UInt64((bytes - 1) >> 20 + 1), UInt64(days))  // bounded: positive
            let (units, overflow) = mebibytes.multipliedReportingOverflow(by: days)
            let (price, wraps) = units.multipliedReportingOverflow(by: self.perMebibyteDay)
            return overflow || wraps ? nil : Offer.countable(max(price, self.minimum))
        }
    }

    /// Price of running a module, in atomic units.
    public struct ComputePrice: Sendable, Equatable {
        /// Per started million of units of the rule.
        public let perMillionUnits: UInt64
        public let minimum: UInt64
        public let maximumUnits: UInt64
        /// How units are counted.
        public let unitRule: String

        public init(perMillionUnits: UInt64, minimum: UInt64, maximumUnits: UInt64, unitRule: String) {
            self.perMillionUnits = perMillionUnits
            self.minimum = minimum
            self.maximumUnits = maximumUnits
            self.unitRule = unitRule
        }

        /// The price of at most `units`; nil when it is more than can be counted or than is sold.
        public func price(units: UInt64) -> UInt64? {
            guard units > 0, units <= self.maximumUnits else { return nil }
            let (price, wraps) = ((units - 1) / 1_000_000 + 1).multipliedReportingOverflow(
                by: self.perMillionUnits)
            return wraps ? nil : Offer.countable(max(price, self.minimum))
        }
    }

    /// The highest price: what every ledger can hold. Beyond it nothing is sold, only said.
    public static let highestPrice = UInt64(Int64.max)

    private static func countable(_ price: UInt64) -> UInt64? { price <= self.highestPrice ? price : nil }

    /// An amount that a ledger can hold.
    private static func amount(_ field: JSONField) throws(JSONError) -> UInt64 {
        let amount = try field.decimal()
        guard amount <= self.highestPrice else { throw field.fault("beyond what can be booked") }
        return amount
    }

    /// The longest name, in characters.
    private static let nameLimit = 64

    public init(
        name: String, identity: PublicKey, network: String, asset: String, payTo: String,
        storage: StoragePrice?,
        compute: ComputePrice?
    ) {
        self.name = name
        self.identity = identity
        self.network = network
        self.asset = asset
        self.payTo = payTo
        self.storage = storage
        self.compute = compute
    }

    /// What the provider signs.
    public var json: JSON {
        var offer: JSON = [
            "schema": .string(Self.schema), "name": .string(self.name),
            "identity": .string(Base58.encode(self.identity.bytes)), "network": .string(self.network),
            "asset": .string(self.asset), "payTo": .string(self.payTo),
        ]
        if let storage {
            offer["storage"] = [
                "perMebibyteDay": .string(String(storage.perMebibyteDay)),
                "minimum": .string(String(storage.minimum)),
                "maximumBytes": JSON(storage.maximumBytes),
            ]
        }
        if let compute {
            offer["compute"] = [
                "perMillionUnits": .string(String(compute.perMillionUnits)),
                "minimum": .string(String(compute.minimum)),
                "maximumUnits": .string(String(compute.maximumUnits)),
                "unitRule": .string(compute.unitRule),
            ]
        }
        return offer
    }

    /// Reads a signed offer and checks it against the identity that the owner listed.
    /// - Throws: `SignedStatementError`, `JSONError`.
    public init(signed body: [UInt8], by identity: PublicKey) throws {
        let field = try SignedStatement.read(body, kind: .offer, by: identity)
        guard try field["schema"].string() == Self.schema else {
            throw field["schema"].fault("expected \(Self.schema)")
        }
        guard try field["identity"].string() == Base58.encode(identity.bytes) else {
            throw field["identity"].fault("is not the signer")
        }
        self.init(
            name: try field["name"].string().plain(limit: Self.nameLimit), identity: identity,
            network: try field["network"].string(),
            asset: try field["asset"].string(), payTo: try field["payTo"].string(),
            storage: try field["storage"].ifPresent.map { field in
                StoragePrice(
                    perMebibyteDay: try Self.amount(field["perMebibyteDay"]),
                    minimum: try Self.amount(field["minimum"]),
                    maximumBytes: try field["maximumBytes"].integer())
            },
            compute: try field["compute"].ifPresent.map { field in
                ComputePrice(
                    perMillionUnits: try Self.amount(field["perMillionUnits"]),
                    minimum: try Self.amount(field["minimum"]),
                    maximumUnits: try field["maximumUnits"].decimal(),
                    unitRule: try field["unitRule"].string())
            })
    }
}

/// A JSON object and the signature over its canonical bytes: `{"statement": {…}, "signature": "<base64>"}`.
public enum SignedStatement {
    public static func write(_ statement: JSON, signature: Signature) -> JSON {
        ["statement": statement, "signature": .string(Base64.standard.encode(signature.bytes))]
    }

    /// Signs `statement` with the wallet's identity key.
    public static func sign(_ statement: JSON, kind: Statement.Kind, with wallet: UnlockedWallet) async throws
        -> JSON
    {
        let signature = try await wallet.sign(Statement(kind, body: try statement.canonicalBytes()))
        return self.write(statement, signature: signature)
    }

    /// Reads a signed object.
    /// - Throws: `SignedStatementError.notSigned` when the signature is not `identity`'s over this kind.
    public static func read(_ body: [UInt8], kind: Statement.Kind, by identity: PublicKey) throws -> JSONField
    {
        try self.read(JSONField(try JSON.read(body)), kind: kind, by: identity)
    }

    public static func read(_ root: JSONField, kind: Statement.Kind, by identity: PublicKey) throws
        -> JSONField
    {
        try root.only(["statement", "signature"])
        guard let statement = root["statement"].value else { throw root["statement"].fault("missing") }
        // Of a key of small order anybody makes signatures.
        guard identity.isSound else {
            throw SignedStatementError.notSigned(kind: kind.rawValue, by: Base58.encode(identity.bytes))
        }
        let signature = try Signature(try Base64.standard.decode(try root["signature"].string()))
        guard Statement(kind, body: try statement.canonicalBytes()).isSigned(by: identity, signature) else {
            throw SignedStatementError.notSigned(kind: kind.rawValue, by: Base58.encode(identity.bytes))
        }
        return JSONField(statement)
    }
}

/// Why a signed object does not count.
public enum SignedStatementError: Error, Equatable, CustomStringConvertible {
    case notSigned(kind: String, by: String)

    public var description: String {
        switch self {
        case .notSigned(let kind, let identity): "this \(kind) is not signed by \(identity)"
        }
    }
}
