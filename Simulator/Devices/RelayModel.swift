internal import Encoding

/// A relay: does what it is told, a moment later, and says so each time.
struct RelayModel: DeviceModel {
    private let latency: Duration
    private let interval: Duration
    private var isOn: Bool
    /// Switchings on the way, in their order.
    private var pending: [(at: Duration, isOn: Bool)] = []
    private var nextReport: Duration = .zero
    private(set) var executions = Executions()
    let properties = ["power"]

    /// Switchings that may be on the way at once; more are lost, as on a real device.
    static let pendingLimit = 256

    init(_ field: JSONField) throws(JSONError) {
        try field.only(["kind", "latencyMs", "initial", "intervalMs"])
        self.latency = try field["latencyMs"].interval()
        self.interval = try field["intervalMs"].interval()
        self.isOn = try field["initial"].ifPresent?.bool() ?? false
    }

    var due: Duration { min(self.pending.first?.at ?? self.nextReport, self.nextReport) }

    mutating func handle(_ event: ModelEvent, at uptime: Duration) -> [ModelEffect] {
        switch event {
        case .command(let command):
            guard command.name == "power", case .bool(let isOn) = command.input,
                self.pending.count < Self.pendingLimit
            else { return [] }
            self.executions.commanded += 1
            self.pending.append((uptime + self.latency, isOn))
            return []
        case .due:
            var effects: [ModelEffect] = []
            while let next = self.pending.first, next.at <= uptime {
                self.pending.removeFirst()
                if next.isOn != self.isOn { self.executions.changed += 1 }
                self.isOn = next.isOn
                effects.append(self.report(at: uptime))
            }
            if self.nextReport <= uptime { effects.append(self.report(at: uptime)) }
            return effects
        }
    }

    private mutating func report(at uptime: Duration) -> ModelEffect {
        self.nextReport = uptime + self.interval
        return .report([("power", .bool(self.isOn))])
    }
}
