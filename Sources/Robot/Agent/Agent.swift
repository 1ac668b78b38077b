public import Control
internal import Database
internal import Devices
internal import Encoding
public import Home
public import Ledger
internal import Market
internal import Payments
internal import Solana
internal import Storage
public import SystemPackage
internal import Wallet
public import World

/// The runtime of one robot: wallet, devices, behaviours, started in the order of their need and ended
/// together.
public struct Agent: Sendable {
    let home: Home
    let configuration: AgentConfiguration
    let bus: any MessageBus
    let web: any Web
    let timeline: any Timeline
    let entropy: any Entropy
    private let observer: @Sendable (JournalEntry) -> Void
    private let credential: FilePath?
    private let control: (any ControlChannel)?
    private let fleet: (any MessageBus)?
    private let supervisor: (any Supervisor)?
    private let metrics: (any MetricsChannel)?
    private let onListening: @Sendable () -> Void
    private let onEvent: @Sendable (Event) -> Void

    /// - Parameters:
    ///   - credential: file with the keystore's credential, if the service manager delivers one; else the
    ///     configured passphrase file opens it.
    ///   - control: where programs on the same machine ask the running wallet.
    ///   - fleet: the connection of the section `vda5050`, with ``RobotSettings/will(at:)``.
    ///   - supervisor: who is told when the robot works, and that it lives.
    ///   - metrics: where programs on the same machine read numbers; nil where they shall not.
    ///   - observer: told after each durable step of a payment.
    ///   - onListening: told when everything that a broker may have kept for the robot has a receiver: a bus
    ///     that connects before loses it.
    ///   - onEvent: told of each event of the robot, for a log.
    public init(
        home: Home, configuration: AgentConfiguration, bus: any MessageBus, web: any Web,
        timeline: any Timeline,
        entropy: any Entropy, credential: FilePath? = nil, control: (any ControlChannel)? = nil,
        fleet: (any MessageBus)? = nil,
        supervisor: (any Supervisor)? = nil, metrics: (any MetricsChannel)? = nil,
        observer: @escaping @Sendable (JournalEntry) -> Void = { _ in },
        onListening: @escaping @Sendable () -> Void = {},
        onEvent: @escaping @Sendable (Event) -> Void = { _ in }
    ) {
        self.credential = credential
        self.control = control
        self.fleet = fleet
        self.supervisor = supervisor
        self.metrics = metrics
        self.onListening = onListening
        self.onEvent = onEvent
        self.home = home
        self.configuration = configuration
        self.bus = bus
        self.web = web
        self.timeline = timeline
        self.entropy = entropy
        self.observer = observer
    }

    /// Runs until the task is cancelled.
    public func run() async throws {
        let lock = try self.home.lock()
        defer { lock.release() }
        try self.home.checkSchemas()
        let store = try AgentStore(
            path: self.home.agentPath, timeline: self.timeline, onEvent: self.onEvent)
        let keystore = try self.home.keystore()
        let wallet = try self.unlock(keystore)
        let ledger = try self.home.openLedger(keystore, timeline: self.timeline, observer: self.observer)
        var folder = DeviceFolder(self.configuration.devices)
        let found = try folder.read()
        let (faults, fault) = AsyncStream.makeStream(
            of: DeviceFault.self, bufferingPolicy: .bufferingOldest(Self.faultRoom))
        let outbox = try self.configuration.report.map {
            try Telling($0, path: self.home.outboxPath, bus: self.bus, timeline: self.timeline)
        }
        if let outbox { await store.told(upTo: try outbox.mark) }
        let devices = try DeviceHub(
            things: found.things, bus: self.bus, store: self.home.devicesPath, timeline: self.timeline,
            entropy: self.entropy, keeper: outbox?.keeper, onFault: { fault.yield($0) })
        try await store.log(
            "start",
            wallet == nil
                ? "wallet \(keystore.address) is locked: nothing is spent"
                : "wallet \(keystore.address) is open")
        if let copied = try self.home.noticeCopy() { try await store.log("home", copied) }
        for fault in found.faults { try await store.log("fault", fault) }
        let readings = devices.readings(capacity: 1_024)
        let control = WalletControl(ledger: ledger, entropy: self.entropy)
        let owner = try self.home.owner(of: keystore)
        let desk = OwnerDesk(
            address: keystore.address, owner: owner, ledger: ledger, control: control, wallet: wallet,
            bus: self.bus,
            store: store, timeline: self.timeline)
        let operators = OperatorDesk(
            address: keystore.address,
            operators: self.configuration.operators.union([owner]),
            devices: DeviceDesk(hub: devices), wallet: wallet, bus: self.bus, timeline: self.timeline)
        let (mail, orders) = (try desk.listen(), try operators.listen())
        try await devices.listenToAll()
        self.onListening()
        let till = wallet.map { self.till(ledger, $0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await ledger.run() }
            group.addTask { try await devices.run() }
            group.addTask { [folder] in try await self.follow(folder, devices, store) }
            group.addTask { try await desk.run(mail) }
            group.addTask { try await operators.run(orders) }
            group.addTask { try await self.tell(faults, store) }
            if let settings = self.configuration.vda5050, let fleet = self.fleet {
                let member = FleetMember(
                    settings: settings, bus: fleet, devices: devices, path: self.home.fleetPath,
                    timeline: self.timeline, entropy: self.entropy)
                group.addTask { try await member.run() }
            }
            if let outbox { group.addTask { try await outbox.run(store, self.timeline) } }
            if let channel = self.control {
                let counter = ControlCounter(
                    wallet: control, devices: DeviceDesk(hub: devices), cashier: till?.cashier)
                group.addTask { try await self.serve(channel, counter, store) }
            } else {
                self.supervisor?.ready()
            }
            if let metrics = self.metrics {
                let meter = Meter(
                    home: self.home, devices: devices, bus: self.bus, timeline: self.timeline,
                    isOpen: wallet != nil)
                group.addTask {
                    try await self.keepOpen("metrics", store) {
                        try await metrics.serve { await meter.text() }
                    }
                }
            }
            if let supervisor = self.supervisor {
                let pulse = Pulse(
                    supervisor: supervisor, isOpen: wallet != nil, ledger: ledger, store: store,
                    devices: devices, bus: self.bus, timeline: self.timeline)
                group.addTask { try await pulse.run() }
            }
            if let wallet, let till {
                group.addTask { try await self.trade(till, ledger, wallet, store, devices, readings) }
            }
            // The first part that fails ends the others; a behaviour that is done just waits.
            try await group.next()
            group.cancelAll()
        }
    }

