internal import Compute
public import Encoding
internal import Home
public import Market
public import Rails
internal import Storage
public import SystemPackage
public import World

/// What `depai-node` reads from its configuration file.
public struct NodeConfiguration: Sendable {
    /// For people.
    public let name: String
    /// Where it is paid.
    public let selling: SellingSettings
    /// Where to listen for HTTP; nil does not.
    public let listen: Listen?
    /// Where to sell over MQTT; nil does not.
    public let broker: BrokerAddress?
    public let storage: Offer.StoragePrice?
    public let compute: Offer.ComputePrice?
    public let passphraseFile: FilePath

    /// An address of this machine; port 0 takes a free one.
    public struct Listen: Sendable, Hashable {
        public let host: String
        public let port: Int
        public let limits: ConnectionLimits
    }

    /// - Parameter folder: the home, where files are that are named without a folder.
    public init(_ root: JSONField, in folder: FilePath) throws {
        try root.only(
            SellingSettings.members.union([
                "name", "listen", "broker", "storage", "compute", "passphrase_file",
            ]))
        self.name = try root["name"].string()
        guard self.name.isPlain(limit: Offer.nameLimit) else {
            throw root["name"].fault("\(Offer.nameLimit) letters at most, and none that steers a terminal")
        }
        self.selling = try SellingSettings(root)
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
        self.passphraseFile = try root["passphrase_file"].path(in: folder)
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
