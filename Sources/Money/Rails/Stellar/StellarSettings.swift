public import Encoding
public import Stellar

/// Which of Stellar's networks is paid on as well, and which of its nodes are asked: `stellar` of a
/// configuration.
public struct StellarSettings: Sendable {
    public let network: StellarNetwork
    /// URLs of nodes, in the order of preference.
    public let rpc: [String]
    /// URLs of further nodes, which must agree before a payment counts as dead or failed.
    public let witnesses: [String]

    /// - Parameter members: what somebody else reads beside it.
    public init(_ field: JSONField, also members: Set<String> = []) throws(JSONError) {
        try field.only(members.union(["network", "rpc", "rpc_witnesses"]))
        let name = try field["network"].string()
        let chainID = name.hasPrefix("stellar:") ? name : "stellar:\(name)"
        guard let network = StellarNetwork(chainID: chainID) else {
            throw field["network"].fault("one of pubnet, testnet")
        }
        self.network = network
        self.rpc = try field["rpc"].nodes()
        self.witnesses = try field["rpc_witnesses"].ifPresent?.nodes() ?? []
    }
}
