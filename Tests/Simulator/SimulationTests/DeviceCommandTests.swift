import Agent
import Control
import Encoding
import Foundation
import Home
import Simulation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// `depai device` against a running robot and simulated devices.
@Suite(.serialized, .endsHangs)
struct DeviceCommandTests {
    private struct Answer {
        let code: Int32
        let text: String
        let talk: String
        func json() throws -> JSONField { JSONField(try JSON.read(Array(self.text.utf8))) }
    }

    private static func depai(_ home: String, _ arguments: String...) async throws -> Answer {
        let result = try await run(
            .path(Repository.program("depai")),
            arguments: Arguments(["device"] + arguments + ["--home", home]),
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        let code: Int32 = if case .exited(let code) = result.terminationStatus { Int32(code) } else { -1 }
        return Answer(code: code, text: result.standardOutput, talk: result.standardError)
    }

    @Test func `devices are listed, shown, read, written and watched`() async throws {
        let (simulation, folder) = try WorldTests.simulation(try WorldTests.scenario())
        defer { TemporaryFolder.remove(folder) }
        try await simulation.withWorld { world in
            let home = world.workshop.robot.path.string
            let silent = try await Self.depai(home, "list")
            #expect(silent.code == 9 && silent.talk.contains("no robot runs"), "\(silent.talk)")
            _ = try await world.startRobot()
            _ = try await eventually("the plug") {
                let answer = try? await Self.depai(home, "read", "plug-1", "power")
                return answer?.code == 0 ? true : nil
            }
            let list = try await Self.depai(home, "list", "--json")
            #expect(try list.json()["devices"].elements().count == 4, "\(list.text)")
            let table = try await Self.depai(home)
            #expect(table.code == 0 && table.text.contains("plug-1") && table.text.contains("online"))

            let written = try await Self.depai(
                home, "write", "plug-1", "power", "true", "--id", "a", "--json")
            #expect(written.code == 0, "\(written.talk)")
            #expect(try written.json()["state"].string() == "done")
            let read = try await Self.depai(home, "read", "plug-1", "power")
            #expect(read.text == "true\n")
            let same = try await Self.depai(home, "write", "plug-1", "power", "true", "--id", "a")
            #expect(same.code == 0)
            let other = try await Self.depai(home, "write", "plug-1", "power", "false", "--id", "a")
            #expect(other.code == 1 && other.talk.contains("another content"), "\(other.talk)")
            let wrong = try await Self.depai(home, "write", "plug-1", "power", "perhaps")
            #expect(wrong.code == 1 && wrong.talk.contains("not of type boolean"), "\(wrong.talk)")
            let unknown = try await Self.depai(home, "show", "plug-2")
            #expect(unknown.code == 1 && unknown.talk.contains("plug-2"), "\(unknown.talk)")
            let shown = try await Self.depai(home, "show", "plug-1", "--json")
            let power = try shown.json()["properties"][0]
            #expect(try power["reported"]["value"].bool() && power["desired"]["value"].bool())
            #expect(try power["desired"]["command"].string() == "a")

            // Descriptions come, break, are mended and go while everything runs.
            let folder = world.workshop.robot.path.appending("devices")
            let plug = URL(filePath: folder.appending("plug-1.td.json").string)
            let good = try String(contentsOf: plug, encoding: .utf8)
            func count(_ wanted: Int) async throws {
                _ = try await eventually("\(wanted) devices") {
                    let list = try await Self.depai(home, "list", "--json")
                    return try list.json()["devices"].elements().count == wanted ? true : nil
                }
            }
            let second = URL(filePath: folder.appending("plug-2.td.json").string)
            try good.replacingOccurrences(of: "plug-1", with: "plug-2").write(
                to: second, atomically: true, encoding: .utf8)
            try await count(5)
            try good.replacingOccurrences(of: "boolean", with: "bool").write(
                to: plug, atomically: true, encoding: .utf8)
            try FileManager.default.removeItem(at: second)
            try await count(4)
            let still = try await Self.depai(home, "read", "plug-1", "power")
            #expect(still.text == "true\n", "\(still.talk)")
            let events = try AgentView(path: world.workshop.robot.agentPath).events()
            #expect(
                events.contains {
                    $0.text.contains("plug-1.td.json: /properties/power/type")
                        && $0.text.contains("last good one")
                }, "\(events.map(\.text))")
            try good.write(to: plug, atomically: true, encoding: .utf8)

            // A watcher sees the change that somebody else makes.
            let watcher = Process()
            watcher.executableURL = URL(filePath: Repository.program("depai").string)
            watcher.arguments = ["device", "watch", "plug-1", "--home", home]
            let pipe = Pipe()
            watcher.standardOutput = pipe
            try watcher.run()
            defer {
                kill(watcher.processIdentifier, SIGKILL)
                watcher.waitUntilExit()
            }
            var heard = ""
            while !heard.contains("power  true") {
                heard += String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
            }
            _ = try await Self.depai(home, "write", "plug-1", "power", "false")
            while !heard.contains("power  false") {
                heard += String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
            }
        }
    }
}
