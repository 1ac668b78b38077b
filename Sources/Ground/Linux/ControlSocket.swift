internal import Glibc
public import World

/// A Unix socket in a private folder: one request and one answer per connection, each ended by closing the
/// sending side.
public struct ControlSocket: ControlChannel {
    /// How long a peer may take to send its request, or to take its answer.
    static let patience = Duration.seconds(5)
    /// Requests that are answered at once; more wait in the kernel's queue.
    static let room = 8
    private let path: String
    /// The longest request or answer, in bytes.
    private let byteLimit: Int

    public init(path: String, byteLimit: Int = 512 << 10) {
        self.path = path
        self.byteLimit = byteLimit
    }

    /// Why nobody answers, or nothing is served.
    public enum Fault: Error, CustomStringConvertible {
        /// There is no socket, or nobody listens at it.
        case nobodyListens
        case system(path: String, code: Int32)
        case brokenAnswer

        public var description: String {
            switch self {
            case .nobodyListens: "no robot runs in this home"
            case .system(let path, let code): "\(path): \(String(cString: strerror(code)))"
            case .brokenAnswer: "the robot hung up before it answered"
            }
        }
    }

    public func serve(
        opened: @Sendable () -> Void, _ answer: @escaping @Sendable ([UInt8]) async -> [UInt8]
    ) async throws {
        // The caller holds the home's lock: a socket that lies here is a dead process's.
        let listener = try SocketListener(path: self.path, mode: 0o600, room: Self.room)
        try await listener.serve(opened: opened) { try await self.attend($0, answer) }
    }

    /// One connection, from its request to its answer.
    private func attend(_ peer: Int32, _ answer: @Sendable ([UInt8]) async -> [UInt8]) async throws {
        guard Self.isOurs(peer), let request = try await self.readAll(peer, within: Self.patience) else {
            return
        }
        try await Self.writeAll(await answer(request), to: peer)
    }

    /// Asks the process that serves `path`.
    /// - Parameter patience: how long the answer may take.
    /// - Throws: ``Fault``; after `.brokenAnswer` the request may have been carried out.
    public func ask(_ request: [UInt8], patience: Duration = .seconds(10)) async throws -> [UInt8] {
        let peer: Int32
        do {
            peer = try SocketListener.unixSocket(self.path) { connect($0, $1, $2) }
        } catch Fault.system(_, let code) where code == ENOENT || code == ECONNREFUSED {
            throw Fault.nobodyListens
        }
        defer { close(peer) }
        try await Self.writeAll(request, to: peer)
        shutdown(peer, Int32(SHUT_WR))
        guard let answer = try await self.readAll(peer, within: patience), !answer.isEmpty else {
            throw Fault.brokenAnswer
        }
        return answer
    }

    /// Root or the user that runs the robot, by the kernel's word.
    private static func isOurs(_ peer: Int32) -> Bool {
        // `struct ucred`, which Glibc's module leaves out: process, user, group.
        var credentials: (process: Int32, user: UInt32, group: UInt32) = (0, 0, 0)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        return getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0
            && (credentials.user == 0 || credentials.user == geteuid())
    }

    /// Everything until the peer closes its side; nil when it is too slow or too long.
    private func readAll(_ peer: Int32, within patience: Duration) async throws -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        let end = ContinuousClock.now + patience
        var pause = 1
        while ContinuousClock.now < end {
            let count = recv(peer, &chunk, chunk.count, 0)
            if count == 0 { return bytes }
            if count > 0 {
                pause = 1
                bytes.append(contentsOf: chunk[..<count])
                if bytes.count > self.byteLimit { return nil }
            } else if errno == EAGAIN {
                // Most answers come at once; a payment takes its time.
                try await Task.sleep(for: .milliseconds(pause))
                pause = min(2 * pause, 50)
            } else if errno != EINTR {
                return nil
            }
        }
        return nil
    }

    static func writeAll(
        _ bytes: [UInt8], to peer: Int32, within patience: Duration = Self.patience
    ) async throws {
        var sent = 0
        let end = ContinuousClock.now + patience
        while sent < bytes.count, ContinuousClock.now < end {
            let count = bytes.withUnsafeBytes { bytes in
                send(
                    peer, bytes.baseAddress.map { $0 + sent }, bytes.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                try await Task.sleep(for: .milliseconds(2))
            } else if errno != EINTR {
                return
            }
        }
    }
}
