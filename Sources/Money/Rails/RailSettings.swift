internal import ChainNodes
public import Encoding
package import Ledger
package import Payments
internal import Solana
internal import Stellar
package import Wallet
package import World

/// The networks that a configuration names.
public struct RailSettings: Sendable {
    /// Members of a configuration that are read here.
    public static let members: Set = ["network", "rpc", "rpc_witnesses", "stellar"]

    public let solana: ChainSettings
    /// Nil where it is not paid on.
    public let stellar: StellarSettings?

    public init(_ root: JSONField) throws {
        self.init(
            solana: try ChainSettings(root),
            stellar: try root["stellar"].ifPresent.map { field throws(JSONError) in
                try StellarSettings(field)
            })
    }

    public init(solana: ChainSettings, stellar: StellarSettings? = nil) {
        self.solana = solana
        self.stellar = stellar
    }
}

extension Buyer {
    /// A buyer that pays on all networks of a configuration.
    ///
    /// - Parameters:
    ///   - chainWeb: reaches the networks' nodes.
    ///   - web: reaches sellers.
    ///   - sponsor: who pays the fee of a sweep on Solana; by default the wallet itself.
    package init(
        on settings: RailSettings, ledger: PaymentLedger, wallet: UnlockedWallet, over chainWeb: any Web,
        web: any Web, timeline: any Timeline, entropy: any Entropy, sponsor: Sponsor? = nil
    ) {
        let chain = settings.solana
        var rails: [any Rail] = [
            SolanaRail(
                ledger: ledger, wallet: wallet,
                rpc: RPCClient(
                    urls: chain.rpc, network: chain.network, web: chainWeb, timeline: timeline),
                witnesses: chain.witnesses.map { RPCClient(url: $0, web: chainWeb, timeline: timeline) },
                network: chain.network, web: web, timeline: timeline, entropy: entropy, sponsor: sponsor)
        ]
        if let stellar = settings.stellar {
            let rpc = { StellarRPC(urls: $0, network: stellar.network, web: chainWeb, timeline: timeline) }
            rails.append(
                StellarRail(
                    ledger: ledger, wallet: wallet, rpc: rpc(stellar.rpc),
                    witness: stellar.witnesses.isEmpty ? nil : rpc(stellar.witnesses), timeline: timeline,
                    entropy: entropy))
        }
        self.init(ledger: ledger, rails: rails, web: web, timeline: timeline)
    }
}

extension ChainNodeError: ChainError {}
