public import ChainNodes
public import Encoding
public import World

/// Asks Solana's nodes.
public struct RPCClient: Sendable {
    let nodes: ChainClient

    /// Asks one node for all of `body`, and begins anew with the next where it fails in the middle: answers
    /// that have to fit together come from one place.
    public func withOneNode<Value>(
        _ body: (RPCClient) async throws(ChainNodeError) -> Value
    ) async throws(ChainNodeError) -> Value {
        try await self.nodes.withOneNode { (node) async throws(ChainNodeError) in
            try await body(RPCClient(nodes: node))
        }
    }
}

extension RPCClient {
    public init(url: String, web: any Web, timeline: (any Timeline)? = nil) {
        self.init(urls: [url], network: nil, web: web, timeline: timeline)
    }

    /// - Parameters:
    ///   - urls: where the nodes listen, in the order of preference; at least one.
    ///   - network: what every node has to show before it is believed; nil believes.
    ///   - timeline: waits where every node asks to come back later; nil does not wait.
    public init(urls: [String], network: Network?, web: any Web, timeline: (any Timeline)? = nil) {
        let dialect = ChainDialect(
            network: network?.chainID, shownBy: ("getGenesisHash", []),
            // Wrong request, wrong parameters; a preflight or signature that failed; a slot or a transaction
            // version that is not to be had.
            finalCodes: [-32600, -32602, -32002, -32003, -32006, -32007, -32009, -32013, -32015],
            height: ("block height", Blockhash.lifetimeBlocks)
        ) { result throws(JSONError) in try result.string() == network?.genesisHash }
        self.nodes = ChainClient(urls: urls, dialect: dialect, web: web, timeline: timeline)
    }
}

extension ChainNodeError {
    /// The chain's reason inside a refusal, for instance `{"InstructionError":[2,{"Custom":1}]}`.
    public var chainError: JSON? {
        guard case .server(_, _, let data?) = self.reason, let error = data["err"], error != .null else {
            return nil
        }
        return error
    }
}

extension JSONField {
    /// A Base58 address.
    package func address() throws(JSONError) -> Address {
        let text = try self.string()
        do throws(DecodingError) { return try Address(text) } catch { throw self.fault(error.description) }
    }

    /// Bytes as nodes write them: `["...", "base64"]`.
    func encodedBytes() throws(JSONError) -> [UInt8] {
        guard try self[1].string() == "base64" else { throw self[1].fault("asked for base64") }
        let text = try self[0].string()
        do throws(DecodingError) { return try Base64.standard.decode(text) } catch {
            throw self[0].fault(error.description)
        }
    }
}
