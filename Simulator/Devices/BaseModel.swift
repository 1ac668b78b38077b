internal import Encoding

/// A mobile base on a grid. It remembers the ids of its commands: a repeated one is answered, never driven
/// again.
struct BaseModel: DeviceModel {
    private struct Cell: Equatable {
        var x: Int
        var y: Int
    }

    private struct Drive {
        let command: ModelCommand
        var path: ArraySlice<Cell>
        var nextAt: Duration
    }

    private var cell: Cell
    private var theta: Double
    private var battery: Double
    private let drain: Double
    private let reserve: Double
    private let timePerCell: Duration
    private let interval: Duration
    private let blocked: [Cell]
    private let memory: Int
    private var drive: Drive?
    /// How each remembered command ended, and the order in which they are forgotten.
    private var outcomes: [String: ModelReply.Verdict] = [:]
    private var order: [String] = []
    private var nextReport: Duration = .zero
    private(set) var executions = Executions()
    let properties = ["pose", "battery"]

    init(_ field: JSONField) throws(JSONError) {
        try field.only([
            "kind", "start", "cellsPerSecond", "battery", "drainPerCell", "reserve", "intervalMs", "memory",
            "blocked",
        ])
        self.cell = try Self.cell(field["start"])
        self.theta = try field["start"]["theta"].ifPresent?.number() ?? 0
        let speed = try field["cellsPerSecond"].number()
        guard (0.01...1_000).contains(speed) else {
            throw field["cellsPerSecond"].fault("must be 0.01 to 1000")
        }
        self.timePerCell = .milliseconds(Int64(1_000 / speed))
        self.battery = try field["battery"].number()
        self.drain = try field["drainPerCell"].number()
        self.reserve = try field["reserve"].ifPresent?.number() ?? 0
        self.interval = try field["intervalMs"].interval()
        self.memory = try field["memory"].ifPresent?.integer() ?? 1_024
        guard (1...Executions.idLimit).contains(self.memory) else {
            throw field["memory"].fault("must be 1 to 65536")
        }
        guard (0...100).contains(self.battery) else { throw field["battery"].fault("must be 0 to 100") }
        guard self.drain >= 0 else { throw field["drainPerCell"].fault("must not be negative") }
        var blocked: [Cell] = []
        for element in try field["blocked"].ifPresent?.elements() ?? [] {
            blocked.append(try Self.cell(element))
        }
        self.blocked = blocked
    }

    private static func cell(_ field: JSONField) throws(JSONError) -> Cell {
        Cell(x: Int(try field["x"].integer(UInt16.self)), y: Int(try field["y"].integer(UInt16.self)))
    }

    var due: Duration { min(self.drive?.nextAt ?? self.nextReport, self.nextReport) }

    mutating func handle(_ event: ModelEvent, at uptime: Duration) -> [ModelEffect] {
        switch event {
        case .command(let command): return self.follow(command, at: uptime)
        case .due:
            var effects = self.advance(at: uptime)
            if self.nextReport <= uptime { effects.append(self.report(at: uptime)) }
            return effects
        }
    }

    private mutating func follow(_ command: ModelCommand, at uptime: Duration) -> [ModelEffect] {
        guard command.name == "follow", !command.id.isEmpty else { return [] }
        self.executions.commanded += 1
        if let verdict = self.outcomes[command.id] {
            self.executions.repeated += 1
            return [self.reply(command, verdict)]
        }
        guard self.drive == nil else { return [self.reply(command, .failed("busy"))] }
        var path: [Cell] = []
        do throws(JSONError) {
            for element in try JSONField(command.input)["path"].elements() {
                path.append(try Self.cell(element))
            }
        } catch {
            return [self.reply(command, .failed("path: \(error)"))]
        }
        self.remember(command.id, .progress)
        self.executions.count(command.id)
        self.executions.changed += 1
        // The way starts where we stand; a first cell that is here already is no step.
        let steps = path.first == self.cell ? path.dropFirst() : path[...]
        self.drive = Drive(
            command: command, path: steps, nextAt: uptime + (steps.isEmpty ? .zero : self.timePerCell))
        return [self.reply(command, .progress)]
    }

    /// Drives the cells whose time has come.
    private mutating func advance(at uptime: Duration) -> [ModelEffect] {
        var effects: [ModelEffect] = []
        while var drive = self.drive, drive.nextAt <= uptime {
            guard let next = drive.path.popFirst() else {
                return effects + self.end(drive, .done, at: uptime)
            }
            let dx = next.x - self.cell.x
            let dy = next.y - self.cell.y
            guard abs(dx) <= 1, abs(dy) <= 1, !self.blocked.contains(next) else {
                return effects + self.end(drive, .failed("blocked"), at: uptime)
            }
            guard self.battery - self.drain >= self.reserve else {
                return effects + self.end(drive, .failed("low-battery"), at: uptime)
            }
            self.cell = next
            self.battery = ((self.battery - self.drain) * 1_000).rounded() / 1_000
            if let heading = Self.heading(dx, dy) { self.theta = heading }
            if drive.path.isEmpty { return effects + self.end(drive, .done, at: uptime) }
            drive.nextAt += self.timePerCell
            self.drive = drive
            effects.append(self.report(at: uptime))
        }
        return effects
    }

    private mutating func end(_ drive: Drive, _ verdict: ModelReply.Verdict, at uptime: Duration)
        -> [ModelEffect]
    {
        self.drive = nil
        self.outcomes[drive.command.id] = verdict
        return [self.report(at: uptime), self.reply(drive.command, verdict)]
    }

    private mutating func remember(_ id: String, _ verdict: ModelReply.Verdict) {
        if self.order.count >= self.memory { self.outcomes[self.order.removeFirst()] = nil }
        self.order.append(id)
        self.outcomes[id] = verdict
    }

    private mutating func report(at uptime: Duration) -> ModelEffect {
        self.nextReport = uptime + self.interval
        return .report([("pose", self.pose), ("battery", .number(self.battery))])
    }

    private var pose: JSON { ["x": JSON(self.cell.x), "y": JSON(self.cell.y), "theta": .number(self.theta)] }

    private func reply(_ command: ModelCommand, _ verdict: ModelReply.Verdict) -> ModelEffect {
        let state =
            switch verdict {
            case .progress: "accepted"
            case .done: "arrived"
            case .failed(let reason): reason
            }
        return .reply(
            ModelReply(
                command: command, verdict: verdict, fields: ["state": .string(state), "pose": self.pose]))
    }

    /// Degrees, 0 to the right, growing counterclockwise on a map whose y grows downwards.
    private static func heading(_ dx: Int, _ dy: Int) -> Double? {
        switch (dx, dy) {
        case (1, 0): 0
        case (1, -1): 45
        case (0, -1): 90
        case (-1, -1): 135
        case (-1, 0): 180
        case (-1, 1): 225
        case (0, 1): 270
        case (1, 1): 315
        default: nil
        }
    }
}
