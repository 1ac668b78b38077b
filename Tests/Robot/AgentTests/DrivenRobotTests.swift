import Devices
import Encoding
import Linux
import SimulatedDevices
import Synchronization
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import World

@testable import Agent
@testable import VDA5050

/// A thing whose profile is VDA 5050, over a real mosquitto: the agent's hub at one end, a robot at the other.
@Suite(.broker, .serialized, .enabled(if: Broker.isInstalled, "mosquitto is not installed"))
struct DrivenRobotTests {
    private static let model: JSON = [
        "kind": "mobile-robot", "start": ["x": 0, "y": 0, "map": "hall", "node": "n0"],
        "metresPerSecond": 4, "edgeMetres": 4, "battery": 90, "drainPerMetre": .number(0.05),
        "intervalMs": 50, "actions": [["type": "pick", "ms": 100]],
    ]

    /// A robot that lives, and a second pair of ears on the broker.
    private func withRobot(
        _ thing: Thing, _ body: @Sendable (SimulatedRobot, Identity, MosquittoBus) async throws -> Void
    ) async throws {
        let port = try #require(Broker.current).port
        let identity = try #require(thing.profile as? VDA5050Profile).identity
        let bus = MosquittoBus(
            BrokerAddress(
                host: "127.0.0.1", port: port, clientID: "robot-side",
                will: try VehicleLink.will(identity, at: SystemTimeline().now)), entropy: SystemEntropy())
        let robot = try SimulatedRobot(
            identity, model: Self.model, bus: bus, store: nil, timeline: SystemTimeline(),
            pace: VehicleLink.Pace(heartbeat: .seconds(1), minimum: .milliseconds(20)))
        let ears = MosquittoBus(
            BrokerAddress(host: "127.0.0.1", port: port, clientID: "ears"), entropy: SystemEntropy())
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            for bus in [bus, ears] { group.addTask { await bus.run() } }
            group.addTask { try await robot.run() }
            try await body(robot, identity, ears)
        }
    }

    @Test func `an agent drives the robot through its description`() async throws {
        let thing = try shipped("mobile-robot", "robot-1", profiles: Profiles.all)
        try await self.withRobot(thing) { robot, identity, ears in
            // Whoever draws the robot sees it move.
            let places = Mutex<[Double]>([])
            let topic = identity.topic(.visualization)
            try ears.subscribe(to: topic, quality: .atMostOnce) { message in
                let place = try? Visualization(payload: message.payload, .two)
                places.withLock { $0.append(place?.position?.x ?? -1) }
            }
            try await ears.confirm(topic)
            try await withFolder { folder in
                let bus = MosquittoBus(
                    BrokerAddress(
                        host: "127.0.0.1", port: try #require(Broker.current).port, clientID: "agent"),
                    entropy: SystemEntropy())
                let hub = try DeviceHub(
                    things: [thing], bus: bus,
                    store: folder.appending("devices.db"), timeline: SystemTimeline(),
                    entropy: SystemEntropy())
                try await withThrowingTaskGroup(of: Void.self) { inner in
                    defer { inner.cancelAll() }
                    inner.addTask { await bus.run() }
                    inner.addTask { try await hub.run() }
                    _ = try await eventually("the robot") {
                        await hub.twin("robot-1")?.availability == .online ? true : nil
                    }
                    let way: JSON = [
                        "nodes": [
                            ["node": "n0"],
                            ["node": "a", "x": 3, "y": 4, "map": "hall", "actions": [["type": "pick"]]],
                        ]
                    ]
                    let record = try await hub.invoke("drive", of: "robot-1", input: way, id: "errand-1")
                    #expect(record.state == .done, "\(record)")
                    let place = try await eventually("a position") {
                        await hub.twin("robot-1")?.reported["position"].flatMap {
                            $0.value["x"]?.double == 3 ? $0.value : nil
                        }
                    }
                    #expect(place["y"]?.double == 4)
                    let drawn = places.withLock { $0 }
                    // How often is the machine's to choose; it is seen on its way, which takes a second, so that a
                    // busy machine draws it as well.
                    #expect(
                        drawn == drawn.sorted() && drawn.contains { $0 > 0 && $0 < 3 } && drawn.last == 3,
                        "\(drawn)")
                    #expect(await hub.twin("robot-1")?.availability == .online)
                    #expect(
                        try await hub.invoke("drive", of: "robot-1", input: way, id: "errand-1").state
                            == .done)
                    let pause = try await hub.invoke("pause", of: "robot-1", input: .null, id: "pause-1")
                    #expect(pause.state == .done)
                    let over = try await hub.invoke(
                        "cancel", of: "robot-1", input: ["order": "errand-1"], id: "c-1")
                    #expect(over.state == .failed)
                    await #expect(throws: DeviceError.self) {
                        try await hub.invoke("drive", of: "robot-1", input: ["nodes": [["x": 1]]], id: "bad")
                    }
                }
            }
            let truth = await robot.vehicle.executions().byCommand
            #expect(truth == ["errand-1/2": 1, "errand-1/2/0": 1])
        }
    }
}
