internal import Devices
internal import Encoding

/// Something with states that can be set: does what it is told a moment later, says its whole state then, and
/// answers where its description knows answers. What cannot be set stays what it is.
struct ActuatorModel: DeviceModel {
    private let latency: Duration
    private let interval: Duration
    private let writable: Set<String>
    private var values: [(name: String, value: JSON)]
    /// Commands on the way, in their order.
    private var pending: [(at: Duration, command: ModelCommand)] = []
    private var nextReport: Duration = .zero
    private(set) var executions = Executions()

    /// Commands that may be on the way at once; more are lost, as on a real device.
    static let pendingLimit = 256

    init(_ field: JSONField) throws(JSONError) {
        try field.only(["kind", "latencyMs", "intervalMs", "values", "writable"])
        self.latency = try field["latencyMs"].interval()
        self.interval = try field["intervalMs"].interval()
        var values: [(name: String, value: JSON)] = []
        for (name, member) in try field["values"].members() { values.append((name, member.value ?? .null)) }
        self.values = values
        var writable: Set<String> = []
        for element in try field["writable"].elements() {
            let name = try element.string()
            guard values.contains(where: { $0.name == name }) else { throw element.fault("has no value") }
            writable.insert(name)
        }
        self.writable = writable
    }

    var properties: [String] { self.values.map(\.name) }
    var due: Duration { min(self.pending.first?.at ?? self.nextReport, self.nextReport) }

    mutating func handle(_ event: ModelEvent, at uptime: Duration) -> [ModelEffect] {
        switch event {
        case .command(let command):
            guard self.writable.contains(command.name), self.pending.count < Self.pendingLimit else {
                return []
            }
            self.executions.commanded += 1
            self.pending.append((uptime + self.latency, command))
            return []
        case .due:
            var effects: [ModelEffect] = []
            while let next = self.pending.first, next.at <= uptime {
                self.pending.removeFirst()
                effects += self.perform(next.command, at: uptime)
            }
            if self.nextReport <= uptime { effects.append(self.report(at: uptime)) }
            return effects
        }
    }

    private mutating func perform(_ command: ModelCommand, at uptime: Duration) -> [ModelEffect] {
        guard let index = self.values.firstIndex(where: { $0.name == command.name }) else { return [] }
        if !self.values[index].value.isSameValue(as: command.input) { self.executions.changed += 1 }
        self.values[index].value = command.input
        if !command.id.isEmpty { self.executions.count(command.id) }
        return [
            self.report(at: uptime), .reply(ModelReply(command: command, verdict: .done, fields: [:])),
        ]
    }

    private mutating func report(at uptime: Duration) -> ModelEffect {
        self.nextReport = uptime + self.interval
        return .report(self.values)
    }
}
