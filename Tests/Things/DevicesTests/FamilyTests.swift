import Devices
import Encoding
import Foundation
import Home
import Linux
import SimulatedDevices
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import World

/// Every family of this repository, as it is shipped: its instance, its simulation, a real broker between.
@Suite(.broker, .enabled(if: Broker.isInstalled), .serialized, .endsHangs)
struct FamilyTests {
    /// Families whose things an adapter speaks for.
    private static let adapted: Set = ["mobile-robot"]

    private static func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: families.path).sorted().filter {
            !self.adapted.contains($0)
        }
    }

    /// A simulated thing from the family's own files.
    private static func simulated(_ family: String) throws -> SimulatedThing {
        let folder = families.appending(path: family)
        let file = try #require(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).first {
                $0.hasSuffix(".td.json")
            })
        let model = try Settings.read(FilePath(folder.appending(path: "\(family).sim.yaml").path))
        return try SimulatedThing(
            thing: try Thing(description: Self.patient(try json("\(family)/\(file)"))),
            model: model.value ?? .null, seed: 1)
    }

    /// The description with long time limits for acknowledgements: what is looked for is the right answer,
    /// however busy this machine is.
    private static func patient(_ description: JSON) -> JSON {
        switch description {
        case .object(var object):
            for (name, value) in object.members {
                object[name] = name == "timeoutMs" ? 120_000 : self.patient(value)
            }
            return .object(object)
        case .array(let elements): return .array(elements.map(self.patient))
        default: return description
        }
    }

    @Test func `every family reports all that it has and does all that it can be told`() async throws {
        let broker = try #require(Broker.current)
        let timeline = SystemTimeline()
        let entropy = SystemEntropy()
        let devices = try Self.names().map { try Self.simulated($0) }
        #expect(devices.count >= 12)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            let bus = MosquittoBus(
                BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "family-robot"),
                entropy: entropy)
            let hub = try DeviceHub(
                things: devices.map(\.thing), bus: bus, store: nil, timeline: timeline, entropy: entropy)
            group.addTask { await bus.run() }
            group.addTask { try await hub.run() }
            _ = try await eventually("the robot's connection") { bus.isConnected ? true : nil }
            for device in devices {
                let address = BrokerAddress(
                    host: "127.0.0.1", port: broker.port, clientID: "family-\(device.thing.name)",
                    will: device.will)
                let bus = MosquittoBus(address, entropy: entropy)
                group.addTask { await bus.run() }
                group.addTask {
                    try await DeviceSimulator(device, bus: bus, timeline: timeline).run()
                }
            }
            for thing in devices.map(\.thing) {
                let expected = Set(thing.properties.filter(\.isObservable).map(\.name))
                let twin = try await eventually("everything of \(thing.name)") {
                    await hub.twin(thing.name).flatMap { twin in
                        expected.isSubset(of: twin.reported.keys) && twin.availability == .online ? twin : nil
                    }
                }
                for property in thing.properties where property.isWritable {
                    let value = try #require(Self.other(than: twin.reported[property.name]?.value))
                    let record = try await hub.write(
                        value, to: property.name, of: thing.name, id: "\(thing.name) \(property.name)")
                    #expect(record.state == .done, "\(thing.name) \(property.name): \(record)")
                    _ = try await eventually("\(property.name) of \(thing.name)") {
                        let now = await hub.twin(thing.name)?.reported[property.name]?.value
                        return now?.isSameValue(as: value) == true ? true : nil
                    }
                }
            }
            #expect(await hub.faults() == [])
        }
    }

    /// Another value of the same type, which every range here allows.
    private static func other(than value: JSON?) -> JSON? {
        switch value {
        case .bool(let flag): .bool(!flag)
        case .integer(let number): .integer(number == 42 ? 43 : 42)
        default: nil
        }
    }
}
