import ArgumentParser
import Dispatch
import Encoding
import Glibc
import Simulation
import Synchronization
import SystemPackage

struct CrowdCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crowd",
        abstract: "Run many robots in this process, in virtual time.",
        discussion: """
            Each has a wallet, books, a broker and four devices of its own; all buy storage and routes from \
            the same shops and look at one chain. Prints one JSON object. Exit code 8 if a reading was lost, \
            doubled or out of order, if a robot ended, if something was paid twice or not delivered, or if \
            books and chain do not agree.
            """)

    @Option(help: "How many.")
    var robots = 100

    @Option(help: "How long they live, in seconds of theirs.")
    var seconds = 60

    @Option(help: "Between two purchases of storage by the same robot, in seconds of its own.")
    var every = 15

    @Option(help: "Worlds that run at the same time, each on a processor of its own.")
    var worlds = 2

    @Option(help: "The same seed is the same noise and the same keys.")
    var seed: UInt64 = 1

    @OptionGroup var place: PlaceOption

    func validate() throws {
        guard (1...100_000).contains(self.robots), (1...86_400).contains(self.seconds),
            (1...64).contains(self.worlds), (5...3_600).contains(self.every)
        else {
            throw ValidationError(
                "1 to 100000 robots, 1 to 86400 seconds, 1 to 64 worlds, a purchase every 5 to 3600 seconds")
        }
    }

    func run() throws {
        // A robot has four databases, each three files.
        var limit = rlimit()
        let files = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
        getrlimit(files, &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(files, &limit)

        // Durable means nothing to robots that are gone with the process.
        let memory = "/dev/shm"
        let folder = try TemporaryFolder.make(in: access(memory, W_OK) == 0 ? memory : nil)
        defer { try? TemporaryFolder.remove(folder) }
        let crowds = try (0..<self.worlds).map { world in
            Crowd(
                robots: self.robots * (world + 1) / self.worlds - self.robots * world / self.worlds,
                duration: .seconds(self.seconds), interval: .seconds(self.every),
                sources: try self.place.sources,
                folder: folder.appending("world-\(world)"), seed: self.seed &+ UInt64(world))
        }
        _ = try Self.together(crowds) { try $0.prepare() }
        let (began, worked) = (ContinuousClock.now, clock())
        let outcomes = try Self.together(crowds) { try $0.run() }
        let elapsed = began.duration(to: .now) / .seconds(1)
        // On a machine that others use as well, this is what can be compared.
        let processor = (clock() - worked) / 1_000
        let faults = outcomes.flatMap(\.faults)
        let report: JSON = [
            "schema": "depai-crowd/1", "robots": JSON(self.robots),
            "simulatedSeconds": JSON(self.seconds), "milliseconds": JSON(Int64(elapsed * 1_000)),
            "processorMilliseconds": JSON(processor),
            "jobs": JSON(outcomes.reduce(0) { $0 + $1.jobs }),
            "messages": JSON(outcomes.reduce(0) { $0 + $1.messages }),
            "readings": JSON(outcomes.reduce(0) { $0 + $1.readings }),
            "purchases": JSON(outcomes.reduce(0) { $0 + $1.purchases }),
            "payments": JSON(outcomes.reduce(0) { $0 + $1.payments }),
            "earlyKiB": JSON(outcomes.reduce(0) { max($0, $1.earlyKiB) }),
            "lateKiB": JSON(outcomes.reduce(0) { max($0, $1.lateKiB) }),
            "faults": .array(faults.prefix(20).map { .string($0) }),
        ]
        print(report.prettyText)
        guard faults.isEmpty else { throw ExitCode(8) }
    }

    /// Works on all of them at the same time, each on a thread of its own.
    private static func together<Value: Sendable>(
        _ crowds: [Crowd], _ work: @Sendable (Crowd) throws -> Value
    ) throws -> [Value] {
        let results = Mutex<[Int: Result<Value, any Error>]>([:])
        DispatchQueue.concurrentPerform(iterations: crowds.count) { index in
            let result = Result { try work(crowds[index]) }
            results.withLock { $0[index] = result }
        }
        return try results.withLock { results in
            try crowds.indices.compactMap { try results[$0]?.get() }
        }
    }
}
