import Agent
import Control
import Database
import Encoding
import Foundation
import Home
import Ledger
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// A home that a newer program wrote, and a home that goes to another machine.
@Suite(.serialized, .endsHangs)
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

    @Test(arguments: ["ledger.db", "agent.db", "devices.db", "outbox.db", "readings.db"])
    func `a home of a newer program is refused as a whole, and no file of it changes`(newer: String)
        async throws
    {
        try await withFolder { folder in
            let robot = try await self.home(folder)
            // One alone is newer: the others would open.
            let (path, schema) = try #require(
                robot.home.databases.first { $0.0.lastComponent?.string == newer })
            try Connection(path: path.string).execute("PRAGMA user_version = 7")
            let before = try self.content(robot.home)
            let answer = try await robot.depai("run")
            #expect(answer.code == 8, "\(answer.talk)")
            #expect(
                answer.talk.contains(
                    "\(newer) was written by a newer depai (schema 7, this program knows \(schema.version))"),
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

    @Test func `a whole home comes back elsewhere and runs, and a kill at any step hinders nothing`()
        async throws
    {
        try await withFolder { folder in
            let robot = try await self.home(folder)
            try DurableFile.write(
                Array("{}".utf8), to: robot.home.path.appending("devices/lamp.td.json"))
            let copy = folder.appending("copy")
            let name = folder.appending("notify").string
            let manager = try Notifications(name)
            // While the robot runs.
            try await robot.whileRunning(["NOTIFY_SOCKET": name]) { _ in
                try await manager.wait(for: "READY=1")
                let made = try await LoneRobot.depai(
                    ["backup", "--home", robot.home.path.string, copy.string])
                #expect(made.code == 0, "\(made.talk)")
            }
            let other = LoneRobot(folder: folder, home: Home(folder.appending("other")))
            let owner = Base58.encode(try LoneRobot.owner().publicKey.bytes)
            let consent = ["--owner", owner, "--passphrase-file", folder.appending("passphrase").string]
            let arguments = ["restore", "--home", other.home.path.string, copy.string] + consent
            var deaths = 0
            if FileManager.default.isExecutableFile(atPath: "/usr/bin/strace") {
                for step in 1...200 {
                    let calls = "rename,mkdir,unlink,fsync,rmdir"
                    let killed = try await run(
                        .path("/usr/bin/strace"),
                        arguments: Arguments(
                            [
                                "-f", "-o", "/dev/null", "-e", "trace=\(calls)", "-e",
                                "inject=\(calls):signal=KILL:when=\(step)", LoneRobot.program.string,
                            ] + arguments), output: .discarded, error: .discarded)
                    if killed.terminationStatus.isSuccess { break }
                    deaths += 1
                    let again = try await LoneRobot.depai(arguments)
                    #expect(
                        again.code == 0 || again.talk.contains("exists already"), "\(step): \(again.talk)")
                    #expect(try other.home.viewLedger().hold()?.by == "restore", "step \(step)")
                    #expect(!DurableFile.exists(other.home.path.appending(".init")))
                    try FileManager.default.removeItem(atPath: other.home.path.string)
                }
                print("restore: killed \(deaths) times")
                #expect(deaths > 20)
                try? FileManager.default.removeItem(atPath: other.home.path.string)
            }
            let back = try await LoneRobot.depai(arguments)
            #expect(back.code == 0, "\(back.talk)")
            for file in [
                "agent.db", "devices.db", "outbox.db", "ledger.db", "devices/lamp.td.json", "depai.yaml",
            ] {
                #expect(DurableFile.exists(other.home.path.appending(file)), "\(file)")
            }
            let events = try AgentView(path: other.home.agentPath).events().map(\.kind)
            #expect(events.count { $0 == "start" } == 2, "\(events)")
            let second = try Notifications(folder.appending("second").string)
            try await other.whileRunning(["NOTIFY_SOCKET": folder.appending("second").string]) { _ in
                try await second.wait(for: "STATUS=wallet open but stopped")
            }
            // Where nobody can be asked, somebody has to have said whose it is.
            let unasked = try await LoneRobot.depai(Array(arguments.dropLast(4)) + consent.dropFirst(2))
            #expect(unasked.code == 1 || unasked.code == 2)
            #expect(unasked.talk.contains(owner), "\(unasked.talk)")
            // What was changed in the copy is found.
            let database = copy.appending("agent.db")
            var bytes = try DurableFile.read(database)
            bytes[bytes.count / 2] ^= 1
            try DurableFile.write(bytes, to: database)
            let refused = try await LoneRobot.depai(
                ["restore", "--home", folder.appending("third").string, copy.string] + consent)
            #expect(refused.code == 1 && refused.talk.contains("agent.db was changed"), "\(refused.talk)")
        }
    }
}
