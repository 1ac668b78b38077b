import Encoding
import Testing

@testable import SimulatedDevices

/// The models alone: no bus, no clock.
@Suite struct ModelTests {
    static let ambient: JSON = [
        "kind": "ambient", "intervalMs": 1_000,
        "values": ["temperature": ["base": 20, "swing": 5, "periodS": 100, "noise": .number(0.5)]],
    ]
    static let base: JSON = [
        "kind": "mobile-base", "start": ["x": 0, "y": 0], "cellsPerSecond": 1, "battery": 50,
        "drainPerCell": 1,
        "reserve": 45, "intervalMs": 60_000, "memory": 2, "blocked": [["x": 0, "y": 1]],
    ]

    func temperatures(seed: UInt64) throws -> [Double] {
        var model = try AmbientModel(JSONField(Self.ambient), seed: seed)
        return try (0..<200).map { second in
            guard case .report(let values)? = model.handle(.due, at: .seconds(second)).first else { return 0 }
            return try JSONField(values[0].value).number()
        }
    }

    @Test func `a seed gives the same values, another seed others`() throws {
        #expect(try self.temperatures(seed: 1) == self.temperatures(seed: 1))
        #expect(try self.temperatures(seed: 1) != self.temperatures(seed: 2))
        let values = try self.temperatures(seed: 3)
        #expect(values.allSatisfy { (14.4...25.6).contains($0) })
        #expect((values.max() ?? 0) > 24 && (values.min() ?? 0) < 16)
    }

    @Test func `energy is power times time and never falls`() throws {
        let file: JSON = [
            "kind": "meter", "intervalMs": 1_000, "power": ["base": 3_600, "noise": 50], "startWh": 5,
        ]
        var model = try MeterModel(JSONField(file), seed: 4)
        var last = 0.0
        for second in 0...100 {
            guard case .report(let values)? = model.handle(.due, at: .seconds(second)).first else { continue }
            let energy = try JSONField(values[1].value).number()
            #expect(energy >= last)
            last = energy
        }
        #expect((104.0...106.0).contains(last))
    }

    @Test func `a relay switches late, counts what it was told and what changed`() throws {
        var model = try ActuatorModel(
            JSONField([
                "kind": "actuator", "latencyMs": 50, "intervalMs": 1_000, "values": ["power": false],
                "writable": ["power"],
            ]))
        _ = model.handle(.due, at: .zero)
        for isOn in [true, true, false] {
            let command = ModelCommand(name: "power", input: .bool(isOn), id: "", caller: "")
            #expect(model.handle(.command(command), at: .zero).isEmpty)
        }
        #expect(model.due == .milliseconds(50))
        #expect(model.handle(.due, at: .milliseconds(49)).isEmpty)
        // A report and an answer for each.
        #expect(model.handle(.due, at: .milliseconds(50)).count == 6)
        #expect(model.executions.commanded == 3)
        #expect(model.executions.changed == 2)
    }

    func command(_ id: String, _ cells: [(Int, Int)]) -> ModelEvent {
        let path = cells.map { ["x": JSON($0.0), "y": JSON($0.1)] as JSON }
        return .command(ModelCommand(name: "follow", input: ["path": .array(path)], id: id, caller: ""))
    }

    func states(_ effects: [ModelEffect]) -> [String] {
        effects.compactMap { effect in
            guard case .reply(let reply) = effect, case .string(let state)? = reply.fields["state"] else {
                return nil
            }
            return state
        }
    }

    @Test func `the base drives one cell per step and answers once at the end`() throws {
        var model = try BaseModel(JSONField(Self.base))
        #expect(
            self.states(model.handle(self.command("a", [(0, 0), (1, 1), (2, 1)]), at: .zero)) == ["accepted"])
        #expect(self.states(model.handle(self.command("a", []), at: .zero)) == ["accepted"])
        #expect(self.states(model.handle(self.command("b", []), at: .zero)) == ["busy"])
        #expect(self.states(model.handle(.due, at: .seconds(1))) == [])
        #expect(self.states(model.handle(.due, at: .seconds(2))) == ["arrived"])
        #expect(self.states(model.handle(self.command("a", []), at: .seconds(3))) == ["arrived"])
        #expect(model.executions.byCommand == ["a": 1])
        #expect(model.executions.repeated == 2)
    }

    @Test func `obstacles, jumps and an empty battery end a drive`() throws {
        var model = try BaseModel(JSONField(Self.base))
        _ = model.handle(self.command("wall", [(0, 1)]), at: .zero)
        #expect(self.states(model.handle(.due, at: .seconds(1))) == ["blocked"])
        _ = model.handle(self.command("jump", [(2, 0)]), at: .seconds(1))
        #expect(self.states(model.handle(.due, at: .seconds(2))) == ["blocked"])
        _ = model.handle(self.command("far", (1...9).map { ($0, 0) }), at: .seconds(2))
        #expect(self.states(model.handle(.due, at: .seconds(60))) == ["low-battery"])
        #expect(self.states(model.handle(self.command("far", []), at: .seconds(60))) == ["low-battery"])
    }

    @Test func `the memory for ids is bounded`() throws {
        var model = try BaseModel(JSONField(Self.base))
        for (index, id) in ["a", "b", "c"].enumerated() {
            _ = model.handle(self.command(id, []), at: .seconds(index))
            _ = model.handle(.due, at: .seconds(index))
        }
        _ = model.handle(self.command("a", []), at: .seconds(9))
        #expect(model.executions.byCommand == ["a": 2, "b": 1, "c": 1])
    }

    static let faults: [(JSON, String)] = [
        (["kind": "rocket"], "/kind"), (["kind": "actuator", "latencyMs": 0, "intervalMs": 5], "/latencyMs"),
        (["kind": "actuator", "latencyMs": 1, "intervalMs": 5, "speed": 1], "/speed"),
        (["kind": "ambient", "intervalMs": 5, "values": ["a": ["base": "x"]]], "/values/a/base"),
    ]

    @Test(arguments: ModelTests.faults)
    func `a fault in a model file names its place`(_ file: JSON, _ pointer: String) throws {
        let thing = try plug()
        let error = #expect(throws: SimulationError.self) {
            try SimulatedThing(thing: thing, model: file, seed: 1)
        }
        guard case .model(let found, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(found == pointer)
    }
}
