import Glibc
import Synchronization
import SystemPackage

/// Where progress goes: on a terminal coloured lines above one line that keeps changing, elsewhere plain
/// lines.
final class Screen: Sendable {
    private let isLive: Bool
    private let hasColours: Bool
    private let status = Mutex("")

    init(plain: Bool) {
        self.isLive = !plain && isatty(STDOUT_FILENO) == 1
        self.hasColours = self.isLive && getenv("NO_COLOR") == nil
    }

    func say(_ line: String) {
        self.status.withLock { status in
            self.write(self.erase + self.colour(line) + "\n" + (self.isLive ? status : ""))
        }
    }

    /// Replaces the last line; nothing where nobody looks.
    func show(status text: String) {
        guard self.isLive else { return }
        self.status.withLock { status in
            // A line that wraps could not be taken back.
            status = String(text.prefix(self.width - 1))
            self.write(self.erase + status)
        }
    }

    private var width: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
        return Int(size.ws_col)
    }

    private var erase: String { self.isLive ? "\r\u{1b}[2K" : "" }

    private func write(_ text: String) { _ = try? FileDescriptor.standardOutput.writeAll(text.utf8) }

    /// What a line is about decides its colour: money, proofs, trouble.
    private func colour(_ line: String) -> String {
        guard self.hasColours else { return line }
        let colours = [
            (" payment ", "33"), (" proof ", "32"), (" done ", "32"), (" purchase ", "32"), (" loss ", "31"),
            (" refusal ", "31"), (" denial ", "31"), (" doubt ", "31"), (" command ", "36"),
        ]
        guard let code = colours.first(where: { line.prefix(24).contains($0.0) })?.1 else { return line }
        return "\u{1b}[\(code)m\(line)\u{1b}[0m"
    }
}
