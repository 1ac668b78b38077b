import Encoding
import TestSupport
import Testing
import ThingSupport

@testable import VDA5050

/// A vehicle that hears some commands, forgets nothing, and answers when it likes.
private struct RandomVehicle {
    var drive: Drive?
    var isHolding = false
    var running: [String: Action] = [:]
    var outcomes: [String: ActionProgress] = [:]
    var executions: [String: Int] = [:]
    var answers: [VehicleReport] = []
    var faults: [String] = []
    /// Released elements by everything the fleet ever sent.
    var released: Set<String> = []
    let version: Version

    mutating func take(_ command: VehicleCommand) {
        switch command {
        case .drive(let drive):
            for place in [drive.edge.sequenceId, drive.node.sequenceId]
            where !self.released.contains("\(drive.orderId)/\(place)") {
                self.faults.append("drives on the unreleased \(place)")
            }
            if drive.hold == nil, self.running.values.contains(where: { $0.blockingType.forbidsDriving }) {
                self.faults.append("drives beside an action that forbids it")
            }
            self.drive = drive
            self.isStopping = false
            self.isHolding = drive.hold != nil
            if let number = drive.hold { self.answers.append(.held(number)) }
        case .hold(let number):
            self.isHolding = true
            self.answers.append(.held(number))
        case .resume:
            if self.running.values.contains(where: { $0.blockingType.forbidsDriving }) {
                self.faults.append("goes on beside an action that forbids it")
            }
            self.isHolding = false
        case .stop(let key):
            if self.drive?.key != key { self.answers.append(.stopped(key)) }
            self.isStopping = self.drive?.key == key
        case .begin(let action): self.begin(action)
        case .pause(let id): if self.running[id] != nil { self.answers.append(.action(id, .paused)) }
        case .proceed(let id): if self.running[id] != nil { self.answers.append(.action(id, .running)) }
        case .cancel(let id): self.end(id, .failed("cancelled", stopsOrder: false))
        case .finish(let id): self.end(id, .finished("ended"))
        case .recall(let action):
            let id = action.actionId
            self.answers.append(
                .action(id, self.running[id] != nil ? .running : self.outcomes[id] ?? .neverBegun))
        }
    }
    var isStopping = false

    private mutating func begin(_ action: Action) {
        let id = action.actionId
        if let outcome = self.outcomes[id] { return self.answers.append(.action(id, outcome)) }
        if self.running[id] != nil { return }
        self.executions[id, default: 0] += 1
        if action.blockingType.isExclusive, !self.running.isEmpty || self.isExclusive {
            self.faults.append("\(id) is not alone")
        }
        if self.isExclusive { self.faults.append("\(id) begins beside an exclusive action") }
        if action.blockingType.forbidsDriving, self.drive != nil, !self.isHolding {
            self.faults.append("\(id) begins while it drives")
        }
        self.running[id] = action
    }

    private var isExclusive: Bool { self.running.values.contains { $0.blockingType.isExclusive } }

    private mutating func end(_ id: String, _ progress: ActionProgress) {
        if self.running.removeValue(forKey: id) != nil { self.outcomes[id] = progress }
        self.answers.append(.action(id, self.outcomes[id] ?? .neverBegun))
    }

    /// Something that happens by itself.
    mutating func step(_ random: inout Seeded) -> VehicleReport? {
        if !self.answers.isEmpty { return self.answers.removeFirst() }
        let ids = self.running.keys.sorted()
        if let id = ids.randomElement(using: &random), Bool.random(using: &random) {
            let isBad = Int.random(in: 0..<12, using: &random) == 0
            self.end(
                id, isBad ? .failed("bad luck", stopsOrder: Bool.random(using: &random)) : .finished(nil))
            return self.answers.removeFirst()
        }
        guard let drive = self.drive, !self.isHolding || self.isStopping else { return nil }
        self.drive = nil
        let wasStopping = self.isStopping
        self.isStopping = false
        if wasStopping, Bool.random(using: &random) { return .stopped(drive.key) }
        if Int.random(in: 0..<25, using: &random) == 0 { return .unreachable(drive.key, reason: "a box") }
        return .arrived(drive.key)
    }
}

