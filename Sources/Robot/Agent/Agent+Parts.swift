internal import Control
internal import Database
internal import Devices
internal import Home
internal import Ledger
internal import Payments
internal import Sodium
internal import Wallet
internal import World

extension Agent {
    /// What a robot is made of, opened and not yet running.
    struct Parts: Sendable {
        let keystore: Keystore
        /// Nil while it is locked.
        let wallet: UnlockedWallet?
        let ledger: PaymentLedger
        let control: WalletControl
        let owner: PublicKey
        let store: AgentStore
        let devices: DeviceHub
        /// As it was read for `devices`.
        let folder: DeviceFolder
        let faults: AsyncStream<DeviceFault>
        let log: ReadingLog
        /// Why readings were not kept.
        let losses: AsyncStream<String>
        /// Nil where nobody is told.
        let telling: Telling?

        func readings(for behaviour: any Behaviour, _ timeline: any Timeline) -> FollowedReadings {
            FollowedReadings(
                name: behaviour.name, names: behaviour.wantedReadings, log: self.log, store: self.store,
                timeline: timeline)
        }
    }

    /// Opens the home's files, in the order of their need, and says how they were found.
    func open() async throws -> Parts {
        try self.home.checkSchemas()
        let telling = try self.configuration.report.map {
            try Telling($0, path: self.home.outboxPath, bus: self.bus, timeline: self.timeline)
        }
        let (losses, loss) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(2))
        let log = try ReadingLog(path: self.home.readingsPath, timeline: self.timeline) { loss.yield($0) }
        // Before the store, which lets go what a version before kept there.
        try log.takeOver(from: self.home.agentPath) { try telling?.told(upTo: $0) }
        if let follower = try telling?.follower { log.follow(follower) }
        let store = try AgentStore(
            path: self.home.agentPath, timeline: self.timeline, onEvent: self.onEvent)
        let keystore = try self.home.keystore()
        let wallet = try self.unlock(keystore)
        let ledger = try self.home.openLedger(keystore, timeline: self.timeline, observer: self.observer)
        var folder = DeviceFolder(self.configuration.devices)
        let found = try folder.read()
        let (faults, fault) = AsyncStream.makeStream(
            of: DeviceFault.self, bufferingPolicy: .bufferingOldest(Self.faultRoom))
        if let telling { await store.told(upTo: try telling.mark) }
        let devices = try DeviceHub(
            things: found.things, bus: self.bus, store: self.home.devicesPath, timeline: self.timeline,
            entropy: self.entropy, log: log, onFault: { fault.yield($0) })
        try await store.log(.started(wallet: "\(keystore.address)", isOpen: wallet != nil))
        if let copied = try self.home.noticeCopy() { try await store.log(.copied(copied)) }
        for warning in self.configuration.warnings { try await store.log(.setting(warning)) }
        for fault in found.faults { try await store.log(.fault(.description(fault))) }
        return Parts(
            keystore: keystore, wallet: wallet, ledger: ledger,
            control: WalletControl(ledger: ledger, entropy: self.entropy),
            owner: try self.home.owner(of: keystore), store: store, devices: devices, folder: folder,
            faults: faults, log: log, losses: losses, telling: telling)
    }

    /// The wallet, or nil when nothing that opens it was delivered: devices, owner and records need no key.
    private func unlock(_ keystore: Keystore) throws -> UnlockedWallet? {
        if let credential = self.credential {
            return try keystore.unlock(credential: try SecretFile.readKey(credential, isDelivered: true))
        }
        guard let file = self.configuration.passphraseFile, DurableFile.exists(file) else { return nil }
        return try self.home.unlock(passphraseFile: file)
    }

    func ownerDesk(_ parts: Parts) -> OwnerDesk {
        OwnerDesk(
            address: parts.keystore.address, owner: parts.owner, ledger: parts.ledger,
            control: parts.control, wallet: parts.wallet, bus: self.bus, store: parts.store,
            timeline: self.timeline)
    }

    func operatorDesk(_ parts: Parts) -> OperatorDesk {
        OperatorDesk(
            address: parts.keystore.address,
            operators: self.configuration.operators.union([parts.owner]),
            devices: DeviceDesk(hub: parts.devices), wallet: parts.wallet, bus: self.bus,
            timeline: self.timeline)
    }

    /// Nil for a robot of no fleet.
    func fleetMember(_ parts: Parts) -> FleetMember? {
        guard let settings = self.configuration.vda5050, let fleet = self.fleet else { return nil }
        return FleetMember(
            settings: settings, bus: fleet, devices: parts.devices, path: self.home.fleetPath,
            timeline: self.timeline, entropy: self.entropy)
    }

    /// Serves numbers.
    func measure(_ parts: Parts, _ channel: any MetricsChannel) async throws {
        let meter = Meter(
            home: self.home, devices: parts.devices, bus: self.bus, timeline: self.timeline,
            isOpen: parts.wallet != nil)
        try await self.keepOpen(.metrics, parts.store) {
            try await channel.serve { await meter.text() }
        }
    }

    /// Nil where nobody looks after the program.
    func pulse(_ parts: Parts) -> Pulse? {
        self.supervisor.map {
            Pulse(
                supervisor: $0, isOpen: parts.wallet != nil, ledger: parts.ledger, store: parts.store,
                devices: parts.devices, bus: self.bus, timeline: self.timeline)
        }
    }
}
