import Encoding
import Testing
import ThingSupport
import World

@testable import VDA5050

/// What other implementations write, and what a vehicle has to say of itself.
@Suite struct PracticeTests {
    /// JSON Schema counts 0.0 as an integer, and so do the official schemas.
    @Test(arguments: Version.allCases)
    func `a whole number may be written with a fraction of zero`(_ version: Version) throws {
        let text = try order(nodes: 2).json(version).text
        let floats = text.replacing(#""sequenceId":2"#, with: #""sequenceId":2.0"#)
            .replacing(#""orderUpdateId":0"#, with: #""orderUpdateId":0.0"#)
        #expect(floats != text)
        #expect(try Order(try JSON.read(floats), version) == order(nodes: 2))
        for wrong in ["2.5", "-1.0", "1e300", "4294967296.0"] {
            let broken = text.replacing(#""sequenceId":2"#, with: #""sequenceId":\#(wrong)"#)
            #expect(throws: JSONError.self) { try Order(try JSON.read(broken), version) }
        }
    }

    /// VDA 5050 2.1.0 section 6.15: what is not in `optionalParameters` is not supported.
    @Test func `a vehicle that needs positions says so, and refuses an order without them`() throws {
        var abilities = MachineBench.abilities
        abilities.needsPosition = true
        let sheet = Factsheet().completed(abilities, .two, .init())
        let parameter = try #require(sheet.features.optionalParameters.last)
        #expect(parameter.parameter == "order.nodes.nodePosition" && parameter.support == .required)
        #expect(throws: Refusal.self) { try OrderShape.check(order(nodes: 2), abilities: abilities) }
        var good = order(nodes: 2)
        // The first node is where the robot stands.
        good.nodes[1].position = NodePosition(x: 1, y: 0, mapId: "hall")
        #expect(throws: Never.self) { try OrderShape.check(good, abilities: abilities) }
    }

    /// Clearing a kept topic publishes nothing on it.
    @Test func `nothing on the topic of orders is no order, and no fault`() async throws {
        let identity = try #require(
            Identity(version: .two, interface: "uagv", manufacturer: "m", serialNumber: "r"))
        let bus = MemoryBus()
        let control = try RobotControl(identity, bus: bus, store: nil, timeline: StepTimeline())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await control.run() }
            defer { group.cancelAll() }
            _ = try await settled { bus.filters.count == 3 ? true : nil }
            bus.arrive("uagv/v2/m/r/state", "")
            bus.arrive("uagv/v2/m/r/connection", "", retained: true)
            bus.arrive("uagv/v2/m/r/state", "{")
            _ = try await settled { await control.robot.faults == 1 ? true : nil }
            #expect(await control.robot.unreadable != nil)
        }
    }
}
