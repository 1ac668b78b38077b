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
    private let behaviours: [any Behaviour]
    let bus: any MessageBus
    let web: any Web
    let timeline: any Timeline
    let entropy: any Entropy
    let observer: @Sendable (JournalEntry) -> Void
    let credential: FilePath?
    private let control: (any ControlChannel)?
    let fleet: (any MessageBus)?
    let supervisor: (any Supervisor)?
    private let metrics: (any MetricsChannel)?
    private let onListening: @Sendable () -> Void
    let onEvent: @Sendable (EventRecord) -> Void

    /// - Parameters:
    ///   - behaviours: what the robot does beside that which its configuration names; run where its wallet is
    ///     open.
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
        entropy: any Entropy, behaviours: [any Behaviour] = [], credential: FilePath? = nil,
        control: (any ControlChannel)? = nil,
        fleet: (any MessageBus)? = nil,
        supervisor: (any Supervisor)? = nil, metrics: (any MetricsChannel)? = nil,
        observer: @escaping @Sendable (JournalEntry) -> Void = { _ in },
        onListening: @escaping @Sendable () -> Void = {},
        onEvent: @escaping @Sendable (EventRecord) -> Void = { _ in }
    ) {
        self.behaviours = behaviours
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
        let behaviours = self.configuration.behaviours + self.behaviours
        try BehaviourError.refuseTwins(in: behaviours)
        let parts = try await self.open()
        for behaviour in behaviours where type(of: behaviour).hearsReadings {
            // One that cannot run because the wallet is locked goes on with what waited.
            try await parts.readings(for: behaviour, self.timeline).follow(rests: parts.wallet == nil)
        }
        let (desk, operators) = (self.ownerDesk(parts), self.operatorDesk(parts))
        let (mail, orders) = (try desk.listen(), try operators.listen())
        try await parts.devices.listenToAll()
        self.onListening()
        let till = parts.wallet.map { self.till(parts.ledger, $0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await parts.ledger.run() }
            group.addTask { try await parts.devices.run() }
            group.addTask { try await self.follow(parts) }
            group.addTask { try await desk.run(mail) }
            group.addTask { try await operators.run(orders) }
            group.addTask { try await self.tell(parts.faults, parts.store) }
            group.addTask { try await self.tell(parts.losses, parts.store) }
            if let member = self.fleetMember(parts) { group.addTask { try await member.run() } }
            if let telling = parts.telling {
                group.addTask { try await telling.run(parts.store, parts.log, self.timeline) }
            }
            if let channel = self.control {
                let counter = ControlCounter(
                    wallet: parts.control,
                    tools: Toolbox(
                        devices: DeviceDesk(hub: parts.devices), cashier: till?.cashier, issuer: nil))
                group.addTask { try await self.serve(channel, counter, parts.store) }
            } else {
                self.supervisor?.ready()
            }
            if let metrics = self.metrics { group.addTask { try await self.measure(parts, metrics) } }
            if let pulse = self.pulse(parts) { group.addTask { try await pulse.run() } }
            if let wallet = parts.wallet, let till {
                group.addTask { try await self.trade(till, wallet, parts, behaviours) }
            }
            // The first part that fails ends the others; a behaviour that is done just waits.
            try await group.next()
            group.cancelAll()
        }
    }

    /// Faults that wait to be written down; there is one of each kind for each source.
    static let faultRoom = 256

    /// Writes down what devices do wrong, and what came too fast: once for each source.
    private func tell(_ faults: AsyncStream<DeviceFault>, _ store: AgentStore) async throws {
        for await fault in faults {
            try await store.log(.fault(.device(fault)))
        }
        throw CancellationError()
    }

    /// Writes down why readings were not kept.
    private func tell(_ losses: AsyncStream<String>, _ store: AgentStore) async throws {
        var last: String?
        for await loss in losses where loss != last {
            last = loss
            try await store.log(.fault(.readings(loss)))
        }
        throw CancellationError()
    }

    private func serve(
        _ channel: any ControlChannel, _ counter: ControlCounter, _ store: AgentStore
    ) async throws {
        try await self.keepOpen(.control, store) {
            try await channel.serve(opened: { self.supervisor?.ready() }) { await counter.answer($0) }
        } failed: {
            self.supervisor?.ready()
        }
    }

    /// A machine whose socket cannot be made still does its work; its owner has the broker.
    func keepOpen(
        _ service: Event.Service, _ store: AgentStore, _ body: () async throws -> Void,
        failed: () -> Void = {}
    ) async throws {
        do {
            try await body()
        } catch let error as CancellationError {
            throw error
        } catch {
            failed()
            try await store.log(.unserved(service, reason: "\(error)"))
            while true { try await self.timeline.sleep(for: .seconds(86_400)) }
        }
    }

    /// How often the folder of descriptions is looked at.
    private static let folderInterval = Duration.seconds(2)

    /// Takes descriptions that are new, changed or gone, while everything runs. A broken one is refused
    /// alone, and the last good one of its file stays.
    private func follow(_ parts: Parts) async throws {
        var folder = parts.folder
        let (devices, store) = (parts.devices, parts.store)
        while true {
            try await self.timeline.sleep(for: Self.folderInterval)
            guard folder.hasChanged else { continue }
            do {
                let found = try folder.read()
                for fault in found.faults { try await store.log(.fault(.description(fault))) }
                try await devices.replace(things: found.things)
                try await store.log(.descriptions(found.things.count))
            } catch let error as DeviceError {
                try await store.log(.fault(.descriptionsStay("\(error)")))
            } catch let error as BusError {
                try await store.log(.fault(.descriptionsStay("\(error)")))
            } catch let error as FileError {
                try await store.log(.unreadFolder("\(error)"))
            }
        }
    }
}
