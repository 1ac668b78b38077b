import Subprocess
import Testing

extension Peer {
    /// Runs a program of the system with texts in UTF-8; the test is skipped when it is not there.
    /// - Returns: whether it was content, and what it said.
    public static func run(_ program: String, from package: String, _ arguments: [String]) async throws -> (
        isContent: Bool, output: String, errors: String
    ) {
        let found = try await Subprocess.run(
            .name("sh"), arguments: ["-c", "command -v \"$0\"", program], output: .discarded,
            error: .discarded)
        guard found.terminationStatus.isSuccess else {
            try Test.cancel("skipped: Debian package \(package) is not installed")
        }
        let result = try await Subprocess.run(
            .name("env"), arguments: Arguments(["LC_ALL=C.UTF-8", program] + arguments),
            output: .string(limit: 1 << 22), error: .string(limit: 1 << 20))
        return (result.terminationStatus.isSuccess, result.standardOutput, result.standardError)
    }
}
