import Glibc
import Synchronization
package import SystemPackage

/// A program of the world that may be killed, and comes back as after a power cut.
package final class MortalChild: Sendable {
    private struct State {
        var process: Int32?
        /// Kills of ours whose end was not seen yet.
        var crashes = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Runs it until it ends by itself or the task is cancelled.
    /// - Returns: the exit code; 128 and the number of a signal that was not ours.
    package func run(_ executable: FilePath, _ arguments: [String], log: FilePath) async throws -> Int32 {
        while true {
            let code = try await Child.run(executable, arguments, log: log) { process in
                self.state.withLock { $0.process = process }
            }
            try Task.checkCancellation()
            let wasOurs = self.state.withLock { state in
                state.process = nil
                defer { state.crashes = 0 }
                return state.crashes > 0
            }
            guard wasOurs, code == 128 + SIGKILL else { return code }
        }
    }

    /// Kills it, if it runs; it starts again at once.
    package func crash() {
        self.state.withLock { state in
            guard let process = state.process else { return }
            state.crashes += 1
            Child.kill(process)
        }
    }

    /// Kills it for good.
    func end() { self.state.withLock { $0.process.map(Child.kill) } }
}
