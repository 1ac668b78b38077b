import Devices
import Encoding
import Home
import Linux
import SimulatedDevices
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import VDA5050
import World

@testable import Agent

/// A robot whose wheels are a thing of its own, under a fleet: everything over a real mosquitto.
@Suite(.broker, .serialized, .enabled(if: Broker.isInstalled, "mosquitto is not installed"))
struct ThingVehicleTests {
    private static let identity = Identity(
        version: .two, interface: "uagv", manufacturer: "acme", serialNumber: "r1")

    /// The robot's process: hub, vehicle, robot side. May end and begin anew over the same folder.
    private static func live(_ folder: FilePath, _ port: Int32) async throws {
        let identity = try #require(self.identity)
        let (timeline, entropy) = (SystemTimeline(), SystemEntropy())
        let own = MosquittoBus(
            BrokerAddress(host: "127.0.0.1", port: port, clientID: "robot"), entropy: entropy)
        let fleet = MosquittoBus(
            BrokerAddress(
                host: "127.0.0.1", port: port, clientID: "robot-fleet",
                will: try VehicleLink.will(identity, at: timeline.now)), entropy: entropy)
        let hub = try DeviceHub(
            things: [
                try unhurried("mobile-base", "base-1"), try shipped("relay-plug", "plug-1"),
            ], bus: own, store: folder.appending("devices.db"), timeline: timeline, entropy: entropy)
        let vehicle = ThingVehicle(
            ThingVehicle.Settings(
                base: "base-1", map: "hall", cell: 0.5, stride: 2,
                actions: [
                    ThingVehicle.Binding(
                        type: "lampOn", thing: "plug-1", what: .write("power", value: true))
                ]), hub: hub, timeline: timeline, entropy: entropy)
        let link = try VehicleLink(
            identity, vehicle: vehicle, factsheet: sheet, bus: fleet, store: folder.appending("robot.db"),
            timeline: timeline, pace: VehicleLink.Pace(heartbeat: .seconds(1), minimum: .milliseconds(20)))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for bus in [own, fleet] { group.addTask { await bus.run() } }
            group.addTask { try await hub.run() }
            group.addTask { try await vehicle.live() }
            group.addTask { try await link.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Without the owner's limits, which are slower than a test.
    private static func unhurried(_ family: String, _ name: String) throws -> Thing {
        var description = try json("\(family)/\(name).td.json")
        var actions = try #require(description["actions"])
        var follow = try #require(actions["follow"])
        follow["depai:limits"] = JSON?.none
        actions["follow"] = follow
        description["actions"] = actions
        return try Thing(description: description)
    }

    private static var sheet: Factsheet {
        var sheet = Factsheet()
        sheet.type.seriesName = "test"
        return sheet
    }

    private static func node(_ name: String, _ place: UInt32, _ x: Double, _ y: Double) -> Node {
        var node = Node(name, sequenceId: place)
        node.position = NodePosition(x: x, y: y, mapId: "hall")
        return node
    }

    private static func order(_ id: String, _ nodes: [Node]) -> Order {
        var order = Order()
        order.orderId = id
        order.nodes = nodes
        order.edges = zip(nodes, nodes.dropFirst()).map { from, to in
            Edge(
                "\(from.nodeId)-\(to.nodeId)", sequenceId: from.sequenceId + 1, from: from.nodeId,
                to: to.nodeId)
        }
        return order
    }

    private func withFleet(
        _ body: @Sendable (RobotControl, FilePath, Int32) async throws -> Void
    ) async throws {
        let broker = try #require(Broker.current)
        let identity = try #require(Self.identity)
        try await withFolder { folder in
            let bus = MosquittoBus(
                BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "fleet"),
                entropy: SystemEntropy())
            let fleet = try RobotControl(identity, bus: bus, store: nil, timeline: SystemTimeline())
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { await bus.run() }
                group.addTask { try await fleet.run() }
                for (family, name) in [("mobile-base", "base-1"), ("relay-plug", "plug-1")] {
                    let model = try Settings.read(
                        FilePath(families.appending(path: "\(family)/\(family).sim.yaml").path))
                    let thing = try SimulatedThing(
                        thing: try shipped(family, name), model: model.value ?? .null, seed: 1)
                    let bus = MosquittoBus(
                        BrokerAddress(
                            host: "127.0.0.1", port: broker.port, clientID: name, will: thing.will),
                        entropy: SystemEntropy())
                    group.addTask { await bus.run() }
                    group.addTask {
                        try await DeviceSimulator(thing, bus: bus, timeline: SystemTimeline()).run()
                    }
                }
                try await body(fleet, folder, broker.port)
            }
        }
    }

