import Encoding
import Foundation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// A home, an owner's key and a robot to be started.
struct OwnerScene {
    struct Answer {
        let code: Int32
        let text: String
        let talk: String
    }

    let folder: FilePath
    let broker: Broker
    let wallet: String
    let identity: String

    init(_ folder: FilePath, _ broker: Broker) async throws {
        self.folder = folder
        self.broker = broker
        func write(_ text: String, _ name: String) throws {
            let path = folder.appending(name).string
            try Data(text.utf8).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        }
        try write("a robot's passphrase\n", "passphrase")
        try write("an owner's passphrase\n", "owner-passphrase")
        _ = try await Self.depai([
            "owner", "keygen", "--passphrase-file", folder.appending("owner-passphrase").string,
            folder.appending("owner.key").string,
        ])
        let owner = try await Self.depai(["owner", "public", folder.appending("owner.key").string]).text
        try write(owner, "owner.pub")
        let home = folder.appending("home").string
        let made = try await Self.depai([
            "init", "--home", home, "--passphrase-file", folder.appending("passphrase").string,
            "--owner-key", folder.appending("owner.pub").string, "--yes",
        ])
        #expect(made.code == 0, "\(made.talk)")
        self.wallet = try await Self.depai(["wallet", "address", "--home", home]).text
        self.identity = try await Self.depai(
            ["wallet", "address", "--home", home, "--chain", "did"]
        ).text
        try FileManager.default.createDirectory(
            atPath: folder.appending("devices").string, withIntermediateDirectories: true)
        try write(
            """
            network: devnet
            rpc: http://127.0.0.1:9
            passphrase_file: \(folder.appending("passphrase"))
            broker: {host: 127.0.0.1, port: \(broker.port), client_id: robot}
            devices: \(folder.appending("devices"))
            providers: []
            """, "home/depai.yaml")
    }

    static func depai(_ arguments: [String]) async throws -> Answer {
        let result = try await run(
            .path(Repository.program("depai")),
            arguments: Arguments(arguments), output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20))
        let code: Int32 = if case .exited(let code) = result.terminationStatus { Int32(code) } else { -1 }
        return Answer(
            code: code,
            text: result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines),
            talk: result.standardError)
    }

    func wallet(_ arguments: String...) async throws -> Answer {
        try await Self.depai(["wallet"] + arguments + ["--home", self.folder.appending("home").string])
    }

    /// - Parameter key: whose file, beside the owner's.
    func owner(by key: String = "owner.key", _ arguments: String...) async throws -> Answer {
        let target =
            arguments.contains("--out")
            ? [] : ["--broker", "127.0.0.1:\(self.broker.port)", "--identity", self.identity]
        return try await Self.depai(
            ["owner"] + arguments + [
                "--wallet", self.wallet, "--key-file", self.folder.appending(key).string,
                "--passphrase-file", self.folder.appending("owner-passphrase").string,
            ] + target)
    }

    /// Adds a line to the configuration.
    func configure(_ line: String) throws {
        let path = self.folder.appending("home/depai.yaml").string
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try Data((text + "\n" + line).utf8).write(to: URL(filePath: path))
    }

    /// Runs `body` beside the robot, and ends the robot by its own id.
    func whileRobotRuns(endingWith signal: Int32 = SIGTERM, _ body: () async throws -> Void) async throws {
        let robot = Process()
        robot.executableURL = URL(filePath: Repository.program("depai").string)
        robot.arguments = ["run", "--home", self.folder.appending("home").string]
        robot.standardError = FileHandle.nullDevice
        try robot.run()
        defer {
            kill(robot.processIdentifier, signal)
            robot.waitUntilExit()
        }
        let socket = self.folder.appending("home/control.sock").string
        _ = try await eventually("the socket") {
            FileManager.default.fileExists(atPath: socket) ? true : nil
        }
        try await body()
    }

    /// Why the wallet stands still, if it does.
    func hold() async throws -> String? {
        let json = JSONField(try JSON.read(try await self.wallet("show", "--json").text))
        return try json["hold"].ifPresent?.string()
    }
}
