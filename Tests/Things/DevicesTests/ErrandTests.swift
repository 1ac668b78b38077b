import Encoding
import Testing
import ThingSupport
import World

@testable import Devices

/// What a hub does by itself: asks for values, and lets values fall back.
@Suite struct ErrandTests {
    private static func asked(_ id: String = "one", limits: JSON? = nil) throws -> Thing {
        var document = description(["p": ["type": "boolean", "forms": [["href": .string("mqtt://b/\(id)")]]]])
        document["id"] = .string("urn:\(id)")
        document["depai:name"] = .string(id)
        document["depai:query"] = [
            ["topic": .string("\(id)/get"), "payload": ["state": "", "by": "$self"]],
            ["topic": .string("cmnd/\(id)/STATE"), "payload": ""],
        ]
        document["depai:limits"] = limits
        document["depai:availability"] = [
            "topic": .string("\(id)/LWT"), "online": "Online", "offline": "Offline",
        ]
        return try Thing(description: document)
    }

    @Test func `a device is asked for its values at the start and when it comes back`() async throws {
        let bus = MemoryBus(.offline)
        let timeline = StepTimeline()
        try await withHub([try Self.asked()], bus: bus, timeline: timeline) { hub in
            #expect(bus.published.isEmpty)
            bus.set(.online)
            _ = try await settled { bus.published.count == 2 ? true : nil }
            #expect(bus.published.map(\.topic) == ["one/get", "cmnd/one/STATE"])
            let first = JSONField(try JSON.read(bus.published[0].payload))
            #expect(try first["state"].string() == "" && first["by"].string().hasPrefix("depai-"))
            #expect(bus.published[1].payload.isEmpty && !bus.published[1].retained)
            timeline.advance(by: .seconds(60))
            bus.arrive("one/LWT", "Offline")
            bus.arrive("one/LWT", "Online")
            _ = try await settled { bus.published.count == 4 ? true : nil }
            // A device that flickers is not asked each time.
            bus.arrive("one/LWT", "Offline")
            bus.arrive("one/LWT", "Online")
            _ = try await settled {
                await hub.twin("one")?.availability == .online ? true : nil
            }
            try await hub.replace(things: [try Self.asked(), try Self.asked("two")])
            _ = try await settled { bus.published.contains { $0.topic == "two/get" } ? true : nil }
        }
    }

    @Test func `a question is a publication within the owner's limits`() async throws {
        let bus = MemoryBus()
        let never: JSON = ["hours": ["from": "00:00", "to": "00:01", "utcOffset": "+00:00"]]
        let things = [
            try Self.asked("one", limits: ["perMinute": 1]), try Self.asked("night", limits: never),
            try Self.asked("free"),
        ]
        try await withHub(things, bus: bus) { _ in
            _ = try await settled { bus.published.contains { $0.topic == "cmnd/free/STATE" } ? true : nil }
            #expect(bus.published.map(\.topic) == ["one/get", "free/get", "cmnd/free/STATE"])
        }
    }

    /// Home Assistant, MQTT binary sensor, `off_delay`: motion that ends without a message.
    @Test func `motion ends without a message, and who reads hears of it`() async throws {
        let form: JSON = [
            "href": "mqtt://b/pir", "depai:fallback": ["value": false, "afterMs": 30_000],
        ]
        let thing = try Thing(description: description(["motion": ["type": "boolean", "forms": [form]]]))
        let bus = MemoryBus()
        let timeline = StepTimeline()
        try await withHub([thing], bus: bus, timeline: timeline) { hub in
            let mark = await hub.news(after: nil).mark
            bus.arrive("pir", "true")
            let news = try await settled {
                let news = await hub.news(after: mark)
                return news.readings.count == 2 ? news : nil
            }
            #expect(news.readings.map(\.reading.value) == [true, false])
            let passed = news.readings[1].reading.uptime - news.readings[0].reading.uptime
            #expect(passed >= .seconds(30))
            #expect(await hub.twin("urn:test:one")?.reported["motion"]?.value == false)
        }
    }

    /// Shelly Gen2 over MQTT: an answer comes on the caller's own topic.
    @Test func `a Shelly is asked for its status, and its answer is read`() async throws {
        let bus = MemoryBus()
        bus.device { message in
            guard message.topic == "shelly-1/rpc", let call = try? JSONField(JSON.read(message.payload)),
                case .string("Shelly.GetStatus")? = call["method"].value,
                let caller = try? call["src"].string()
            else { return }
            let answer: JSON = [
                "id": call["id"].value ?? .null, "src": "shellyplus1pm-1", "dst": .string(caller),
                "result": ["switch:0": ["id": 0, "output": true, "apower": .number(8.5), "voltage": 231]],
            ]
            bus.arrive("\(caller)/rpc", answer.text)
        }
        try await withHub([try shipped("shelly-switch", "shelly-1")], bus: bus) { hub in
            let twin = try await settled {
                let twin = await hub.twin("shelly-1")
                return twin?.reported["voltage"] == nil ? nil : twin
            }
            #expect(twin.reported["power"]?.value == true)
            #expect(twin.reported["activePower"]?.value == .number(8.5))
            #expect(await hub.faults() == [])
            // Descriptions of others that come ask it nothing.
            let count = bus.published.count
            try await hub.replace(things: [try shipped("shelly-switch", "shelly-1"), try Self.asked("two")])
            _ = try await settled { bus.published.contains { $0.topic == "two/get" } ? true : nil }
            #expect(bus.published.count { $0.topic == "shelly-1/rpc" } == count)
        }
    }
}
