internal import Dispatch
internal import Glibc

/// A listening socket, and the loop that takes a few connections at a time from it.
struct SocketListener: ~Copyable {
    private let descriptor: Int32
    /// Removed at the end.
    private let path: String?
    /// Connections that are attended to at once; more wait in the kernel's queue.
    private let room: Int

    private static let queue: Int32 = 8

    /// A Unix socket; one that lies there is replaced.
    init(path: String, mode: mode_t, room: Int) throws {
        unlink(path)
        let descriptor = try Self.unixSocket(path) { bind($0, $1, $2) }
        guard chmod(path, mode) == 0, listen(descriptor, Self.queue) == 0 else {
            let code = errno
            close(descriptor)
            throw ControlSocket.Fault.system(path: path, code: code)
        }
        self.descriptor = descriptor
        self.path = path
        self.room = room
    }

    /// A port that only this machine reaches.
    init(loopback port: UInt16, room: Int) throws {
        let name = "127.0.0.1:\(port)"
        let descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw ControlSocket.Fault.system(path: name, code: errno) }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isBound, listen(descriptor, Self.queue) == 0 else {
            let code = errno
            close(descriptor)
            throw ControlSocket.Fault.system(path: name, code: code)
        }
        self.descriptor = descriptor
        self.path = nil
        self.room = room
    }

    deinit {
        close(self.descriptor)
        if let path = self.path { unlink(path) }
    }

    /// Takes connections until the task is cancelled; each is closed when `attend` returns.
    borrowing func serve(
        opened: () -> Void, _ attend: @escaping @Sendable (Int32) async throws -> Void
    ) async throws {
        opened()
        let (descriptor, room) = (self.descriptor, self.room)
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: .global())
        source.setEventHandler { arrival.yield() }
        source.resume()
        defer { source.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            var busy = 0
            for await _ in arrivals {
                while case let peer = accept(descriptor, nil, nil), peer >= 0 {
                    _ = fcntl(peer, F_SETFD, FD_CLOEXEC)
                    _ = fcntl(peer, F_SETFL, O_NONBLOCK)
                    group.addTask {
                        defer { close(peer) }
                        try await attend(peer)
                    }
                    busy += 1
                    if busy == room {
                        try await group.next()
                        busy -= 1
                    }
                }
            }
        }
    }

    /// A non-blocking socket that `use` bound or connected. The folder is reached through its descriptor,
    /// since a socket's address has room for 107 bytes only.
    static func unixSocket(
        _ path: String, _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws -> Int32 {
        func fault(_ code: Int32 = errno) -> ControlSocket.Fault { .system(path: path, code: code) }
        let cut = path.lastIndex(of: "/")
        let folder = open(cut.map { String(path[..<$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw fault() }
        defer { close(folder) }
        let name = cut.map { path[path.index(after: $0)...] } ?? path[...]
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw fault() }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let short = Array("/proc/self/fd/\(folder)/\(name)".utf8)
        guard short.count < MemoryLayout.size(ofValue: address.sun_path) else {
            close(descriptor)
            throw fault(ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: short) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            close(descriptor)
            throw fault(code)
        }
        return descriptor
    }
}
