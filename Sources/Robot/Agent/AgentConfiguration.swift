internal import Database
public import Encoding
public import Home
public import Market
public import Payments
public import Sodium
public import SystemPackage
public import World

/// What `depai run` reads from its configuration file. Secrets are never in it, only the names of their
/// files.
public struct AgentConfiguration: Sendable {
    public let chain: ChainSettings
    /// Opens the keystore where the service manager delivers no credential.
    public let passphraseFile: FilePath?
    public let broker: BrokerAddress
    /// Folder of `*.td.json` files.
    public let devices: FilePath
    public let providers: [Provider]
    public let archive: Archive?
    public let errand: Errand?
    /// How providers are paid: a deposit in whole units opens a payment channel with whoever takes one;
    /// without it only channels that are open already are used.
    public let channels: Order.ChannelUse
    /// What is told to the owner over the broker; nil keeps it here.
    public let report: Report?
    /// URL of the x402 facilitator that pays the network's fee when money above the owner's ceiling goes
    /// back; without it the wallet's own sponsor address pays.
    public let facilitator: String?

    /// Who may command devices over the broker, beside the owner.
    public let operators: Set<PublicKey>
    /// Which fleet the robot belongs to; nil for none.
    public let vda5050: RobotSettings?
    /// Where numbers are read; nil serves none.
    public let metrics: Metrics?

    public enum Metrics: Sendable, Hashable {
        /// A Unix socket.
        case socket(FilePath)
        /// A port of the loopback interface.
        case port(UInt16)
    }

    /// Every event, and some readings, each until the broker has it.
    public struct Report: Sendable, Hashable {
        /// Topic of the events.
        public let topic: String
        /// `THING/PROPERTY` or `THING/EVENT`.
        public let readings: Set<String>
    }

    /// Keep readings: every so many of them are sealed and stored at a provider.
    public struct Archive: Sendable {
        /// Readings in a batch.
        public let readings: Int
        /// How long a batch is kept at the provider.
        public let days: Int
        /// How many leaves are challenged after storing.
        public let challenges: Int
        /// How many batches in all; nil goes on for ever.
        public let batches: Int?
    }

    /// Go somewhere: buy a route over a map, drive it, switch something on there.
    public struct Errand: Sendable {
        /// Thing with the properties `pose` and `battery` and the action `follow`.
        public let base: String
        /// Thing with the property `power`.
        public let plug: String
        /// MovingAI map.
        public let map: FilePath
        /// WebAssembly module that plans.
        public let module: FilePath
        public let goalX: Int
        public let goalY: Int
        /// The most units that the job may use.
        public let units: UInt64
    }

    /// - Parameter folder: the home: files that are named without a folder are below it, so that a home runs
    ///   wherever it is moved.
    public init(_ root: JSONField, in folder: FilePath) throws {
        try root.only([
            "network", "rpc", "rpc_witnesses", "passphrase_file", "broker", "devices", "providers", "archive",
            "errand", "channels", "facilitator", "report", "operators", "vda5050", "metrics",
        ])
        self.chain = try ChainSettings(root)
        self.passphraseFile = try root["passphrase_file"].ifPresent.map { try $0.path(in: folder) }
        self.broker = try BrokerAddress(settings: root["broker"], in: folder)
        self.devices = try root["devices"].path(in: folder)
        self.providers = try root["providers"].elements().map { field in
            try field.only(["url", "identity"])
            return Provider(
                url: try field["url"].url(["https", "http", "mqtts", "mqtt"]),
                identity: try field["identity"].publicKey())
        }
        self.channels =
            try root["channels"].ifPresent.map { field in
                try field.only(["deposit"])
                return .open(deposit: .decimal(try field["deposit"].string()))
            } ?? .existing
        self.report = try root["report"].ifPresent.map { field in
            try field.only(["topic", "readings"])
            return Report(
                topic: try field["topic"].string(),
                readings: try Set((field["readings"].ifPresent?.elements() ?? []).map { try $0.string() }))
        }
        self.metrics = try root["metrics"].ifPresent.map { field in
            try field.only(["socket", "port"])
            guard field["socket"].exists != field["port"].exists else {
                throw field.fault("one of socket and port")
            }
            if let socket = try field["socket"].ifPresent?.path(in: folder) { return .socket(socket) }
            return .port(try field["port"].integer(in: 1...65_535))
        }
        self.facilitator = try root["facilitator"].ifPresent?.url()
        self.operators = try Set(
            (root["operators"].ifPresent?.elements() ?? []).map { try $0.publicKey() })
        self.vda5050 = try root["vda5050"].ifPresent.map { try RobotSettings($0, in: folder) }
        self.archive = try root["archive"].ifPresent.map { field in
            try field.only(["readings", "days", "challenges", "batches"])
            return Archive(
                readings: try field["readings"].integer(in: 1...Int(AgentStore.readingLimit)),
                days: try field["days"].integer(in: 1...366),
                challenges: try field["challenges"].integer(in: 0...1_000),
                batches: try field["batches"].ifPresent?.integer(in: 1...Int.max))
        }
        self.errand = try root["errand"].ifPresent.map { field in
            try field.only(["base", "plug", "map", "module", "goal", "units"])
            return Errand(
                base: try field["base"].string(), plug: try field["plug"].string(),
                map: try field["map"].path(in: folder), module: try field["module"].path(in: folder),
                goalX: try field["goal"]["x"].integer(in: 0...511),
                goalY: try field["goal"]["y"].integer(in: 0...511),
                units: try field["units"].integer(in: 1...UInt64(Int64.max)))
        }
    }
}
