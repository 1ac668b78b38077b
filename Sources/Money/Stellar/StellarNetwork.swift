internal import Encoding
internal import Sodium

/// A Stellar network as payments name it (CAIP-2): `stellar:` and a name.
public struct StellarNetwork: Sendable, Hashable, CustomStringConvertible {
    /// `pubnet` or `testnet`.
    public let name: String
    /// Goes, hashed, into everything that is signed.
    public let passphrase: String
    /// Circle's dollar.
    public let usdc: StellarAsset

    /// The network with real money.
    public static let pubnet = StellarNetwork(
        name: "pubnet", passphrase: "Public Global Stellar Network ; September 2015",
        usdc: StellarAsset(
            known: "USDC", issuer: "GA5ZSEJYB37JRC5AVCIA5MOP4RHTM335X2KGX3IHOJAPP5RE34K4KZVN"))
    /// The public network for tests; the simulated ledger presents itself as this one.
    public static let testnet = StellarNetwork(
        name: "testnet", passphrase: "Test SDF Network ; September 2015",
        usdc: StellarAsset(
            known: "USDC", issuer: "GBBD47IF6LWK7P7MDEVSCWR7DPUWV3NY3DTQEVFL4NAT4AQH3ZLLFLA5"))

    private static let all = [Self.pubnet, .testnet]

    /// The network with this CAIP-2 id; nil unless it is one of the two public ones.
    public init?(chainID: String) {
        guard let network = Self.all.first(where: { $0.chainID == chainID }) else { return nil }
        self = network
    }

    /// The network with this id in signed bytes.
    init?(id: [UInt8]) {
        guard let network = Self.all.first(where: { $0.id == id }) else { return nil }
        self = network
    }

    private init(name: String, passphrase: String, usdc: StellarAsset) {
        self.name = name
        self.passphrase = passphrase
        self.usdc = usdc
    }

    /// SHA-256 of the passphrase.
    public var id: [UInt8] { SHA256.digest(of: Array(self.passphrase.utf8)) }

    /// The CAIP-2 id.
    public var chainID: String { "stellar:\(self.name)" }

    /// The contract through which contracts, and x402, move the network's dollar.
    public var usdcContract: StellarAddress { self.usdc.contract(on: self) }

    /// The CAIP-2 id.
    public var description: String { self.chainID }
}

/// Names of the network's things in the words of the CAIP standards.
public enum StellarNames {
    /// CAIP-10 account of an owner.
    public static func account(_ owner: StellarAddress, on network: StellarNetwork) -> String {
        "\(network.chainID):\(owner)"
    }

    /// The owner of an account of `network`; nil for others.
    public static func owner(of account: String, on network: StellarNetwork) -> StellarAddress? {
        let prefix = "\(network.chainID):"
        guard account.hasPrefix(prefix) else { return nil }
        return try? StellarAddress(String(account.dropFirst(prefix.count)))
    }

    /// CAIP-19 name of a token.
    public static func token(_ contract: StellarAddress, on network: StellarNetwork) -> String {
        "\(network.chainID)/token:\(contract)"
    }

    /// The contract of a token of `network`; nil for other assets.
    public static func contract(of asset: String, on network: StellarNetwork) -> StellarAddress? {
        let prefix = "\(network.chainID)/token:"
        guard asset.hasPrefix(prefix), let name = try? StellarAddress(String(asset.dropFirst(prefix.count))),
            name.kind == .contract
        else { return nil }
        return name
    }

    /// The network's own coin, 7 decimals.
    public static func lumen(on network: StellarNetwork) -> String { "\(network.chainID)/slip44:148" }
}
