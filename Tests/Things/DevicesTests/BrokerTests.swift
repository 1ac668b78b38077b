import Devices
import Encoding
import Linux
import SimulatedDevices
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import World

/// The whole way: hub, libmosquitto, mosquitto, and the simulated devices on connections of their own.
@Suite(.broker, .enabled(if: Broker.isInstalled), .serialized, .endsHangs)
struct BrokerTests {
    static let models: [(family: String, name: String, model: JSON)] = [
        (
            "environment-sensor", "env-1",
            [
                "kind": "ambient", "intervalMs": 20,
                "values": ["temperature": ["base": 21], "humidity": ["base": 40, "noise": 1]],
            ]
        ),
        (
            "energy-meter", "meter-1",
            ["kind": "meter", "intervalMs": 20, "power": ["base": 3_600], "startWh": 100]
        ),
        (
            "relay-plug", "plug-1",
            [
                "kind": "actuator", "latencyMs": 5, "intervalMs": 60_000, "values": ["power": false],
                "writable": ["power"],
            ]
        ),
        (
            "mobile-base", "base-1",
            [
                "kind": "mobile-base", "start": ["x": 2, "y": 2], "cellsPerSecond": 200, "battery": 80,
                "drainPerCell": .number(0.5), "reserve": 5, "intervalMs": 50, "blocked": [["x": 9, "y": 9]],
            ]
        ),
    ]

    struct Scene: Sendable {
        let hub: DeviceHub
        let bus: MosquittoBus
        let simulators: [String: DeviceSimulator]
    }

