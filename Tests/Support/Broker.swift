internal import Foundation
import Subprocess
import Synchronization
import SystemPackage
public import Testing

/// A real mosquitto on a free loopback port, for the tests of one suite.
public final class Broker: Sendable {
    /// The broker of the suite that runs.
    @TaskLocal public static var current: Broker?

    /// Where it listens, on 127.0.0.1.
    public let port: Int32
    /// Its configuration, log and whatever the settings put there.
    public let folder: FilePath
    private let state = Mutex(State())

    private struct State {
        var process: Int32?
        var isStopping = false
        var isHalted = false
        var starts = 0
    }

    /// How it differs from an open broker that forgets everything.
    public struct Settings: Sendable {
        /// Lines of `mosquitto.conf`; `FOLDER` stands for the broker's folder.
        public var lines: [String]
        /// Files beside it, by name.
        public var files: [String: String]
        /// Whether everybody may come.
        public var isOpen: Bool

        public init(lines: [String] = [], files: [String: String] = [:], isOpen: Bool = true) {
            self.lines = lines
            self.files = files
            self.isOpen = isOpen
        }
    }

    /// Distribution path; the suites that need it are skipped where it is missing.
    public static let program = "/usr/sbin/mosquitto"
    public static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: self.program) }

    private init(port: Int32, folder: FilePath) {
        self.port = port
        self.folder = folder
    }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
        public init(description: String) { self.description = description }
    }

    /// Kills it as a power cut would and waits until it serves again on the same port. It forgets what it
    /// kept.
    public func restart() async throws {
        let starts = self.state.withLock { state in
            if let process = state.process { kill(process, SIGKILL) }
            return state.starts
        }
        for _ in 0..<3_000 {
            if self.state.withLock({ $0.starts > starts && $0.process != nil }), Self.accepts(self.port) {
                return
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Failure(description: "mosquitto did not come back on port \(self.port)")
    }

    /// Kills it as a power cut would; nobody listens until ``resume()``.
    public func halt() async throws {
        self.state.withLock { state in
            state.isHalted = true
            if let process = state.process { kill(process, SIGKILL) }
        }
        for _ in 0..<3_000 {
            if !Self.accepts(self.port) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Failure(description: "mosquitto does not end on port \(self.port)")
    }

    /// Serves again.
    public func resume() async throws {
        self.state.withLock { $0.isHalted = false }
        try await self.waitUntilItServes()
    }

    /// What it has logged so far, if the settings say where: `log_dest file FOLDER/log`.
    public var log: String {
        (try? String(contentsOfFile: self.folder.appending("log").string, encoding: .utf8)) ?? ""
    }

    /// Runs `body` beside a broker, and ends the broker by its own process id whatever happens.
    public static func with(
        _ settings: Settings = Settings(), _ body: @Sendable (Broker) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let broker = Broker(port: try Self.freePort(), folder: folder)
        let file = URL(filePath: folder.appending("mosquitto.conf").string)
        // As root it would become another user, who may not read the folder.
        let lines =
            [
                "listener \(broker.port) 127.0.0.1", "allow_anonymous \(settings.isOpen)",
                "set_tcp_nodelay true", "user root",
            ] + settings.lines.map { $0.replacing("FOLDER", with: folder.string) }
        try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        for (name, text) in settings.files {
            try text.write(
                to: URL(filePath: folder.appending(name).string), atomically: true, encoding: .utf8)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await broker.serve(file.path) }
            do {
                try await broker.waitUntilItServes()
                try await body(broker)
            } catch {
                broker.stop()
                throw error
            }
            broker.stop()
            try await group.waitForAll()
        }
    }

    /// Starts it again each time it ends, until it shall stop.
    private func serve(_ file: String) async throws {
        while !self.state.withLock({ $0.isStopping }) {
            guard !self.state.withLock({ $0.isHalted }) else {
                try await Task.sleep(for: .milliseconds(5))
                continue
            }
            _ = try await run(
                .path(FilePath(Self.program)), arguments: ["-c", file], input: .none, output: .discarded,
                error: .discarded
            ) { process in
                let number = process.processIdentifier.value
                let isStopping = self.state.withLock { state in
                    state.process = number
                    state.starts += 1
                    return state.isStopping
                }
                if isStopping { kill(number, SIGTERM) }
            }
            self.state.withLock { $0.process = nil }
        }
    }

    private func stop() {
        self.state.withLock { state in
            state.isStopping = true
            if let process = state.process { kill(process, SIGTERM) }
        }
    }

    private func waitUntilItServes() async throws {
        // It may serve before we have learned its number, and without that nobody could end it.
        for _ in 0..<3_000 {
            if self.state.withLock({ $0.process != nil }), Self.accepts(self.port) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Failure(description: "mosquitto does not accept connections on port \(self.port)")
    }

    // MARK: sockets

    /// Lends the address of a port of this machine.
    static func atLoopback<Result>(
        _ port: Int32, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func accepts(_ port: Int32) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return self.atLoopback(port) { connect(descriptor, $0, $1) == 0 }
    }

    /// A port that was free a moment ago.
    public static func freePort() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound =
            self.atLoopback(0) { bind(descriptor, $0, $1) == 0 }
            && withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    getsockname(descriptor, $0, &size) == 0
                }
            }
        guard isBound else { throw Failure(description: "no free port: errno \(errno)") }
        return Int32(UInt16(bigEndian: address.sin_port))
    }
}

/// Gives a suite its own mosquitto: `@Suite(.broker)`, then `Broker.current`.
public struct BrokerTrait: SuiteTrait, TestScoping {
    public func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await Broker.with { broker in
            try await Broker.$current.withValue(broker) { try await function() }
        }
    }
}

extension Trait where Self == BrokerTrait {
    /// A real broker around the suite.
    public static var broker: Self { Self() }
}
