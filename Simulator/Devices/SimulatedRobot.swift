package import Encoding
package import SystemPackage
package import VDA5050
package import World

/// A robot that is not there: the robot side of VDA 5050 over a simulated vehicle.
package struct SimulatedRobot: Sendable {
    package let link: VehicleLink
    package let vehicle: SimulatedVehicle
    /// What the broker publishes when the robot vanishes: for its connection.
    package let will: Message

    /// - Parameters:
    ///   - identity: who the robot is.
    ///   - model: the content of a `*.sim.yaml` file.
    ///   - store: what the robot remembers over a restart; nil is memory.
    package init(
        _ identity: Identity, model: JSON, bus: any MessageBus, store: FilePath?, timeline: any Timeline,
        pace: VehicleLink.Pace = VehicleLink.Pace()
    ) throws {
        let vehicle = SimulatedVehicle(try Self.model(model), timeline: timeline)
        try self.init(
            identity, vehicle: vehicle, bus: bus, store: store, timeline: timeline, pace: pace)
    }

    /// The same vehicle under a robot side that starts again.
    package init(
        _ identity: Identity, vehicle: SimulatedVehicle, bus: any MessageBus, store: FilePath?,
        timeline: any Timeline, pace: VehicleLink.Pace = VehicleLink.Pace()
    ) throws {
        self.vehicle = vehicle
        self.will = try VehicleLink.will(identity, at: timeline.now)
        self.link = try VehicleLink(
            identity, vehicle: vehicle, factsheet: Self.factsheet, bus: bus, store: store,
            timeline: timeline, pace: pace)
    }

    private static func model(_ document: JSON) throws(SimulationError) -> VehicleModel {
        do throws(JSONError) {
            let field = JSONField(document)
            guard try field["kind"].string() == "mobile-robot" else {
                throw field["kind"].fault("no such vehicle")
            }
            return try VehicleModel(field)
        } catch {
            throw .model(pointer: "", reason: error.description)
        }
    }

    /// Lives until the task is cancelled.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.vehicle.run() }
            group.addTask { try await self.link.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private static var factsheet: Factsheet {
        var sheet = Factsheet()
        sheet.type.seriesName = "depai simulated robot"
        sheet.type.localizationTypes = ["NATURAL"]
        sheet.type.navigationTypes = ["AUTONOMOUS"]
        sheet.physical.maximumSpeed = 1
        sheet.physical.maximumAcceleration = 1
        sheet.physical.maximumDeceleration = 1
        sheet.physical.maximumHeight = 1
        sheet.physical.width = 0.6
        sheet.physical.length = 0.8
        return sheet
    }
}
