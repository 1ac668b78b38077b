internal import Encoding
internal import VDA5050

/// A mobile robot on a plane, as VDA 5050 has vehicles: commands in, reports out; no clock, no I/O. It
/// remembers what it did: a repeated command is answered, never done again.
struct VehicleModel: Sendable {
    private struct Way {
        let drive: Drive
        var from: (x: Double, y: Double)
        let length: Double
        var done: Double
    }

    private struct Work {
        let action: Action
        var left: Duration
        var isPaused: Bool
    }

    private var way: Way?
    private var isHeld = false
    private var last: DriveKey?
    private var works: [Work] = []
    /// How each remembered action ended, and the order in which they are forgotten.
    private var outcomes: [String: ActionProgress] = [:]
    private var order: [String] = []
    private(set) var condition = Condition()
    private var at: Duration = .zero
    private var nextReport: Duration = .zero
    private let speed: Double
    private let edgeLength: Double
    private let drain: Double
    private let interval: Duration
    private let durations: [String: Duration]
    private let memory: Int
    let abilities: Abilities
    private(set) var executions = Executions()

    init(_ field: JSONField) throws(JSONError) {
        try field.only([
            "kind", "start", "metresPerSecond", "edgeMetres", "battery", "drainPerMetre", "intervalMs",
            "memory", "actions",
        ])
        self.speed = try Self.number(field["metresPerSecond"], 0.01...1_000)
        self.edgeLength = try Self.number(field["edgeMetres"], 0.001...10_000)
        self.drain = try Self.number(field["drainPerMetre"], 0...100)
        self.interval = try field["intervalMs"].interval()
        self.memory = try field["memory"].ifPresent?.integer() ?? 1_024
        guard (1...Executions.idLimit).contains(self.memory) else {
            throw field["memory"].fault("must be 1 to 65536")
        }
        var position = Position()
        position.x = try field["start"]["x"].number()
        position.y = try field["start"]["y"].number()
        position.mapId = try field["start"]["map"].string()
        position.isLocalized = true
        self.condition.position = position
        self.condition.nodeId = try field["start"]["node"].ifPresent?.string()
        self.condition.power.stateOfCharge = try Self.number(field["battery"], 0...100)
        var durations: [String: Duration] = [:]
        var abilities = Abilities(fields: [.maximumSpeed, .theta])
        for element in try field["actions"].ifPresent?.elements() ?? [] {
            try element.only(["type", "ms", "repeatable"])
            let type = try element["type"].string()
            durations[type] = try element["ms"].interval()
            abilities.actions.append(
                ActionAbility(
                    type, scopes: [.node, .edge, .instant], pauseAllowed: true, cancelAllowed: true,
                    isIdempotent: try element["repeatable"].ifPresent?.bool() ?? false))
        }
        self.durations = durations
        self.abilities = abilities
    }

