import Glibc
import Linux
import Synchronization
import TestSupport
import Testing
import World

/// More links than `select` has places.
@Suite(.enabled(if: Broker.isInstalled), .endsHangs)
struct FleetTests {
    static let count = 1_100

    /// Four descriptors for each link here, one more in the broker, which inherits the limit.
    private static let hasRoom: Bool = {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let wanted = rlim_t(Self.count * 5 + 500)
        guard limit.rlim_cur < wanted else { return true }
        guard limit.rlim_max >= wanted else { return false }
        limit.rlim_cur = wanted
        return setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
    }()

    @Test(.enabled(if: Self.hasRoom))
    func `eleven hundred links in one process hear and speak at once, and come back after a crash`()
        async throws
    {
        try await Broker.with { broker in
            let heard = Mutex<Set<String>>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                var fleet: [MosquittoBus] = []
                for number in 0..<Self.count {
                    let bus = MosquittoBus(
                        broker.address("robot-\(number)"), entropy: SystemEntropy(),
                        pause: RetryPause(leastMilliseconds: 20, mostMilliseconds: 1_000))
                    try bus.subscribe(to: "fleet/\(number)", quality: .atLeastOnce) { message in
                        heard.withLock { _ = $0.insert(message.topic) }
                    }
                    fleet.append(bus)
                    group.addTask { await bus.run() }
                }
                for life in 1...2 {
                    for number in fleet.indices { try await fleet[number].confirm("fleet/\(number)") }
                    // Each speaks to its neighbour, all at once.
                    try await withThrowingTaskGroup(of: Void.self) { speakers in
                        for number in fleet.indices {
                            let bus = fleet[number]
                            speakers.addTask {
                                try await bus.publish(Message("fleet/\((number + 1) % Self.count)", "hello"))
                            }
                        }
                        try await speakers.waitForAll()
                    }
                    for _ in 0..<1_000 where heard.withLock({ $0.count }) < Self.count {
                        try await Task.sleep(for: .milliseconds(10))
                    }
                    #expect(heard.withLock { $0.count } == Self.count)
                    guard life == 1 else { continue }
                    heard.withLock { $0 = [] }
                    try await broker.restart()
                    // Nobody publishes into a connection that has ended.
                    for _ in 0..<2_000 where !fleet.allSatisfy({ $0.connections >= 2 }) {
                        try await Task.sleep(for: .milliseconds(10))
                    }
                    #expect(fleet.allSatisfy { $0.connections >= 2 })
                }
            }
        }
    }
}
