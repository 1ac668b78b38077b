internal import Devices
internal import SystemPackage
internal import VDA5050
internal import World

/// The robot as a member of a fleet: takes orders over VDA 5050 and carries them out with its own base.
struct FleetMember: Sendable {
    let settings: RobotSettings
    /// The connection to the fleet's broker.
    let bus: any MessageBus
    let devices: DeviceHub
    /// What it remembers of orders over a restart.
    let path: FilePath
    let timeline: any Timeline
    let entropy: any Entropy

    func run() async throws {
        let vehicle = ThingVehicle(
            self.settings.vehicle, hub: self.devices, timeline: self.timeline, entropy: self.entropy)
        let link = try VehicleLink(
            self.settings.identity, vehicle: vehicle, factsheet: Self.factsheet, bus: self.bus,
            store: self.path, timeline: self.timeline)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await vehicle.live() }
            group.addTask { try await link.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// The link fills in what it knows: limits, timing, actions.
    private static var factsheet: Factsheet {
        var sheet = Factsheet()
        sheet.type.seriesName = "depai"
        sheet.type.localizationTypes = ["NATURAL"]
        sheet.type.navigationTypes = ["AUTONOMOUS"]
        return sheet
    }
}
