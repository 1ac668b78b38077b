public import Encoding
package import Ledger
package import Payments
package import Solana
internal import Stellar
package import Wallet
package import World

/// Where a seller is paid, and in what: `network`, `rpc`, `asset` and `channels` of its configuration.
public struct SellingSettings: Sendable {
    /// Members of a configuration that are read here.
    public static let members: Set = ["network", "rpc", "asset", "channels", "stellar"]

    package let chain: ChainSettings
    /// What prices are in.
    package let mint: Address
    package let symbol: String
    package let decimals: Int
    /// On what terms vouchers of payment channels are taken; nil takes none.
    package let channels: ChannelSales?
    /// Where it is paid on Stellar as well, in the network's dollar; nil for nowhere.
    package let stellar: Stellar?

    /// `stellar` of a seller's configuration.
    package struct Stellar: Sendable {
        package let chain: StellarSettings
        /// URL of the x402 facilitator that brings payments to the network.
        package let facilitator: String

        init(_ field: JSONField) throws(JSONError) {
            self.chain = try StellarSettings(field, also: ["facilitator"])
            self.facilitator = try field["facilitator"].url()
        }
    }

    public init(_ root: JSONField) throws {
        self.chain = try ChainSettings(root)
        try root["asset"].only(["mint", "symbol", "decimals"])
        self.mint = try root["asset"]["mint"].address()
        self.symbol = try root["asset"]["symbol"].string()
        self.decimals = try root["asset"]["decimals"].integer(in: 0...18)
        self.channels = try root["channels"].ifPresent.map { try ChannelSales(settings: $0) }
        self.stellar = try root["stellar"].ifPresent.map { try Stellar($0) }
    }

    /// Opens what is sold on, after a look at each chain whether it can be paid.
    ///
    /// - Parameter price: the least that anything costs, in atomic units.
    /// - Throws: ``SellingError``; ``ChainError`` when a network cannot be asked.
    package func open(
        ledger: PaymentLedger, wallet: UnlockedWallet, web: any Web, timeline: any Timeline,
        sellingFrom price: UInt64
    ) async throws -> [any SellingRail] {
        var rails: [any SellingRail] = [
            try await self.openSolana(ledger, wallet, web, timeline, sellingFrom: price)
        ]
        if let stellar {
            let chain = stellar.chain
            let rpc = StellarRPC(urls: chain.rpc, network: chain.network, web: web, timeline: timeline)
            let owner = StellarAddress(wallet.publicKey(.stellar))
            guard try await rpc.trustline(of: owner, chain.network.usdc) != nil else {
                throw SellingError.noTrustline(owner.description, asset: "\(chain.network.usdc)")
            }
            rails.append(
                StellarSelling(
                    wallet: wallet, rpc: rpc,
                    facilitator: RemoteFacilitator(url: stellar.facilitator, web: web), timeline: timeline))
        }
        return rails
    }

    private func openSolana(
        _ ledger: PaymentLedger, _ wallet: UnlockedWallet, _ web: any Web, _ timeline: any Timeline,
        sellingFrom price: UInt64
    ) async throws -> any SellingRail {
        let network = self.chain.network
        let rpc = RPCClient(urls: self.chain.rpc, network: network, web: web, timeline: timeline)
        let owner = Address(wallet.publicKey(.payment))
        let token = try await rpc.tokenMint(at: self.mint)
        if let bad = token.unsafeExtension {
            throw SellingError.unsafeToken(self.mint.description, extension: bad.description)
        }
        let account = Address.associatedToken(
            owner: owner, mint: self.mint, tokenProgram: token.tokenProgram)
        guard try await rpc.tokenBalance(of: account) != nil else {
            throw SellingError.noTokenAccount(
                account.description, owner: owner.description, mint: self.mint.description)
        }
        let rail = SolanaSelling(
            facilitator: Facilitator(
                ledger: ledger, wallet: wallet, rpc: rpc, network: network, timeline: timeline),
            wallet: wallet,
            asset: Asset(
                id: SolanaNames.token(self.mint, on: network), symbol: self.symbol, decimals: self.decimals),
            mint: self.mint, tokenProgram: token.tokenProgram, channels: self.channels, sellingFrom: price)
        try await rail.bookDeposits()
        return rail
    }
}

extension ChannelSales {
    fileprivate init(settings field: JSONField) throws {
        try field.only(["withdraw_delay", "min_deposit", "claim_seconds", "max_idle_seconds"])
        let delay = try field["withdraw_delay"].integer(UInt32.self)
        guard BatchSettlement.withdrawDelays.contains(delay) else {
            throw field["withdraw_delay"].fault("must be 900 to 2592000 seconds")
        }
        let claim = try field["claim_seconds"].ifPresent?.integer(Int.self) ?? 600
        // The customer may take the rest back after the delay.
        guard (1...Int(delay) / 2).contains(claim) else {
            throw field["claim_seconds"].fault("must be positive and at most half of withdraw_delay")
        }
        let idle = try field["max_idle_seconds"].ifPresent?.integer(UInt32.self)
        // A customer that comes back after a while finds its channel.
        if let idle, idle < 600 { throw field["max_idle_seconds"].fault("must be at least 600 seconds") }
        self.init(
            withdrawDelay: delay, minDeposit: try field["min_deposit"].ifPresent?.integer(),
            claimSeconds: claim, maxIdleSeconds: idle)
    }
}

/// Why nobody can pay a seller.
public enum SellingError: Error, CustomStringConvertible {
    case noTokenAccount(String, owner: String, mint: String)
    case noTrustline(String, asset: String)
    /// Its transfers can do something else than they say.
    case unsafeToken(String, extension: String)

    public var description: String {
        switch self {
        case .noTokenAccount(let account, let owner, let mint):
            "nobody can pay yet: create the token account \(account) of \(owner) for \(mint)"
        case .noTrustline(let account, let asset):
            "nobody can pay on Stellar yet: fund \(account) and let it trust \(asset)"
        case .unsafeToken(let mint, let name):
            "prices in \(mint) are not safe: the token has the extension \(name)"
        }
    }
}
