import Agent
import Database
import Encoding
import Foundation
import Home
import Linux
import Subprocess
import SystemPackage
import TestSupport
import Testing
import Wallet
import World

/// `depai init`, as a person, a file and a power cut meet it.
@Suite(.serialized, .endsHangs)
struct InitTests {
    private static let owner = "FM6X1RDFAZrdrLsmRPeufiQcWpABh1SQh6pr2tENGSdV"

    private func write(_ text: String, _ path: FilePath) throws {
        try DurableFile.write(Array(text.utf8), to: path)
    }

    /// Answers of a machine that is set up by nobody.
    private func answers(_ folder: FilePath, broker port: Int32, more: String = "") throws -> FilePath {
        try self.write(LoneRobot.passphrase, folder.appending("passphrase"))
        let path = folder.appending("answers.yaml")
        try self.write(
            """
            passphrase_file: \(folder)/passphrase
            owner_key: \(Self.owner)
            broker: { host: 127.0.0.1, port: \(port) }
            unlock_ms: 1
            \(more)
            """, path)
        return path
    }

    private func all(_ folder: FilePath) throws -> Set<String> {
        Set(FileManager.default.enumerator(atPath: folder.string)?.compactMap { $0 as? String } ?? [])
    }

    @Test func `a file answers everything, and the robot runs with what was written`() async throws {
        try await withFolder { folder in
            let answers = try self.answers(folder, broker: try Broker.freePort(), more: "words: 24")
            let home = folder.appending("home").string
            let made = try await LoneRobot.depai(["init", "--home", home, "--from", answers.string])
            #expect(made.code == 0, "\(made.talk)")
            #expect(made.text.split(separator: " ").count == 24)
            // A broker that is away is a hint, and no more.
            #expect(made.talk.contains("no broker answers") && made.talk.contains("hint"), "\(made.talk)")
            #expect(
                try self.all(FilePath(home)) == [
                    "depai.yaml", "devices", "keystore.json", "lock", "owner.pub",
                ])
            let robot = LoneRobot(folder: folder, home: Home(FilePath(home)))
            let name = folder.appending("notify").string
            let manager = try Notifications(name)
            try await robot.whileRunning(["NOTIFY_SOCKET": name]) { _ in
                try await manager.wait(for: "STATUS=wallet open")
            }
            let keystore = try DurableFile.read(robot.home.keystorePath)
            let again = try await LoneRobot.depai(["init", "--home", home, "--from", answers.string])
            #expect(again.code == 1 && again.talk.contains("exists already"), "\(again.talk)")
            #expect(again.talk.contains(try robot.home.keystore().address), "it says what is there")
            #expect(try DurableFile.read(robot.home.keystorePath) == keystore)
        }
    }

    @Test func `what is wrong in the answers is said with its place, and nothing is made`() async throws {
        try await withFolder { folder in
            let cases = [
                ("owner_key: \(Self.owner)", "owner_key: nonsense", "/owner_key"),
                ("unlock_ms: 1", "unlock_ms: 1\npolicy: /nowhere", "/nowhere"),
                ("unlock_ms: 1", "unlock_ms: 1\nwords: 13", "/words"),
                ("unlock_ms: 1", "unlock_ms: 1\nnetwork: mars", "/network"),
                ("unlock_ms: 1", "unlock_ms: 1\nword: 12", "/word"),
                ("unlock_ms: 1", "unlock_ms: 1\npolicy: \(folder)/passphrase", "JSON"),
            ]
            for (old, new, place) in cases {
                let answers = try self.answers(folder, broker: try Broker.freePort())
                let text = try String(contentsOfFile: answers.string, encoding: .utf8)
                try self.write(text.replacingOccurrences(of: old, with: new), answers)
                let home = folder.appending("home").string
                let made = try await LoneRobot.depai(["init", "--home", home, "--from", answers.string])
                #expect(made.code == 1 && made.talk.contains(place), "\(new): \(made.talk)")
                #expect(made.text.isEmpty, "no words before everything is checked")
                #expect(!DurableFile.exists(FilePath(home).appending("keystore.json")))
                // The next try is not hindered.
                let answersAgain = try self.answers(folder, broker: try Broker.freePort())
                let second = try await LoneRobot.depai([
                    "init", "--home", home, "--from", answersAgain.string,
                ])
                #expect(second.code == 0, "\(second.talk)")
                try FileManager.default.removeItem(atPath: home)
            }
        }
    }

    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: "/usr/bin/strace"), "strace is not installed"))
    func `init that is killed at any step leaves nothing that hinders the next one`() async throws {
        try await withFolder { folder in
            let answers = try self.answers(folder, broker: 1)
            var (deaths, lost, finished) = (0, 0, 0)
            for step in 1...200 {
                let home = folder.appending("home")
                let credential = folder.appending("key")
                let arguments = [
                    "init", "--home", home.string, "--from", answers.string, "--credential-out",
                    credential.string,
                ]
                let killed = try await run(
                    .path("/usr/bin/strace"),
                    arguments: Arguments(
                        [
                            "-f", "-o", "/dev/null", "-e", "trace=rename,mkdir,unlink,fsync,rmdir", "-e",
                            "inject=rename,mkdir,unlink,fsync,rmdir:signal=KILL:when=\(step)",
                            LoneRobot.program.string,
                        ] + arguments), output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
                if killed.terminationStatus.isSuccess { break }
                deaths += 1
                let words = killed.standardOutput
                let again = try await LoneRobot.depai(arguments)
                let place = Home(home)
                #expect(DurableFile.exists(place.keystorePath), "step \(step): \(again.talk)")
                #expect(!DurableFile.exists(home.appending(".init")), "step \(step)")
                if again.code == 0, !again.text.isEmpty {
                    lost += 1
                } else {
                    // It was made already: then its words had been shown.
                    finished += 1
                    #expect(!words.isEmpty, "step \(step): a wallet whose words nobody saw")
                }
                let wallet = try place.unlock(passphraseFile: folder.appending("passphrase"))
                #expect(try place.keystore().keys[.payment] == wallet.publicKey(.payment))
                _ = try AgentConfiguration(
                    try Settings.read(place.configurationPath), in: place.path)
                if DurableFile.exists(credential) {
                    _ = try place.keystore().unlock(credential: SecretFile.readKey(credential))
                }
                try FileManager.default.removeItem(atPath: home.string)
                try? FileManager.default.removeItem(atPath: credential.string)
                try? FileManager.default.removeItem(atPath: credential.string + ".new")
            }
            print("init: killed \(deaths) times; \(lost) began anew, \(finished) were finished")
            #expect(lost > 10 && finished >= 3)
        }
    }

    // MARK: At a terminal

    private struct Session {
        let code: Int32
        let shown: String
    }

    private func atTerminal(
        _ folder: FilePath, _ answers: [(String, String)], _ arguments: [String]
    ) async throws -> Session {
        // An object whose order counts.
        let lines = answers.map { "\(JSON.string($0.0).text): \(JSON.string($0.1).text)" }
        try self.write("{\(lines.joined(separator: ", "))}", folder.appending("answers.json"))
        let result = try await run(
            .name("python3"),
            arguments: Arguments(
                [
                    Peer.script("terminal.py").path, folder.appending("answers.json").string,
                    LoneRobot.program.string,
                ] + arguments),
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
        let code: Int32 = if case .exited(let code) = result.terminationStatus { Int32(code) } else { -1 }
        return Session(code: code, shown: result.standardOutput + result.standardError)
    }

    @Test func `a person is asked one thing after the other, and a broker that is away is no obstacle`()
        async throws
    {
        try await withFolder { folder in
            let home = folder.appending("home")
            let port = try Broker.freePort()
            let session = try await self.atTerminal(
                folder,
                [
                    // A slip is said and asked again.
                    ("owner's key", "nonsense"), ("owner's key: ", Self.owner), ("words [12]", "13"),
                    ("words [12]: ", "24"), ("policy", ""), ("network [devnet]", ""), ("URL [", ""),
                    ("Use the broker at localhost", "no"), ("broker [localhost", "127.0.0.1:\(port)"),
                    ("TLS? yes or no [no]", "no"), ("user name", ""), ("Keep it all the same?", "yes"),
                    ("Shall systemd open", "no"), ("file [nothing]", ""),
                    ("passphrase of the new", "open sesame"), ("the same again", "open sesame"),
                    ("Press Enter", ""),
                ], ["init", "--home", home.string, "--unlock-time", "1"])
            #expect(session.code == 0, "\(session.shown)")
            #expect(!session.shown.contains("open sesame"), "the terminal showed the passphrase")
            #expect(
                session.shown.contains("no base58 Ed25519 key") && session.shown.contains("12, 24 or mine"))
            #expect(session.shown.contains("no broker answers at 127.0.0.1:\(port)"), "\(session.shown)")
            let words = session.shown.split(whereSeparator: \.isNewline).first {
                $0.split(whereSeparator: \.isWhitespace).count == 24
                    && $0.allSatisfy { $0.isLowercase || $0.isWhitespace }
            }
            #expect(words != nil, "\(session.shown)")
            // Wiped afterwards, what scrolled off included.
            #expect(session.shown.contains("\u{1b}[3J"))
            try self.write("open sesame", folder.appending("passphrase"))
            _ = try Home(home).unlock(passphraseFile: folder.appending("passphrase"))
            let configuration = try AgentConfiguration(
                try Settings.read(home.appending("depai.yaml")), in: home)
            #expect(configuration.broker.port == port && configuration.passphraseFile == nil)
            // The words are the wallet.
            try self.write(words.map(String.init) ?? "", folder.appending("words"))
            let address = try await LoneRobot.depai(
                ["wallet", "address", "--mnemonic-file", folder.appending("words").string])
            #expect(address.text == (try Home(home).keystore().address) + "\n", "\(address.talk)")
        }
    }

    @Test func `two passphrases that differ make nothing`() async throws {
        try await withFolder { folder in
            let home = folder.appending("home")
            let session = try await self.atTerminal(
                folder, [("passphrase of the new", "open sesame"), ("the same again", "open barley")],
                ["init", "--home", home.string, "--unlock-time", "1", "--owner-key", Self.owner])
            #expect(session.code == 2 && session.shown.contains("not the same"), "\(session.shown)")
            #expect(!DurableFile.exists(home.appending("keystore.json")))
        }
    }

    @Test(.enabled(if: Broker.isInstalled, "mosquitto is not installed"))
    func `devices that describe themselves at the broker are there from the start`() async throws {
        try await Broker.with { broker in
            try await withFolder { folder in
                try await Self.announce(at: broker.port)
                let home = folder.appending("home")
                let session = try await self.atTerminal(
                    folder,
                    [
                        ("owner's key", Self.owner), ("words [12]", ""), ("policy", ""),
                        ("network", "testnet"),
                        ("URL [", "ftp://x"), ("URL [https://api.testnet", "http://127.0.0.1:9"),
                        ("Use the broker at localhost", "no"),
                        ("broker [localhost", "127.0.0.1:\(broker.port)"),
                        ("TLS?", ""), ("user name", ""), ("Take them?", ""), ("Shall systemd open", "no"),
                        ("file [nothing]", folder.appending("passphrase").string),
                        ("passphrase of the new", "open sesame"), ("the same again", "open sesame"),
                        ("Press Enter", ""),
                    ], ["init", "--home", home.string, "--unlock-time", "1"])
                #expect(session.code == 0, "\(session.shown)")
                #expect(
                    session.shown.contains("takes us") && session.shown.contains("homie: "),
                    "\(session.shown)")
                let files = try DurableFile.names(in: home.appending("devices"))
                #expect(files.count == 1, "\(files)")
                let configuration = try AgentConfiguration(
                    try Settings.read(home.appending("depai.yaml")), in: home)
                #expect(configuration.rails.solana.rpc == ["http://127.0.0.1:9"])
                #expect(configuration.passphraseFile == folder.appending("passphrase"))
                // And the same from a file.
                let answers = try self.answers(
                    folder, broker: broker.port, more: "devices: { from: [homie], wait: 1 }")
                let other = folder.appending("other")
                let made = try await LoneRobot.depai([
                    "init", "--home", other.string, "--from", answers.string,
                ])
                #expect(made.code == 0, "\(made.talk)")
                #expect(try DurableFile.names(in: other.appending("devices")) == files)
            }
        }
    }

    /// A Homie 5 device, kept by the broker.
    private static func announce(at port: Int32) async throws {
        let bus = MosquittoBus(
            BrokerAddress(host: "127.0.0.1", port: port, clientID: "device"), entropy: SystemEntropy())
        let description = """
            {"homie":"5.0","version":1,"name":"Lamp","nodes":{"light":{"name":"Light","properties":{"power":\
            {"name":"Power","datatype":"boolean","settable":true,"retained":true}}}}}
            """
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            for _ in 0..<300 {
                do {
                    for (topic, text) in [("$description", description), ("$state", "ready")] {
                        try await bus.publish(
                            Message(topic: "homie/5/lamp/\(topic)", payload: Array(text.utf8), retained: true)
                        )
                    }
                    break
                } catch {
                    try? await Task.sleep(for: .milliseconds(50))
                }
            }
            group.cancelAll()
        }
    }
}
