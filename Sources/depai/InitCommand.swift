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

    @OptionGroup var passphrase: PassphraseOption

    @Option(help: "File with the owner's base58 Ed25519 public key.")
    var ownerKey: String

    @Option(help: "The owner's signed policy; without one nothing can be spent.")
    var policy: String?

    @OptionGroup var words: WordsOption

    @Option(help: "Pay with the key in this file (mode 0600): a Solana id.json.")
    var solanaKeyFile: String?

    @Option(help: "Pay with the Ed25519 seed in this file (mode 0600): 64 hex digits.")
    var seedFile: String?

    @Option(name: .customLong("words"), help: "How many words a new wallet has: 12 or 24.")
    var wordCount = 12

    @Option(help: "How long one guess at the passphrase takes on this machine, in milliseconds.")
    var unlockTime = 1_000

    @Flag(help: "Ask nothing.")
    var yes = false

    func validate() throws {
        guard [12, 24].contains(self.wordCount) else { throw ValidationError("--words is 12 or 24") }
        guard (1...10_000).contains(self.unlockTime) else {
            throw ValidationError("--unlock-time is 1 to 10000")
        }
        let sources = [self.words.mnemonicFile, self.solanaKeyFile, self.seedFile].compactMap(\.self)
        guard sources.count < 2 else {
            throw ValidationError("give one of --mnemonic-file, --solana-key-file and --seed-file")
        }
    }

    func run() async throws {
        let home = self.home.home
        guard !DurableFile.exists(home.keystorePath) else {
            throw KeystoreError.exists(home.keystorePath.string)
        }
        let passphrase = try self.passphrase.read(for: "the new keystore", isNew: true)
        let owner = try Home.readKey(FilePath(self.ownerKey))
        let policy = try self.policy.map { try DurableFile.read(FilePath($0), limit: 256 << 10) }
        let cost = try PasswordCost.calibrated(
            to: .milliseconds(self.unlockTime), timeline: SystemTimeline())
        func create(_ seed: borrowing WalletSeed) async throws -> Keystore {
            try await home.create(
                seed: seed, passphrase: passphrase, owner: owner, policy: policy, cost: cost,
                timeline: SystemTimeline(), entropy: SystemEntropy())
        }
        let keystore: Keystore
        if let file = self.solanaKeyFile {
            keystore = try await create(WalletSeed(paymentKey: KeyFile.solana.read(FilePath(file))))
        } else if let file = self.seedFile {
            keystore = try await create(WalletSeed(paymentKey: KeyFile.seed.read(FilePath(file))))
        } else if self.words.mnemonicFile != nil {
            keystore = try await create(try self.words.seed(of: try self.words.mnemonic()))
        } else {
            let mnemonic = try Mnemonic(wordCount: self.wordCount, entropy: SystemEntropy())
            keystore = try await create(try self.words.seed(of: mnemonic))
            try self.show(mnemonic)
        }
        if let file = self.solanaKeyFile ?? self.seedFile {
            Terminal.talk(
                "depai: hint: \(file) still holds the key in clear; whoever reads it owns the money")
        }
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
