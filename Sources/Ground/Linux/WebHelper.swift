internal import CLinux
internal import Dispatch
internal import Glibc
internal import Synchronization
internal import World

/// One running `depai-web`, and our end of the socket between us.
final class WebHelper: Sendable {
    let process: pid_t
    /// Closed when nobody holds this value any more: a number that is in use again must not be written to.
    private let socket: Int32
    private let writes = DispatchQueue(label: "depai.web")

    /// What came.
    enum Arrival {
        case bytes(ArraySlice<UInt8>)
        case nothing
        case ended
    }

    /// Variables that say where certificates lie; nothing else of our environment is handed on.
    private static let variables = ["SSL_CERT_FILE", "SSL_CERT_DIR"]

    /// Starts the program.
    init(_ program: String) throws(WebError) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0, &ends) == 0 else {
            throw .refused("no socket: \(String(cString: strerror(errno)))")
        }
        defer { close(ends[1]) }
        let (process, code) = Self.spawn(program, ends[1])
        guard code == 0 else {
            close(ends[0])
            throw .refused("\(program) cannot be started: \(String(cString: strerror(code)))")
        }
        self.process = process
        self.socket = ends[0]
    }

    deinit { close(self.socket) }

    /// The socket is the program's standard input, its words for people are ours, and it inherits nothing
    /// else.
    private static func spawn(_ program: String, _ socket: Int32) -> (process: pid_t, code: Int32) {
        var (actions, attributes) = (posix_spawn_file_actions_t(), posix_spawnattr_t())
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        depai_spawn_close_from(&actions, STDERR_FILENO + 1)
        // Whoever ends us by a signal to all, as a terminal or a service manager, lets us end our exchanges.
        var (ignored, none) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&ignored)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &ignored)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        let arguments = [strdup(program), nil]
        let variables =
            self.variables.compactMap { name in getenv(name).map { strdup("\(name)=\(String(cString: $0))") }
            }
            + [nil]
        defer { for text in arguments + variables { free(text) } }
        var process = pid_t()
        let code = posix_spawn(&process, program, &actions, &attributes, arguments, variables)
        return (process, code)
    }

    /// Sends a frame after those before it; to a process that is gone it goes nowhere.
    func write(_ bytes: [UInt8]) {
        self.writes.async {
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes { bytes in
                    send(
                        self.socket, bytes.baseAddress.map { $0 + sent }, bytes.count - sent,
                        Int32(MSG_NOSIGNAL))
                }
                if count > 0 { sent += count } else if errno != EINTR { return }
            }
        }
    }

    /// Waits for words of the process.
    func read(within patience: Duration) -> Arrival {
        var polled = pollfd(fd: self.socket, events: Int16(POLLIN), revents: 0)
        let ready = poll(&polled, 1, Int32(clamping: patience.milliseconds))
        guard ready > 0 else { return ready == 0 || errno == EINTR ? .nothing : .ended }
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        let count = recv(self.socket, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        if count > 0 { return .bytes(chunk[..<count]) }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .ended
    }

    /// Says that nothing more comes: then it ends.
    func hangUp() { shutdown(self.socket, Int32(SHUT_RDWR)) }

    /// Ends the process, whatever it does, and takes its end from the kernel.
    func end() {
        self.hangUp()
        kill(self.process, SIGKILL)
        while waitpid(self.process, nil, 0) < 0, errno == EINTR {}
    }
}
