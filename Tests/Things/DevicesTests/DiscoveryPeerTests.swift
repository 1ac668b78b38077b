import Encoding
import Foundation
import Linux
import Synchronization
import TestSupport
import Testing
import World

@testable import Devices

/// Devices that programs of others announce, over a broker: the PyPI packages ha-mqtt-discoverable,
/// paho-mqtt and HATasmota.
@Suite(.broker, .enabled(if: Broker.isInstalled), .serialized, .endsHangs)
struct DiscoveryPeerTests {
    @Test func `what others announce is imported, followed and commanded`() async throws {
        let python = try await Peer.python(
            with: "ha_mqtt_discoverable, hatasmota, paho.mqtt", from: "ha-mqtt-discoverable")
        let broker = try #require(Broker.current)
        let peer = Process()
        peer.executableURL = URL(filePath: "/usr/bin/env")
        peer.arguments = [python, Peer.script("announce_devices.py").path, String(broker.port)]
        let (input, output) = (Pipe(), Pipe())
        peer.standardInput = input
        peer.standardOutput = output
        try peer.run()
        defer {
            // It ends with its input.
            try? input.fileHandleForWriting.close()
            peer.waitUntilExit()
        }
        let topics = JSONField(
            try JSON.read(Array(output.fileHandleForReading.availableData.prefix { $0 != 0x0a })))

        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            let address = BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "importer")
            let bus = MosquittoBus(address, entropy: SystemEntropy())
            let heard = Mutex<[String: Message]>([:])
            for convention in [DiscoveryConvention.homeassistant, .tasmota] {
                for filter in convention.filters(base: nil) {
                    try bus.subscribe(to: filter, quality: .atLeastOnce) { message in
                        heard.withLock { $0[message.topic] = message }
                    }
                }
            }
            group.addTask { await bus.run() }
            let messages = try await eventually("all announcements") {
                let messages = heard.withLock { Array($0.values) }
                return messages.count >= 6 ? messages : nil
            }
            func things(_ convention: DiscoveryConvention) throws -> [Thing] {
                let found = convention.things(
                    from: messages, base: nil, broker: "127.0.0.1:\(broker.port)")
                #expect(found.skipped == [])
                // What it says beside its values has no place in a description.
                #expect(
                    found.things.flatMap(\.notes).allSatisfy { $0.hasSuffix(": json_attributes_topic") },
                    "\(found.things.map(\.notes))")
                return try found.things.map { try Thing(description: $0.description) }
            }
            let kettle = try #require(try things(.tasmota).first)
            #expect(kettle.availability?.topic == (try topics["will"].string()))
            let power = try #require(kettle.properties.first { $0.name == "power" })
            #expect(power.write?.topic == (try topics["command"].string() + "POWER"))
            #expect(power.reports.first?.filter == (try topics["state"].string() + "POWER"))
            let sensors = kettle.properties.filter { $0.name != "power" }
            #expect(sensors.map(\.name) == ["AM2301-Temperature", "AM2301-Humidity"])
            #expect(try sensors.allSatisfy { $0.reports[0].filter == (try topics["sensor"].string()) })

            let shed = try #require(try things(.homeassistant).first)
            #expect(Set(shed.properties.map(\.name)).count == 4)
            let hub = try DeviceHub(
                things: [shed, kettle], bus: bus, store: nil, timeline: SystemTimeline(),
                entropy: SystemEntropy())
            group.addTask { try await hub.run() }
            func named(_ part: String) throws -> Thing.Property {
                try #require(shed.properties.first { $0.name.contains(part) })
            }
            let lamp = try named("lamp")
            let record = try await hub.write(true, to: lamp.name, of: shed.name, id: "lamp on")
            #expect(record.state == .done, "\(record)")
            let level = try await hub.write(42, to: try named("level").name, of: shed.name, id: "level 42")
            #expect(level.state == .done, "\(level)")
        }
    }
}
