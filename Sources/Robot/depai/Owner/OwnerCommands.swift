import ArgumentParser
import Console
import Control
import Database
import Encoding
import Glibc
import Home
import Ledger
import Linux
import Sodium
import Statements
import SystemPackage
import Wallet
import World

/// The owner's side: keys, policies and commands, made on a computer that is not the robot.
struct OwnerGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "owner", abstract: "Make the owner's key, sign policies, command a wallet.",
        discussion: """
            Runs on the owner's computer, never on the robot. A command goes to the robot over its broker, \
            or into a file for: depai wallet execute FILE
            """,
        subcommands: [
            Keygen.self, Public.self, SignPolicy.self, Freeze.self, Unfreeze.self, Renew.self, Approve.self,
            Reject.self, Apply.self, Write.self, Invoke.self,
        ])

    struct Keygen: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make an owner's key file.")
        @OptionGroup var passphrase: PassphraseOption
        @Argument(help: "Where the key goes; must not exist.") var file: String

        func run() async throws {
            let key = try OwnerKeyFile.create(
                at: FilePath(self.file), passphrase: try self.passphrase.read(for: self.file, isNew: true),
                entropy: SystemEntropy())
            Terminal.out(Base58.encode(key.publicKey.bytes))
        }
    }

    struct Public: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The public half, as depai init --owner-key wants it.")
        @Argument(help: "The owner's key file.") var file: String

        func run() async throws {
            Terminal.out(Base58.encode(try OwnerKeyFile(at: FilePath(self.file)).publicKey.bytes))
        }
    }

    struct SignPolicy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "policy",
            abstract: "Check and sign a policy document; the signed file goes to stdout.")
        @OptionGroup var signer: SignerOption
        @Argument(help: "The policy document, JSON.") var document: String

        func run() async throws {
            let document = try JSON.read(try DurableFile.read(FilePath(self.document), limit: 256 << 10))
            let check = PolicyCheck(document)
            let key = try self.signer.key()
            try check.check(signedBy: key.publicKey)
            let file = try Policy.sign(document, with: key)
            Terminal.out(String(decoding: file, as: UTF8.self))
        }
    }

    struct Freeze: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop a wallet at once; the broker keeps it for a robot that is offline.")
        @OptionGroup var order: OrderOption
        @Option(help: "Why; at most 200 bytes.") var reason = "stopped by the owner"
        func run() async throws { try await self.order.send(.freeze(reason: self.reason)) }
    }

    struct Unfreeze: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a stopped wallet go on.")
        @OptionGroup var order: OrderOption
        func run() async throws { try await self.order.send(.unfreeze) }
    }

    struct Renew: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Begin the wallet's lease anew.")
        @OptionGroup var order: OrderOption
        func run() async throws { try await self.order.send(.renewLease) }
    }

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put a signed policy in force.")
        @OptionGroup var order: OrderOption
        @Argument(help: "The signed policy.") var file: String
        func run() async throws {
            try await self.order.send(
                .applyPolicy(try DurableFile.read(FilePath(self.file), limit: 200 << 10)))
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Agree to one waiting payment.")
        @OptionGroup var order: OrderOption
        @OptionGroup var payment: PaymentOption
        func run() async throws {
            let (intent, digest) = try self.payment.parsed()
            try await self.order.send(.approve(intent, digest: digest))
        }
    }

    struct Reject: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Refuse one waiting payment.")
        @OptionGroup var order: OrderOption
        @OptionGroup var payment: PaymentOption
        func run() async throws {
            let (intent, digest) = try self.payment.parsed()
            try await self.order.send(.reject(intent, digest: digest))
        }
    }
}

/// Whose signature.
struct SignerOption: ParsableArguments {
    @Option(help: "The owner's key file.") var keyFile: String
    @OptionGroup var passphrase: PassphraseOption

    func key() throws -> SigningKey {
        try OwnerKeyFile(at: FilePath(self.keyFile)).unlock(
            passphrase: try self.passphrase.read(for: self.keyFile))
    }
}

