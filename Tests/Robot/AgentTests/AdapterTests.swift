import Devices
import Encoding
import Foundation
import Synchronization
import Testing
import ThingSupport
import World

@testable import Agent

/// Things whose profile is a protocol of its own, while descriptions come, change and go.
@Suite struct AdapterTests {
    /// The shipped robot under another serial number or another name.
    private static func robot(_ serial: String = "robot-1", name: String = "robot-1") throws -> Thing {
        var text = try json("mobile-robot/robot-1.td.json").text
        text.replace("depai/robot-1/", with: "depai/\(serial)/")
        var document = try JSON.read(text)
        document["id"] = .string("urn:depai:mobile-robot:\(name)")
        document["depai:name"] = .string(name)
        return try Thing(description: document, profiles: Profiles.all)
    }

    private static let drive: JSON = [
        "nodes": [["node": "a"], ["node": "b", "x": 1, "y": 0, "map": "hall"]]
    ]

    /// What was published on a topic, as documents.
    private static func published(_ bus: MemoryBus, _ topic: String) -> [JSON] {
        bus.published.filter { $0.topic == topic }.compactMap { try? JSON.read($0.payload) }
    }

    @Test func `a profile names an adapter that is here, and its robot`() throws {
        #expect(
            try shipped("mobile-robot", "robot-1", profiles: Profiles.all).profile?.source
                == "uagv/v2/depai/robot-1/state")
        var document = try json("mobile-robot/robot-1.td.json")
        document["depai:profile"] = "sparkplug/3.0"
        var error = #expect(throws: ThingError.self) {
            try Thing(description: document, profiles: Profiles.all)
        }
        #expect(error?.pointer == "/depai:profile" && error?.reason.contains("no adapter") == true)
        // Its properties listen to 2.1.0.
        document["depai:profile"] = "vda5050/3.0.0"
        error = #expect(throws: ThingError.self) { try Thing(description: document, profiles: Profiles.all) }
        #expect(error?.reason.contains("/v3/") == true)
        document["depai:profile"] = "vda5050/2.1.0"
        let pause = document["actions"]?["pause"]
        document["actions"]?["fly"] = pause
        error = #expect(throws: ThingError.self) { try Thing(description: document, profiles: Profiles.all) }
        #expect(error?.pointer == "/actions/fly")
    }

    @Test func `a robot that comes at run time is driven by orders, never by raw messages`() async throws {
        let bus = MemoryBus()
        try await withHub([], bus: bus) { hub in
            try await hub.replace(things: [try Self.robot()])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await hub.invoke("drive", of: "robot-1", input: Self.drive, id: "d") }
                let order = try await settled {
                    Self.published(bus, "uagv/v2/depai/robot-1/order").first
                }
                #expect(order["orderId"] == "d" && order["headerId"] != nil)
                group.cancelAll()
            }
            await #expect(throws: (any Error).self) {
                try await hub.invoke("drive", of: "robot-1", input: "nonsense", id: "e")
            }
        }
    }

    @Test func `a changed serial number is followed, and the old robot hears nothing more`() async throws {
        let bus = MemoryBus()
        try await withHub([try Self.robot()], bus: bus) { hub in
            // Both are asked for their state while nothing is heard of them.
            _ = try await settled {
                Self.published(bus, "uagv/v2/depai/robot-1/instantActions").first
            }
            try await hub.replace(things: [try Self.robot("renamed-1")])
            _ = try await settled {
                Self.published(bus, "uagv/v2/depai/renamed-1/instantActions").first
            }
            let before = Self.published(bus, "uagv/v2/depai/robot-1/instantActions").count
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await hub.invoke("pause", of: "robot-1", input: .null, id: "p") }
                _ = try? await settled {
                    Self.published(bus, "uagv/v2/depai/renamed-1/instantActions").contains {
                        $0["actions"].map { "\($0.text)".contains("startPause") } ?? false
                    } ? true : nil
                }
                group.cancelAll()
            }
            let sent = Self.published(bus, "uagv/v2/depai/renamed-1/instantActions")
            #expect(sent.contains { $0["actions"]?.text.contains("startPause") == true })
            #expect(Self.published(bus, "uagv/v2/depai/robot-1/instantActions").count <= before + 1)
            // It comes back as it was.
            try await hub.replace(things: [try Self.robot()])
            _ = try await settled {
                Self.published(bus, "uagv/v2/depai/robot-1/instantActions").count > before + 1 ? true : nil
            }
        }
    }

    @Test func `two descriptions of one robot in two versions leave the second without orders`() async throws
    {
        var text = try json("mobile-robot/robot-1.td.json").text
        text.replace("/v2/", with: "/v3/")
        text.replace("vda5050/2.1.0", with: "vda5050/3.0.0")
        var document = try JSON.read(text)
        document["id"] = "urn:depai:mobile-robot:other"
        document["depai:name"] = "other"
        let other = try Thing(description: document, profiles: Profiles.all)
        let bus = MemoryBus()
        try await withHub([try Self.robot(), other], bus: bus) { hub in
            do {
                _ = try await hub.invoke("drive", of: "other", input: Self.drive, id: "d")
                Issue.record("it was commanded")
            } catch let DeviceError.noAdapter(thing, reason) {
                #expect(thing == "other" && reason.contains("another version"))
            }
            #expect(Self.published(bus, "uagv/v3/depai/robot-1/order").isEmpty)
            #expect(await hub.faults().contains { $0.affordance == "profile" })
        }
    }

    @Test func `a robot is sent nothing raw, neither by a property nor by a question`() async throws {
        var document = try json("mobile-robot/robot-1.td.json")
        document["depai:query"] = [["topic": "uagv/v2/depai/robot-1/order", "payload": "raw"]]
        document["properties"]?["raw"] = [
            "type": "string",
            "forms": [["op": "writeproperty", "href": "mqtt://b/uagv/v2/depai/robot-1/order"]],
        ]
        let bus = MemoryBus()
        try await withHub([try Thing(description: document, profiles: Profiles.all)], bus: bus) { hub in
            await #expect(throws: DeviceError.notCommandable(thing: "robot-1", name: "raw")) {
                try await hub.write("x", to: "raw", of: "robot-1", id: "a")
            }
            _ = try await settled {
                Self.published(bus, "uagv/v2/depai/robot-1/instantActions").first
            }
            #expect(bus.published.allSatisfy { !$0.topic.hasSuffix("/order") })
        }
    }

    @Test func `without a broker an order waits, and says so`() async throws {
        try await withHub([try Self.robot()], bus: MemoryBus(.offline)) { hub in
            let record = try await hub.invoke("drive", of: "robot-1", input: Self.drive, id: "d")
            #expect(record.state == .received && record.result == "no connection to the broker")
        }
    }

    @Test func `states that cannot be read are told, counted, and the reason why a command ends`()
        async throws
    {
        let bus = MemoryBus()
        bus.device { message in
            // A state without its time zone, as some fleets' robots write it.
            guard message.topic == "uagv/v2/depai/robot-1/order" else { return }
            bus.arrive("uagv/v2/depai/robot-1/state", #"{"headerId":1,"timestamp":"2026-01-01T00:00:00.00"}"#)
        }
        try await withHub([try Self.robot()], bus: bus) { hub in
            let record = try await hub.invoke("drive", of: "robot-1", input: Self.drive, id: "d")
            #expect(record.state == .unknown)
            #expect(record.result?.plainText.contains("states cannot be read") == true, "\(record)")
            let fault = try await settled {
                await hub.faults().first { $0.filter.hasSuffix("/state") && $0.affordance == "state" }
            }
            #expect(fault.count >= 1 && !fault.reason.isEmpty)
        }
    }
}