/// Random interleavings of fleet, vehicle and restarts.
@Suite struct MachineRandomTests {
    private struct Run {
        var bench: MachineBench
        var vehicle: RandomVehicle
        var random: Seeded
        var sent: [Order] = []
        var counter = 0
        var statuses: [String: ActionStatus] = [:]
        var saved: JSON
        let seed: UInt64
        let version: Version

        init(seed: UInt64, version: Version) throws {
            self.seed = seed
            self.version = version
            self.random = Seeded(seed)
            self.bench = MachineBench(version)
            self.vehicle = RandomVehicle(version: version)
            self.saved = try self.bench.machine.stored()
        }

        mutating func name() -> String {
            self.counter += 1
            return "x\(self.counter)"
        }

        mutating func actions(_ isEdge: Bool) -> [Action] {
            guard Int.random(in: 0..<3, using: &self.random) == 0 else { return [] }
            return (0..<Int.random(in: 1...3, using: &self.random)).map { _ in
                let blocking = BlockingType.allCases.filter { $0.word(self.version.dialect) != nil }
                return Action(
                    isEdge || Bool.random(using: &self.random) ? "beep" : "pick", id: self.name(),
                    blocking: blocking.randomElement(using: &self.random) ?? .none)
            }
        }

        mutating func newOrder(_ id: String, update: UInt32, from decision: Node) -> Order {
            let count = Int.random(in: 0...4, using: &self.random)
            var base = Int.random(in: 0...count, using: &self.random)
            var nodes = [decision]
            var edges: [Edge] = []
            for index in 0..<count {
                let isReleased = base > 0
                base -= 1
                let place = decision.sequenceId + UInt32(2 * index + 2)
                let last = nodes[index].nodeId
                nodes.append(
                    Node(
                        "n\(place / 2)", sequenceId: place, released: isReleased, actions: self.actions(false)
                    ))
                edges.append(
                    Edge(
                        "e\(place)", sequenceId: place - 1, released: isReleased, from: last,
                        to: "n\(place / 2)", actions: self.actions(true)))
            }
            return Order(id, update: update, nodes: nodes, edges: edges)
        }

        /// What a fleet may send: sensible, repeated, or nonsense.
        mutating func fleetEvent() -> OrderMachine.Event {
            let memory = self.bench.machine.memory
            switch Int.random(in: 0..<10, using: &self.random) {
            case 0, 1, 2:
                let first = Node(memory.lastNodeId, sequenceId: 0, actions: self.actions(false))
                return self.order(self.newOrder(self.name(), update: 0, from: first))
            case 3, 4, 5:
                let decision = memory.decision ?? Node("n0", sequenceId: 0)
                return self.order(
                    self.newOrder(memory.orderId, update: memory.orderUpdateId + 1, from: decision))
            case 6:
                if let old = self.sent.randomElement(using: &self.random) { return .order(old) }
                return .unreadable(.order, reason: "garbage", references: [])
            case 7: return .instantActions([Action("cancelOrder", id: self.name())])
            case 8:
                let type = Bool.random(using: &self.random) ? "startPause" : "stopPause"
                return .instantActions([Action(type, id: self.name())])
            default:
                return .instantActions([
                    Action(
                        "beep", id: self.name(),
                        blocking: Bool.random(using: &self.random)
                            ? .none : self.version == .two ? .hard : .none)
                ])
            }
        }

        mutating func order(_ order: Order) -> OrderMachine.Event {
            self.sent.append(order)
            for node in order.nodes where node.released {
                self.vehicle.released.insert("\(order.orderId)/\(node.sequenceId)")
            }
            for edge in order.edges where edge.released {
                self.vehicle.released.insert("\(order.orderId)/\(edge.sequenceId)")
            }
            return .order(order)
        }