/// Which payment: its name and the digest of its content, so that nobody agrees to another one.
struct PaymentOption: ParsableArguments {
    @Argument(help: "Intent, 32 hex digits, as shown by: depai wallet intents --json") var intent: String
    @Option(help: "Digest of its content, from the same place.") var digest: String

    func parsed() throws -> (IntentID, [UInt8]) {
        guard let intent = IntentID(text: self.intent), let digest = try? Hex.decode(self.digest),
            digest.count == 32
        else { throw ValidationError("an intent has 32 hex digits, its digest 64") }
        return (intent, digest)
    }
}

/// To which wallet a command goes, and how.
struct OrderOption: ParsableArguments {
    @OptionGroup var signer: SignerOption
    @Option(help: "Base58 address of the wallet that is meant.") var wallet: String
    @Option(help: "The robot's broker, host or host:port.") var broker: String?
    @Option(help: "User at the broker.") var username: String?
    @Option(help: "File with the password at the broker.") var brokerPasswordFile: String?
    @Option(help: "The wallet's identity as depai wallet show prints it; answers of others do not count.")
    var identity: String?
    @Option(help: "Write the signed command into this file instead.") var out: String?
    @Option(help: "What depai wallet challenge printed; for --out of a command that permits something.")
    var challenge: String?

    func validate() throws {
        guard (self.broker == nil) != (self.out == nil) else {
            throw ValidationError("give one of --broker and --out")
        }
        // A slip here would be a command to nobody, kept by the broker for ever.
        guard let key = try? Home.key(self.wallet), key.isSound else {
            throw ValidationError(
                "--wallet is an address, 32 bytes in base58, as depai wallet address prints it")
        }
    }

    func send(_ operation: OwnerCommand.Operation) async throws {
        let key = try self.signer.key()
        if let out = self.out {
            let challenge = try self.challenge.map { try Hex.decode($0) } ?? []
            guard !operation.permits || challenge.count == 32 else {
                throw Failure(
                    2, "\(operation.name) answers a challenge of the wallet",
                    hint: "on the robot: depai wallet challenge; here: --challenge HEX")
            }
            let envelope = try self.command(operation, key.publicKey, challenge).signed(with: key)
            try DurableFile.write(
                envelope, to: FilePath(out), mode: [.ownerReadWrite, .groupRead, .otherRead])
            return Terminal.talk("signed; on the robot: depai wallet execute \(out)")
        }
        try await OwnerLine.with(self.address(), wallet: self.wallet, identity: self.identityKey()) { line in
            let challenge = operation.permits ? try await line.challenge() : []
            let envelope = try self.command(operation, key.publicKey, challenge).signed(with: key)
            let answer = try await line.execute(envelope, kept: operation.isFreeze)
            guard let answer else {
                throw Failure(
                    7, "the robot has not answered: nothing says that the wallet stands still",
                    hint: "the broker keeps the command for its return; ask again until it answers")
            }
            if let refusal = answer.refusal { throw Failure(1, refusal) }
            Terminal.out("done, journal \(answer.journal)")
        }
    }

    private func command(
        _ operation: OwnerCommand.Operation, _ issuer: PublicKey, _ challenge: [UInt8]
    ) -> OwnerCommand {
        OwnerCommand.now(
            operation, wallet: self.wallet, issuer: issuer, challenge: challenge,
            at: SystemTimeline().now.milliseconds)
    }

    func identityKey() throws -> PublicKey? {
        guard let identity else { return nil }
        guard let key = DIDKey.key(identity) else {
            throw ValidationError("an identity is a did:key of an Ed25519 key")
        }
        return key
    }

    func address() throws -> BrokerAddress {
        var address = try BrokerAddress(place: self.broker ?? "", clientID: "depai-owner-\(getpid())")
        address.username = self.username
        address.passwordFile = self.brokerPasswordFile
        // Nobody comes back under this name.
        address.sessionSeconds = 0
        return address
    }
}

extension OwnerCommand.Operation {
    var isFreeze: Bool { if case .freeze = self { true } else { false } }
}
