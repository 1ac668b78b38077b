import ArgumentParser
import Console
import Control
import Database
import Encoding
import Home
import Linux
import Sodium
import SystemPackage
import Wallet
import World

extension WalletCommand {
    struct Freeze: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop all spending at once.",
            discussion: """
                Anybody who may write the home can do this; only the owner's signed command lifts it. What \
                is signed already is followed to its end.
                """)
        @OptionGroup var home: HomeOption
        @Option(help: "Why; it is journalled.") var reason = "stopped at the machine"

        func run() async throws {
            let answer = try await self.home.home.ask(
                .freeze(reason: self.reason), timeline: SystemTimeline())
            Terminal.out("the wallet is stopped, journal \(answer.journal)")
        }
    }

    struct Challenge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A challenge for the owner's next command; good for ten minutes of a running robot.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption

        func run() async throws {
            let answer = try await self.home.home.ask(.challenge, timeline: SystemTimeline())
            let challenge = Hex.encode(answer.challenge)
            guard self.output.json else { return Terminal.out(challenge) }
            Terminal.out(["schema": "depai.challenge/1", "challenge": .string(challenge)])
        }
    }

    struct Execute: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "execute",
            abstract: "Carry out a command that the owner, an approver or a guardian signed.",
            discussion: "Such files are made by: depai owner freeze | unfreeze | renew | approve | reject")
        @OptionGroup var home: HomeOption
        @Argument(help: "The signed command.") var file: String

        func run() async throws {
            let envelope = try DurableFile.read(FilePath(self.file), limit: 256 << 10)
            let answer = try await self.home.home.ask(.execute(envelope), timeline: SystemTimeline())
            Terminal.out("done, journal \(answer.journal)")
        }
    }

    struct Slot: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "slot", abstract: "Give the keystore another way to unlock.",
            discussion: "The file as it was before is kept beside it as keystore.json.previous.")
        @OptionGroup var home: HomeOption
        @OptionGroup var passphrase: PassphraseOption
        @Option(
            help: "Add the 32 bytes in this file (mode 0600), which the service manager delivers at start.")
        var credential: String?
        @OptionGroup var made: CredentialOption
        @Flag(
            help: "Add the pinned owner's key, so that the owner can open the keystore without a passphrase.")
        var owner = false

        func validate() throws {
            let ways = [self.credential != nil, self.owner, self.made.credential != nil]
            guard ways.count(where: \.self) == 1 else {
                throw ValidationError(
                    "give one of --credential-sealed, --credential-out, --credential and --owner")
            }
        }

        func run() async throws {
            let home = self.home.home
            let lock = try home.lock()
            defer { lock.release() }
            let keystore = try home.keystore()
            try self.made.credential?.check()
            let passphrase = try self.passphrase.read(for: keystore.address)
            let opened: Keystore
            if let credential = self.credential {
                opened = try keystore.adding(
                    credential: try SecretFile.readKey(FilePath(credential)), passphrase: passphrase,
                    entropy: SystemEntropy())
            } else if let made = self.made.credential {
                defer { made.giveUp() }
                opened = try made.prepare(for: keystore, passphrase: passphrase)
                try made.finish()
            } else {
                opened = try keystore.adding(owner: try home.owner(), passphrase: passphrase)
            }
            Terminal.out("opened by \(opened.slots.map(\.kind).joined(separator: " or "))")
            if let hint = self.made.credential?.hint { Terminal.talk("depai: hint: \(hint)") }
        }
    }
}
