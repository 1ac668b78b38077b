import Agent
import Database
import Devices
import Home
import Logging
import Node
import SimulatedChain
import SimulatedDevices
import Solana
import Synchronization
package import SystemPackage
import Wallet
import World

/// Many robots in one process and in virtual time: the same `Agent` as on a machine, each with a wallet,
/// books and a broker of its own, a meter that reports every second, a plug, a climate sensor and a base that
/// drives to and fro. All buy from two shops, which are the provider's program without its sockets, and all
/// follow one chain: storage for what their sensors say, and routes for the base. Some robots pay from
/// channels, the others each purchase on the chain.
///
/// What a robot keeps for its owner must arrive at the owner, each reading once and in order; and the money
/// must agree at the end, see ``CrowdAudit``.
package struct Crowd: Sendable {
    package let robots: Int
    /// How long they live, after all of them work.
    package let duration: Duration
    /// Between two purchases of storage by the same robot.
    package let interval: Duration
    package let sources: Sources
    /// Holds the robots' homes; must be empty.
    package let folder: FilePath
    package let seed: UInt64
    /// What one shop does to its customers; nil is honest.
    package let fault: Scenario.NodeFault?

    /// What a run was.
    package struct Outcome: Sendable {
        package let robots: Int
        package let jobs: Int
        package let messages: Int
        /// Readings that arrived at the owners.
        package let readings: Int
        /// Things that the robots paid for and have.
        package let purchases: Int
        /// Payments that the robots' books have as settled: on the chain, into channels and from them.
        package let payments: Int
        /// What was lost, doubled or out of order, robots that ended, and money that does not agree.
        package let faults: [String]
        /// What the process had written in memory after a tenth of the time, in KiB.
        package let earlyKiB: Int
        /// The same at the end.
        package let lateKiB: Int
    }

    package init(
        robots: Int, duration: Duration, interval: Duration = .seconds(15), sources: Sources,
        folder: FilePath, seed: UInt64, fault: Scenario.NodeFault? = nil
    ) {
        self.robots = robots
        self.duration = duration
        self.interval = interval
        self.sources = sources
        self.folder = folder
        self.seed = seed
        self.fault = fault
    }

    /// Makes the robots' and the shops' homes; each costs what guessing a passphrase costs.
    package func prepare() throws { try VirtualTime().run { try await self.makeHomes() } }

    /// Lets them live.
    package func run() throws -> Outcome {
        let time = VirtualTime()
        let life = try Life(self, timeline: VirtualTimeline(time))
        let (audit, early, late) = try time.run { try await life.run() }
        return Outcome(
            robots: self.robots, jobs: time.jobs, messages: life.owners.reduce(0) { $0 + $1.broker.count },
            readings: life.owners.reduce(0) { $0 + $1.readings }, purchases: audit.purchases,
            payments: audit.payments, faults: life.owners.flatMap(\.faults) + life.faults + audit.faults,
            earlyKiB: early, lateKiB: late)
    }
}

extension Crowd {
    /// Robots, shops and chain while they live.
    private final class Life: Sendable {
        let crowd: Crowd
        let timeline: VirtualTimeline
        let cluster: Cluster
        let web = VirtualWeb()
        let owners: [CrowdOwner]
        private let configurations: [AgentConfiguration]
        private let devices: [SimulatedThing]
        private let shopFaults = Mutex<[String]>([])

        /// How long what was begun may take to end, after the time is over.
        private static let patience = Duration.seconds(120)

        init(_ crowd: Crowd, timeline: VirtualTimeline) throws {
            self.crowd = crowd
            self.timeline = timeline
            self.cluster = try Cluster(Genesis(seed: crowd.seed))
            self.owners = try (0..<crowd.robots).map { try CrowdOwner(of: "robot-\($0)") }
            self.configurations = try [false, true].map { try crowd.configuration(fromChannels: $0) }
            self.devices = try Crowd.families.map { try crowd.sources.thing($1, of: $0, seed: crowd.seed) }
        }

        var faults: [String] { self.shopFaults.withLock { $0 } }

