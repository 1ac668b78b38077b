package import Devices
package import Encoding
internal import Messaging
package import VDA5050
package import World

/// A robot's own base as the vehicle behind the robot side: drives a thing that follows paths of cells,
/// and does a fleet's actions with things. Between two strides it can be held or stopped.
package actor ThingVehicle: Vehicle {
    package struct Settings: Sendable {
        /// A thing with the properties `pose` and `battery` and the action `follow`.
        package var base: String
        package var map: String
        /// Metres from cell to cell.
        package var cell: Double
        /// The most cells of one command: how far it may go before it hears `hold`.
        package var stride: Int
        package var actions: [Binding]

        package init(base: String, map: String, cell: Double, stride: Int = 4, actions: [Binding] = []) {
            self.base = base
            self.map = map
            self.cell = cell
            self.stride = stride
            self.actions = actions
        }
    }

    /// An action of the fleet and the command that does it.
    package struct Binding: Sendable {
        package enum What: Sendable {
            case write(String, value: JSON)
            case invoke(String, input: JSON)
        }

        let type: String
        let thing: String
        let what: What

        package init(type: String, thing: String, what: What) {
            self.type = type
            self.thing = thing
            self.what = what
        }
    }

    package nonisolated let abilities: Abilities
    private let settings: Settings
    private let hub: DeviceHub
    private let timeline: any Timeline
    /// Names of drives are new in each run: a repeated one is absolute and does no harm.
    private let run: String
    private var drives: UInt64 = 0

    private var out: AsyncStream<VehicleReport>.Continuation?
    private var way: Drive?
    private var last: DriveKey?
    private var isHeld = false
    /// A hold, or a stop, that waits for the end of a stride.
    private var heldBy: UInt32?
    private var stopping: DriveKey?
    private var isStriding = false
    private var waiting: [Action] = []
    private var condition = VDA5050.Condition()
    /// What a loop sleeps on while it has nothing to do.
    private var sleepers: [Loop: AsyncStream<Void>.Continuation] = [:]

    private enum Loop { case driving, acting }

    /// How often the base's own word is looked at.
    static let interval = Duration.milliseconds(250)
    /// How often a stride may fail before the node counts as unreachable.
    static let patience = 5
    /// Reports, and actions, that wait.
    static let room = 256

    package init(_ settings: Settings, hub: DeviceHub, timeline: any Timeline, entropy: any Entropy) {
        self.settings = settings
        self.hub = hub
        self.timeline = timeline
        self.run = Hex.encode(entropy.bytes(6))
        self.abilities = Abilities(
            actions: settings.actions.map {
                // The journal of commands does each id once, however often it is begun.
                ActionAbility($0.type, scopes: [.node, .edge, .instant], isIdempotent: true)
            }, maps: [settings.map], startRange: settings.cell, needsPosition: true)
    }

    package func listen() -> AsyncStream<VehicleReport> {
        self.out?.finish()
        let (stream, out) = AsyncStream<VehicleReport>.makeStream(
            bufferingPolicy: .bufferingOldest(Self.room))
        self.out = out
        // Before the base has said where it stands, no order can be judged.
        if self.condition.position != nil { self.say(.condition(self.condition)) }
        return stream
    }

    package func take(_ command: VehicleCommand) {
        switch command {
        case .drive(let drive): self.take(drive)
        case .hold(let number):
            self.isHeld = true
            if self.isStriding { self.heldBy = number } else { self.say(.held(number)) }
        case .resume:
            self.isHeld = false
            self.heldBy = nil
        case .stop(let key): self.stop(key)
        case .begin(let action), .recall(let action): self.take(action)
        // Nothing of ours can be interrupted, and the abilities say so.
        case .pause, .proceed, .cancel, .finish: break
        }
        for sleeper in self.sleepers.values { sleeper.finish() }
    }

    /// Lives until the task is cancelled.
    package func live() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.watch() }
            group.addTask { try await self.drive() }
            group.addTask { try await self.act() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func say(_ report: VehicleReport) { self.out?.yield(report) }

    // MARK: driving

    private func take(_ drive: Drive) {
        self.isHeld = drive.hold != nil
        if let hold = drive.hold {
            if self.isStriding { self.heldBy = hold } else { self.say(.held(hold)) }
        }
        if self.last == drive.key { return self.say(.arrived(drive.key)) }
        self.stopping = nil
        self.way = drive
    }

    private func stop(_ key: DriveKey) {
        if self.last == key { return self.say(.arrived(key)) }
        self.isHeld = false
        guard self.isStriding else {
            self.way = nil
            return self.say(.stopped(key))
        }
        self.stopping = key
    }

    private func drive() async throws {
        var failures = 0
        while true {
            try Task.checkCancellation()
            guard let way = self.way, !self.isHeld, let from = await self.cell() else {
                try await self.sleep(.driving)
                continue
            }
            // Meanwhile it may have been told something else.
            guard self.way == way, !self.isHeld else { continue }
            guard let goal = self.cell(of: way.node) else {
                self.giveUp(way, "the node has no position on the map \(self.settings.map)")
                continue
            }
            if from == goal {
                failures = 0
                self.arrive(way)
                continue
            }
            if let reason = try await self.stride(from, to: goal) {
                failures += 1
                if failures >= Self.patience {
                    failures = 0
                    self.giveUp(way, reason)
                } else {
                    try await self.timeline.sleep(for: Self.interval)
                }
            } else {
                failures = 0
            }
            // Told to stop, it may still have come as far as it was sent.
            if await self.cell() == goal, self.way == way { self.arrive(way) }
            self.settleStride()
        }
    }

    private func arrive(_ way: Drive) {
        self.way = nil
        self.stopping = nil
        self.last = way.key
        self.say(.arrived(way.key))
    }

    private func giveUp(_ way: Drive, _ reason: String) {
        self.way = nil
        self.stopping = nil
        self.say(.unreachable(way.key, reason: reason))
    }

    /// Answers what waited for the end of a stride.
    private func settleStride() {
        if let number = self.heldBy {
            self.heldBy = nil
            self.say(.held(number))
        }
        if let key = self.stopping {
            self.stopping = nil
            if self.way?.key == key { self.way = nil }
            self.say(.stopped(key))
        }
    }

    /// - Returns: why it failed.
    private func stride(_ from: Cell, to goal: Cell) async throws -> String? {
        let path = from.path(to: goal, steps: self.settings.stride)
        self.drives += 1
        let id = "vda5050-\(self.run)-\(self.drives)"
        self.isStriding = true
        defer { self.isStriding = false }
        while true {
            try Task.checkCancellation()
            do {
                let record = try await self.hub.invoke(
                    "follow", of: self.settings.base, input: ["path": .array(path.map(\.json))], id: id)
                switch record.state {
                case .done:
                    try await self.wait(until: path.last)
                    return nil
                case .failed, .unknown: return record.result?.text ?? "the base does not say how it ended"
                case .received, .started: break
                }
            } catch DeviceError.tooOften {
                // The owner's limit: slower, not wrong.
            } catch let error as DeviceError {
                return error.description
            }
            try await self.timeline.sleep(for: Self.interval)
        }
    }

    /// The base's answer and its pose come on two topics.
    private func wait(until cell: Cell?) async throws {
        for _ in 0..<8 where await self.cell() != cell {
            try await self.timeline.sleep(for: Self.interval)
        }
    }

    private func cell() async -> Cell? {
        await self.hub.twin(self.settings.base)?.reported["pose"].flatMap { Cell($0.value) }
    }

    private func cell(of node: Node) -> Cell? {
        guard let position = node.position, position.mapId == self.settings.map else { return nil }
        return Cell(x: position.x / self.settings.cell, y: position.y / self.settings.cell)
    }

    // MARK: acting

    /// A recalled action is begun again: its id is the command's, so it goes on where it was.
    private func take(_ action: Action) {
        let id = action.actionId
        guard !self.waiting.contains(where: { $0.actionId == id }) else { return }
        guard self.waiting.count < Self.room else {
            return self.say(.action(id, .failed("too many actions wait", stopsOrder: true)))
        }
        self.waiting.append(action)
        self.say(.action(id, .running))
    }

    private func act() async throws {
        while true {
            try Task.checkCancellation()
            guard let action = self.waiting.first else {
                try await self.sleep(.acting)
                continue
            }
            if let progress = try await self.perform(action) {
                self.waiting.removeFirst()
                self.say(.action(action.actionId, progress))
            } else {
                try await self.timeline.sleep(for: Self.interval)
            }
        }
    }

    /// - Returns: nil while it has not ended.
    private func perform(_ action: Action) async throws -> ActionProgress? {
        guard let binding = self.settings.actions.first(where: { $0.type == action.actionType }) else {
            return .failed("no such action", stopsOrder: true)
        }
        do {
            let id = "vda5050/\(action.actionId)"
            let record =
                switch binding.what {
                case .write(let property, let value):
                    try await self.hub.write(value, to: property, of: binding.thing, id: id)
                case .invoke(let name, let input):
                    try await self.hub.invoke(name, of: binding.thing, input: input, id: id)
                }
            switch record.state {
            case .done: return .finished(record.result?.text)
            case .failed: return .failed(record.result?.text, stopsOrder: true)
            case .unknown: return .unknown
            case .received, .started: return nil
            }
        } catch DeviceError.tooOften {
            return nil
        } catch let error as DeviceError {
            return .failed(error.description, stopsOrder: true)
        }
    }

    // MARK: watching

    private func watch() async throws {
        while true {
            try Task.checkCancellation()
            if let twin = await self.hub.twin(self.settings.base), let now = self.condition(of: twin),
                now != self.condition
            {
                self.condition = now
                self.say(.condition(now))
            }
            try await self.timeline.sleep(for: Self.interval)
        }
    }

    /// Nil until the base has said where it stands.
    private func condition(of twin: Twin) -> VDA5050.Condition? {
        guard let pose = twin.reported["pose"]?.value, let cell = Cell(pose) else { return nil }
        var condition = VDA5050.Condition()
        var position = Position()
        position.x = Double(cell.x) * self.settings.cell
        position.y = Double(cell.y) * self.settings.cell
        // The base says degrees, the fleet wants -pi to pi.
        position.theta = ((pose["theta"]?.double ?? 0) * .pi / 180).remainder(dividingBy: 2 * .pi)
        position.mapId = self.settings.map
        position.isLocalized = true
        condition.position = position
        condition.power.stateOfCharge = min(max(twin.reported["battery"]?.value.double ?? 0, 0), 100)
        if twin.availability != .online {
            var fault = Fault()
            fault.errorType = "baseSilent"
            fault.description = "\(twin.name) is \(twin.availability.rawValue)"
            fault.level = .fatal
            condition.faults = [fault]
        }
        return condition
    }

    private func sleep(_ loop: Loop) async throws {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.sleepers[loop] = continuation
        defer { self.sleepers[loop] = nil }
        try await self.timeline.sleep(for: Self.interval, or: stream)
    }
}
