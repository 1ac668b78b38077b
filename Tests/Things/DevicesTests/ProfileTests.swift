import Encoding
import Synchronization
import SystemPackage
import Testing
import ThingSupport
import World

@testable import Devices

/// A protocol that nobody knows: it does what it is told, and remembers it.
private struct Lift: Profile {
    static let names = ["lift/1"]
    static let actions = ["raise"]
    let source: String
    var machine: String { "lift" }
    var journal: String { "lift.db" }

    init(_ field: JSONField, properties: [Thing.Property]) throws(JSONError) {
        guard let filter = properties.first?.reports.first?.filter else { throw field.fault("tells nothing") }
        self.source = filter
    }

    func adapter(
        bus: any MessageBus, folder: FilePath?, timeline: any Timeline,
        onFault: @escaping @Sendable (ProfileFault) -> Void
    ) throws -> any ProfileAdapter {
        onFault(ProfileFault(affordance: "height", filter: self.source, reason: "no height"))
        return LiftAdapter(bus: bus)
    }
}

private struct LiftAdapter: ProfileAdapter {
    let bus: any MessageBus

    func perform(
        _ action: String, _ input: JSON, id: String, thing: String, for duration: Duration
    ) async throws -> CommandOutcome {
        try await self.bus.publish(Message(topic: "lift/told", payload: Array("\(action) \(id)".utf8)))
        return CommandOutcome(.done, input)
    }

    func rest(_ isResting: Bool) {}
    func run() async throws { for await _ in AsyncStream<Void>.makeStream().stream {} }
}

/// The seam for stateful protocols, with a protocol of its own.
@Suite struct ProfileTests {
    private static func lift(_ action: String = "raise") -> JSON {
        var document = description([
            "height": ["type": "number", "forms": [["href": "mqtt://b/lift/height"]]]
        ])
        document["depai:profile"] = "lift/1"
        document["actions"] = [
            .init(action): ["input": ["type": "number"], "forms": [["href": "mqtt://b/x"]]]
        ]
        return document
    }

    @Test func `a profile is known where it was handed over, with its own actions`() throws {
        var error = #expect(throws: ThingError.self) { try Thing(description: Self.lift()) }
        #expect(error?.pointer == "/depai:profile" && error?.reason.contains("no adapter") == true)
        error = #expect(throws: ThingError.self) {
            try Thing(description: Self.lift("lower"), profiles: [Lift.self])
        }
        #expect(error?.pointer == "/actions/lower")
        #expect(try Thing(description: Self.lift(), profiles: [Lift.self]).profile?.source == "lift/height")
    }

    @Test func `its adapter is told what the thing is told, once, and what it cannot read is a fault`()
        async throws
    {
        let bus = MemoryBus()
        try await withHub([try Thing(description: Self.lift(), profiles: [Lift.self])], bus: bus) { hub in
            for _ in 0..<2 {
                let record = try await hub.invoke("raise", of: "urn:test:one", input: 2, id: "a")
                #expect(record.state == .done && record.result == 2)
            }
            #expect(bus.published.map { String(decoding: $0.payload, as: UTF8.self) } == ["raise a"])
            let fault = try await settled { await hub.faults().first }
            #expect(fault.affordance == "height" && fault.filter == "lift/height")
        }
    }
}
