import Encoding
import Foundation
import Linux
import SimulatedDevices
import Synchronization
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import World

@testable import VDA5050

/// Fleet side and robot side over a real mosquitto.
@Suite(.broker, .serialized, .enabled(if: Broker.isInstalled, "mosquitto is not installed"))
struct RobotBrokerTests {
    static let model: JSON = [
        "kind": "mobile-robot", "start": ["x": 0, "y": 0, "map": "hall", "node": "n0"],
        "metresPerSecond": 20, "edgeMetres": 4, "battery": 90, "drainPerMetre": .number(0.05),
        "intervalMs": 50,
        "actions": [
            ["type": "pick", "ms": 100], ["type": "beep", "ms": 100, "repeatable": true],
            ["type": "weld", "ms": 60_000],
        ],
    ]

    /// A robot whose process can be ended and started again over the same vehicle.
    actor Robot {
        let vehicle: SimulatedVehicle
        let identity: Identity
        let store: FilePath
        let port: Int32
        private(set) var link: VehicleLink?

        init(_ identity: Identity, model: JSON, store: FilePath, port: Int32) throws {
            self.identity = identity
            let bus = MosquittoBus(
                BrokerAddress(host: "127.0.0.1", port: port, clientID: "unused"), entropy: SystemEntropy())
            self.vehicle = try SimulatedRobot(
                identity, model: model, bus: bus, store: nil, timeline: SystemTimeline()
            ).vehicle
            self.store = store
            self.port = port
        }

        /// One life of the robot side.
        func live() async throws {
            let will = try VehicleLink.will(self.identity, at: SystemTimeline().now)
            let address = BrokerAddress(
                host: "127.0.0.1", port: self.port, clientID: "robot-side", will: will)
            let bus = MosquittoBus(address, entropy: SystemEntropy())
            let robot = try SimulatedRobot(
                self.identity, vehicle: self.vehicle, bus: bus, store: self.store,
                timeline: SystemTimeline(),
                pace: VehicleLink.Pace(heartbeat: .seconds(1), minimum: .milliseconds(20)))
            self.link = robot.link
            // The bus goes last: the farewell needs it.
            let carrier = Task { await bus.run() }
            defer { carrier.cancel() }
            try await robot.link.run()
        }
    }

    struct Scene: Sendable {
        let robot: Robot
        let fleet: RobotControl
        let bus: MosquittoBus
    }

