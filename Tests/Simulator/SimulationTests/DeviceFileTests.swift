import Agent
import Encoding
import Foundation
import Linux
import Subprocess
import SystemPackage
import TestSupport
import Testing
import World

/// Descriptions as files: those that devices give of themselves, and those that are held against the rules.
@Suite(.serialized, .endsHangs)
struct DeviceFileTests {
    /// Leaves with the broker what a sensor says of itself.
    private func leave(_ message: Message, at broker: Broker) async throws {
        let bus = MosquittoBus(
            BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "sensor"), entropy: SystemEntropy(),
            limits: LinkLimits(), pause: RetryPause(leastMilliseconds: 5, mostMilliseconds: 40)
        ) { _ in }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            defer { group.cancelAll() }
            _ = try await eventually("a connection") { bus.isConnected ? true : nil }
            try await bus.publish(message)
        }
    }

    private static let sensor: JSON = [
        "name": "Temperature", "unique_id": "shed-t", "state_topic": "shed/state",
        "unit_of_measurement": "°C", "value_template": "{{ value_json.t }}", "device_class": "temperature",
        "device": ["identifiers": ["shed"], "name": "Shed"],
    ]

    @Test(.enabled(if: Broker.isInstalled, "mosquitto is not installed"))
    func `a device's own description becomes a valid file, and a file that is there stays`() async throws {
        try await Broker.with { broker in
            try await withFolder { folder in
                let robot = try await LoneRobot.make(in: folder, broker: broker.port)
                let nobody = try await robot.depai(
                    "device", "import", "--from", "homeassistant", "--wait", "1")
                #expect(nobody.code == 1 && nobody.talk.contains("no device of homeassistant"), "\(nobody)")
                try await self.leave(
                    Message(
                        topic: "homeassistant/sensor/shed/t/config",
                        payload: Array(Self.sensor.text.utf8), retained: true), at: broker)
                let file = robot.home.path.appending("devices/Shed.td.json").string
                @Sendable func imported(_ arguments: String...) async throws -> String {
                    let answer = try await LoneRobot.depai(
                        ["device", "import", "--from", "homeassistant", "--json"] + arguments
                            + ["--home", robot.home.path.string])
                    #expect(answer.code == 0, "\(answer.talk)")
                    let thing = try JSONField(JSON.read(Array(answer.text.utf8)))["things"].elements().first
                    let found = try #require(thing)
                    #expect(try found["name"].string() == "Shed" && found["file"].string() == file)
                    return try found["state"].string()
                }
                #expect(try await imported("--dry-run") == "would be written")
                #expect(!FileManager.default.fileExists(atPath: file))
                #expect(try await imported() == "written")
                let checked = try await LoneRobot.depai(["device", "check", file])
                #expect(checked.code == 0 && checked.text == "\(file): valid\n", "\(checked)")
                // The owner's hand is not written over unasked.
                try "mine".write(toFile: file, atomically: true, encoding: .utf8)
                #expect(try await imported() == "is there already")
                #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
                #expect(try await imported("--update") == "is there already")
                #expect(try await imported("--force") == "replaced")
                #expect(try await imported("--update") == "is as it was")
                #expect(try String(contentsOfFile: file, encoding: .utf8).contains("shed/state"))
            }
        }
    }

    @Test func `a family's model becomes a device's description`() async throws {
        try await withFolder { folder in
            let models = Repository.root.appending(path: "Devices").path
            @Sendable func make(_ arguments: String...) async throws -> (code: Int32, talk: String) {
                let answer = try await LoneRobot.depai(
                    ["device", "new"] + arguments + [
                        "--models", models, "--out", folder.string, "--home", folder.string,
                    ])
                return (answer.code, answer.talk)
            }
            let nobody = try await make("relay-plugg", "--id", "plug-9", "--broker", "host:1883")
            #expect(nobody.code == 1 && nobody.talk.contains("relay-plug"), "\(nobody)")
            let broker = try await make("relay-plug", "--id", "plug-9")
            #expect(broker.code == 2 && broker.talk.contains("--broker"), "\(broker)")
            let made = try await make("relay-plug", "--id", "plug-9", "--broker", "host:1883")
            #expect(made.code == 0, "\(made)")
            let file = folder.appending("plug-9.td.json").string
            let checked = try await LoneRobot.depai(["device", "check", file])
            #expect(checked.code == 0 && checked.text == "\(file): valid\n", "\(checked)")
            #expect(try String(contentsOfFile: file, encoding: .utf8).contains("cmnd/plug-9/POWER"))
            let again = try await make("relay-plug", "--id", "plug-9", "--broker", "host:1883")
            #expect(again.code == 1 && again.talk.contains("is there already"), "\(again)")
        }
    }

    @Test func `a new description goes to the home's folder of devices, wherever one stands`() async throws {
        try await withFolder { folder in
            let models = Repository.root.appending(path: "Devices").path
            try "devices: mine\nbroker: { host: shed, client_id: robot }\n"
                .write(toFile: folder.appending("depai.yaml").string, atomically: true, encoding: .utf8)
            let made = try await LoneRobot.depai([
                "device", "new", "relay-plug", "--id", "plug-9", "--models", models, "--home", folder.string,
            ])
            let file = folder.appending("mine").appending("plug-9.td.json").string
            #expect(made.code == 0 && made.text.contains(file), "\(made)")
            #expect(try String(contentsOfFile: file, encoding: .utf8).contains("mqtt://shed:1883/"))
        }
    }

    @Test func `a description is checked, and each fault is told with its file and place`() async throws {
        try await withFolder { folder in
            let file = folder.appending("a.td.json").string
            try #"{"@context": "https://www.w3.org/2022/wot/td/v1.1", "title": 7}"#
                .write(toFile: file, atomically: true, encoding: .utf8)
            let absent = folder.appending("absent.json").string
            let answer = try await LoneRobot.depai(["device", "check", "--json", file, absent])
            #expect(answer.code == 1, "\(answer)")
            let report = JSONField(try JSON.read(Array(answer.text.utf8)))
            #expect(try !report["valid"].bool())
            let files = try report["files"].elements()
            #expect(try files.map { try $0["file"].string() } == [file, absent])
            let places = try files.map { try $0["faults"].elements().map { try $0["pointer"].string() } }
            #expect(places[0].contains("/title") && places[1] == [""], "\(answer.text)")
        }
    }

    @Test func `status says from the files what the robot did, while it runs and afterwards`() async throws {
        try await withFolder { folder in
            let robot = try await LoneRobot.make(in: folder, broker: try Broker.freePort())
            @Sendable func events() async throws -> [String] {
                let answer = try await robot.depai("status", "--json")
                #expect(answer.code == 0, "\(answer.talk)")
                let status = JSONField(try JSON.read(Array(answer.text.utf8)))
                #expect(try status["openPayments"].elements().isEmpty)
                return try status["events"].elements().map { try $0["kind"].string() }
            }
            try await robot.whileRunning { _ in
                _ = try await eventually("a robot that has started") {
                    try? await robot.depai("status").code == 0 ? true : nil
                }
                _ = try await eventually("the start among the events") {
                    try await events().contains("start") ? true : nil
                }
            }
            #expect(try await events().contains("start"))
            let table = try await robot.depai("status")
            #expect(table.text.contains("open payments") && table.text.contains("start"), "\(table)")
        }
    }
}