    /// Everything connected, and a hub whose journal lies in `store`.
    func withScene(store: FilePath? = nil, _ body: @Sendable (Scene) async throws -> Void) async throws {
        let broker = try #require(Broker.current)
        let timeline = SystemTimeline()
        let entropy = SystemEntropy()
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            var things: [Thing] = []
            var simulators: [String: DeviceSimulator] = [:]
            for (index, (family, name, model)) in Self.models.enumerated() {
                let thing = try shipped(family, name)
                let simulated = try SimulatedThing(thing: thing, model: model, seed: UInt64(index))
                let address = BrokerAddress(
                    host: "127.0.0.1", port: broker.port, clientID: "device-\(name)", will: simulated.will)
                let bus = MosquittoBus(address, entropy: entropy)
                let simulator = DeviceSimulator(simulated, bus: bus, timeline: timeline)
                things.append(thing)
                simulators[name] = simulator
                group.addTask { await bus.run() }
                group.addTask { try await simulator.run() }
            }
            let address = BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "robot")
            let bus = MosquittoBus(address, entropy: entropy)
            let hub = try DeviceHub(
                things: things, bus: bus, store: store, timeline: timeline, entropy: entropy)
            group.addTask { await bus.run() }
            group.addTask { try await hub.run() }
            _ = try await eventually("all online") {
                await hub.twins().allSatisfy { $0.availability == .online } ? true : nil
            }
            try await body(Scene(hub: hub, bus: bus, simulators: simulators))
        }
    }

    @Test func `readings reach the twin and the stream`() async throws {
        try await self.withScene { scene in
            let twin = try await eventually("a temperature") {
                await scene.hub.twin("env-1")?.reported["temperature"]
            }
            #expect(twin.value.isSameValue(as: 21))
            var units: Set<String> = []
            for await reading in scene.hub.readings(capacity: 16) {
                if let unit = reading.unit { units.insert(unit) }
                if units.isSuperset(of: ["Cel", "percent", "W", "Wh"]) { break }
            }
            let first = try #require(await scene.hub.twin("meter-1")?.reported["energy"]?.value.double)
            let more = try await eventually("more energy") {
                await scene.hub.twin("meter-1")?.reported["energy"]?.value.double.flatMap {
                    $0 > first ? $0 : nil
                }
            }
            // A wrong scale would be a factor of thousand; how much flows meanwhile is the machine's load.
            #expect(more < first + 1_000)
        }
    }

    @Test func `the plug is switched and echoes`() async throws {
        try await self.withScene { scene in
            let plug = try #require(scene.simulators["plug-1"])
            let on = try await scene.hub.write(true, to: "power", of: "plug-1", id: "switch-1")
            #expect(on.state == .done)
            #expect(await scene.hub.twin("plug-1")?.reported["power"]?.value == true)
            #expect(try await scene.hub.write(true, to: "power", of: "plug-1", id: "switch-1").state == .done)
            let truth = await plug.executions()
            #expect(truth.commanded == 1)
            #expect(truth.changed == 1)
            #expect(
                try await scene.hub.write(false, to: "power", of: "plug-1", id: "switch-2").state == .done)
            #expect(await plug.executions().changed == 2)
        }
    }

    @Test func `the base drives, and a repeated id is answered but not driven`() async throws {
        try await withFolder { folder in
            let path: JSON = ["path": [["x": 2, "y": 2], ["x": 3, "y": 2], ["x": 4, "y": 3]]]
            try await self.withScene(store: folder.appending("devices.db")) { scene in
                let base = try #require(scene.simulators["base-1"])
                let record = try await scene.hub.invoke("follow", of: "base-1", input: path, id: "drive-1")
                #expect(record.state == .done)
                #expect(record.result?["x"] == 4)
                #expect(
                    await scene.hub.twin("base-1")?.reported["battery"]?.value.isSameValue(as: 79) == true)
                // Another hub without this journal sends the same id again: the device itself remembers.
                let address = BrokerAddress(
                    host: "127.0.0.1", port: Broker.current?.port ?? 0, clientID: "robot-2")
                let bus = MosquittoBus(address, entropy: SystemEntropy())
                let other = try DeviceHub(
                    things: [try shipped("mobile-base", "base-1")], bus: bus, store: nil,
                    timeline: SystemTimeline(),
                    entropy: SystemEntropy())
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { await bus.run() }
                    group.addTask { try await other.run() }
                    let again = try await other.invoke("follow", of: "base-1", input: path, id: "drive-1")
                    #expect(again.state == .done)
                }
                let truth = await base.executions()
                #expect(truth.byCommand == ["drive-1": 1])
                #expect(truth.repeated == 1)
            }
            let view = try DeviceView(path: folder.appending("devices.db"))
            #expect(try view.commands().map(\.state) == [.done])
        }
    }

    @Test func `a blocked way and an empty battery fail with their reason`() async throws {
        try await self.withScene { scene in
            let jump: JSON = ["path": [["x": 2, "y": 2], ["x": 7, "y": 7]]]
            let blocked = try await scene.hub.invoke("follow", of: "base-1", input: jump, id: "jump")
            #expect(blocked.state == .failed)
            #expect(blocked.result == "blocked")
            var cells: [JSON] = []
            for _ in 0..<100 { cells += [["x": 3, "y": 2], ["x": 2, "y": 2]] }
            let far = try await scene.hub.invoke(
                "follow", of: "base-1", input: ["path": .array(cells)], id: "far")
            #expect(far.state == .failed)
            #expect(far.result == "low-battery")
        }
    }

    @Test func `garbage is counted and harmless`() async throws {
        try await self.withScene { scene in
            let garbage: [[UInt8]] = [
                [], [0xff, 0x00], Array("{".utf8), Array("{\"temperature\":1e99,\"humidity\":50}".utf8),
                Array("[[[[".utf8), [UInt8](repeating: 0x20, count: 70_000),
            ]
            for payload in garbage {
                try await scene.bus.publish(Message(topic: "env/env-1/state", payload: payload))
            }
            let count = try await eventually("five faults") {
                let faults = await scene.hub.faults().filter { $0.affordance == "temperature" }
                return faults.first.flatMap { $0.count >= 5 ? $0.count : nil }
            }
            // Nothing is how a kept topic is cleared.
            #expect(count == 5)
            #expect(await scene.hub.faults().count == 2)
            let version = await scene.hub.twin("env-1")?.reported["temperature"]?.version ?? 0
            _ = try await eventually("a later reading") {
                await scene.hub.twin("env-1")?.reported["temperature"].flatMap {
                    $0.version > version ? true : nil
                }
            }
        }
    }

    @Test func `after a restart of the broker everything comes back`() async throws {
        try await self.withScene { scene in
            try await #require(Broker.current).restart()
            _ = try await eventually("all online again") {
                await scene.hub.twins().allSatisfy { $0.availability == .online } ? true : nil
            }
            // The plug may come back after us; then nobody heard the first try, and the same id is sent
            // again.
            _ = try await eventually("the switch") {
                try await scene.hub.write(true, to: "power", of: "plug-1", id: "after").state == .done
                    ? true : nil
            }
            #expect(await scene.simulators["plug-1"]?.executions().changed == 1)
        }
    }
}
