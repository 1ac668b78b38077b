import Encoding
import Ledger
import Payments
package import SimulatedChain
import Sodium
package import Solana
package import World

/// Speaks to a cluster in this process as if it were far away.
package struct ClusterWeb: Web {
    let cluster: Cluster

    package init(_ cluster: Cluster) { self.cluster = cluster }

    package func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        WebResponse(
            status: 200, headers: [Header("Content-Type", "application/json")],
            body: await self.cluster.respond(to: request.body))
    }
}

/// Sets the chain up as an operator would, with ordinary transactions: a test token, accounts, money.
package struct Treasury: Sendable {
    private let rpc: RPCClient
    private let entropy: SeededEntropy
    private let timeline: any Timeline
    package static let symbol = "USDC"
    package static let decimals: UInt8 = 6

    package init(cluster: Cluster, entropy: SeededEntropy, timeline: any Timeline) {
        self.rpc = RPCClient(url: "http://cluster", web: ClusterWeb(cluster))
        self.entropy = entropy
        self.timeline = timeline
    }

    /// The token that a treasury makes which begins with `entropy`.
    static func mint(of entropy: SeededEntropy) throws -> Address {
        _ = try entropy.signingKey()
        return Address(try entropy.signingKey().publicKey)
    }

    /// As many find room in one transaction.
    private static let holdersAtOnce = 6
    /// Rent of a token account and its share of a transaction's fee, and some more, in lamports.
    private static let accountCost: UInt64 = 3_000_000

    /// Makes the token, gives `holders` accounts for it and their amounts, and `sponsors` SOL for fees.
    /// - Returns: the mint.
    package func open(
        holders: [(owner: Address, tokens: UInt64)], sponsors: [(address: Address, lamports: UInt64)]
    ) async throws -> Address {
        let funder = try self.entropy.signingKey()
        let mintKey = try self.entropy.signingKey()
        let bank = Address(funder.publicKey)
        let mint = Address(mintKey.publicKey)
        let lamports = sponsors.reduce(10_000_000_000 + Self.accountCost * UInt64(holders.count)) {
            $0 + $1.lamports
        }
        let airdrop = try await self.rpc.requestAirdrop(to: bank, lamports: lamports)
        try await self.confirm(airdrop)
        let rent = try await self.rpc.minimumBalanceForRentExemption(space: Mint.byteCount)
        try await self.send(
            .legacy, bank,
            [
                .createAccount(
                    payer: bank, account: mint, lamports: rent, space: UInt64(Mint.byteCount),
                    owner: .tokenProgram),
                .initializeMint2(mint: mint, decimals: Self.decimals, authority: bank, freezeAuthority: nil),
            ]
        ) { transaction in
            try transaction.sign(with: funder)
            try transaction.sign(with: mintKey)
        }
        for start in stride(from: 0, to: holders.count, by: Self.holdersAtOnce) {
            let instructions = holders[start...].prefix(Self.holdersAtOnce).flatMap { holder in
                let account = Address.associatedToken(owner: holder.owner, mint: mint)
                let opening = Instruction.createAssociatedTokenIdempotent(
                    payer: bank, owner: holder.owner, mint: mint)
                guard holder.tokens > 0 else { return [opening] }
                return [
                    opening, .mintTo(mint: mint, account: account, authority: bank, amount: holder.tokens),
                ]
            }
            try await self.send(.zero, bank, instructions) { try $0.sign(with: funder) }
        }
        for sponsor in sponsors {
            try await self.send(
                .legacy, bank, [.transfer(from: bank, to: sponsor.address, lamports: sponsor.lamports)]
            ) {
                try $0.sign(with: funder)
            }
        }
        return mint
    }

    private func send(
        _ version: TransactionMessage.Version, _ payer: Address, _ instructions: [Instruction],
        sign: (inout Transaction) throws -> Void
    ) async throws {
        let recent = try await self.rpc.latestBlockhash()
        var transaction = try Transaction(
            try TransactionMessage.build(
                version: version, feePayer: payer, instructions: instructions,
                recentBlockhash: recent.blockhash))
        try sign(&transaction)
        try await self.confirm(try await self.rpc.send(transaction.bytes))
    }

    private func confirm(_ id: String) async throws {
        for _ in 0..<200 {
            if let status = try await self.rpc.signatureStatuses(of: [id]).first ?? nil {
                if let err = status.err { throw SimulationError.chain("\(id): \(err.text)") }
                if status.succeeded(at: .confirmed) { return }
            }
            try await self.timeline.sleep(for: .milliseconds(50))
        }
        throw SimulationError.chain("\(id) was not confirmed")
    }
}