    private func withScene(
        _ version: Version = .two,
        _ body: @Sendable (Scene, inout ThrowingTaskGroup<Void, any Error>) async throws -> Void
    )
        async throws
    {
        let broker = try #require(Broker.current)
        try await withFolder { folder in
            let identity = try #require(
                Identity(
                    version: version, interface: "uagv", manufacturer: "depai", serialNumber: "robot-1"))
            let robot = try Robot(
                identity, model: Self.model, store: folder.appending("robot.db"), port: broker.port)
            let bus = MosquittoBus(
                BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "fleet"),
                entropy: SystemEntropy())
            let fleet = try RobotControl(
                robot.identity, bus: bus, store: folder.appending("fleet.db"), timeline: SystemTimeline())
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { await bus.run() }
                group.addTask { try await fleet.run() }
                group.addTask { try await robot.vehicle.run() }
                try await body(Scene(robot: robot, fleet: fleet, bus: bus), &group)
            }
        }
    }

    private func online(_ fleet: RobotControl) async throws {
        _ = try await eventually("online") {
            let robot = await fleet.robot
            return robot.availability == .online && robot.factsheet != nil ? true : nil
        }
    }

    @Test(arguments: Version.allCases)
    func `an order goes its way through updates, a pause, a lost broker and a restart of the robot`(
        _ version: Version
    ) async throws {
        try await self.withScene(version) { scene, group in
            let fleet = scene.fleet
            let life = try self.start(scene.robot)
            try await self.online(fleet)
            #expect(await fleet.robot.connection == .online)
            #expect(
                await fleet.robot.factsheet?.features.actions.contains { $0.actionType == "weld" } == true)

            // Base and horizon, an action on the way.
            let first = order(
                "tour", nodes: 5, base: 3, nodeActions: [2: [Action("pick", id: "p1", blocking: .hard)]])
            var record = try await fleet.execute(first, for: .milliseconds(200))
            #expect(!record.state.isFinal)
            let atEnd = try await eventually("the end of the base") {
                await fleet.robot.state.flatMap { $0.lastNodeId == "n2" && !$0.driving ? $0 : nil }
            }
            #expect(atEnd.action("p1")?.status == .finished && atEnd.nodeStates.count == 2)
            #expect(atEnd.newBaseRequest == true)

            // A pause, then an update that waits for its end.
            #expect(
                try await fleet.act(Action("startPause", id: "s1"), for: .seconds(5))?.status == .finished)
            let second = order(
                "tour", update: 1, from: 4, nodes: 4, nodeActions: [6: [Action("pick", id: "p2")]])
            record = try await fleet.execute(second, for: .milliseconds(200))
            #expect(!record.state.isFinal)
            let paused = try await eventually("the update") {
                await fleet.robot.state.flatMap { $0.orderUpdateId == 1 ? $0 : nil }
            }
            #expect(paused.lastNodeId == "n2" && paused.paused == true)

            // The broker is killed, and comes back without memory; the robot's process dies, too.
            life.cancel()
            try await #require(Broker.current).restart()
            _ = await life.result
            group.addTask { try await scene.robot.live() }
            try await self.online(fleet)
            #expect(
                try await fleet.act(Action("stopPause", id: "s2"), for: .seconds(10))?.status == .finished)
            record = try await fleet.execute(second, for: .seconds(10))
            #expect(record.state == .done, "\(record)")
            let state = try #require(await fleet.robot.state)
            #expect(state.lastNodeId == "n5" && state.action("p2")?.status == .finished)
            // Old ids are still answered, and nothing was done twice.
            #expect(
                try await fleet.act(Action("startPause", id: "s1"), for: .seconds(5))?.status == .finished)
            #expect(await fleet.robot.state?.paused == false)
            #expect(try await fleet.execute(first, for: .zero).state == .done)
            let truth = await scene.robot.vehicle.executions().byCommand
            #expect(
                truth == ["tour/2": 1, "tour/4": 1, "tour/6": 1, "tour/8": 1, "tour/10": 1, "p1": 1, "p2": 1])
        }
    }

    @Test func `a broker that dies while the robot drives does not stop it`() async throws {
        try await self.withScene { scene, group in
            group.addTask { try await scene.robot.live() }
            try await self.online(scene.fleet)
            let long = order("long", nodes: 8)
            async let record = scene.fleet.execute(long, for: .seconds(15))
            _ = try await eventually("it drives") {
                await scene.fleet.robot.state?.driving == true ? true : nil
            }
            try await #require(Broker.current).restart()
            #expect(try await record.state == .done)
            #expect(await scene.robot.vehicle.executions().byCommand.values.allSatisfy { $0 == 1 })
        }
    }

    @Test func `a cancel ends the order, and another one begins where the robot stands`() async throws {
        try await self.withScene { scene, group in
            group.addTask { try await scene.robot.live() }
            let fleet = scene.fleet
            try await self.online(fleet)
            let welding = order(
                "w", nodes: 3, nodeActions: [0: [Action("weld", id: "w1", blocking: .hard)]])
            async let record = fleet.execute(welding, for: .seconds(10))
            _ = try await eventually("it welds") {
                await fleet.robot.state?.action("w1")?.status == .running ? true : nil
            }
            await #expect(throws: FleetError.busy(orderId: "w")) {
                try await fleet.execute(order("other"), for: .zero)
            }
            try await fleet.cancel("w", id: "c1")
            #expect(try await record.reason == Dispatch.cancelled)
            #expect(await fleet.robot.state?.action("w1")?.status == .failed)
            await #expect(throws: FleetError.notActive(orderId: "w")) {
                try await fleet.execute(order("w", update: 1, from: 4), for: .zero)
            }
            await #expect(throws: FleetError.otherContent(orderId: "w")) {
                try await fleet.execute(order("w", nodes: 2), for: .zero)
            }
            #expect(try await fleet.execute(order("next", nodes: 2), for: .seconds(10)).state == .done)
            let refused = try await fleet.execute(order("far", nodes: 2), for: .seconds(10))
            #expect(refused.state == .failed && refused.reason?.hasPrefix("noRouteError") == true)
        }
    }

    @Test func `the connection topic says ONLINE, OFFLINE and, by the will, that it broke`() async throws {
        try await self.withScene { scene, _ in
            let life = try self.start(scene.robot)
            try await self.online(scene.fleet)
            life.cancel()
            _ = try await eventually("OFFLINE") {
                await scene.fleet.robot.connection == .offline ? true : nil
            }
            let will = try VehicleLink.will(scene.robot.identity, at: SystemTimeline().now)
            #expect(will.retained && will.quality == .atLeastOnce && will.topic.hasSuffix("/connection"))
            try await scene.bus.publish(will)
            _ = try await eventually("broken") {
                await scene.fleet.robot.availability == .offline ? true : nil
            }
            // A robot that hears its own will says again that it is here.
            let again = try self.start(scene.robot)
            try await self.online(scene.fleet)
            try await scene.bus.publish(will)
            _ = try await eventually("ONLINE again") {
                await scene.fleet.robot.connection == .online ? true : nil
            }
            again.cancel()
        }
    }

    @Test func `garbage is told to the fleet and harms nobody`() async throws {
        try await self.withScene { scene, group in
            group.addTask { try await scene.robot.live() }
            try await self.online(scene.fleet)
            for topic in [Topic.order, .instantActions, .state, .connection, .factsheet] {
                for garbage in ["", "{", "[]", "{\"orderId\":\"x\"}", String(repeating: "[", count: 5_000)] {
                    try await scene.bus.publish(
                        Message(topic: scene.robot.identity.topic(topic), payload: Array(garbage.utf8)))
                }
            }
            _ = try await eventually("a validation error") {
                await scene.fleet.robot.state?.errors.contains { $0.refers(to: "orderId", "x") } == true
                    ? true : nil
            }
            // Nothing is how a kept topic is cleared.
            _ = try await eventually("twelve faults") { await scene.fleet.robot.faults >= 12 ? true : nil }
            #expect(try await scene.fleet.execute(order("o", nodes: 2), for: .seconds(10)).state == .done)
        }
    }

    /// A life that can be ended.
    private func start(_ robot: Robot) throws -> Task<Void, any Error> { Task { try await robot.live() } }
}
