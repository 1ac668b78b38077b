import ArgumentParser
import Console
import Glibc

/// The robot's program: runs it, and looks into its wallet.
@main
struct Depai: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "depai",
        abstract: "A runtime for machines that own money.",
        subcommands: [
            InitCommand.self, RunCommand.self, PayCommand.self, ChannelCommand.self, DeviceCommand.self,
            StatusCommand.self,
            DoctorCommand.self,
            WalletCommand.self, OwnerGroup.self, WalletCommand.BackUp.self, WalletCommand.Restore.self,
        ])

    /// Every error ends here: what failed, what to do, and the exit code of the contract.
    static func main() async {
        keepToOneself()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            try Terminal.checkOutput()
        } catch {
            let code = self.exitCode(for: error)
            guard code == .failure || code.rawValue == EX_USAGE || code == .success else {
                // ArgumentParser's own ExitCode, thrown by a command that has said what there is to say.
                Glibc.exit(code.rawValue)
            }
            guard let failure = Failure(error) else {
                // Usage errors and --help are ArgumentParser's to show; the contract calls them 2 instead of
                // 64.
                let text = self.fullMessage(for: error)
                (code == .success ? Terminal.out : Terminal.talk)(text)
                Glibc.exit(code == .success ? 0 : 2)
            }
            failure.tell()
            Glibc.exit(failure.code)
        }
    }
}
