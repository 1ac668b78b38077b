import ArgumentParser
import Console
import Database
import Glibc
import Home
import Linux
import SystemPackage
import Wallet

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make the home of a machine: wallet, owner, first policy, configuration.",
        discussion: """
            On a terminal and without --owner-key it asks step by step. With --from FILE it takes the \
            answers from a file and writes a configuration, too; with --owner-key it makes the wallet alone.

            The words are shown once and stored nowhere; they are the only way to the money if this \
            machine is lost. Nothing that exists is touched, and until everything is ready nothing is made.
            """)

    @OptionGroup var home: HomeOption

    @OptionGroup var passphrase: PassphraseOption

    @Option(help: "Answers in YAML or JSON, instead of a person; no secrets, only the names of their files.")
    var from: String?

    @Option(help: "The owner's base58 Ed25519 public key, or a file with it.")
    var ownerKey: String?

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

    @OptionGroup var credential: CredentialOption

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
        guard self.from == nil || self.ownerKey == nil && self.policy == nil && sources.isEmpty else {
            throw ValidationError("with --from the answers stand in the file")
        }
    }

    func run() async throws {
        let home = self.home.home
        if try home.completeCreation() {
            let address = try home.keystore().address
            return Terminal.talk(
                "an earlier depai init was cut off at its end; wallet \(address) is made now")
        }
        guard !DurableFile.exists(home.keystorePath) else {
            throw Failure(
                1, "\(KeystoreError.exists(home.keystorePath.string))",
                hint:
                    "wallet \(try home.keystore().address); look at it with: depai wallet show, depai doctor")
        }
        var setup = Setup(
            home: home, plan: try await self.plan(home), passphrase: self.passphrase, waits: self.canAsk)
        if let file = self.from { try setup.take(passphraseOf: FilePath(file)) }
        try await setup.run()
    }

    private var canAsk: Bool { !self.yes && isatty(STDIN_FILENO) == 1 }

    private func plan(_ home: Home) async throws -> InitPlan {
        if let file = self.from {
            return try await AnswersFile(FilePath(file)).plan(home, credential: self.credential.credential)
        }
        if let key = self.ownerKey {
            var plan = InitPlan(owner: try OwnerKeyText.key(key))
            plan.source = self.source
            plan.wordsPassphraseFile = self.words.wordsPassphraseFile
            plan.policy = try self.policy.map { try DurableFile.read(FilePath($0), limit: 256 << 10) }
            plan.unlockMilliseconds = self.unlockTime
            plan.credential = self.credential.credential
            return plan
        }
        guard self.canAsk else {
            throw ValidationError(
                "Missing expected argument '--owner-key <owner-key>'; only a terminal can be asked")
        }
        var plan = try await Dialogue(home: home).plan()
        plan.unlockMilliseconds = self.unlockTime
        return plan
    }

    private var source: InitPlan.Source {
        if let file = self.solanaKeyFile { return .solanaKey(FilePath(file)) }
        if let file = self.seedFile { return .seed(FilePath(file)) }
        if let file = self.words.mnemonicFile { return .wordsFile(FilePath(file)) }
        return .newWords(count: self.wordCount)
    }
}
