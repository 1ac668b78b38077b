internal import Glibc
public import World

/// systemd, or whoever else speaks its notification protocol: datagrams of `NAME=value` lines to the socket
/// in `$NOTIFY_SOCKET` (sd_notify(3)). No library of its: the whole protocol is one `sendto`.
public struct ServiceManager: Supervisor {
    private let path: String
    public let heartbeat: Duration?

    /// The longest status, in bytes; a person reads it in one line.
    static let statusLimit = 240

    /// Nil when nobody waits for notifications.
    public init?() {
        self.init { name in getenv(name).map { String(cString: $0) } }
    }

    /// - Parameter variable: looks up an environment variable.
    init?(process: Int32 = getpid(), variable: (String) -> String?) {
        // Anything else than a path or an abstract name is a kind of socket that we do not speak.
        guard let path = variable("NOTIFY_SOCKET"), path.count > 1, let first = path.first,
            first == "/" || first == "@"
        else { return nil }
        self.path = path
        // A watchdog that belongs to another process is not ours to feed.
        let isOurs = variable("WATCHDOG_PID").map { Int32($0) == process } ?? true
        let due = variable("WATCHDOG_USEC").flatMap { Int64($0) } ?? 0
        // Twice as often as it waits, as sd_watchdog_enabled(3) asks.
        self.heartbeat = isOurs && due > 0 ? .microseconds(due) / 2 : nil
    }

    public func ready() { self.send("READY=1") }

    public func alive() { self.send("WATCHDOG=1") }

    public func stopping() { self.send("STOPPING=1\nSTATUS=ending") }

    public func tell(_ status: String) {
        // A line break would begin another assignment.
        let line = String(status.unicodeScalars.map { $0.value < 0x20 ? " " : Character($0) })
        self.send("STATUS=" + String(decoding: line.utf8.prefix(Self.statusLimit), as: UTF8.self))
    }

    /// What cannot be sent is not missed: a manager that waits for it acts by itself.
    private func send(_ text: String) {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(self.path.utf8)
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        // The abstract name space is written with an @ for its zero.
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let size = MemoryLayout<sa_family_t>.size + name.count + (name.first == 0 ? 0 : 1)
        let bytes = Array(text.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, socklen_t(size))
            }
        }
    }
}
