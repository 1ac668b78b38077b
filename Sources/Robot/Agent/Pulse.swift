internal import Devices
internal import Ledger
internal import World

/// Tells whoever looks after the program that the robot lives, and how it stands.
///
/// A sign of life is sent only after each part that owns state has answered: a part that is stuck keeps it
/// back, whatever the clock says.
struct Pulse: Sendable {
    let supervisor: any Supervisor
    let isOpen: Bool
    let ledger: PaymentLedger
    let store: AgentStore
    let devices: DeviceHub
    let bus: any MessageBus
    let timeline: any Timeline

    /// How often it is looked at how things stand.
    static let interval = Duration.seconds(5)

    func run() async throws {
        let pause = min(self.supervisor.heartbeat ?? Self.interval, Self.interval)
        var told = ""
        while true {
            let status = try await self.status()
            self.supervisor.alive()
            if status != told { self.supervisor.tell(status) }
            told = status
            try await self.timeline.sleep(for: pause)
        }
    }

    /// Asks every part, and so proves that each of them answers.
    private func status() async throws -> String {
        let hold = try await self.ledger.peek { try $0.hold() }
        _ = try await self.store.mark(Archivist.name)
        let twins = await self.devices.twins()
        let online = twins.count { $0.availability == .online }
        let wallet = !self.isOpen ? "wallet locked" : hold == nil ? "wallet open" : "wallet open but stopped"
        let broker = self.bus.isConnected ? "broker connected" : "broker away"
        return "\(wallet), \(online) of \(twins.count) devices online, \(broker)"
    }
}
