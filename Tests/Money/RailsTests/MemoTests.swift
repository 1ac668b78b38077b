import Encoding
import Ledger
import PaymentSupport
import Payments
import Rails
import Solana
import Testing
import World

/// Scheme `exact` on Solana: a client adds a memo, the seller's or at least 16 random bytes in hex, so that
/// two equal payments under one blockhash are two transactions.
@Suite struct MemoTests {
    /// What would be signed for a price with this memo.
    private func preview(_ market: TestMarket, memo: String?) async throws -> Preview {
        let order = try market.order()
        let answer = try await market.quote([Draft.requirements(market, memo: memo).json], for: order)
        market.web.change { $0.impostor = { _ in answer } }
        return try await market.buyer(market.robotLedger()).preview(order)
    }

    private func memo(_ preview: Preview) throws -> String {
        guard case .wouldSign(_, _, let bytes) = preview else { return "\(preview)" }
        return try ExactPayment(decoding: try TransactionMessage(decoding: bytes)).memo
    }

    @Test func `the memo is the seller's, or 16 random bytes that no other payment has`() async throws {
        try await TestMarket.with { market in
            for memo in ["order 7", String(repeating: "ü", count: 128)] {
                #expect(try self.memo(try await self.preview(market, memo: memo)) == memo)
            }
            let answer = try await market.quote([Draft.requirements(market).json], for: market.order())
            market.web.change { $0.impostor = { _ in answer } }
            let buyer = market.buyer(try await market.robotLedger())
            let memos = [
                try self.memo(try await buyer.preview(market.order())),
                try self.memo(try await buyer.preview(market.order())),
            ]
            #expect(Set(memos).count == 2)
            for memo in memos { #expect(try Hex.decode(memo).count == 16) }
        }
    }

    @Test func `a memo that is too long for the scheme is not signed`() async throws {
        try await TestMarket.with { market in
            guard
                case .ended(.unpaid(let reason)) = try await self.preview(
                    market, memo: String(repeating: "ü", count: 129))
            else {
                Issue.record("it would be signed")
                return
            }
            #expect(reason.contains("invalid_exact_svm_payload_transaction_memo"), "\(reason)")
        }
    }
}
