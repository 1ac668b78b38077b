import ArgumentParser
import Console
import Control
import Database
import Encoding
import Glibc
import Home
import Linux
import Sodium
import SystemPackage
import Wallet

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
        @OptionGroup var passphrase: PassphraseOption
        @Argument(help: "The folder to make.") var folder: String

        func run() async throws {
            let home = self.home.home
            try home.checkSchemas()
            let wallet = try home.keystore().unlock(passphrase: try self.secret(home))
            let backup = try await Backup.make(
                of: home, in: FilePath(self.folder), databases: home.databases.map(\.path), signing: wallet,
                timeline: SystemTimeline())
            Terminal.out("wallet \(backup.wallet), journal \(backup.journal), is in \(self.folder)")
        }

        /// The configured passphrase file serves here, too.
        private func secret(_ home: Home) throws -> SecretBytes {
            let settings =
                self.passphrase.passphraseFile == nil && DurableFile.exists(home.configurationPath)
                ? try Settings.read(home.configurationPath) : nil
            return try self.passphrase.orConfigured(settings, of: home)
                .read(for: "the wallet, which signs for the copy")
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore", abstract: "Make a home from a backup.",
            discussion: """
                An existing wallet is never touched. The wallet stands still afterwards: the backup may be \
                older than its last payment. Only a backup that its own wallet signed is taken, so the \
                passphrase is asked for; and since the owner's key rules the wallet, it is shown and has to \
                be the one that is expected. The next start asks the chain; then the owner lifts the stop. \
                Never let two machines run the same wallet.
                """)
        @OptionGroup var home: HomeOption
        @OptionGroup var passphrase: PassphraseOption
        @Option(help: "The owner's public key, base58, as depai owner public prints it; asks nothing then.")
        var owner: String?
        @Argument(help: "The folder that depai backup made.") var folder: String

        func run() async throws {
            let backup = try Backup(FilePath(self.folder))
            let wallet = try backup.keystore.unlock(
                passphrase: try self.passphrase.read(for: "the wallet in the backup"))
            try backup.check(signedBy: wallet)
            try await backup.restore(
                to: self.home.home, wallet: wallet, owner: try self.expected(backup),
                timeline: SystemTimeline())
            try HomeOwner.handOver(self.home.home.path)
            Terminal.out("wallet \(backup.wallet) is back, as of \(rfc3339(backup.made)), and stopped")
            Terminal.talk("depai: hint: depai run asks the chain; then the owner: depai wallet unfreeze")
        }

        /// The key that this person expects to rule the wallet.
        private func expected(_ backup: Backup) throws -> PublicKey {
            if let owner = self.owner { return try Home.key(owner) }
            let found = try backup.owner
            Terminal.talk("the wallet \(backup.wallet) obeys the owner \(Base58.encode(found.bytes))")
            guard isatty(STDIN_FILENO) == 1 else {
                throw Failure(2, "nobody can be asked whether that is right", hint: "give --owner KEY")
            }
            Terminal.talk("Is that your key? [yes/no]")
            guard readLine() == "yes" else { throw Failure(1, "nothing was made") }
            return found
        }
    }
}