        func run() async throws -> (audit: CrowdAudit, early: Int, late: Int) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.cluster.run(timeline: self.timeline) }
                let chain = ClusterWeb(self.cluster)
                self.web.host("chain") { await chain.answer($0) }
                let mint = try await self.fund()
                for shop in Crowd.shops {
                    let (opened, isOpen) = AsyncStream<Void>.makeStream()
                    group.addTask {
                        try await self.sell(shop) { isOpen.finish() }
                    }
                    for await _ in opened {}
                }
                let (early, late) = await self.live()
                // What the shops have in hand goes to the chain.
                try await self.timeline.sleep(for: Self.patience)
                group.cancelAll()
                return (try await CrowdAudit(self.crowd, self.cluster, mint: mint), early, late)
            }
        }

        private func fund() async throws -> Address {
            let shops = Crowd.shops.map { self.crowd.home(of: $0) }
            let robots = (0..<self.crowd.robots).map { self.crowd.home($0) }
            let treasury = Treasury(
                cluster: self.cluster, entropy: self.crowd.treasuryEntropy, timeline: self.timeline)
            return try await treasury.open(
                holders: robots.map { (try self.crowd.address($0, .payment), Crowd.tokens) }
                    + shops.map { (try self.crowd.address($0, .payment), 0) },
                sponsors: shops.map { (try self.crowd.address($0, .sponsor), 1_000_000_000_000) })
        }

        /// The provider's program, whose customers come over the web of this process.
        private func sell(_ shop: ShopPrices, _ opened: @escaping @Sendable () -> Void) async throws {
            let log = ShopLog { fault in self.shopFaults.withLock { $0.append("shop \(shop.name) \(fault)") }
            }
            let server = NodeServer(
                home: self.crowd.home(of: shop), configuration: try self.crowd.configuration(of: shop),
                web: self.web, timeline: self.timeline,
                logger: Logger(label: "depai.crowd") { _ in log })
            try await server.sell { kept in
                self.open(shop, kept)
                opened()
                while true { try await self.timeline.sleep(for: .seconds(86_400)) }
            }
        }

        private func open(_ shop: ShopPrices, _ kept: Shop) {
            guard let fault = self.crowd.fault, shop.name == Crowd.shops.first?.name else {
                return self.web.host(shop.name, kept)
            }
            self.web.host("honest", kept)
            let proxy = BetrayingProxy(
                fault, node: "http://honest", web: self.web,
                entropy: SeededEntropy(seed: self.crowd.seed, purpose: "proxy"), killNode: {})
            self.web.host(shop.name) { request in
                var request = request
                request.url = VirtualWeb.parts(of: request.url).target
                return await proxy.answer(request)
            }
        }

        /// All robots' lives, until what they bought last is theirs.
        private func live() async -> (early: Int, late: Int) {
            await withTaskGroup(of: Void.self) { group in
                for (number, owner) in self.owners.enumerated() {
                    group.addTask { await self.live(number, owner) }
                }
                try? await self.timeline.sleep(for: self.crowd.duration / 10)
                let early = Self.anonymousKiB
                try? await self.timeline.sleep(for: self.crowd.duration * 9 / 10)
                let late = Self.anonymousKiB
                let end = self.timeline.uptime + Self.patience
                while !self.isDone, self.timeline.uptime < end {
                    try? await self.timeline.sleep(for: .seconds(1))
                }
                group.cancelAll()
                return (early, late)
            }
        }

        private var isDone: Bool {
            self.owners.allSatisfy {
                $0.done("archive") >= self.crowd.batches && $0.done("errand") >= self.crowd.errands
            }
        }

        /// What this process has written in memory, without files; 0 where the kernel does not say.
        private static var anonymousKiB: Int {
            let status = (try? DurableFile.read("/proc/self/status")) ?? []
            let line = status.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "RssAnon:".utf8) }
            let digits = (line ?? []).filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return Int(String(decoding: digits, as: UTF8.self)) ?? 0
        }

        /// One robot with its devices.
        private func live(_ number: Int, _ owner: CrowdOwner) async {
            let agent = Agent(
                home: self.crowd.home(number),
                configuration: self.configurations[Crowd.paysFromChannels(number) ? 1 : 0], bus: owner.broker,
                web: self.web, timeline: self.timeline,
                entropy: SeededEntropy(seed: self.crowd.seed, purpose: "life of \(number)"),
                credential: self.crowd.credentialFile,
                onEvent: { owner.hear($0) })
            await withTaskGroup(of: Void.self) { group in
                for device in self.devices {
                    let simulator = DeviceSimulator(device, bus: owner.broker, timeline: self.timeline)
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
}
