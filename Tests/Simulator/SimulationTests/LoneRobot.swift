import Database
import Foundation
import Home
import Linux
import Sodium
import Subprocess
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Wallet

/// A robot without a world around it: a home, perhaps a broker, and the real program.
struct LoneRobot: Sendable {
    let folder: FilePath
    let home: Home

    static let passphrase = "correct horse"

    /// Makes the home, and a configuration whose broker is at a port of this machine.
    static func make(in folder: FilePath, broker port: Int32, more: String = "") async throws -> LoneRobot {
        let robot = LoneRobot(folder: folder, home: Home(folder.appending("home")))
        let words = try Mnemonic(entropy: SecretBytes(count: 16) { $0.copyBytes(from: [UInt8](1...16)) })
        _ = try await robot.home.create(
            seed: WalletSeed(words: words), passphrase: Self.secret(Self.passphrase),
            owner: Self.owner().publicKey, policy: nil, cost: .least, timeline: SystemTimeline(),
            entropy: SystemEntropy())
        try DurableFile.write(Array(Self.passphrase.utf8), to: folder.appending("passphrase"))
        try DurableFile.createFolder(robot.home.path.appending("devices"))
        let configuration = """
            network: devnet
            rpc: http://127.0.0.1:1
            passphrase_file: \(folder)/passphrase
            broker: { host: 127.0.0.1, port: \(port), client_id: robot }
            devices: \(robot.home.path)/devices
            providers: []
            \(more)
            """
        try DurableFile.write(Array(configuration.utf8), to: robot.home.configurationPath)
        return robot
    }

    static func secret(_ text: String) throws -> SecretBytes {
        try SecretBytes(count: text.utf8.count) { $0.copyBytes(from: text.utf8) }
    }

    static func owner() throws -> SigningKey {
        try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: 11, count: 32)) })
    }

    static let program = Repository.program("depai")

    struct Answer: Sendable {
        let code: Int32
        let text: String
        let talk: String
    }

    /// Runs a command to its end.
    static func depai(_ arguments: [String], _ variables: [String: String] = [:]) async throws -> Answer {
        let result = try await run(
            .path(Self.program), arguments: Arguments(arguments), environment: Self.environment(variables),
            input: .none, output: .string(limit: 1 << 22), error: .string(limit: 1 << 20))
        let code: Int32 = if case .exited(let code) = result.terminationStatus { Int32(code) } else { -1 }
        return Answer(code: code, text: result.standardOutput, talk: result.standardError)
    }

    func depai(_ arguments: String...) async throws -> Answer {
        try await Self.depai(arguments + ["--home", self.home.path.string])
    }

    static func environment(_ variables: [String: String]) -> Environment {
        var updates: [Environment.Key: String?] = [:]
        for (name, value) in variables {
            if let key = Environment.Key(rawValue: name) { updates[key] = value }
        }
        return .inherit.updating(updates)
    }

    /// What a robot that runs can be asked and told.
    final class Life: Sendable {
        private let state = Mutex<(process: Int32?, code: Int32?)>((nil, nil))
        let log: FilePath

        init(log: FilePath) { self.log = log }

        var exitCode: Int32? { self.state.withLock { $0.code } }
        var said: String { (try? String(contentsOfFile: self.log.string, encoding: .utf8)) ?? "" }

        func started(_ process: Int32) { self.state.withLock { $0.process = process } }
        func ended(_ code: Int32) { self.state.withLock { $0 = (nil, code) } }

        func signal(_ signal: Int32) {
            self.state.withLock { state in if let process = state.process { kill(process, signal) } }
        }
    }

    /// Runs the robot beside `body`, and ends it by its own process id whatever happens.
    func whileRunning(
        _ variables: [String: String] = [:], arguments: [String] = [],
        _ body: @escaping @Sendable (Life) async throws -> Void
    ) async throws {
        let life = Life(log: self.folder.appending("log-\(UUID().uuidString)"))
        let log = try FileDescriptor.open(
            life.log, .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite])
        defer { try? log.close() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let result = try await run(
                    .path(Self.program),
                    arguments: Arguments(["run", "--home", self.home.path.string] + arguments),
                    environment: Self.environment(variables), input: .none, output: .discarded,
                    error: .fileDescriptor(log, closeAfterSpawningProcess: false)
                ) { process in life.started(process.processIdentifier.value) }
                switch result.terminationStatus {
                case .exited(let code): life.ended(Int32(code))
                case .signaled(let signal): life.ended(128 + Int32(signal))
                }
            }
            do {
                try await body(life)
            } catch {
                life.signal(SIGKILL)
                throw error
            }
            // Asked first, so that it may end as it does under a service manager.
            life.signal(SIGTERM)
            _ = try? await eventually("the robot's end", within: .seconds(10)) { life.exitCode }
            life.signal(SIGKILL)
            try await group.waitForAll()
        }
    }
}
