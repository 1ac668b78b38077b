/// Prometheus' text format, version 0.0.4.
struct MetricText {
    enum Kind: String { case gauge, counter }

    private(set) var text = ""

    /// One family: its name without the prefix, what it says, and a sample for each set of labels.
    mutating func add(
        _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: [(String, String)], value: Double)]
    ) {
        guard !samples.isEmpty else { return }
        let name = "depai_\(name)"
        self.text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        for (labels, value) in samples {
            let list = labels.map { "\($0)=\"\(Self.escape($1))\"" }.joined(separator: ",")
            self.text += name + (list.isEmpty ? "" : "{\(list)}") + " \(Self.number(value))\n"
        }
    }

    /// A family of one number.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
        self.add(name, kind, help, [(labels: [], value: value)])
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    private static func escape(_ text: String) -> String {
        text.reduce(into: "") {
            switch $1 {
            case "\\": $0 += "\\\\"
            case "\"": $0 += "\\\""
            case "\n": $0 += "\\n"
            default: $0.append($1)
            }
        }
    }
}
