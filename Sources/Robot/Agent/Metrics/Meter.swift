internal import Control
internal import Database
internal import Devices
internal import Home
internal import Ledger
internal import Messaging
internal import Sodium
internal import SystemPackage
internal import Wallet
internal import World

/// The robot's numbers at one moment.
///
/// Read from its files by connections that only read, as `depai status` does: a scrape never waits for the
/// ledger, nor the ledger for a scrape, and the numbers still come when the ledger is stuck. What was counted
/// nowhere else would be lost with a restart, so nothing is kept here; a snapshot needs no registry of
/// counters.
struct Meter: Sendable {
    let home: Home
    let devices: DeviceHub
    let bus: any MessageBus
    let timeline: any Timeline
    let isOpen: Bool

    func text() async -> String {
        var text = MetricText()
        text.add(
            "build_info", .gauge, "The libraries below.",
            [
                (
                    labels: [
                        ("sqlite", DatabaseLibrary.version), ("libsodium", SodiumLibrary.version),
                    ], value: 1
                )
            ])
        text.add("up_seconds", .gauge, "Uptime of the machine.", self.timeline.uptime / .seconds(1))
        text.add("wallet_open", .gauge, "Whether the wallet can sign.", self.isOpen ? 1 : 0)
        text.add(
            "broker_connected", .gauge, "Whether the broker is connected.", self.bus.isConnected ? 1 : 0)
        await self.addDevices(&text)
        var failed: [String] = []
        for (name, add) in [
            ("ledger", self.addLedger), ("agent", self.addAgent), ("commands", self.addCommands),
            ("outbox", self.addOutbox), ("disk", self.addDisk),
        ] as [(String, (inout MetricText) throws -> Void)] {
            do { try add(&text) } catch { failed.append(name) }
        }
        text.add(
            "source_failed", .gauge, "Numbers that could not be read in this scrape.",
            ["ledger", "agent", "commands", "outbox", "disk"].map {
                (labels: [("source", $0)], value: failed.contains($0) ? 1 : 0)
            })
        return text.text
    }

    private func addDevices(_ text: inout MetricText) async {
        let twins = await self.devices.twins()
        text.add(
            "devices", .gauge, "Devices by what is known of them.",
            Availability.allCases.map { state in
                (labels: [("state", state.rawValue)], value: Double(twins.count { $0.availability == state }))
            })
        let faults = await self.devices.faults()
        text.add(
            "device_faults_total", .counter, "Messages of devices that were malformed or found no room.",
            Double(faults.reduce(0) { $0 + $1.count }))
        let dropped = self.devices.dropped
        text.add(
            "readings_dropped_total", .counter, "Readings and messages that found no room.",
            [
                (labels: [("what", "messages")], value: Double(dropped.messages)),
                (labels: [("what", "readings")], value: Double(dropped.readings)),
            ])
    }

    private func addLedger(_ text: inout MetricText) throws {
        let view = try self.home.viewLedger()
        let counts = try view.stateCounts()
        text.add(
            "payments", .gauge, "Payments by state.",
            IntentState.allCases.map { (labels: [("state", $0.rawValue)], value: Double(counts[$0] ?? 0)) })
        let balances = try view.balances()
        text.add(
            "money_atomic", .gauge, "Money in atomic units, by asset and by what became of it.",
            balances.flatMap { balance -> [(labels: [(String, String)], value: Double)] in
                [
                    ("free", balance.available), ("reserved", balance.reserved), ("escrow", balance.escrowed),
                    ("spent", balance.spent), ("lost", balance.lost), ("received", balance.deposited),
                    ("earned", balance.earned),
                ].map { what, amount in
                    (labels: [("asset", balance.asset.symbol), ("what", what)], value: Double(amount))
                }
            })
        text.add(
            "ledger_sequence", .counter, "Rows of the journal.", Double(try view.head().sequence))
        text.add("wallet_stopped", .gauge, "Whether the wallet is stopped.", try view.hold() == nil ? 0 : 1)
        guard let policy = try view.policy(owner: self.home.owner(), wallet: self.home.keystore().address)
        else { return }
        text.add("policy_sequence", .gauge, "Number of the policy in force.", Double(policy.sequence))
        if let end = try view.leaseEnd(of: policy) {
            text.add("lease_end_seconds", .gauge, "When the lease ends, Unix time.", Double(end) / 1_000)
        }
        let usage = try view.usage(of: policy, at: self.timeline)
        func samples(_ value: (LimitUsage) -> UInt64) -> [(labels: [(String, String)], value: Double)] {
            usage.filter { [.sum, .count, .lifetime].contains($0.measure) }.map {
                (
                    labels: [
                        ("rule", $0.rule), ("measure", $0.measure.rawValue), ("asset", $0.asset.symbol),
                    ], value: Double(value($0))
                )
            }
        }
        text.add("limit_used", .gauge, "What of a limit is used up now.", samples(\.used))
        text.add("limit", .gauge, "The owner's limits.", samples(\.limit))
    }

    private func addAgent(_ text: inout MetricText) throws {
        let view = try AgentView(path: self.home.agentPath)
        text.add(
            "readings_waiting", .gauge, "Readings that wait for a batch.",
            Double(try self.home.waitingReadings()))
        text.add(
            "projects_done_total", .counter, "What the robot finished.",
            try ["archive", "errand"].map {
                (labels: [("kind", $0)], value: Double(try view.finished(kind: $0)))
            })
        text.add("events_total", .counter, "Events of the robot.", Double(try view.lastSequence()))
    }

    private func addCommands(_ text: inout MetricText) throws {
        let counts = try DeviceView(path: self.home.devicesPath).stateCounts()
        text.add(
            "commands", .gauge, "Commands that are remembered, by state.",
            counts.sorted { $0.key < $1.key }.map { (labels: [("state", $0.key)], value: Double($0.value)) })
    }

    private func addOutbox(_ text: inout MetricText) throws {
        guard DurableFile.exists(self.home.outboxPath) else { return }
        let (must, may, dropped) = try OutboxView(path: self.home.outboxPath).depth()
        text.add(
            "outbox_waiting", .gauge, "Messages that wait for the broker.",
            [
                (labels: [("class", "must")], value: Double(must)),
                (labels: [("class", "may")], value: Double(may)),
            ])
        text.add("outbox_dropped_total", .counter, "Messages that found no room.", Double(dropped))
    }

    private func addDisk(_ text: inout MetricText) throws {
        let space = try DiskSpace(of: self.home.path)
        text.add("disk_free_bytes", .gauge, "Free for the home.", Double(space.free))
        text.add("disk_size_bytes", .gauge, "Size of the home's file system.", Double(space.size))
        text.add(
            "file_bytes", .gauge, "Size of the home's databases, without their logs.",
            self.home.databases.compactMap { path, _ in
                FileSignature(of: path).map {
                    (labels: [("file", path.lastComponent?.string ?? "")], value: Double($0.size))
                }
            })
        text.add(
            "schema_version", .gauge, "Version of the home's databases.",
            try self.home.databases.map { path, _ in
                (
                    labels: [("file", path.lastComponent?.string ?? "")],
                    value: Double(try Schema.version(of: path))
                )
            })
    }
}
