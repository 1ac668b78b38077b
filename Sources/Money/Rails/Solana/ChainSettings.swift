public import Encoding
public import Solana

/// Which chain and which of its nodes: `network`, `rpc` and `rpc_witnesses` of every configuration.
public struct ChainSettings: Sendable {
    public let network: Network
    /// URLs of nodes, in the order of preference: who does not answer is left for the next.
    public let rpc: [String]
    /// URLs of further nodes of the network, whose word it takes before a payment counts as dead.
    public let witnesses: [String]

    public init(_ root: JSONField) throws {
        guard let network = Self.networks[try root["network"].string()] else {
            throw root["network"].fault("one of mainnet, devnet, testnet")
        }
        self.network = network
        self.rpc = try root["rpc"].nodes()
        self.witnesses = try root["rpc_witnesses"].ifPresent?.elements().map { try $0.url() } ?? []
    }

    /// By a network's short name, `solana-devnet`, or CAIP-2 name; nil for another one.
    public init?(network: String, rpc: [String], witnesses: [String] = []) {
        guard let network = Self.network(named: network), !rpc.isEmpty else { return nil }
        self.network = network
        self.rpc = rpc
        self.witnesses = witnesses
    }

    /// By a short name, `solana-devnet`, or CAIP-2 name; nil for another one.
    public static func network(named name: String) -> Network? {
        let short = name.hasPrefix("solana-") ? String(name.dropFirst(7)) : name
        return self.networks[short] ?? Network(chainID: name)
    }

    private static let networks = ["mainnet": Network.mainnet, "devnet": .devnet, "testnet": .testnet]
}

extension JSONField {
    /// URLs of nodes: one, or a list.
    func nodes() throws(JSONError) -> [String] {
        guard case .array? = self.value else { return [try self.url()] }
        var urls: [String] = []
        for field in try self.elements() { urls.append(try field.url()) }
        guard !urls.isEmpty else { throw self.fault("some node has to be asked") }
        return urls
    }
}