        /// Performs the effects; at random the process dies between two of them.
        mutating func perform(_ event: OrderMachine.Event, mayDie: Bool) throws {
            var effects = self.bench.machine.handle(event)
            try self.check()
            while !effects.isEmpty {
                if mayDie, Int.random(in: 0..<40, using: &self.random) == 0 { return try self.restart() }
                switch effects.removeFirst() {
                case .save: self.saved = try JSON.read(try self.bench.machine.stored().text)
                case .command(let command): self.vehicle.take(command)
                case .publishState: self.observe()
                case .publishFactsheet: break
                }
            }
        }

        mutating func restart() throws {
            let condition = self.bench.machine.condition
            self.bench.machine = try OrderMachine(
                version: self.version, abilities: MachineBench.abilities, memory: self.saved)
            self.bench.machine.condition = condition
            try self.perform(.restarted, mayDie: false)
        }

        /// Every action made a legal step since the fleet heard of it, or two at once.
        mutating func observe() {
            let state = self.bench.state
            for action in state.actionStates + state.instantActionStates {
                let next = action.status
                if let before = self.statuses[action.actionId], before != next {
                    let isLegal =
                        before.mayBecome(next)
                        || ActionStatus.allCases.contains { before.mayBecome($0) && $0.mayBecome(next) }
                    #expect(isLegal, "seed \(self.seed): \(action.actionId) \(before) -> \(next)")
                }
                self.statuses[action.actionId] = next
            }
        }

        /// The state can be told, and its parts fit.
        mutating func check() throws {
            let state = self.bench.state
            let written = try state.json(self.version)
            _ = try State(written, self.version)
            #expect(state.nodeStates.count == state.edgeStates.count, "seed \(self.seed)")
            let flags = zip(state.edgeStates, state.nodeStates).flatMap { [$0.released, $1.released] }
            #expect(flags == flags.sorted { $0 && !$1 }, "seed \(self.seed)")
            let places = zip(state.edgeStates, state.nodeStates).flatMap { [$0.sequenceId, $1.sequenceId] }
            #expect(places == places.sorted(), "seed \(self.seed)")
            #expect(self.vehicle.faults.isEmpty, "seed \(self.seed): \(self.vehicle.faults)")
        }
    }

    @Test(arguments: Version.allCases)
    func `whatever comes in whatever order, no rule is broken and every order ends`(
        _ version: Version
    ) async throws {
        var driven = 0
        var begun = 0
        for seed in 0..<100 as Range<UInt64> {
            // Long work without a wait: others, who have one, come between.
            await Task.yield()
            var run = try Run(seed: seed, version: version)
            for _ in 0..<120 {
                if Int.random(in: 0..<4, using: &run.random) == 0 {
                    try run.perform(run.fleetEvent(), mayDie: true)
                } else if let report = run.vehicle.step(&run.random) {
                    if case .arrived = report { driven += 1 }
                    try run.perform(.vehicle(report), mayDie: true)
                }
            }
            // The fleet comes to rest and cancels: everything must end.
            try run.perform(.instantActions([Action("stopPause", id: "last-1")]), mayDie: false)
            try run.perform(.instantActions([Action("cancelOrder", id: "last-2")]), mayDie: false)
            for _ in 0..<200 where !run.bench.machine.isIdle {
                if let report = run.vehicle.step(&run.random) {
                    try run.perform(.vehicle(report), mayDie: false)
                }
            }
            #expect(run.bench.machine.isIdle, "seed \(seed): \(run.bench.machine.memory)")
            #expect(run.bench.machine.state(of: "last-2")?.isFinal == true, "seed \(seed)")
            let twice = run.vehicle.executions.filter { $0.value > 1 }
            #expect(twice.isEmpty, "seed \(seed): \(twice)")
            begun += run.vehicle.executions.count
        }
        // The seeds reach what they are for.
        #expect(driven > 250 && begun > 250, "\(driven) arrivals, \(begun) actions")
    }
}
