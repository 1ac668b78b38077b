public import Encoding
public import Sodium
public import Statements

/// What a provider sells and for how much, `depai.offer/1`; the body of a ``Signed`` by its identity key.
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
    package static let nameLimit = 64

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
}

extension Offer: Signable {
    public static let kind = Statement.Kind.offer
    public static let limits = JSON.Limits(bytes: 16 << 10, depth: 8)

    /// The identity that it names.
    public var signer: PublicKey? { self.identity }

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

    public init(_ field: JSONField) throws {
        guard try field["schema"].string() == Self.schema else {
            throw field["schema"].fault("expected \(Self.schema)")
        }
        let name = try field["name"].string()
        guard name.isPlain(limit: Self.nameLimit) else { throw field["name"].fault("no name to show") }
        self.init(
            name: name,
            identity: try PublicKey(try Base58.decode(try field["identity"].string())),
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