    @Test func `a fleet's order is driven cell by cell, paused, survived, and its action done`() async throws
    {
        try await self.withFleet { fleet, folder, port in
            var robot = Task { try await Self.live(folder, port) }
            defer { robot.cancel() }
            _ = try await eventually("the robot at the fleet") {
                await fleet.robot.state?.position.map { $0.x == 1 && $0.y == 1 ? true : nil } ?? nil
            }
            // The base stands on cell 2,2 of half a metre.
            var last = Self.node("c", 4, 4, 3)
            last.actions = [Action("lampOn", id: "lamp", blocking: .hard)]
            let tour = Self.order(
                "tour", [Self.node("a", 0, 1, 1), Self.node("b", 2, 3, 1), last])
            _ = try await fleet.execute(tour, for: .milliseconds(300))
            #expect(
                try await fleet.act(Action("startPause", id: "p1"), for: .seconds(20))?.status == .finished)
            let stood = try #require(await fleet.robot.state?.position)
            #expect(stood.x < 4)
            // Its process ends while it stands; the next one goes on with the pause.
            robot.cancel()
            _ = await robot.result
            robot = Task { try await Self.live(folder, port) }
            _ = try await eventually("the robot again") {
                let robot = await fleet.robot
                return robot.availability == .online && robot.state?.paused == true ? true : nil
            }
            #expect(
                try await fleet.act(Action("stopPause", id: "p2"), for: .seconds(20))?.status == .finished)
            let record = try await fleet.execute(tour, for: .seconds(40))
            #expect(record.state == .done, "\(record)")
            let state = try #require(await fleet.robot.state)
            #expect(state.lastNodeId == "c" && state.action("lamp")?.status == .finished)
            let there = try await eventually("its place") {
                await fleet.robot.state?.position.flatMap { $0.x == 4 && $0.y == 3 ? $0 : nil }
            }
            #expect(there.mapId == "hall")
        }
    }

    @Test func `a node off the map is unreachable, and a cancel leaves it standing on a cell`() async throws {
        try await self.withFleet { fleet, folder, port in
            let robot = Task { try await Self.live(folder, port) }
            defer { robot.cancel() }
            _ = try await eventually("the robot at the fleet") {
                await fleet.robot.state?.position.map { $0.x == 1 ? true : nil } ?? nil
            }
            let long = Self.order("long", [Self.node("a", 0, 1, 1), Self.node("z", 2, 40, 1)])
            _ = try await fleet.execute(long, for: .milliseconds(500))
            try await fleet.cancel("long", id: "c1")
            let record = try await fleet.execute(long, for: .seconds(20))
            #expect(record.state == .failed && record.isCancelled, "\(record)")
            let place = try #require(await fleet.robot.state?.position)
            #expect(place.x < 40)

            var nowhere = Node("n", sequenceId: 2)
            nowhere.position = NodePosition(x: -9, y: 1, mapId: "hall")
            let lost = Self.order("lost", [Self.node("a", 0, place.x, place.y), nowhere])
            _ = try await fleet.execute(lost, for: .milliseconds(500))
            let fault = try await eventually("the fault") {
                await fleet.robot.state?.errors.first { $0.errorType == "noRouteError" }
            }
            #expect(fault.level == .fatal)
            // What stays is the fleet's to end.
            try await fleet.cancel("lost", id: "c2")
            #expect(try await fleet.execute(lost, for: .seconds(20)).state == .failed)
        }
    }

    @Test func `a way keeps near its line and ends at its goal`() throws {
        let from = try #require(Cell(["x": 2, "y": 2]))
        let goal = try #require(Cell(x: 7.4, y: 3.6))
        let way = from.path(to: goal, steps: 64)
        #expect(way.first == from && way.last == goal && way.count == 8)
        #expect(from.path(to: goal, steps: 3).count == 4)
        #expect(Cell(x: -1, y: 0) == nil && Cell(x: .nan, y: 0) == nil && Cell(["x": 1]) == nil)
    }
}
