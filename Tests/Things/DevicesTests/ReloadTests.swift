import Encoding
import Testing
import ThingSupport
import World

@testable import Devices

/// Descriptions that change while the hub runs.
@Suite struct ReloadTests {
    private func named(_ id: String, _ type: String = "number") throws -> Thing {
        var thing = description([
            "value": ["type": .string(type), "forms": [["href": .string("mqtt://b/\(id)/value")]]]
        ])
        thing["id"] = .string("urn:\(id)")
        thing["depai:name"] = .string(id)
        return try Thing(description: thing)
    }

    private func hub(_ things: [Thing], _ bus: MemoryBus) throws -> DeviceHub {
        try DeviceHub(
            things: things, bus: bus, store: nil, timeline: StepTimeline(), entropy: CountingEntropy())
    }

    @Test func `what stays keeps its value, what goes is unknown, what comes is listened to`() async throws {
        let bus = MemoryBus()
        let hub = try self.hub([try self.named("a"), try self.named("b")], bus)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            func report(_ topic: String, _ value: String, of thing: String) async throws {
                for _ in 0..<2_000 where await hub.twin(thing)?.reported["value"]?.value.text != value {
                    bus.arrive(topic, value)
                    await Task.yield()
                }
                #expect(await hub.twin(thing)?.reported["value"]?.value.text == value)
            }
            try await report("a/value", "1", of: "a")
            try await report("b/value", "2", of: "b")
            try await hub.replace(things: [try self.named("c"), try self.named("a")])
            #expect(await hub.twin("a")?.reported["value"]?.value == 1)
            #expect(await hub.twin("b") == nil)
            #expect(await hub.twins().map(\.name) == ["a", "c"])
            try await report("c/value", "3", of: "c")
            bus.arrive("b/value", "no number")
            try await report("a/value", "4", of: "a")

            // It comes back with another type: what it said before does not fit, and is forgotten.
            try await hub.replace(things: [try self.named("a", "string"), try self.named("b")])
            #expect(await hub.twin("a")?.reported["value"] == nil)
            try await report("b/value", "5", of: "b")
            #expect(await hub.faults() == [])
            group.cancelAll()
        }
    }

    @Test func `descriptions that cannot stand together change nothing`() async throws {
        let hub = try self.hub([try self.named("a")], MemoryBus())
        let twice = [try self.named("b"), try self.named("b")]
        await #expect(throws: DeviceError.ambiguous("b")) { try await hub.replace(things: twice) }
        #expect(await hub.twins().map(\.name) == ["a"])
    }
}
