import Agent
import Database
import Devices
import Encoding
import Glibc
import Home
import Ledger
import Linux
import Payments
import Rails
import SimulatedChain
import SimulatedDevices
import Sodium
import Solana
import Synchronization
package import SystemPackage
import VDA5050
import Wallet
package import World

/// A whole world in one call: broker, chain, nodes, devices and one robot, each the real program, gone when
/// it returns.
package struct Simulation: Sendable {
    private let workshop: Workshop
    private let timeline: any Timeline
    private let say: @Sendable (String) -> Void
    private let status: @Sendable (String) -> Void

    /// - Parameters:
    ///   - say: told each line of progress.
    ///   - status: told what stands now, several times a second; each replaces the one before.
    package init(
        _ workshop: Workshop, timeline: any Timeline, say: @escaping @Sendable (String) -> Void,
        status: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.workshop = workshop
        self.timeline = timeline
        self.say = say
        self.status = status
    }

    /// Runs the robot until its work is done, and checks what everybody left behind.
    ///
    /// - Parameter robot: a program that runs the robot elsewhere: it is started as `depai` would be, ends
    ///   when the work is done, and leaves the robot's home where this one is.
    package func run(robot elsewhere: FilePath? = nil) async throws -> Report {
        try await self.withWorld { world in
            if let elsewhere {
                let robot = try await world.startRobot(program: elsewhere.string)
                robot.mayEndNow()
                try await robot.waitForEnd()
                return try await world.report()
            }
            let robot = try await world.startRobot()
            try await world.watch(until: self.workshop.scenario.timeLimitSeconds)
            // Whoever looks into the wallet now finds a running robot.
            self.say(try await world.show("wallet", "balance"))
            await robot.end()
            return try await world.report()
        }
    }

    /// Builds the world, lends it, and takes it down.
    package func withWorld<Result: Sendable>(
        _ body: @escaping @Sendable (RunningWorld) async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            let tasks = Tasks()
            group.addTask {
                try await tasks.runAll()
                return nil
            }
            group.addTask {
                let world = try await self.build(tasks)
                return try await body(world)
            }
            while let result = try await group.next() {
                if let result {
                    group.cancelAll()
                    return result
                }
            }
            throw CancellationError()
        }
    }

    private func build(_ tasks: Tasks) async throws -> RunningWorld {
        let workshop = self.workshop
        let seed = workshop.scenario.seed
        self.say("scenario \(workshop.scenario.name), seed \(seed), state in \(workshop.folder)")
        try await workshop.makeHomes()
        let broker = try await PrivateBroker(folder: workshop.broker, sellers: try workshop.sellers())
        try await broker.prepare(entropy: workshop.entropy("broker"))
        let brokerChild = MortalChild()
        tasks.add { try await broker.run(as: brokerChild) }
        let cluster = try Cluster(
            Genesis(
                seed: seed, unixSeconds: self.timeline.now.milliseconds / 1_000,
                slotDuration: .milliseconds(workshop.scenario.slotMilliseconds)))
        tasks.add { try await cluster.run(timeline: self.timeline) }
        let port = await self.serve(tasks) { request in await ClusterWeb(cluster).answer(request) }
        let rpc = "http://127.0.0.1:\(port)"
        self.say("broker on port \(broker.port), chain at \(rpc)")
        let mint = try await workshop.fund(cluster)
        let before = await Auditor.balances(cluster, workshop, mint)
        var urls: [String] = []
        let nodes = workshop.scenario.nodes.map { _ in MortalChild() }
        for (index, child) in nodes.enumerated() {
            urls.append(try await self.startNode(index, as: child, tasks, rpc: rpc, mint: mint, broker))
        }
        try workshop.configureRobot(rpc: rpc, broker: broker, nodeURLs: urls)
        let heard = HeardEvents()
        let devices = try await self.startDevices(tasks, broker, heard)
        let names = try workshop.scenario.nodes.indices.map { index in
            let key = try workshop.node(index).keystore().keys[.payment]
            return (
                key.map { SolanaNames.account(Address($0), on: .devnet) } ?? "",
                workshop.scenario.nodes[index].name
            )
        }
        return RunningWorld(
            workshop: workshop, tasks: tasks, cluster: cluster, mint: mint, before: before, devices: devices,
            heard: heard, names: Dictionary(names, uniquingKeysWith: { first, _ in first }),
            broker: brokerChild, nodes: nodes, timeline: self.timeline,
            start: self.timeline.uptime, say: self.say, status: self.status)
    }

    /// Starts a server and gives its port.
    private func serve(_ tasks: Tasks, _ handler: @escaping LoopbackServer.Handler) async -> Int {
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        tasks.add { try await LoopbackServer(handler).run { continuation.yield($0) } }
        for await port in ports { return port }
        return 0
    }

    /// Starts a node and, where the scenario wants it, somebody who betrays in its name.
    private func startNode(
        _ index: Int, as child: MortalChild, _ tasks: Tasks, rpc: String, mint: Address,
        _ broker: PrivateBroker
    ) async throws -> String {
        let workshop = self.workshop
        let settings = workshop.scenario.nodes[index]
        let home = workshop.node(index).path
        try workshop.configureNode(index, rpc: rpc, mint: mint, broker: broker)
        let portFile = home.appending("port")
        tasks.add {
            let log = home.appending("node.log")
            let code = try await child.run(
                workshop.programs.appending("depai-node"),
                ["run", "--home", home.string, "--port-file", portFile.string], log: log)
            // A node that a scenario kills is meant to be gone.
            guard settings.fault == .diesAfterPayment, code == 128 + SIGKILL else {
                throw SimulationError.process(name: "node \(settings.name) (exit \(code))", log: log.string)
            }
            while true { try await self.timeline.sleep(for: .seconds(3_600)) }
        }
        var port: Int?
        // A minute: a busy machine is slow.
        for _ in 0..<1_200 where port == nil {
            try await self.timeline.sleep(for: .milliseconds(50))
            let text = (try? DurableFile.read(portFile, limit: 16)).map {
                String(decoding: $0, as: UTF8.self)
            }
            port = text.flatMap { Int($0.split(whereSeparator: \.isNewline).first ?? "") }
        }
        guard let port else {
            throw SimulationError.process(
                name: "node \(settings.name)", log: home.appending("node.log").string)
        }
        // Should it die, it comes back where it was.
        try workshop.configureNode(index, rpc: rpc, mint: mint, broker: broker, port: port)
        var url = "http://127.0.0.1:\(port)"
        if settings.isOnBroker {
            url = "mqtt://127.0.0.1:\(broker.port)/\(try workshop.nodeName(index))"
        }
        if let fault = settings.fault {
            let proxy = BetrayingProxy(
                fault, node: url, web: WebProcess(program: workshop.programs.appending("depai-web").string),
                entropy: workshop.entropy("proxy \(index)"),
                killNode: { child.end() })
            url = "http://127.0.0.1:\(await self.serve(tasks) { await proxy.answer($0) })"
        }
        let warning = settings.fault.map { " and will betray: \($0.rawValue)" } ?? ""
        self.say("node \(settings.name) sells at \(url)\(warning)")
        return url
    }

    private func startDevices(
        _ tasks: Tasks, _ broker: PrivateBroker, _ heard: HeardEvents
    ) async throws -> [(
        thing: String, simulator: DeviceSimulator
    )] {
        let workshop = self.workshop
        let bus = MosquittoBus(
            BrokerAddress(
                host: "127.0.0.1", port: Int32(broker.port), clientID: "depai-devices", username: "devices",
                passwordFile: broker.passwordFile("devices").string),
            entropy: workshop.entropy("device bus"))
        try bus.subscribe(to: Workshop.eventTopic, quality: .atLeastOnce) { heard.add($0.payload) }
        tasks.add { await bus.run() }
        // The robot comes later: nothing that it says is missed.
        try await bus.confirm(Workshop.eventTopic)
        var simulators: [(thing: String, simulator: DeviceSimulator)] = []
        for family in workshop.scenario.devices {
            let folder = workshop.sources.devices.appending(family)
            let model = try workshop.sources.model(of: family)
            for (name, text) in try workshop.descriptions(broker: broker) {
                guard DurableFile.exists(folder.appending(name)) else { continue }
                let description = try Thing(
                    description: try JSON.read(text), profiles: Profiles.all)
                if let robot = description.profile as? VDA5050Profile {
                    try self.startRobot(description, robot.identity, model, tasks, broker)
                    continue
                }
                let thing = try SimulatedThing(
                    thing: description, model: model, seed: workshop.scenario.seed)
                let simulator = DeviceSimulator(thing, bus: bus, timeline: self.timeline)
                tasks.add { try await simulator.run() }
                simulators.append((thing.thing.id, simulator))
            }
        }
        return simulators
    }

    /// A robot has a connection of its own: its last will is part of what it says.
    private func startRobot(
        _ thing: Thing, _ identity: Identity, _ model: JSON, _ tasks: Tasks, _ broker: PrivateBroker
    ) throws {
        let bus = MosquittoBus(
            BrokerAddress(
                host: "127.0.0.1", port: Int32(broker.port), clientID: "depai-\(thing.name)",
                username: "devices", passwordFile: broker.passwordFile("devices").string,
                will: try VehicleLink.will(identity, at: self.timeline.now)),
            entropy: self.workshop.entropy("bus of \(thing.name)"))
        let robot = try SimulatedRobot(
            identity, model: model, bus: bus,
            store: self.workshop.folder.appending("\(thing.name).db"), timeline: self.timeline)
        tasks.add { await bus.run() }
        tasks.add { try await robot.run() }
    }
}

extension ClusterWeb {
    /// Serves the cluster to others.
    func answer(_ request: WebRequest) async -> WebResponse {
        (try? await self.send(request)) ?? WebResponse(status: 500, headers: [], body: [])
    }
}

/// The robot's events as they came over the broker, by their numbers.
final class HeardEvents: Sendable {
    private let state = Mutex<Set<Int64>>([])
    var numbers: Set<Int64> { self.state.withLock { $0 } }

    func add(_ payload: [UInt8]) {
        guard let number = Self.number(payload) else { return }
        self.state.withLock { _ = $0.insert(number) }
    }

    static func number(_ payload: [UInt8]) -> Int64? {
        (try? JSON.read(payload)).flatMap { try? JSONField($0)["seq"].integer(Int64.self) }
    }
}
