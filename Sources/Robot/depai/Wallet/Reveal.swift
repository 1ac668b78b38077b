public import ArgumentParser
import Console
import Home
import Sodium
import SystemPackage
public import Wallet

extension KeyFile: ExpressibleByArgument {}

extension WalletCommand {
    struct Reveal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the payment key in clear, for use in other tools.",
            discussion: """
                Whoever reads the file owns the money, and no policy of the owner binds what is signed \
                elsewhere. The words cannot be shown again: the keystore does not have them.
                """)
        @OptionGroup var home: HomeOption
        @OptionGroup var confirmation: ConfirmationOption

        @Option(help: "solana (an id.json) or seed (64 hex digits).")
        var format = KeyFile.solana

        @Option(help: "The file to make; an existing one is never overwritten.")
        var out: String

        @OptionGroup var passphrase: PassphraseOption

        func run() async throws {
            let keystore = try self.home.home.keystore()
            let seed = try keystore.paymentKey(
                passphrase: try self.passphrase.read(for: keystore.address))
            let key = try SigningKey(seed: seed).publicKey
            try self.confirmation.confirm(
                "The key of \(keystore.address) will stand in \(self.out) in clear. Is that meant?",
                digest: BLAKE2b.digest(of: key.bytes))
            try self.format.write(seed, to: FilePath(self.out))
            Terminal.talk("the key is in \(self.out); delete it as soon as it was used")
        }
    }
}
