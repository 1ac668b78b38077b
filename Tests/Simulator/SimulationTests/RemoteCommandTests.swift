import Devices
import Encoding
import Foundation
import Home
import Linux
import SimulatedDevices
import Synchronization
import SystemPackage
import TestSupport
import Testing
import World

/// Signed commands to a robot's devices, from another machine over the broker.
@Suite(
    .serialized, .endsHangs,
    .enabled(if: Broker.isInstalled, "mosquitto is not installed"))
struct RemoteCommandTests {
    /// What went over the broker to the plug and to the robot.
    private final class Ears: Sendable {
        private let heard = Mutex<[Message]>([])
        func hear(_ message: Message) { self.heard.withLock { $0.append(message) } }
        func payloads(_ topic: String) -> [[UInt8]] {
            self.heard.withLock { $0.filter { $0.topic == topic }.map(\.payload) }
        }
    }

    /// Runs `body` beside a robot with a simulated plug. There is a second key, `other.key`.
    /// - Parameter configure: gets the second key's public half before the robot starts.
    private static func withPlug(
        configure: @Sendable (OwnerScene, String) throws -> Void = { _, _ in },
        _ body: @Sendable (OwnerScene, MosquittoBus, Ears) async throws -> Void
    ) async throws {
        try await Broker.with { broker in
            try await withFolder { folder in
                let scene = try await OwnerScene(folder, broker)
                let other = try await OwnerScene.depai([
                    "owner", "keygen", "--passphrase-file", folder.appending("owner-passphrase").string,
                    folder.appending("other.key").string,
                ])
                try configure(scene, other.text)
                let plug = try Self.plug(folder)
                let ears = Ears()
                let bus = MosquittoBus(
                    BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "plug"),
                    entropy: SystemEntropy())
                // A connection of its own: filters that overlap bring a message twice.
                let listener = MosquittoBus(
                    BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "ears"),
                    entropy: SystemEntropy())
                for filter in ["cmnd/#", "depai/+/device/#"] {
                    try listener.subscribe(to: filter, quality: .atLeastOnce) { ears.hear($0) }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { await bus.run() }
                    group.addTask { await listener.run() }
                    group.addTask {
                        try await DeviceSimulator(plug, bus: bus, timeline: SystemTimeline()).run()
                    }
                    try await scene.whileRobotRuns { try await body(scene, bus, ears) }
                }
            }
        }
    }

    @Test func `the owner switches a plug from afar, each command once, and nobody else does`() async throws {
        try await Self.withPlug { scene, bus, ears in try await Self.command(scene, bus, ears) }
    }

    @Test func `an operator of the configuration commands under names of his own`() async throws {
        try await Self.withPlug { scene, key in
            try scene.configure("operators: [\(key)]")
        } _: { scene, _, _ in
            let mine = try await scene.owner("write", "plug-1", "power", "true", "--id", "a")
            #expect(mine.code == 0, "\(mine.talk)")
            let his = try await scene.owner(
                by: "other.key", "write", "plug-1", "power", "false", "--id", "a")
            #expect(his.code == 0, "\(his.talk)")
        }
    }

    private static func command(_ scene: OwnerScene, _ bus: MosquittoBus, _ ears: Ears) async throws {
        let (orders, answers) = ("depai/\(scene.wallet)/device/ask", "depai/\(scene.wallet)/device/answer")
        func switched() -> Int { ears.payloads("cmnd/plug-1/POWER").count }
        func refused(_ message: Message, _ reason: String) async throws {
            let before = ears.payloads(answers).count
            try await bus.publish(message)
            let answer = try await eventually("an answer: \(reason)") {
                ears.payloads(answers).dropFirst(before).last
            }
            #expect(String(decoding: answer, as: UTF8.self).contains(reason))
        }

        let first = try await scene.owner("write", "plug-1", "power", "true", "--id", "a")
        #expect(first.code == 0 && switched() == 1, "\(first.talk)")
        let again = try await scene.owner("write", "plug-1", "power", "true", "--id", "a")
        #expect(again.code == 0 && switched() == 1, "\(again.talk)")
        let other = try await scene.owner("write", "plug-1", "power", "false", "--id", "a")
        #expect(other.code == 1 && other.talk.contains("another content"), "\(other.talk)")

        // A copy of the message, as a broker or a thief may make it: the same command.
        let copy = try #require(ears.payloads(orders).first)
        let answered = ears.payloads(answers).count
        try await bus.publish(Message(topic: orders, payload: copy))
        _ = try await eventually("the answer to the copy") {
            ears.payloads(answers).count > answered ? true : nil
        }
        #expect(switched() == 1)
        var altered = copy
        altered.replace(Array("true".utf8), with: Array("null".utf8), maxReplacements: 1)
        try await refused(Message(topic: orders, payload: altered), "signature is not its issuer's")
        try await refused(Message(topic: orders, payload: Array("{".utf8)), "malformed")

        let stranger = try await scene.owner(by: "other.key", "write", "plug-1", "power", "false")
        #expect(stranger.code == 4 && stranger.talk.contains("may not command"), "\(stranger.talk)")
        let late = try await scene.owner("write", "plug-1", "power", "false", "--life", "0")
        #expect(late.code == 4 && late.talk.contains("expired"), "\(late.talk)")
        // What has ended can be asked for after its time.
        let known = try await scene.owner(
            "write", "plug-1", "power", "true", "--id", "a", "--life", "0")
        #expect(known.code == 0, "\(known.talk)")
        #expect(switched() == 1)
    }

    /// The shipped plug, described to the robot.
    private static func plug(_ folder: FilePath) throws -> SimulatedThing {
        let family = Repository.root.appending(path: "Devices/relay-plug")
        let description = try Data(contentsOf: family.appending(path: "plug-1.td.json"))
        try description.write(to: URL(filePath: folder.appending("devices/plug-1.td.json").string))
        let model = try Settings.read(FilePath(family.appending(path: "relay-plug.sim.yaml").path))
        return try SimulatedThing(
            thing: try Thing(description: try JSON.read([UInt8](description))), model: model.value ?? .null,
            seed: 1)
    }
}
