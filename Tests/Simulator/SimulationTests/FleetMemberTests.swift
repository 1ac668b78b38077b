import Agent
import Database
import Encoding
import Home
import SimulatedChain
import SimulatedDevices
import Sodium
import SystemPackage
import TestSupport
import Testing
import VDA5050
import Wallet
import World

@testable import Devices
@testable import Simulation

/// The section `vda5050` of a robot's configuration, in virtual time: the whole robot under a fleet.
struct FleetMemberTests {
    private static let sources = Sources(root: Repository.path)

    private static func document(_ folder: FilePath, _ section: JSON) -> JSON {
        [
            "network": "devnet", "rpc": "http://chain/", "providers": [],
            "broker": ["host": "localhost", "client_id": "robot"],
            "devices": .string(folder.appending("devices").string), "vda5050": section,
        ]
    }

    private static func section() throws -> JSON {
        try JSON.read(
            Array(
                """
                {"version": "2.1.0", "interface": "uagv", "manufacturer": "acme", "serial": "r1",
                 "broker": {"host": "fleet", "client_id": "acme-r1"},
                 "base": "base-1", "map": "hall", "cell": 0.5}
                """.utf8))
    }

    private static func makeHome(_ folder: FilePath) async throws -> Home {
        let entropy = SeededEntropy(seed: 1, purpose: "fleet member")
        let devices = folder.appending("devices")
        try DurableFile.createFolder(devices)
        try DurableFile.write(
            try DurableFile.read(self.sources.description("base-1", of: "mobile-base")),
            to: devices.appending("base-1.td.json"))
        let home = Home(folder.appending("home"))
        _ = try await home.create(
            seed: WalletSeed(words: try Mnemonic(wordCount: 24, entropy: entropy)),
            passphrase: try SecretBytes(count: 16) { entropy.fill($0) },
            owner: try entropy.signingKey().publicKey,
            policy: nil, cost: .least, timeline: VirtualTimeline(VirtualTime()), entropy: entropy)
        return home
    }

    private static func node(_ name: String, _ place: UInt32, _ x: Double) -> Node {
        var node = Node(name, sequenceId: place)
        node.position = NodePosition(x: x, y: 1, mapId: "hall")
        return node
    }

    @Test func `a configured robot shows itself to its fleet and drives the order it gets`() async throws {
        try await withFolder { folder in
            let home = try await Self.makeHome(folder)
            let configuration = try AgentConfiguration(
                JSONField(try Self.document(folder, Self.section())), in: folder)
            let base = try Self.sources.thing("base-1", of: "mobile-base", seed: 1)
            let time = VirtualTime()
            let timeline = VirtualTimeline(time)
            let (own, bus) = (VirtualBroker(), VirtualBroker())
            let cluster = ClusterWeb(try Cluster())
            let record = try time.run {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    let identity = try #require(
                        Identity(
                            version: .two, interface: "uagv", manufacturer: "acme", serialNumber: "r1"))
                    let fleet = try RobotControl(identity, bus: bus, store: nil, timeline: timeline)
                    group.addTask { try await fleet.run() }
                    group.addTask {
                        try await DeviceSimulator(base, bus: own, timeline: timeline).run()
                    }
                    let agent = Agent(
                        home: home, configuration: configuration, bus: own, web: cluster,
                        timeline: timeline, entropy: SeededEntropy(seed: 1, purpose: "life"), fleet: bus)
                    group.addTask { try await agent.run() }
                    try await timeline.sleep(for: .seconds(5))
                    // It stands on cell 2,2 of half a metre.
                    let position = try #require(await fleet.robot.state?.position)
                    #expect(position.x == 1 && position.y == 1 && position.mapId == "hall")
                    #expect(await fleet.robot.availability == .online)
                    var order = Order()
                    order.orderId = "tour"
                    order.nodes = [Self.node("a", 0, 1), Self.node("b", 2, 4)]
                    order.edges = [Edge("a-b", sequenceId: 1, from: "a", to: "b")]
                    let record = try await fleet.execute(order, for: .seconds(60))
                    #expect(await fleet.robot.state?.lastNodeId == "b")
                    return record
                }
            }
            #expect(record.state == .done, "\(record)")
        }
    }

    @Test(arguments: [
        ("version", "\"9.9.9\"", "/vda5050/version"), ("serial", "\"a/b\"", "/vda5050/serial"),
        ("cell", "0", "/vda5050/cell"), ("stride", "65", "/vda5050/stride"),
        ("speed", "1", "/vda5050/speed"),
        (
            "actions", #"[{"type": "x", "thing": "y", "write": "a", "invoke": "b"}]"#,
            "/vda5050/actions/0/write"
        ),
    ])
    func `what makes no robot is refused by its place`(name: String, text: String, pointer: String) throws {
        var section = try Self.section()
        section[name] = try JSON.read(Array(text.utf8))
        do {
            _ = try AgentConfiguration(JSONField(Self.document("/tmp", section)), in: "/tmp")
            Issue.record("\(name) was taken")
        } catch {
            #expect("\(error)".contains(pointer), "\(error)")
        }
    }
}
