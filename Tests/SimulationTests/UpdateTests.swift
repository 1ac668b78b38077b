import Agent
import Database
import Encoding
import Foundation
import Home
import SystemPackage
import TestSupport
import Testing

/// A home that an older or a newer program wrote.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct UpdateTests {
    private func content(_ home: Home) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try DurableFile.names(in: home.path)
        where name.contains(".db") && !name.hasSuffix("-shm") && !name.hasSuffix("-wal") {
            files[name] = try DurableFile.read(home.path.appending(name))
        }
        return files
    }

    /// A home whose robot ran once.
    private func home(_ folder: FilePath) async throws -> LoneRobot {
        let robot = try await LoneRobot.make(
            in: folder, broker: try Broker.freePort(), more: "report: { topic: robots/events }")
        let name = folder.appending("notify").string
        let manager = try Notifications(name)
        try await robot.whileRunning(["NOTIFY_SOCKET": name]) { life in
            try await manager.wait(for: "READY=1")
            life.signal(SIGTERM)
            _ = try await eventually("the end") { life.exitCode }
        }
        return robot
    }

    @Test(arguments: ["ledger.db", "agent.db", "devices.db", "outbox.db"])
    func `a home of a newer program is refused as a whole, and no file of it changes`(newer: String)
        async throws
    {
        try await withFolder { folder in
            let robot = try await self.home(folder)
            // All but one are older, so that whoever opened them first would bring them up to date.
            for (path, _) in robot.home.databases {
                try Connection(path: path.string).execute(
                    "PRAGMA user_version = \(path.lastComponent?.string == newer ? 7 : 1)")
            }
            let before = try self.content(robot.home)
            let answer = try await robot.depai("run")
            #expect(answer.code == 8, "\(answer.talk)")
            #expect(
                answer.talk.contains(
                    "\(newer) was written by a newer depai (schema 7, this program knows 1)"),
                "\(answer.talk)")
            #expect(answer.talk.contains("install the newer package"), "\(answer.talk)")
            #expect(try self.content(robot.home) == before)
            let doctor = try await robot.depai("doctor", "--offline", "--json")
            #expect(doctor.code == 8)
            let finding = try JSONField(try JSON.read(doctor.text))["findings"].elements().first {
                try $0["check"].string() == newer
            }
            #expect(try finding?["grade"].string() == "broken")
            #expect(try finding?["remedy"].string().contains("newer package") == true)
            if newer == "ledger.db" {
                for command in [
                    ["wallet", "balance"], ["wallet", "freeze"],
                    ["wallet", "backup", folder.appending("copy").string],
                ] {
                    let refused = try await LoneRobot.depai(command + ["--home", robot.home.path.string])
                    #expect(refused.code == 8, "\(command): \(refused.talk)")
                }
                #expect(try self.content(robot.home) == before)
            }
        }
    }
}
