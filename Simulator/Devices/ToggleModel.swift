internal import Encoding

/// Something that is in one of two states and changes between them, as a door that people use.
struct ToggleModel: DeviceModel {
    private let property: String
    private let interval: Duration
    private let hold: Duration
    /// What it says beside its state, always the same.
    private let values: [(name: String, value: JSON)]
    private var state: Bool
    private var changesAt: Duration?
    private(set) var due: Duration = .zero
    let executions = Executions()

    init(_ field: JSONField) throws(JSONError) {
        try field.only(["kind", "intervalMs", "property", "initial", "holdS", "values"])
        self.property = try field["property"].string()
        self.interval = try field["intervalMs"].interval()
        let hold = try field["holdS"].integer(Int.self)
        guard (1...86_400).contains(hold) else { throw field["holdS"].fault("must be 1 s to one day") }
        self.hold = .seconds(hold)
        self.state = try field["initial"].bool()
        var values: [(name: String, value: JSON)] = []
        for (name, member) in try field["values"].ifPresent?.members() ?? [] {
            values.append((name, member.value ?? .null))
        }
        self.values = values
    }

    var properties: [String] { [self.property] + self.values.map(\.name) }

    mutating func handle(_ event: ModelEvent, at uptime: Duration) -> [ModelEffect] {
        guard case .due = event else { return [] }
        let changesAt = self.changesAt ?? uptime + self.hold
        self.changesAt = changesAt
        if changesAt <= uptime {
            self.state.toggle()
            self.changesAt = uptime + self.hold
        }
        self.due = uptime + self.interval
        return [.report([(self.property, .bool(self.state))] + self.values)]
    }
}
