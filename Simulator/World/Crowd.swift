import Agent
import Database
import Devices
import Encoding
import Home
import SimulatedChain
import SimulatedDevices
import Sodium
import Synchronization
package import SystemPackage
import Wallet
import World

/// Many robots in one process and in virtual time: the same `Agent` as on a machine, each with a wallet,
/// books and a broker of its own, a meter that reports every second, a plug and a climate sensor; all follow
/// one chain. What a robot keeps for its owner must arrive at the owner, each reading once and in order.
package struct Crowd: Sendable {
    package let robots: Int
    /// How long they live, after all of them work.
    package let duration: Duration
    package let sources: Sources
    /// Holds the robots' homes; must be empty.
    package let folder: FilePath
    package let seed: UInt64

    /// What a run was.
    package struct Outcome: Sendable {
        package let robots: Int
        package let jobs: Int
        package let messages: Int
        /// Readings that arrived at the owners.
        package let readings: Int
        /// What was lost, doubled or out of order, and robots that ended.
        package let faults: [String]
        /// What the process had written in memory after a tenth of the time, in KiB.
        package let earlyKiB: Int
        /// The same at the end.
        package let lateKiB: Int
    }

    package init(robots: Int, duration: Duration, sources: Sources, folder: FilePath, seed: UInt64) {
        self.robots = robots
        self.duration = duration
        self.sources = sources
        self.folder = folder
        self.seed = seed
    }

    private func makeHomes() async throws {
        let devices = self.folder.appending("devices")
        try DurableFile.createFolder(devices)
        for (family, name) in Self.families {
            try DurableFile.write(
                try DurableFile.read(self.sources.description(name, of: family)),
                to: devices.appending("\(name).td.json"))
        }
        let entropy = SeededEntropy(seed: self.seed, purpose: "crowd")
        try DurableFile.write(
            Array((Hex.encode(entropy.bytes(16)) + "\n").utf8), to: self.folder.appending("passphrase"))
        let owner = try entropy.signingKey()
        for number in 0..<self.robots {
            let entropy = SeededEntropy(seed: self.seed, purpose: "robot \(number)")
            _ = try await self.home(number).create(
                seed: WalletSeed(words: try Mnemonic(wordCount: 24, entropy: entropy)),
                passphrase: try SecretFile.read(self.folder.appending("passphrase")), owner: owner.publicKey,
                policy: nil, cost: .least, timeline: VirtualTimeline(VirtualTime()), entropy: entropy)
        }
    }

    private static let families = [
        ("energy-meter", "meter-1"), ("relay-plug", "plug-1"), ("environment-sensor", "env-1"),
    ]

    private func home(_ number: Int) -> Home { Home(self.folder.appending("robot-\(number)")) }

    private func configuration() throws -> AgentConfiguration {
        try AgentConfiguration(
            JSONField([
                "network": "devnet", "rpc": "http://chain/", "providers": [],
                "passphrase_file": .string(self.folder.appending("passphrase").string),
                "broker": ["host": "localhost", "client_id": "robot"],
                "devices": .string(self.folder.appending("devices").string),
                "report": ["topic": "owner", "readings": ["meter-1/energy"]],
            ]), in: self.folder)
    }

    private func devices() throws -> [SimulatedThing] {
        try Self.families.map { try self.sources.thing($1, of: $0, seed: self.seed) }
    }

    /// Makes the robots' homes; each costs what guessing a passphrase costs.
    package func prepare() throws { try VirtualTime().run { try await self.makeHomes() } }

    /// Lets them live.
    package func run() throws -> Outcome {
        let (configuration, devices) = (try self.configuration(), try self.devices())
        let time = VirtualTime()
        let timeline = VirtualTimeline(time)
        let cluster = try Cluster(Genesis(seed: self.seed))
        let owners = try (0..<self.robots).map { try Owner(of: "robot-\($0)") }
        let (early, late) = try time.run {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await cluster.run(timeline: timeline) }
                for (number, owner) in owners.enumerated() {
                    group.addTask {
                        await self.live(number, owner, timeline, ClusterWeb(cluster), configuration, devices)
                    }
                }
                try? await timeline.sleep(for: self.duration / 10)
                let early = Self.anonymousKiB
                try? await timeline.sleep(for: self.duration * 9 / 10)
                let late = Self.anonymousKiB
                group.cancelAll()
                return (early, late)
            }
        }
        return Outcome(
            robots: self.robots, jobs: time.jobs, messages: owners.reduce(0) { $0 + $1.broker.count },
            readings: owners.reduce(0) { $0 + $1.readings }, faults: owners.flatMap(\.faults),
            earlyKiB: early, lateKiB: late)
    }

    /// What this process has written in memory, without files; 0 where the kernel does not say.
    private static var anonymousKiB: Int {
        let status = (try? DurableFile.read("/proc/self/status")) ?? []
        let line = status.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "RssAnon:".utf8) }
        let digits = (line ?? []).filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self)) ?? 0
    }

    /// One robot with its devices.
    private func live(
        _ number: Int, _ owner: Owner, _ timeline: VirtualTimeline, _ web: ClusterWeb,
        _ configuration: AgentConfiguration, _ devices: [SimulatedThing]
    ) async {
        let agent = Agent(
            home: self.home(number), configuration: configuration, bus: owner.broker, web: web,
            timeline: timeline, entropy: SeededEntropy(seed: self.seed, purpose: "life of \(number)"))
        await withTaskGroup(of: Void.self) { group in
            for device in devices {
                let simulator = DeviceSimulator(device, bus: owner.broker, timeline: timeline)
                group.addTask { try? await simulator.run() }
            }
            do {
                try await agent.run()
            } catch is CancellationError {
                // The day is over.
            } catch {
                owner.note("ended: \(error)")
            }
            group.cancelAll()
        }
    }
}

/// Who hears from one robot, over the robot's own broker.
private final class Owner: Sendable {
    private struct State {
        var last: Int64?
        var count = 0
        var faults: [String] = []
    }

    let broker = VirtualBroker()
    private let robot: String
    private let state = Mutex(State())

    /// Faults that are written down of one robot.
    private static let faultLimit = 8

    init(of robot: String) throws {
        self.robot = robot
        try self.broker.subscribe(to: "owner/readings", quality: .atLeastOnce) { [weak self] message in
            self?.hear(message)
        }
    }

    var readings: Int { self.state.withLock { $0.count } }
    var faults: [String] { self.state.withLock { $0.faults } }

    func note(_ fault: String) {
        self.state.withLock { state in
            if state.faults.count < Self.faultLimit { state.faults.append("\(self.robot) \(fault)") }
        }
    }

    private func hear(_ message: Message) {
        do {
            let number: Int64 = try JSONField(try JSON.read(message.payload))["seq"].integer()
            let last = self.state.withLock { state in
                defer { (state.last, state.count) = (number, state.count + 1) }
                return state.last
            }
            if let last, number != last + 1 { self.note("told reading \(number) after \(last)") }
        } catch {
            self.note("told something else: \(error)")
        }
    }
}
