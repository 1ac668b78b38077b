import UnixSignals

/// Waits for SIGINT or SIGTERM.
enum Interruption {
    static func wait() async {
        for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return }
    }
}
