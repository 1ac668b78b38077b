public import Ledger
public import Solana

/// Names of the chain's things in the ledger's words.
public enum SolanaNames {
    /// CAIP-10 account of an owner.
    public static func account(_ owner: Address, on network: Network) -> String {
        "\(network.chainID):\(owner)"
    }

    /// The owner of an account of `network`; nil for others.
    static func owner(of account: String, on network: Network) -> Address? {
        let prefix = "\(network.chainID):"
        guard account.hasPrefix(prefix) else { return nil }
        return try? Address(String(account.dropFirst(prefix.count)))
    }

    /// CAIP-19 name of a token.
    public static func token(_ mint: Address, on network: Network) -> String {
        "\(network.chainID)/token:\(mint)"
    }

    /// The mint of a token of `network`; nil for other assets.
    public static func mint(of asset: Asset, on network: Network) -> Address? {
        let prefix = "\(network.chainID)/token:"
        guard asset.id.hasPrefix(prefix) else { return nil }
        return try? Address(String(asset.id.dropFirst(prefix.count)))
    }

    /// The network's own coin.
    public static func sol(on network: Network) -> Asset {
        Asset(id: "\(network.chainID)/slip44:501", symbol: "SOL", decimals: 9)
    }
}
