import Agent

/// Switches a lamp on where a door is open, and off where it is shut.
struct Porch: Behaviour {
    static let name = "porch"

    var wantedReadings: Set<String>? { ["door-1/contact"] }

    func run(at bench: Workbench) async throws {
        while true {
            let portion = try await bench.readings.next()
            for reading in portion.readings {
                // The same id is the same command, however often it is given.
                let id = "porch-\(reading.sequence ?? 0)"
                let record = try await bench.devices.write(
                    .bool(reading.value == false), to: "power", of: "plug-1", id: id)
                try await bench.log("porch", "door \(reading.value.text), lamp \(record.state.rawValue)")
            }
            // From here on they do not come again.
            try await bench.readings.take(portion)
        }
    }
}
