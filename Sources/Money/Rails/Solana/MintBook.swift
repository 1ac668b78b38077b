internal import ChainNodes
internal import Ledger
internal import Payments
internal import Solana

/// The token programs of mints, asked of the chain once each: a mint keeps its program, and the kinds of its
/// extensions, for ever.
actor MintBook {
    /// So many are remembered.
    private static let limit = 256
    private var known: [Address: TokenMint] = [:]

    /// The mint as the chain had it when it was asked for the first time.
    /// - Throws: `X402Error.invalid` when there is none; `ChainNodeError` when the chain cannot be asked.
    func mint(at address: Address, from rpc: RPCClient) async throws -> TokenMint {
        if let known = self.known[address] { return known }
        do throws(ChainNodeError) {
            let found = try await rpc.tokenMint(at: address)
            if self.known.count < Self.limit { self.known[address] = found }
            return found
        } catch {
            guard case .notFound = error else { throw error }
            throw X402Error.invalid(
                code: Self.prefix + "mint", reason: "\(address) is no mint of a token program")
        }
    }

    /// The program that moves tokens of `mint`, if it moves just what a transfer says.
    /// - Throws: as well `X402Error.invalid` naming the extension that could do something else.
    func tokenProgram(of address: Address, from rpc: RPCClient) async throws -> Address {
        let found = try await self.mint(at: address, from: rpc)
        if let bad = found.unsafeExtension {
            throw X402Error.invalid(
                code: Self.prefix + "extension",
                reason: "the token \(address) has the extension \(bad), which can change what is received")
        }
        return found.tokenProgram
    }

    /// The same, where `asset` says as many decimals as the mint: what a person reads as 15 must not be 0.15.
    func tokenProgram(of address: Address, as asset: Asset, from rpc: RPCClient) async throws -> Address {
        let found = try await self.mint(at: address, from: rpc)
        guard found.mint.decimals == asset.decimals else {
            throw X402Error.invalid(
                code: Self.prefix + "decimals",
                reason: "the policy says that \(asset.symbol) has \(asset.decimals) decimals, and the token "
                    + "\(address) has \(found.mint.decimals): correct the policy")
        }
        return try await self.tokenProgram(of: address, from: rpc)
    }

    /// The same, compared with the program that somebody names.
    func check(_ named: Address, moves address: Address, from rpc: RPCClient) async throws {
        guard try await self.tokenProgram(of: address, from: rpc) == named else {
            throw X402Error.invalid(
                code: Self.prefix + "program", reason: "\(named) is not the program of the token \(address)")
        }
    }

    /// Codes begin so.
    private static let prefix = "unsupported_token_"
}
