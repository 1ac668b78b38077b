internal import Compute
public import Encoding
internal import Home
public import Market
internal import Payments
public import Rails
internal import Solana
internal import Storage
public import SystemPackage
public import World

/// What `depai-node` reads from its configuration file.
public struct NodeConfiguration: Sendable {
    /// For people.
    public let name: String
    public let chain: ChainSettings
    /// Where to listen for HTTP; nil does not.
    public let listen: Listen?
    /// Where to sell over MQTT; nil does not.
    public let broker: BrokerAddress?
    /// Base58 mint that prices are in, its symbol and decimals.
    public let mint: String
    public let symbol: String
    public let decimals: Int
    public let storage: Offer.StoragePrice?
    public let compute: Offer.ComputePrice?
    /// On what terms vouchers of payment channels are taken; nil takes none.
    public let channels: ChannelSales?
    public let passphraseFile: FilePath

    /// An address of this machine; port 0 takes a free one.
    public struct Listen: Sendable, Hashable {
        public let host: String
        public let port: Int
        public let limits: ConnectionLimits
    }

    /// - Parameter folder: the home, where files are that are named without a folder.
    public init(_ root: JSONField, in folder: FilePath) throws {
        try root.only([
            "name", "network", "rpc", "listen", "broker", "asset", "storage", "compute", "passphrase_file",
            "channels",
        ])
        self.name = try root["name"].string()
        guard self.name.isPlain(limit: Offer.nameLimit) else {
            throw root["name"].fault("\(Offer.nameLimit) letters at most, and none that steers a terminal")
        }
        self.chain = try ChainSettings(root)
        self.listen = try root["listen"].ifPresent.map { field in
            try field.only(["host", "port", "connections", "per_address"])
            var limits = ConnectionLimits()
            if let most = field["connections"].ifPresent {
                limits.connections = try most.integer(in: 1...10_000)
            }
            // Behind a proxy all customers have one address.
            if let most = field["per_address"].ifPresent {
                limits.perAddress = try most.integer(in: 1...10_000)
            }
            return Listen(
                host: try field["host"].string(), port: try field["port"].integer(in: 0...65_535),
                limits: limits)
        }
        self.broker = try root["broker"].ifPresent.map { try BrokerAddress(settings: $0, in: folder) }
        guard self.listen != nil || self.broker != nil else {
            throw root["listen"].fault("a node sells over HTTP (listen), over MQTT (broker) or both")
        }
        try root["asset"].only(["mint", "symbol", "decimals"])
        self.mint = try root["asset"]["mint"].string()
        self.symbol = try root["asset"]["symbol"].string()
        self.decimals = try root["asset"]["decimals"].integer(in: 0...18)
        self.passphraseFile = try root["passphrase_file"].path(in: folder)
        self.channels = try root["channels"].ifPresent.map { try ChannelSales(settings: $0) }
        self.storage = try root["storage"].ifPresent.map { field in
            try field.only(["per_mebibyte_day", "minimum", "maximum_bytes"])
            return Offer.StoragePrice(
                perMebibyteDay: try field["per_mebibyte_day"].integer(in: 0...Offer.highestPrice),
                minimum: try field["minimum"].integer(in: 0...Offer.highestPrice),
                maximumBytes: try field["maximum_bytes"].integer(in: 1...StoredObject.byteLimit))
        }
        self.compute = try root["compute"].ifPresent.map { field in
            try field.only(["per_million_units", "minimum", "maximum_units"])
            return Offer.ComputePrice(
                perMillionUnits: try field["per_million_units"].integer(in: 0...Offer.highestPrice),
                minimum: try field["minimum"].integer(in: 0...Offer.highestPrice),
                maximumUnits: try field["maximum_units"].integer(in: 1...Offer.highestPrice),
                unitRule: Job.unitRule)
        }
    }
}

extension ChannelSales {
    fileprivate init(settings field: JSONField) throws {
        try field.only(["withdraw_delay", "min_deposit", "claim_seconds", "max_idle_seconds"])
        let delay = try field["withdraw_delay"].integer(UInt32.self)
        guard BatchSettlement.withdrawDelays.contains(delay) else {
            throw field["withdraw_delay"].fault("must be 900 to 2592000 seconds")
        }
        let claim = try field["claim_seconds"].ifPresent?.integer(Int.self) ?? 600
        // The customer may take the rest back after the delay.
        guard (1...Int(delay) / 2).contains(claim) else {
            throw field["claim_seconds"].fault("must be positive and at most half of withdraw_delay")
        }
        let idle = try field["max_idle_seconds"].ifPresent?.integer(UInt32.self)
        // A customer that comes back after a while finds its channel.
        if let idle, idle < 600 { throw field["max_idle_seconds"].fault("must be at least 600 seconds") }
        self.init(
            withdrawDelay: delay, minDeposit: try field["min_deposit"].ifPresent?.integer(),
            claimSeconds: claim, maxIdleSeconds: idle)
    }
}
