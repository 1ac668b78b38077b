import ArgumentParser
import Database
import Glibc
import Home
import Linux
import Sodium
import SystemPackage
import Wallet

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make the home of a machine: wallet, owner, first policy.",
        discussion: """
            The words are shown once and stored nowhere; they are the only way to the money if this \
            machine is lost. An existing wallet is never touched.
            """)

    @OptionGroup var home: HomeOption

    @Option(help: "File with the passphrase that locks the keystore (mode 0600).")
    var passphraseFile: String

    @Option(help: "File with the owner's base58 Ed25519 public key.")
    var ownerKey: String

    @Option(help: "The owner's signed policy; without one nothing can be spent.")
    var policy: String?

    @Option(help: "Use the words in this file (mode 0600) instead of new ones.")
    var mnemonicFile: String?

    @Option(help: "How many words a new wallet has: 12 or 24.")
    var words = 12

    @Flag(help: "Ask nothing.")
    var yes = false

    func validate() throws {
        guard [12, 24].contains(self.words) else { throw ValidationError("--words is 12 or 24") }
    }

    func run() async throws {
        let home = self.home.home
        guard !DurableFile.exists(home.keystorePath) else {
            throw KeystoreError.exists(home.keystorePath.string)
        }
        let passphrase = try SecretFile.read(FilePath(self.passphraseFile))
        let owner = try Home.readKey(FilePath(self.ownerKey))
        let policy = try self.policy.map { try DurableFile.read(FilePath($0), limit: 256 << 10) }
        let mnemonic: Mnemonic
        if let file = self.mnemonicFile {
            mnemonic = try Mnemonic(reading: try SecretFile.read(FilePath(file)))
        } else {
            mnemonic = try Mnemonic(wordCount: self.words, entropy: SystemEntropy())
        }
        let keystore = try await home.create(
            mnemonic: mnemonic, passphrase: passphrase, owner: owner, policy: policy,
            timeline: SystemTimeline(), entropy: SystemEntropy())
        if self.mnemonicFile == nil { try self.show(mnemonic) }
        Terminal.talk("wallet \(keystore.address) made in \(home.path)")
        if policy == nil {
            Terminal.talk("depai: hint: nothing can be spent before the owner signs a policy")
        }
    }

    /// Shows the words once, straight from guarded memory, and waits until the owner has them.
    private func show(_ mnemonic: borrowing Mnemonic) throws {
        Terminal.talk("Write these words down. They are shown once and stored nowhere:\n")
        _ = try mnemonic.withWords { try FileDescriptor.standardOutput.writeAll($0) }
        Terminal.out("")
        guard !self.yes, isatty(STDIN_FILENO) == 1 else { return }
        Terminal.talk("\nPress Enter when they are safe.")
        _ = getchar()
        // Wipes the screen and what scrolled off it.
        if Terminal.isInteractive { Terminal.out("\u{1b}[2J\u{1b}[3J\u{1b}[H") }
    }
}
