internal import Database
public import Encoding
internal import Home
public import Market
public import Payments
public import Rails
public import Sodium
public import SystemPackage
public import World

/// What `depai run` reads from its configuration file. Secrets are never in it, only the names of their
/// files.
public struct AgentConfiguration: Sendable {
    /// What is paid on.
    public let rails: RailSettings
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
    /// What this version understands and the next one will not: where it stands, and what to write there.
    public let warnings: [String]

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
        /// The most readings of a batch.
        static let readingLimit = 100_000

        /// Readings in a batch.
        public let readings: Int
        /// How long a batch is kept at the provider.
        public let days: Int
        /// How many leaves are challenged after storing.
        public let challenges: Int
        /// How many batches in all; nil goes on for ever.
        public let batches: Int?
    }

    /// Go somewhere, or to several places in turn: buy a route over a map, drive it, switch something on
    /// there.
    public struct Errand: Sendable {
        /// The most places.
        static let goalLimit = 10_000

        /// A cell of the map.
        public struct Goal: Sendable {
            public let x: Int
            public let y: Int
        }

        /// Thing with the properties `pose` and `battery` and the action `follow`.
        public let base: String
        /// Thing with the property `power`.
        public let plug: String
        /// MovingAI map.
        public let map: FilePath
        /// WebAssembly module that plans.
        public let module: FilePath
        /// One place after the other.
        public let goals: [Goal]
        /// How long it stays at each before the next.
        public let pause: Duration
        /// The most units that the job may use.
        public let units: UInt64
    }

    /// - Parameter folder: the home: files that are named without a folder are below it, so that a home runs
    ///   wherever it is moved.
    public init(_ root: JSONField, in folder: FilePath) throws {
        try root.only(
            RailSettings.members.union([
                "passphrase_file", "broker", "devices", "providers", "behaviours", Archivist.name,
                ErrandRunner.name, "channels", "facilitator", "report", "operators", "vda5050", "metrics",
            ]))
        self.rails = try RailSettings(root)
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
        let behaviours = try Behaviours(root, in: folder)
        (self.archive, self.errand) = (behaviours.archive, behaviours.errand)
        self.warnings = behaviours.warnings
    }
}
