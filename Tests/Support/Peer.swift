public import Foundation
import Subprocess
import Testing

/// Implementations that none of us wrote. A test that needs one which is not here is skipped, and says so.
public enum Peer {
    /// A Python that can import `module`: that of the virtual environment `DEPAI_PEERS` or of one named like
    /// the package in it, or the one in the path.
    public static func python(with module: String, from package: String) async throws -> String {
        let peers = ProcessInfo.processInfo.environment["DEPAI_PEERS"]
        let environments = peers.map { ["\($0)/bin/python3", "\($0)/\(package)/bin/python3"] } ?? []
        for candidate in environments + ["python3"] {
            let result = try? await Subprocess.run(
                .name("env"), arguments: [candidate, "-c", "import \(module)"], output: .discarded,
                error: .discarded)
            if result?.terminationStatus.isSuccess == true { return candidate }
        }
        try Test.cancel("skipped: PyPI package \(package) is not installed")
    }

    /// A program that drives a peer.
    public static func script(_ name: String) -> URL {
        Repository.root.appending(path: "Tests/Peers/\(name)")
    }

    /// Executes a chain's transcript in LiteSVM, the real runtime.
    /// - Returns: whether it agrees with every transaction, fee and balance, and what it said.
    public static func replay(transcript file: URL, with python: String) async throws -> (
        agrees: Bool, output: String
    ) {
        let script = self.script("replay_transcript.py")
        let result = try await Subprocess.run(
            .name("env"), arguments: [python, script.path, file.path],
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
        return (result.terminationStatus.isSuccess, result.standardError + result.standardOutput)
    }
}
