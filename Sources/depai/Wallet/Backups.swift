import Agent
import ArgumentParser
import Console
import Home
import Linux
import SystemPackage

extension WalletCommand {
    struct BackUp: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backup",
            abstract: "Copy the home into a new folder: keystore, owner, configuration, devices, databases.",
            discussion: """
                The robot may run meanwhile. The copy opens with the same passphrase; a passphrase file and \
                a credential that systemd sealed are not in it, nor descriptions outside the home.
                """)
        @OptionGroup var home: HomeOption
        @Argument(help: "The folder to make.") var folder: String

        func run() async throws {
            let home = self.home.home
            try home.checkSchemas()
            let backup = try Backup.make(
                of: home, in: FilePath(self.folder), databases: home.databases.map(\.path),
                timeline: SystemTimeline())
            Terminal.out("wallet \(backup.wallet), journal \(backup.journal), is in \(self.folder)")
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore", abstract: "Make a home from a backup.",
            discussion: """
                An existing wallet is never touched. The wallet stands still afterwards: the backup may be \
                older than its last payment. The next start asks the chain; then the owner lifts the stop. \
                Never let two machines run the same wallet.
                """)
        @OptionGroup var home: HomeOption
        @Argument(help: "The folder that depai backup made.") var folder: String

        func run() async throws {
            let backup = try Backup(FilePath(self.folder))
            try await backup.restore(to: self.home.home, timeline: SystemTimeline())
            try HomeOwner.handOver(self.home.home.path)
            Terminal.out("wallet \(backup.wallet) is back, as of \(rfc3339(backup.made)), and stopped")
            Terminal.talk("depai: hint: depai run asks the chain; then the owner: depai wallet unfreeze")
        }
    }
}
