import Encoding
import Synchronization
import TestSupport
import Testing
import ThingSupport
import World

@testable import VDA5050

/// A vehicle that does what it is told at once.
private actor PromptVehicle: Vehicle {
    nonisolated let abilities = MachineBench.abilities
    private var out: AsyncStream<VehicleReport>.Continuation?
    private(set) var commands: [VehicleCommand] = []

    func listen() -> AsyncStream<VehicleReport> {
        let (stream, out) = AsyncStream<VehicleReport>.makeStream(bufferingPolicy: .bufferingOldest(64))
        self.out = out
        var condition = Condition()
        condition.nodeId = "n0"
        out.yield(.condition(condition))
        return stream
    }

    func take(_ command: VehicleCommand) {
        self.commands.append(command)
        if case .drive(let drive) = command { self.out?.yield(.arrived(drive.key)) }
    }

    func say(_ report: VehicleReport) { self.out?.yield(report) }
}

/// What the robot side publishes, and when. Source: VDA 5050 2.1.0 sections 6.2 to 6.4 and 6.10.1.
@Suite struct VehicleLinkTests {
    private struct Scene: Sendable {
        let bus: MemoryBus
        let timeline: StepTimeline
        let vehicle: PromptVehicle
        let link: VehicleLink
        let identity: Identity

        func sent<Message: WireMessage>(_ type: Message.Type) throws -> [Message] {
            try self.bus.published.filter { $0.topic == self.identity.topic(Message.topic) }
                .map { try Message(payload: $0.payload, self.identity.version) }
        }
    }

    private func withScene(
        _ version: Version = .two, store: String? = nil, _ body: @Sendable (Scene) async throws -> Void
    ) async throws {
        let identity = try #require(
            Identity(version: version, interface: "uagv", manufacturer: "m", serialNumber: "s"))
        let (bus, timeline, vehicle) = (MemoryBus(), StepTimeline(), PromptVehicle())
        let link = try VehicleLink(
            identity, vehicle: vehicle, factsheet: Factsheet(), bus: bus, store: nil, timeline: timeline)
        let scene = Scene(bus: bus, timeline: timeline, vehicle: vehicle, link: link, identity: identity)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await link.run() }
            defer { group.cancelAll() }
            _ = try await eventually("the first state") {
                try scene.sent(State.self).isEmpty ? nil : true
            }
            try await body(scene)
            group.cancelAll()
            try? await group.next()
        }
        let last = try scene.sent(Connection.self).last
        #expect(last?.connectionState == .offline)
    }

    @Test(arguments: Version.allCases)
    func `it says ONLINE, tells what it is, and its state; the first two are kept`(
        _ version: Version
    ) async throws {
        try await self.withScene(version) { scene in
            let first = scene.bus.published.prefix(3)
            #expect(first.map(\.topic) == [.connection, .factsheet, .state].map(scene.identity.topic))
            #expect(first.map(\.retained) == [true, true, false])
            #expect(first.map(\.quality) == [.atLeastOnce, .atMostOnce, .atMostOnce])
            #expect(try scene.sent(Connection.self).first?.connectionState == .online)
            let state = try #require(try scene.sent(State.self).first)
            #expect(state.header.version == version.rawValue && state.header.serialNumber == "s")
            #expect(state.lastNodeId == "n0")
        }
    }

    @Test func `a quiet robot tells its state every 30 seconds`() async throws {
        try await self.withScene { scene in
            // A minute and a half of a clock whose seconds are long on a busy machine.
            _ = try await eventually("four states", within: .seconds(240)) {
                try scene.sent(State.self).count >= 4 ? true : nil
            }
            let states = try scene.sent(State.self)
            let gaps = zip(states, states.dropFirst()).map {
                $1.header.timestamp.milliseconds - $0.header.timestamp.milliseconds
            }
            #expect(gaps.allSatisfy { (29_000...32_000).contains($0) }, "\(gaps)")
            #expect(states.map(\.header.headerId) == (0..<Int64(states.count)).map { $0 })
        }
    }

    @Test func `what comes together is told together, and all of it is told`() async throws {
        try await self.withScene { scene in
            let before = try scene.sent(State.self).count
            let payload = try order(nodes: 20).json(.two)
            var document = payload
            document["version"] = "2.1.0"
            scene.bus.arrive(scene.identity.topic(.order), document.text)
            let end = try await eventually("the end") {
                try scene.sent(State.self).last.flatMap { $0.lastNodeId == "n19" ? $0 : nil }
            }
            #expect(end.nodeStates.isEmpty && !end.driving)
            // Twenty nodes were passed in no time.
            #expect(try scene.sent(State.self).count - before <= 5)
            #expect(await scene.vehicle.commands.count == 19)
        }
    }

    @Test func `a kept order and one of another version are not obeyed`() async throws {
        try await self.withScene { scene in
            var document = try order().json(.two)
            document["version"] = "2.0.0"
            scene.bus.arrive(scene.identity.topic(.order), document.text, retained: true)
            document["version"] = "3.0.0"
            scene.bus.arrive(scene.identity.topic(.order), document.text)
            let state = try await eventually("an error") {
                try scene.sent(State.self).last.flatMap { $0.errors.isEmpty ? nil : $0 }
            }
            #expect(state.orderId.isEmpty && state.errors[0].errorType == "validationError")
            #expect(await scene.vehicle.commands.isEmpty)
            #expect(await scene.link.faults == 1)
        }
    }

    @Test func `when the broker comes back it says again who and where it is`() async throws {
        try await self.withScene { scene in
            scene.bus.set(.offline)
            await scene.vehicle.say(.condition(Condition()))
            _ = try await eventually("time") {
                scene.timeline.advance(by: .seconds(1))
                return scene.timeline.uptime > .seconds(1_010) ? true : nil
            }
            try await Task.sleep(for: .milliseconds(100))
            let before = scene.bus.published.count
            scene.bus.set(.online)
            _ = try await eventually("ONLINE, factsheet, state") {
                scene.bus.published.count >= before + 3 ? true : nil
            }
            #expect(
                scene.bus.published[before..<before + 3].map(\.topic)
                    == [.connection, .factsheet, .state].map(scene.identity.topic))
        }
    }

    @Test func `a number that cannot be told does not keep the state from being told`() async throws {
        try await self.withScene(.three) { scene in
            var condition = Condition()
            condition.power.stateOfCharge = .infinity
            await scene.vehicle.say(.condition(condition))
            condition.power.stateOfCharge = 50
            condition.power.isCharging = true
            await scene.vehicle.say(.condition(condition))
            let state = try await eventually("the charge") {
                try scene.sent(State.self).last.flatMap { $0.power.isCharging ? $0 : nil }
            }
            #expect(state.power.stateOfCharge == 50)
        }
    }
}
