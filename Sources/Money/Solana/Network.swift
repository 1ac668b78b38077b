/// A Solana network as payments name it (CAIP-2): `solana:` and the first 32 characters of the genesis hash.
public struct Network: Sendable, Hashable, CustomStringConvertible {
    /// Base58 of the genesis hash, as `getGenesisHash` answers.
    public let genesisHash: String

    /// The network with real money.
    public static let mainnet = Network(genesisHash: "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d")
    /// The public network for tests; the simulated chain presents itself as this one.
    public static let devnet = Network(genesisHash: "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG")
    /// The validators' network for tests.
    public static let testnet = Network(genesisHash: "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY")

    /// A network by its whole genesis hash.
    public init(genesisHash: String) { self.genesisHash = genesisHash }

    /// The network with this CAIP-2 id; nil unless it is one of the three public ones.
    public init?(chainID: String) {
        guard let network = [Self.mainnet, .devnet, .testnet].first(where: { $0.chainID == chainID }) else {
            return nil
        }
        self = network
    }

    /// The CAIP-2 id.
    public var chainID: String { "solana:\(self.genesisHash.prefix(32))" }

    /// The CAIP-2 id.
    public var description: String { self.chainID }
}
