import Console
import Database
import Devices
import Home
import Sodium
import SystemPackage
import Wallet
import World

/// What `depai init` was told, by flags, by a file or by a person. No secret is in it, only where it is.
struct InitPlan {
    /// Where the keys come from.
    enum Source {
        case newWords(count: Int)
        case wordsFile(FilePath)
        /// Asked for when they are needed.
        case typedWords
        case solanaKey(FilePath)
        case seed(FilePath)
    }

    var source = Source.newWords(count: 12)
    /// A second passphrase, of the words themselves.
    var wordsPassphraseFile: String?
    var owner: PublicKey
    var policy: [UInt8]?
    var unlockMilliseconds = 1_000
    var credential: NewCredential?
    /// Nil makes the wallet alone.
    var robot: RobotPlan?
}

/// What the robot's configuration shall say.
struct RobotPlan {
    var network = "devnet"
    var rpc: [String] = []
    var broker: BrokerAddress
    /// Opens the keystore at each start, where no credential does.
    var passphraseFile: String?
    /// Descriptions that were found at the broker.
    var things: [DiscoveredThing] = []

    /// The nodes that whoever runs a network offers to everybody.
    static func publicNode(of network: String) -> String {
        network == "mainnet"
            ? "https://api.mainnet-beta.solana.com" : "https://api.\(network).solana.com"
    }
}

/// Reads what people give as an owner's key: itself, or a file with it.
enum OwnerKeyText {
    static func key(_ text: String) throws -> PublicKey {
        let key: PublicKey
        if let typed = try? Home.key(text) {
            key = typed
        } else if DurableFile.exists(FilePath(text)) {
            key = try Home.readKey(FilePath(text))
        } else {
            throw Failure(
                1, "\"\(text)\" is no base58 Ed25519 key, and no file",
                hint: "the owner makes one on another computer: depai owner keygen owner.key")
        }
        guard key.isSound else { throw HomeError.unsoundOwner }
        return key
    }
}
