internal import Glibc

/// The system's journal, for a program that it listens to.
public enum Journal {
    /// syslog's priorities, as sd-daemon(3) takes them at the start of a line.
    public enum Priority: Int, Sendable {
        case error = 3
        case warning = 4
        case notice = 5
        case info = 6
        case debug = 7
    }

    /// Whether standard error goes to the journal: `$JOURNAL_STREAM` names the device and inode of the stream
    /// that the service manager connected, and a program whose output was turned elsewhere inherits the
    /// variable all the same.
    public static var hearsStandardError: Bool {
        guard let name = getenv("JOURNAL_STREAM") else { return false }
        var status = stat()
        return fstat(STDERR_FILENO, &status) == 0
            && String(cString: name) == "\(status.st_dev):\(status.st_ino)"
    }

    /// The text as one line with its priority. The journal knows the time; a line break inside would begin an
    /// entry of its own, with whatever priority a stranger wrote there.
    public static func line(_ priority: Priority, _ text: String) -> String {
        let scalars = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : Character($0) }
        return "<\(priority.rawValue)>" + String(scalars) + "\n"
    }
}
