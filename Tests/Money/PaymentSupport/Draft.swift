package import Encoding
import Ledger
package import Payments
import Rails
import SimulatedChain
import Sodium
package import Solana
import World

/// A payment of the robot as a test wants it: right unless something is changed.
package struct Draft {
    package var instructions: [Instruction]
    package var feePayer: Address
    package var version = TransactionMessage.Version.zero
    package var blockhash: Blockhash?
    package var identifier: String? = "0123456789abcdef"
    package var signs = true
    package var accepted: PaymentRequirements

    /// The terms that the node asks for.
    package static func requirements(_ market: TestMarket, amount: UInt64 = 1_000, memo: String? = nil)
        -> PaymentRequirements
    {
        PaymentRequirements(
            network: market.network.chainID, amount: amount, asset: market.mint.description,
            payTo: market.payTo.description,
            maxTimeoutSeconds: 60, feePayer: market.sponsor.description, memo: memo, paymentFlow: "upfront")
    }

    package init(_ market: TestMarket, amount: UInt64 = 1_000, memo: String = "memo 1") {
        self.feePayer = market.sponsor
        self.accepted = Self.requirements(market)
        self.instructions = [
            .setComputeUnitLimit(60_000), .setComputeUnitPrice(microLamports: 1),
            .transferChecked(
                TokenTransfer(
                    from: market.payer, to: market.payTo, mint: market.mint, amount: amount, decimals: 6,
                    tokenProgram: market.tokenProgram)),
            .memo(memo),
        ]
    }

    /// Signed with the robot's own key, which only a test takes out of the mnemonic again.
    package func payload(_ market: TestMarket) async throws -> PaymentPayload {
        let recent = try await market.rpc.latestBlockhash().blockhash
        let message = try TransactionMessage.build(
            version: self.version, feePayer: self.feePayer, instructions: self.instructions,
            recentBlockhash: self.blockhash ?? recent)
        var transaction = try Transaction(message)
        if self.signs, message.requiredSigners.contains(market.payer) {
            try transaction.sign(with: try TestMarket.robotKey())
        }
        return PaymentPayload(
            resource: "/v1/storage/x", accepted: self.accepted, transaction: transaction.bytes,
            identifier: self.identifier)
    }
}

extension PaymentPayload {
    /// Of the scheme `exact`.
    package var transaction: [UInt8] {
        guard case .exact(let bytes)? = try? self.content else { return [] }
        return bytes
    }
}

extension TestMarket {
    /// A policy that also lets the wallet pay its own network fees.
    package var rulesWithFees: (inout JSON) -> Void {
        { rules in
            let sol = JSON.string(self.sol.id)
            rules["assets"] = [
                ["asset": .string(self.asset.id), "symbol": "USD", "decimals": 6],
                ["asset": sol, "symbol": "SOL", "decimals": 9],
            ]
            rules["payees"] = [
                [
                    "id": "node-a", "account": .string(SolanaNames.account(self.payTo, on: .devnet)),
                    "purposes": ["storage", "channel"],
                ], ["id": "network", "account": "network", "purposes": ["fee"]],
            ]
            rules["limits"] = [
                ["id": "all", "asset": .string(self.asset.id), "per_payment": "50000"],
                [
                    "id": "escrow", "asset": .string(self.asset.id), "purpose": "channel",
                    "per_payment": "100000",
                ],
                ["id": "fees", "asset": sol, "purpose": "fee", "per_payment": "20000"],
            ]
        }
    }
}
