import Database
import Encoding
import Foundation
import Home
import Ledger
import Linux
import SystemPackage
import TestSupport
import Testing
import World

/// `depai doctor`: what it finds, and that it always says what to do.
@Suite(.serialized, .endsHangs)
struct DoctorTests {
    private struct Report {
        let code: Int32
        let findings: [String: (grade: String, text: String, remedy: String?)]

        init(_ robot: LoneRobot, _ arguments: String...) async throws {
            let answer = try await LoneRobot.depai(
                ["doctor", "--json", "--home", robot.home.path.string] + arguments)
            self.code = answer.code
            var findings: [String: (grade: String, text: String, remedy: String?)] = [:]
            for field in try JSONField(try JSON.read(answer.text))["findings"].elements() {
                let remedy = try field["remedy"].ifPresent?.string()
                let grade = try field["grade"].string()
                let check = try field["check"].string()
                #expect((remedy == nil) == (grade == "good"), "\(check) has no remedy")
                // The worst of each name.
                if let known = findings[check], known.grade == "broken" { continue }
                findings[check] = (grade, try field["text"].string(), remedy)
            }
            self.findings = findings
        }

        subscript(_ check: String) -> (grade: String, text: String, remedy: String?)? { self.findings[check] }
    }

    @Test(.enabled(if: Broker.isInstalled, "mosquitto is not installed"))
    func `what is whole is good, beside a robot that runs and without one`() async throws {
        try await Broker.with { broker in
            try await withFolder { folder in
                let robot = try await LoneRobot.make(in: folder, broker: broker.port)
                let still = try await Report(robot)
                #expect(still.code == 0, "\(still.findings)")
                #expect(still["robot"]?.text == "none runs in this home")
                #expect(still["broker"]?.grade == "good" && still["configuration"]?.grade == "good")
                #expect(still["rpc"]?.grade == "warning" && still["policy"]?.grade == "warning")
                #expect(
                    still["unlocking"]?.grade == "good" && still["disk"] != nil
                        && still["owner"]?.grade == "good")
                let name = folder.appending("notify").string
                let manager = try Notifications(name)
                try await robot.whileRunning(["NOTIFY_SOCKET": name]) { life in
                    try await manager.wait(for: "broker connected")
                    let running = try await Report(robot)
                    #expect(running.code == 0, "\(running.findings)")
                    #expect(running["robot"]?.text.contains("runs here") == true)
                    #expect(running["ledger.db"]?.text == "schema \(PaymentLedger.schema.version)")
                    // A look takes nobody's connection away.
                    #expect(!life.said.contains("not connected"), "\(life.said)")
                    life.signal(SIGSTOP)
                    let stuck = try await Report(robot, "--offline")
                    #expect(stuck.code == 8 && stuck["robot"]?.grade == "broken", "\(stuck.findings)")
                    life.signal(SIGCONT)
                }
            }
        }
    }

    @Test func `each fault is found where it is, with its remedy`() async throws {
        try await withFolder { folder in
            let robot = try await LoneRobot.make(in: folder, broker: try Broker.freePort())
            let home = robot.home
            let good = try DurableFile.read(home.configurationPath)
            func write(_ text: String, _ path: FilePath) throws {
                try DurableFile.write(Array(text.utf8), to: path)
            }
            func configuration(_ old: String, _ new: String) throws {
                try write(
                    String(decoding: good, as: UTF8.self).replacingOccurrences(of: old, with: new),
                    home.configurationPath)
            }
            func expect(
                _ check: String, _ grade: String, _ words: String, _ remedy: String, _ arguments: String
            ) async throws {
                let report = try await Report(robot, arguments.isEmpty ? "--offline" : arguments)
                let found = report[check]
                #expect(
                    found?.grade == grade && found?.text.contains(words) == true,
                    "\(check): \(report.findings)")
                #expect(found?.remedy?.contains(remedy) == true, "\(check): \(String(describing: found))")
                #expect(report.code == (grade == "broken" ? 8 : report.code))
                try DurableFile.write(good, to: home.configurationPath)
            }
            try configuration("port:", "prot:")
            try await expect("configuration", "broken", "/broker/prot", "correct", "")
            try configuration("network: devnet", "network: [")
            try await expect("configuration", "broken", "depai.yaml", "correct", "")
            try configuration(
                "providers: []", "providers: []\narchive: { readings: 9, days: 1, challenges: 0 }")
            try await expect(
                "configuration", "warning", "behaviours: { archive: … }", "before the next version", "")
            try configuration("\(home.path)/devices", "/nowhere")
            try await expect("devices", "broken", "/nowhere", "mkdir -p", "")
            try write("{\"title\": 1}", home.path.appending("devices/lamp.td.json"))
            try await expect("lamp.td.json", "broken", "lacks", "depai device check", "")
            try DurableFile.remove(home.path.appending("devices/lamp.td.json"))
            chmod(home.keystorePath.string, 0o644)
            try await expect(home.keystorePath.string, "broken", "644", "chmod 600", "")
            chmod(home.keystorePath.string, 0o600)
            chmod(folder.appending("passphrase").string, 0o644)
            try await expect("unlocking", "broken", "lets others in", "chmod 600", "")
            try DurableFile.remove(folder.appending("passphrase"))
            try await expect("unlocking", "warning", "locked", "depai wallet slot --credential-sealed", "")
            try configuration("client_id: robot", "client_id: robot, username: u, password_file: /nowhere")
            try await expect("broker", "broken", "/nowhere", "correct broker", "")
            try await expect(
                "rpc", "warning", "does not answer", "check the URL", "--config=\(home.configurationPath)")
            try write("not a key", home.path.appending("owner.pub"))
            try await expect("owner key", "broken", "owner.pub", "backup", "")
            if geteuid() == 0 {
                chown(home.path.appending("owner.pub").string, 12_345, 12_345)
                try await expect("owner", "broken", "owner.pub", "chown -R --reference", "")
            }
            try DurableFile.remove(home.keystorePath)
            try await expect("keystore", "broken", "no wallet", "depai init", "")
        }
    }

    @Test(.enabled(if: Broker.isInstalled, "mosquitto is not installed"))
    func `a broker that refuses is broken, in its words; one that is away is a warning`() async throws {
        let settings = Broker.Settings(isOpen: false)
        try await Broker.with(settings) { broker in
            try await withFolder { folder in
                let robot = try await LoneRobot.make(in: folder, broker: broker.port)
                let refused = try await Report(robot)
                #expect(refused.code == 8 && refused["broker"]?.grade == "broken", "\(refused.findings)")
                #expect(
                    refused["broker"]?.text.lowercased().contains("not authorized") == true,
                    "\(refused.findings)")
                try await broker.halt()
                let away = try await Report(robot)
                #expect(away.code == 0 && away["broker"]?.grade == "warning", "\(away.findings)")
            }
        }
    }
}
