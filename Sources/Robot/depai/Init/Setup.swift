import Agent
import Console
import Database
import Devices
import Encoding
import Glibc
import Home
import Linux
import Sodium
import SystemPackage
import Wallet
import World

/// Carries out a plan: all of it, or nothing.
struct Setup {
    let home: Home
    let plan: InitPlan
    var passphrase: PassphraseOption
    /// Whether somebody is there who writes the words down.
    let waits: Bool

    /// Takes the passphrase's file from the answers, unless a flag named one.
    mutating func take(passphraseOf answers: FilePath) throws {
        guard self.passphrase.passphraseFile == nil else { return }
        self.passphrase.passphraseFile = try AnswersFile(answers).passphraseFile()
    }

    func run() async throws {
        try self.plan.credential?.check()
        defer { self.plan.credential?.giveUp() }
        let passphrase = try self.passphrase.read(for: "the new keystore", isNew: true)
        let cost = try PasswordCost.calibrated(
            to: .milliseconds(self.plan.unlockMilliseconds), timeline: SystemTimeline())
        func create(
            _ seed: borrowing WalletSeed, showing show: () throws -> Void = {}
        ) async throws -> Keystore {
            try await self.home.create(
                seed: seed, passphrase: passphrase, owner: self.plan.owner, policy: self.plan.policy,
                cost: cost, timeline: SystemTimeline(), entropy: SystemEntropy()
            ) { draft in
                try self.complete(draft, passphrase)
                // Last of all: whoever has seen the words finds the wallet made, and nobody else.
                try show()
            }
        }
        let keystore: Keystore
        switch self.plan.source {
        case .solanaKey(let file):
            keystore = try await create(WalletSeed(paymentKey: KeyFile.solana.read(file)))
        case .seed(let file): keystore = try await create(WalletSeed(paymentKey: KeyFile.seed.read(file)))
        case .wordsFile(let file):
            keystore = try await create(try self.seed(of: Mnemonic(reading: try SecretFile.read(file))))
        case .typedWords:
            let typed = try PassphraseOption.ask("the words: ")
            keystore = try await create(try self.seed(of: Mnemonic(reading: typed)))
        case .newWords(let count):
            let mnemonic = try Mnemonic(wordCount: count, entropy: SystemEntropy())
            keystore = try await create(try self.seed(of: mnemonic)) { try self.show(mnemonic) }
        }
        try self.plan.credential?.finish()
        try HomeOwner.handOver(self.home.path)
        self.tell(keystore)
    }

    private func seed(of mnemonic: borrowing Mnemonic) throws -> WalletSeed {
        guard let file = self.plan.wordsPassphraseFile else { return try WalletSeed(words: mnemonic) }
        return try WalletSeed(words: mnemonic, passphrase: try SecretFile.read(FilePath(file)))
    }

    /// Puts configuration, devices and the second way to unlock into the home that is being prepared.
    private func complete(_ draft: Home, _ passphrase: borrowing SecretBytes) throws {
        if let credential = self.plan.credential {
            _ = try credential.prepare(for: try draft.keystore(), passphrase: passphrase)
            try DurableFile.remove(FilePath(draft.keystorePath.string + ".previous"))
        }
        guard let robot = self.plan.robot else { return }
        let devices = draft.path.appending("devices")
        try DurableFile.createFolder(devices)
        for thing in robot.things {
            let name = "\(thing.name).td.json"
            guard !DurableFile.exists(self.home.path.appending("devices").appending(name)) else { continue }
            try DurableFile.write(
                Array((thing.description.prettyText + "\n").utf8), to: devices.appending(name))
        }
        guard !DurableFile.exists(self.home.configurationPath) else { return }
        let text = ConfigurationText(plan: robot, home: self.home.path).text
        try DurableFile.write(Array(text.utf8), to: draft.configurationPath)
        // Read as the robot will read it.
        _ = try Settings.read(draft.configurationPath) { try AgentConfiguration($0, in: self.home.path) }
    }

    /// Shows the words once, straight from guarded memory, and waits until the owner has them.
    private func show(_ mnemonic: borrowing Mnemonic) throws {
        Terminal.talk("Write these words down. They are shown once and stored nowhere:\n")
        _ = try mnemonic.withWords { try FileDescriptor.standardOutput.writeAll($0) }
        Terminal.out("")
        guard self.waits else { return }
        Terminal.talk("\nPress Enter when they are safe.")
        guard readLine() != nil else { throw Failure(1, "nobody confirmed the words; nothing was made") }
        // Wipes the screen and what scrolled off it.
        Terminal.wipe()
    }

    private func tell(_ keystore: Keystore) {
        switch self.plan.source {
        case .solanaKey(let file), .seed(let file):
            Terminal.talk(
                "depai: hint: \(file) still holds the key in clear; whoever reads it owns the money")
        case .newWords, .typedWords, .wordsFile: break
        }
        Terminal.talk("wallet \(keystore.address) made in \(self.home.path)")
        if self.plan.policy == nil {
            Terminal.talk(
                "depai: hint: nothing can be spent before the owner signs a policy for this wallet: "
                    + "depai wallet policy apply FILE")
        }
        if let hint = self.plan.credential?.hint { Terminal.talk("depai: hint: \(hint)") }
        guard let robot = self.plan.robot else { return }
        Terminal.talk(
            "configuration \(self.home.configurationPath), \(robot.things.count) descriptions of devices in "
                + "\(self.home.path.appending("devices"))")
        if self.plan.credential == nil, robot.passphraseFile == nil {
            Terminal.talk(
                "depai: hint: nothing opens the wallet at the start, so the robot will spend nothing: "
                    + "depai wallet slot --credential-sealed \(NewCredential.usualPlace)")
        }
        Terminal.talk("depai: hint: check it with: depai doctor; then start it: depai run")
    }
}

/// What root makes in another user's home belongs to that user: else the service could not read it.
enum HomeOwner {
    static func handOver(_ home: FilePath) throws {
        var status = stat()
        guard geteuid() == 0, stat(home.string, &status) == 0, status.st_uid != 0 else { return }
        func give(_ path: FilePath, floors: Int) throws {
            guard lchown(path.string, status.st_uid, status.st_gid) == 0 else {
                throw FileError.system(path: path.string, Errno(rawValue: errno))
            }
            guard floors > 0, let names = try? DurableFile.names(in: path) else { return }
            for name in names { try give(path.appending(name), floors: floors - 1) }
        }
        for name in try DurableFile.names(in: home) { try give(home.appending(name), floors: 1) }
    }
}
