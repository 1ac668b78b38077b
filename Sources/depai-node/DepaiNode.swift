import ArgumentParser
import Glibc
import SystemPackage

/// The provider: sells storage and compute to whoever pays.
@main
struct DepaiNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "depai-node",
        abstract: "Sell storage and compute to machines that pay by x402.",
        subcommands: [Run.self, Status.self])

    static func main() async {
        // What this program makes is its operator's alone, SQLite's files included.
        umask(0o077)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let usage = exitCode(for: error)
            guard usage == .failure else { exit(withError: error) }
            _ = try? FileDescriptor.standardError.writeAll("depai-node: error: \(error)\n".utf8)
            Glibc.exit(1)
        }
    }
}
