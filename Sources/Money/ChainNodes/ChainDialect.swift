package import Encoding
internal import World

/// What one chain's nodes say in words of their own.
package struct ChainDialect: Sendable {
    /// The CAIP-2 id of the network that a node has to show before it is believed; nil believes.
    let network: String?
    /// The question that shows it, and whether an answer's `result` is the network.
    let networkQuestion: (method: String, parameters: JSON)
    let isNetwork: @Sendable (JSONField) throws(JSONError) -> Bool
    /// The JSON-RPC codes of refusals of the request itself: the same at every node.
    private let finalCodes: Set<Int>
    /// The chain's word for a height, and how far two honest nodes may lie apart.
    let height: (name: String, tolerance: UInt64)

    package init(
        network: String?, shownBy networkQuestion: (method: String, parameters: JSON),
        finalCodes: Set<Int>, height: (name: String, tolerance: UInt64),
        isNetwork: @escaping @Sendable (JSONField) throws(JSONError) -> Bool
    ) {
        self.network = network
        self.networkQuestion = networkQuestion
        self.isNetwork = isNetwork
        self.finalCodes = finalCodes
        self.height = height
    }

    /// Whether another node could do better: this one gave no answer, or none that can be used.
    func isOfTheNode(_ error: ChainNodeError) -> Bool {
        switch error {
        case .transport(let error): error != .cancelled
        case .server(let code, _, _): !self.finalCodes.contains(code)
        case .notFound, .simulation: false
        case .node, .limited, .status, .malformed, .otherNetwork, .wentBack: true
        }
    }
}
