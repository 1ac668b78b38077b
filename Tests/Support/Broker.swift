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
    private let state = Mutex(State())

    private struct State {
        var process: Int32?
        var isStopping = false
        var starts = 0
    }

    /// Distribution path; the suites that need it are skipped where it is missing.
    public static let program = "/usr/sbin/mosquitto"
    public static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: self.program) }

    private init(port: Int32) { self.port = port }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Kills it as a power cut would and waits until it serves again on the same port. It forgets what it
    /// kept.
    public func restart() async throws {
        let starts = self.state.withLock { state in
            if let process = state.process { kill(process, SIGKILL) }
            return state.starts
        }
        for _ in 0..<500 {
            if self.state.withLock({ $0.starts > starts }), Self.accepts(self.port) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Failure(description: "mosquitto did not come back on port \(self.port)")
    }

    /// Runs `body` beside a broker, and ends the broker by its own process id whatever happens.
    public static func with(_ body: @Sendable (Broker) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "depai-broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let broker = Broker(port: try Self.freePort())
        let file = folder.appending(path: "mosquitto.conf")
        let text = """
            listener \(broker.port) 127.0.0.1
            allow_anonymous true
            persistence false
            set_tcp_nodelay true

            """
        try text.write(to: file, atomically: true, encoding: .utf8)
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
        for _ in 0..<500 {
            if Self.accepts(self.port) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Failure(description: "mosquitto does not accept connections on port \(self.port)")
    }

    // MARK: sockets

    private static func loopback(_ port: Int32) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func accepts(_ port: Int32) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = self.loopback(port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) == 0 }
        }
    }

    private static func freePort() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = self.loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
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
