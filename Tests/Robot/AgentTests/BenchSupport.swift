import Control
import Devices
import Encoding
import Ledger
import Market
import PaymentSupport
import Payments
import Storage
import Synchronization
import SystemPackage
import TestSupport
import ThingSupport
import World

@testable import Agent

/// A bench over the files of a market's folder, as each start of the robot finds them.
struct TestBench: Sendable {
    let bench: Workbench
    let store: AgentStore
    let ledger: PaymentLedger

    /// - Parameters:
    ///   - log: as the hub has it.
    ///   - isFirst: whether the robot has yet to learn of its money.
    init(
        _ behaviour: any Behaviour, in market: TestMarket, _ hub: DeviceHub, _ log: ReadingLog,
        isFirst: Bool, death: Death
    ) async throws {
        self.store = try AgentStore(
            path: market.folder.appending("agent.db"), timeline: market.timeline)
        self.ledger = try await market.robotLedger(knowsMoney: isFirst, observer: { _ in death.step() })
        let gate = BooksGate()
        await gate.open()
        let timeline = UnhurriedTimeline(market.timeline)
        let readings = FollowedReadings(
            name: behaviour.name, names: behaviour.wantedReadings, log: log, store: self.store,
            timeline: timeline)
        if type(of: behaviour).hearsReadings { try await readings.follow(rests: false) }
        let buyer = market.buyer(self.ledger)
        self.bench = Workbench(
            devices: hub, readings: readings,
            tools: Toolbox(
                devices: DeviceDesk(hub: hub), cashier: Cashier(buyer: buyer, ledger: self.ledger),
                issuer: behaviour.name),
            timeline: timeline,
            procurement: Procurement(
                directory: Directory(providers: [market.provider], web: market.web),
                buyer: buyer, ledger: self.ledger, store: self.store,
                timeline: market.timeline, channels: .existing, gate: gate),
            storage: StorageClient(web: market.web, entropy: PaymentSupport.CountingEntropy()),
            wallet: market.robotWallet, store: self.store)
    }

    /// Runs the behaviour until it has said often enough that it is done, or dies.
    func run(_ behaviour: any Behaviour, _ death: Death, at step: Int?, times: Int = 1) async throws {
        let life = death.arm(at: step) { Task { try await behaviour.run(at: self.bench) } }
        _ = try await eventually("the behaviour's end") {
            let isDone = try await self.events("done").count >= times
            return isDone || death.isOver ? true : nil
        }
        life.cancel()
        _ = await life.result
    }

    /// Readings that the behaviour has not taken.
    var waitingReadings: Int {
        get async throws {
            self.bench.readings.log.waiting(after: try await self.bench.readings.mark)
        }
    }

    func events(_ kind: String) async throws -> [EventRecord] {
        try await self.store.events(after: 0, limit: 1_000).filter { $0.kind == kind }
    }
}

/// Ends a life at one of its steps.
final class Death: Sendable {
    private struct State {
        var left: Int?
        var life: Task<Void, any Error>?
        var isOver = false
    }

    private let state = Mutex(State())

    var isOver: Bool { self.state.withLock { $0.isOver } }

    func arm(
        at step: Int?, _ life: @Sendable () -> Task<Void, any Error>
    ) -> Task<Void, any Error> {
        self.state.withLock { state in
            let life = life()
            state = State(left: step, life: life)
            return life
        }
    }

    func step() {
        self.state.withLock { state in
            guard let left = state.left, left > 0 else { return }
            state.left = left - 1
            guard left == 1 else { return }
            state.life?.cancel()
            state.isOver = true
        }
    }
}

/// A market's clock that does not let the time run out for work that is done in real time.
final class UnhurriedTimeline: Timeline {
    private let timeline: ChainTimeline

    init(_ timeline: ChainTimeline) { self.timeline = timeline }

    var now: Timestamp { self.timeline.now }
    var uptime: Duration { self.timeline.uptime }

    func sleep(for duration: Duration) async throws {
        guard duration < .seconds(30) else { return try await Task.sleep(for: .seconds(60)) }
        try await self.timeline.sleep(for: duration)
    }
}
