internal import Encoding

/// A room: each property is a wave.
struct AmbientModel: DeviceModel {
    private let waves: [(name: String, wave: Wave)]
    private let interval: Duration
    private var noise: Noise
    private var start: Duration?
    private(set) var due: Duration = .zero
    let executions = Executions()

    init(_ field: JSONField, seed: UInt64) throws(JSONError) {
        try field.only(["kind", "intervalMs", "values"])
        self.interval = try field["intervalMs"].interval()
        var waves: [(name: String, wave: Wave)] = []
        for (name, member) in try field["values"].members() { waves.append((name, try Wave(member))) }
        self.waves = waves
        self.noise = Noise(seed: seed)
    }

    var properties: [String] { self.waves.map(\.name) }

    mutating func handle(_ event: ModelEvent, at uptime: Duration) -> [ModelEffect] {
        guard case .due = event else { return [] }
        let start = self.start ?? uptime
        self.start = start
        self.due = uptime + self.interval
        var values: [(name: String, value: JSON)] = []
        for (name, wave) in self.waves {
            values.append((name, .number(wave.value(at: (uptime - start).seconds, &self.noise))))
        }
        return [.report(values)]
    }
}
