import ArgumentParser
import Console
import Glibc

/// The provider: sells storage and compute to whoever pays.
@main
struct DepaiNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "depai-node",
        abstract: "Sell storage and compute to machines that pay by x402.",
        subcommands: [Run.self, Status.self])

    static func main() async {
        keepToOneself()
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
            let failure = Failure(error) ?? Failure(1, "\(error)")
            failure.tell(as: "depai-node")
            Glibc.exit(failure.code)
        }
    }
}