    private static func number(
        _ field: JSONField, _ range: ClosedRange<Double>
    ) throws(JSONError) -> Double {
        let value = try field.number()
        guard range.contains(value) else {
            throw field.fault("must be \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    // MARK: commands

    mutating func handle(
        _ command: VehicleCommand, at uptime: Duration
    ) -> [VehicleReport] {
        let before = self.advance(to: uptime)
        return before + self.answer(command)
    }

    private mutating func answer(_ command: VehicleCommand) -> [VehicleReport] {
        self.executions.commanded += 1
        switch command {
        case .drive(let drive): return self.take(drive)
        case .hold(let number):
            self.isHeld = true
            return [.held(number)]
        case .resume:
            self.isHeld = false
            return []
        case .stop(let key):
            if self.last == key { return [.arrived(key)] }
            self.way = nil
            self.isHeld = false
            return [.stopped(key)]
        case .begin(let action): return self.begin(action)
        case .pause(let id): return self.setPaused(id, true)
        case .proceed(let id): return self.setPaused(id, false)
        case .cancel(let id): return self.end(id, .failed("cancelled", stopsOrder: false))
        case .finish(let id): return self.end(id, .finished(nil))
        case .recall(let action):
            let id = action.actionId
            let isRunning = self.works.contains { $0.action.actionId == id }
            return [.action(id, isRunning ? .running : self.outcomes[id] ?? .neverBegun)]
        }
    }

    private mutating func take(_ drive: Drive) -> [VehicleReport] {
        self.isHeld = drive.hold != nil
        let held = drive.hold.map { [VehicleReport.held($0)] } ?? []
        if self.last == drive.key {
            self.executions.repeated += 1
            return [.arrived(drive.key)]
        }
        if self.way?.drive.key == drive.key {
            self.executions.repeated += 1
            return held
        }
        guard let position = self.condition.position else { return held }
        var length = self.edgeLength
        if let end = drive.node.position {
            let (x, y) = (end.x - position.x, end.y - position.y)
            length = (x * x + y * y).squareRoot()
        }
        self.way = Way(drive: drive, from: (position.x, position.y), length: max(length, 1e-6), done: 0)
        self.condition.nodeId = nil
        self.executions.count("\(drive.key.orderId)/\(drive.key.sequenceId)")
        return held
    }

    private mutating func begin(_ action: Action) -> [VehicleReport] {
        let id = action.actionId
        if let outcome = self.outcomes[id] {
            self.executions.repeated += 1
            return [.action(id, outcome)]
        }
        guard !self.works.contains(where: { $0.action.actionId == id }) else {
            self.executions.repeated += 1
            return [.action(id, .running)]
        }
        self.executions.count(id)
        let time = self.durations[action.actionType] ?? .milliseconds(1)
        self.works.append(Work(action: action, left: time, isPaused: false))
        return [.action(id, .running)]
    }

    private mutating func setPaused(_ id: String, _ isPaused: Bool) -> [VehicleReport] {
        guard let index = self.works.firstIndex(where: { $0.action.actionId == id }) else { return [] }
        self.works[index].isPaused = isPaused
        return [.action(id, isPaused ? .paused : .running)]
    }

    private mutating func end(
        _ id: String, _ outcome: ActionProgress
    ) -> [VehicleReport] {
        if self.works.contains(where: { $0.action.actionId == id }) {
            self.works.removeAll { $0.action.actionId == id }
            self.remember(id, outcome)
        }
        return [.action(id, self.outcomes[id] ?? .neverBegun)]
    }

    private mutating func remember(_ id: String, _ outcome: ActionProgress) {
        if self.order.count >= self.memory { self.outcomes[self.order.removeFirst()] = nil }
        self.order.append(id)
        self.outcomes[id] = outcome
    }

    // MARK: physics

    /// When something happens by itself.
    var due: Duration {
        var next = self.nextReport
        if let way = self.way, !self.isHeld {
            next = min(next, self.at + .seconds((way.length - way.done) / self.velocity(way)))
        }
        for work in self.works where !work.isPaused { next = min(next, self.at + work.left) }
        return next
    }

    private func velocity(_ way: Way) -> Double {
        min(self.speed, max(way.drive.edge.maximumSpeed ?? self.speed, 0.01))
    }

    mutating func advance(to uptime: Duration) -> [VehicleReport] {
        if self.at == .zero { self.at = uptime }
        let passed = max(uptime - self.at, .zero)
        self.at = max(self.at, uptime)
        var reports: [VehicleReport] = []
        for index in self.works.indices where !self.works[index].isPaused { self.works[index].left -= passed }
        for work in self.works where work.left <= .zero {
            self.remember(work.action.actionId, .finished(nil))
            reports.append(.action(work.action.actionId, .finished(nil)))
        }
        self.works.removeAll { $0.left <= .zero }
        reports += self.roll(passed)
        if self.nextReport <= self.at {
            self.nextReport = self.at + self.interval
            reports.append(.condition(self.condition))
        }
        return reports
    }

    private mutating func roll(_ passed: Duration) -> [VehicleReport] {
        guard var way = self.way, !self.isHeld else { return [] }
        let step = min(self.velocity(way) * passed.seconds, way.length - way.done)
        way.done += step
        let charge = self.condition.power.stateOfCharge - step * self.drain
        self.condition.power.stateOfCharge = max(0, charge)
        let share = way.done / way.length
        if let end = way.drive.node.position {
            self.condition.position?.x = way.from.x + (end.x - way.from.x) * share
            self.condition.position?.y = way.from.y + (end.y - way.from.y) * share
            self.condition.position?.mapId = end.mapId
        }
        self.condition.distanceSinceLastNode = way.done
        // Rounding must not leave a way that never ends.
        guard way.length - way.done < 1e-6 else {
            self.way = way
            return []
        }
        self.way = nil
        self.last = way.drive.key
        self.condition.nodeId = way.drive.node.nodeId
        self.condition.distanceSinceLastNode = 0
        self.executions.changed += 1
        return [.condition(self.condition), .arrived(way.drive.key)]
    }
}
