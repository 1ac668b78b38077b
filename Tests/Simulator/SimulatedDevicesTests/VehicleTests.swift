import Encoding
import Testing
import VDA5050

@testable import SimulatedDevices

/// The vehicle under a simulated robot.
@Suite struct VehicleTests {
    static let file: JSON = [
        "kind": "mobile-robot", "start": ["x": 0, "y": 0, "map": "hall", "node": "a"], "metresPerSecond": 1,
        "edgeMetres": 2, "battery": 50, "drainPerMetre": 1, "intervalMs": 1_000,
        "actions": [["type": "pick", "ms": 500]],
    ]

    private func drive(_ place: UInt32, x: Double? = nil) -> Drive {
        let position = x.map { NodePosition(x: $0, y: 0, mapId: "hall") }
        let edge = Edge("e", sequenceId: place - 1, from: "a", to: "b")
        return Drive(
            orderId: "o", edge: edge, node: Node("b", sequenceId: place, position: position))
    }

    /// What it says but for its condition.
    private func told(_ reports: [VehicleReport]) -> [VehicleReport] {
        reports.filter { if case .condition = $0 { false } else { true } }
    }

    @Test func `it drives as long as the way is, stands when held, and answers a repeated command`() throws {
        var model = try VehicleModel(JSONField(Self.file))
        _ = model.advance(to: .seconds(100))
        let way = self.drive(2, x: 3)
        #expect(self.told(model.handle(.drive(way), at: .seconds(100))).isEmpty)
        #expect(self.told(model.advance(to: .seconds(101))).isEmpty)
        #expect(model.condition.position?.x == 1)
        #expect(self.told(model.handle(.hold(7), at: .seconds(101))) == [.held(7)])
        #expect(self.told(model.advance(to: .seconds(200))).isEmpty)
        _ = model.handle(.resume, at: .seconds(200))
        #expect(self.told(model.advance(to: .seconds(202))) == [.arrived(way.key)])
        #expect(model.condition.nodeId == "b" && model.condition.power.stateOfCharge == 47)
        #expect(self.told(model.handle(.drive(way), at: .seconds(203))) == [.arrived(way.key)])
        #expect(model.executions.byCommand == ["o/2": 1])
    }

    @Test func `a stop ends it between two nodes, and one that comes too late says so`() throws {
        var model = try VehicleModel(JSONField(Self.file))
        _ = model.advance(to: .seconds(100))
        _ = model.handle(.drive(self.drive(2)), at: .seconds(100))
        let key = self.drive(2).key
        #expect(self.told(model.handle(.stop(key), at: .seconds(101))) == [.stopped(key)])
        #expect(model.condition.nodeId == nil)
        let next = self.drive(4)
        _ = model.handle(.drive(next), at: .seconds(102))
        #expect(
            self.told(model.handle(.stop(next.key), at: .seconds(110))) == [
                .arrived(next.key), .arrived(next.key),
            ])
    }

    @Test func `an action takes its time, and is done once`() throws {
        var model = try VehicleModel(JSONField(Self.file))
        _ = model.advance(to: .seconds(100))
        let pick = Action("pick", id: "p")
        #expect(self.told(model.handle(.recall(pick), at: .seconds(100))) == [.action("p", .neverBegun)])
        #expect(self.told(model.handle(.begin(pick), at: .seconds(100))) == [.action("p", .running)])
        #expect(self.told(model.handle(.pause("p"), at: .seconds(100))) == [.action("p", .paused)])
        #expect(self.told(model.advance(to: .seconds(110))).isEmpty)
        _ = model.handle(.proceed("p"), at: .seconds(110))
        #expect(self.told(model.advance(to: .seconds(111))) == [.action("p", .finished(nil))])
        #expect(self.told(model.handle(.begin(pick), at: .seconds(112))) == [.action("p", .finished(nil))])
        #expect(model.executions.byCommand == ["p": 1] && model.executions.repeated == 1)
    }

    @Test func `a model file with a wrong or unknown member is refused`() {
        for (name, value) in [
            ("metresPerSecond", 0), ("battery", 101), ("wheels", 4), ("intervalMs", 0), ("memory", 0),
        ] as [(String, JSON)] {
            var file = Self.file
            file[name] = value
            #expect(throws: JSONError.self, "\(name)") { try VehicleModel(JSONField(file)) }
        }
    }
}
