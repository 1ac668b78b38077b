public import ChainNodes
internal import Encoding
public import World

/// Asks Stellar's nodes.
public struct StellarRPC: Sendable {
    /// What every node has to show before it is believed.
    public let network: StellarNetwork
    let nodes: ChainClient

    /// Asks one node for all of `body`, and begins anew with the next where it fails in the middle: answers
    /// that have to fit together come from one place.
    public func withOneNode<Value>(
        _ body: (StellarRPC) async throws(ChainNodeError) -> Value
    ) async throws(ChainNodeError) -> Value {
        try await self.nodes.withOneNode { (node) async throws(ChainNodeError) in
            try await body(StellarRPC(network: self.network, nodes: node))
        }
    }
}

extension StellarRPC {
    /// - Parameters:
    ///   - urls: where the nodes listen, in the order of preference; at least one.
    ///   - timeline: waits where every node asks to come back later; nil does not wait.
    public init(
        urls: [String], network: StellarNetwork, web: any Web, timeline: (any Timeline)? = nil
    ) {
        let dialect = ChainDialect(
            network: network.chainID, shownBy: ("getNetwork", .null),
            // Invalid parameters. An "invalid request" may be about the ledgers that this node has.
            finalCodes: [-32602], height: ("ledger", 60)
        ) { result throws(JSONError) in try result["passphrase"].string() == network.passphrase }
        self.init(
            network: network,
            nodes: ChainClient(urls: urls, dialect: dialect, web: web, timeline: timeline))
    }
}
