internal import Encoding

/// An energy meter: power is a wave, energy its sum.
struct MeterModel: DeviceModel {
    private let wave: Wave
    private let interval: Duration
    private var noise: Noise
    private var energy: Double
    private var start: Duration?
    private var last: Duration?
    private(set) var due: Duration = .zero
    let executions = Executions()
    let properties = ["power", "energy"]

    init(_ field: JSONField, seed: UInt64) throws(JSONError) {
        try field.only(["kind", "intervalMs", "power", "startWh"])
        self.interval = try field["intervalMs"].interval()
        self.wave = try Wave(field["power"])
        self.energy = try field["startWh"].ifPresent?.number() ?? 0
        self.noise = Noise(seed: seed)
        guard self.energy >= 0 else { throw field["startWh"].fault("must not be negative") }
    }

    mutating func handle(_ event: ModelEvent, at uptime: Duration) -> [ModelEffect] {
        guard case .due = event else { return [] }
        let start = self.start ?? uptime
        self.start = start
        let power = max(0, self.wave.value(at: (uptime - start).seconds, &self.noise))
        if let last = self.last { self.energy += power * (uptime - last).seconds / 3_600 }
        self.last = uptime
        self.due = uptime + self.interval
        let energy = (self.energy * 1_000).rounded() / 1_000
        return [.report([("power", .number(power)), ("energy", .number(energy))])]
    }
}
