import Database
import Foundation
import Home
import Linux
import Subprocess
import SystemPackage
import TestSupport
import Testing
import Wallet

/// The key that the service manager delivers.
@Suite(.serialized, .endsHangs)
struct CredentialTests {
    /// A robot without a passphrase file, and what it says of its wallet when it gets `credential` so.
    private func status(_ robot: LoneRobot, _ folder: FilePath?) async throws -> (text: String?, said: String)
    {
        let name = robot.folder.appending("notify-\(UUID().uuidString.prefix(8))").string
        let manager = try Notifications(name)
        var variables = ["NOTIFY_SOCKET": name]
        if let folder { variables["CREDENTIALS_DIRECTORY"] = folder.string }
        let said = robot.folder.appending("said")
        try await robot.whileRunning(variables) { life in
            _ = try await eventually("a word or the end") {
                manager.texts.contains { $0.hasPrefix("STATUS=") } || life.exitCode != nil ? true : nil
            }
            try DurableFile.write(Array(life.said.utf8), to: said)
        }
        let text = manager.texts.first { $0.hasPrefix("STATUS=") }
        return (text, String(decoding: try DurableFile.read(said), as: UTF8.self))
    }

    private func robot(_ folder: FilePath) async throws -> LoneRobot {
        let robot = try await LoneRobot.make(in: folder, broker: try Broker.freePort())
        let text = String(decoding: try DurableFile.read(robot.home.configurationPath), as: UTF8.self)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("passphrase_file") }
        try DurableFile.write(Array(lines.joined(separator: "\n").utf8), to: robot.home.configurationPath)
        return robot
    }

    @Test func `a clear credential opens the wallet at the start, and a readable one does not`() async throws
    {
        try await withFolder { folder in
            let robot = try await self.robot(folder)
            #expect(try await self.status(robot, nil).text?.hasPrefix("STATUS=wallet locked") == true)
            let credentials = folder.appending("credentials")
            let key = credentials.appending("depai.key")
            let made = try await robot.depai(
                "wallet", "slot", "--credential-out", key.string, "--passphrase-file",
                folder.appending("passphrase").string)
            #expect(made.code == 0 && made.text == "opened by passphrase or credential\n", "\(made.talk)")
            #expect(try DurableFile.read(key).count == 32)
            let again = try await robot.depai(
                "wallet", "slot", "--credential-out", key.string, "--passphrase-file",
                folder.appending("passphrase").string)
            #expect(again.code == 1 && again.talk.contains("never overwritten"), "\(again.talk)")
            // 0440 is how an access list for the service's user shows.
            for (mode, opens) in [
                (0o600, true), (0o400, true), (0o440, true), (0o444, false), (0o660, false),
            ] {
                chmod(key.string, mode_t(mode))
                let status = try await self.status(robot, credentials)
                #expect(
                    (status.text?.hasPrefix("STATUS=wallet open") == true) == opens,
                    "\(String(mode, radix: 8)): \(status)")
                if !opens { #expect(status.said.contains("chmod 600"), "\(status.said)") }
            }
        }
    }

    @Test(
        .enabled(
            if: CredentialSealer.isInstalled && geteuid() == 0, "systemd-creds is not here, or needs root"))
    func `a credential that systemd seals is nowhere in clear, and opens what it was made for`() async throws
    {
        try await withFolder { folder in
            let robot = try await self.robot(folder)
            let sealed = folder.appending("store/depai.key")
            let arguments = [
                "wallet", "slot", "--credential-sealed", sealed.string, "--passphrase-file",
                folder.appending("passphrase").string, "--home", robot.home.path.string,
            ]
            let made = try await LoneRobot.depai(arguments)
            guard made.code == 0 || !made.talk.contains("systemd-creds") else {
                try Test.cancel("skipped: systemd-creds does not work here: \(made.talk)")
            }
            #expect(made.code == 0, "\(made.talk)")
            #expect(made.talk.contains("LoadCredentialEncrypted=depai.key:\(sealed)"), "\(made.talk)")
            #expect(try DurableFile.names(in: folder.appending("store")) == ["depai.key"])
            let credentials = folder.appending("credentials")
            try DurableFile.createFolder(credentials)
            let opened = try await run(
                .path(FilePath(CredentialSealer.program)),
                arguments: [
                    "decrypt", "--name=depai.key", sealed.string, credentials.appending("depai.key").string,
                ], output: .discarded, error: .string(limit: 1 << 16))
            #expect(opened.terminationStatus.isSuccess, "\(opened.standardError)")
            let key = try DurableFile.read(credentials.appending("depai.key"))
            chmod(credentials.appending("depai.key").string, 0o400)
            #expect(key.count == 32)
            #expect(try await self.status(robot, credentials).text?.hasPrefix("STATUS=wallet open") == true)
            // Bound to its name.
            let other = try await run(
                .path(FilePath(CredentialSealer.program)),
                arguments: ["decrypt", "--name=other.key", sealed.string, "-"], output: .discarded,
                error: .discarded)
            #expect(!other.terminationStatus.isSuccess)
        }
    }
}
