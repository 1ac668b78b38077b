public import Encoding
public import Sodium
public import Statements

/// What a provider sells, for how much, and where it is paid; the body of a ``Signed`` by its identity key.
/// With one way to be paid it is `depai.offer/1`, which robots of every age read, with several
/// `depai.offer/2`.
public struct Offer: Sendable, Equatable {
    public static let schema = "depai.offer/1"
    /// Of an offer with several ways to be paid.
    public static let listSchema = "depai.offer/2"

    /// For people; the identity is the name that counts.
    public let name: String
    public let identity: PublicKey
    /// Where it is paid, at least one; prices are in atomic units of the first.
    public let accepts: [Acceptance]
    public let storage: StoragePrice?
    public let compute: ComputePrice?

    /// One way to be paid.
    public struct Acceptance: Sendable, Hashable {
        /// CAIP-2.
        public let network: String
        /// As the network names it: a mint, a contract.
        public let asset: String
        /// The account that is paid.
        public let payTo: String
        /// Of the asset; nil where it is the only one.
        public let decimals: Int?

        public init(network: String, asset: String, payTo: String, decimals: Int?) {
            self.network = network
            self.asset = asset
            self.payTo = payTo
            self.decimals = decimals
        }
    }

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

    /// The least that anything costs at these prices, and never nothing: for less no fee is paid.
    public static func leastPrice(_ storage: StoragePrice?, _ compute: ComputePrice?) -> UInt64 {
        max(1, [storage?.minimum, compute?.minimum].compactMap(\.self).min() ?? 1)
    }

    /// The longest name, in characters.
    package static let nameLimit = 64

    public init(
        name: String, identity: PublicKey, accepts: [Acceptance], storage: StoragePrice?,
        compute: ComputePrice?
    ) {
        self.name = name
        self.identity = identity
        self.accepts = accepts
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
            "name": .string(self.name), "identity": .string(Base58.encode(self.identity.bytes)),
        ]
        if let only = self.accepts.first, self.accepts.count == 1 {
            offer["schema"] = .string(Self.schema)
            for (name, value) in only.members { offer[name] = value }
        } else {
            offer["schema"] = .string(Self.listSchema)
            offer["accepts"] = .array(
                self.accepts.map { way in
                    var json: JSON = ["decimals": JSON(way.decimals ?? 0)]
                    for (name, value) in way.members { json[name] = value }
                    return json
                })
        }
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
        let name = try field["name"].string()
        guard name.isPlain(limit: Self.nameLimit) else { throw field["name"].fault("no name to show") }
        self.init(
            name: name,
            identity: try PublicKey(try Base58.decode(try field["identity"].string())),
            accepts: try Acceptance.list(field),
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

extension Offer.Acceptance {
    /// What both forms of an offer say of it.
    fileprivate var members: [(String, JSON)] {
        [("network", .string(self.network)), ("asset", .string(self.asset)), ("payTo", .string(self.payTo))]
    }

    private init(_ field: JSONField, decimals: Int?) throws(JSONError) {
        self.init(
            network: try field["network"].string(), asset: try field["asset"].string(),
            payTo: try field["payTo"].string(), decimals: decimals)
    }

    fileprivate static func list(_ offer: JSONField) throws(JSONError) -> [Self] {
        switch try offer["schema"].string() {
        case Offer.schema: return [try Self(offer, decimals: nil)]
        case Offer.listSchema:
            let ways = try offer["accepts"].elements()
            guard (2...16).contains(ways.count) else {
                throw offer["accepts"].fault("2 to 16 ways to be paid")
            }
            var list: [Self] = []
            for way in ways { list.append(try Self(way, decimals: try way["decimals"].integer(in: 0...18))) }
            return list
        default: throw offer["schema"].fault("expected \(Offer.schema) or \(Offer.listSchema)")
        }
    }
}
