internal import Dispatch
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
        unlink(self.path)
        let listener = try self.socket { bind($0, $1, $2) }
        defer {
            close(listener)
            unlink(self.path)
        }
        guard chmod(self.path, 0o600) == 0, listen(listener, 8) == 0 else { throw self.fault() }
        opened()
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let source = DispatchSource.makeReadSource(fileDescriptor: listener, queue: .global())
        source.setEventHandler { arrival.yield() }
        source.resume()
        defer { source.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            var busy = 0
            for await _ in arrivals {
                while case let peer = accept(listener, nil, nil), peer >= 0 {
                    group.addTask { try await self.attend(peer, answer) }
                    busy += 1
                    if busy == Self.room {
                        try await group.next()
                        busy -= 1
                    }
                }
            }
        }
    }

    /// One connection, from its request to its answer.
    private func attend(_ peer: Int32, _ answer: @Sendable ([UInt8]) async -> [UInt8]) async throws {
        defer { close(peer) }
        _ = fcntl(peer, F_SETFD, FD_CLOEXEC)
        _ = fcntl(peer, F_SETFL, O_NONBLOCK)
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
            peer = try self.socket { connect($0, $1, $2) }
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

    /// A non-blocking socket that `use` bound or connected. The folder is reached through its descriptor,
    /// since a socket's address has room for 107 bytes only.
    private func socket(_ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32) throws -> Int32 {
        let cut = self.path.lastIndex(of: "/")
        let folder = open(cut.map { String(self.path[..<$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw self.fault() }
        defer { close(folder) }
        let name = cut.map { self.path[self.path.index(after: $0)...] } ?? self.path[...]
        let descriptor = Glibc.socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw self.fault() }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let short = Array("/proc/self/fd/\(folder)/\(name)".utf8)
        guard short.count < MemoryLayout.size(ofValue: address.sun_path) else {
            close(descriptor)
            throw Fault.system(path: self.path, code: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: short) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let fault = self.fault()
            close(descriptor)
            throw fault
        }
        return descriptor
    }

    private func fault() -> Fault { .system(path: self.path, code: errno) }

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

    private static func writeAll(_ bytes: [UInt8], to peer: Int32) async throws {
        var sent = 0
        let end = ContinuousClock.now + Self.patience
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