    /// Faults that wait to be written down; there is one of each kind for each source.
    private static let faultRoom = 256

    /// Writes down what devices do wrong, and what came too fast: once for each source.
    private func tell(_ faults: AsyncStream<DeviceFault>, _ store: AgentStore) async throws {
        for await fault in faults {
            try await store.log(
                "fault", "\(fault.affordance) of \(fault.thing): \(fault.reason)",
                ["filter": .string(fault.filter)])
        }
        throw CancellationError()
    }

    /// The wallet, or nil when nothing that opens it was delivered: devices, owner and records need no key.
    private func unlock(_ keystore: Keystore) throws -> UnlockedWallet? {
        if let credential = self.credential {
            return try keystore.unlock(credential: try SecretFile.readKey(credential, isDelivered: true))
        }
        guard let file = self.configuration.passphraseFile, DurableFile.exists(file) else { return nil }
        return try self.home.unlock(passphraseFile: file)
    }

    private func serve(
        _ channel: any ControlChannel, _ counter: ControlCounter, _ store: AgentStore
    ) async throws {
        try await self.keepOpen("control", store) {
            try await channel.serve(opened: { self.supervisor?.ready() }) { await counter.answer($0) }
        } failed: {
            self.supervisor?.ready()
        }
    }

    /// A machine whose socket cannot be made still does its work; its owner has the broker.
    private func keepOpen(
        _ name: String, _ store: AgentStore, _ body: () async throws -> Void, failed: () -> Void = {}
    ) async throws {
        do {
            try await body()
        } catch let error as CancellationError {
            throw error
        } catch {
            failed()
            try await store.log(name, "\(error)")
            while true { try await self.timeline.sleep(for: .seconds(86_400)) }
        }
    }

    /// How often the folder of descriptions is looked at.
    private static let folderInterval = Duration.seconds(2)

    /// Takes descriptions that are new, changed or gone, while everything runs. A broken one is refused
    /// alone, and the last good one of its file stays.
    private func follow(_ folder: DeviceFolder, _ devices: DeviceHub, _ store: AgentStore) async throws {
        var folder = folder
        while true {
            try await self.timeline.sleep(for: Self.folderInterval)
            guard folder.hasChanged else { continue }
            do {
                let found = try folder.read()
                for fault in found.faults { try await store.log("fault", fault) }
                try await devices.replace(things: found.things)
                try await store.log("device", "\(found.things.count) descriptions are in use")
            } catch let error as DeviceError {
                try await store.log("fault", "the descriptions stay as they were: \(error)")
            } catch let error as BusError {
                try await store.log("fault", "the descriptions stay as they were: \(error)")
            } catch let error as FileError {
                try await store.log("device", "\(error)")
            }
        }
    }
}
