import Agent

/// Switches a lamp on where a door is open, and off where it is shut.
struct Porch: Behaviour {
    static let name = "porch"

    func run(at bench: Workbench) async throws {
        for await reading in bench.readings where reading.thing == "door-1" && reading.property == "contact" {
            // The same id is the same command, however often it is given.
            let id = "porch-\(reading.boot)-\(reading.sequence)"
            let record = try await bench.devices.write(
                .bool(reading.value == false), to: "power", of: "plug-1", id: id)
            try await bench.log("porch", "door \(reading.value.text), lamp \(record.state.rawValue)")
        }
    }
}
