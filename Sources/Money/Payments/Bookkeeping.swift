package import Ledger

/// Compares the books with what a network shows the wallet's account to have.
package struct Bookkeeping: Sendable {
    private let ledger: PaymentLedger

    package init(_ ledger: PaymentLedger) { self.ledger = ledger }

    /// Whether the paying account still has all that the books say it has, `payment` included. Money leaves
    /// it under our signature only: what is missing went out with a payment that is still open here.
    ///
    /// - Parameter onChain: what the account has beyond doubt, in atomic units.
    package func isWhole(
        _ payment: JournalledPayment, _ onChain: () async throws -> UInt64
    ) async throws -> Bool {
        let proposal = payment.proposal
        guard proposal.amount > 0 else { return true }
        let before = try await self.ledger.read { try $0.head() }
        let amount = try await onChain()
        let (balance, head) = try await self.ledger.read { view in
            (try view.balances().first { $0.asset.id == proposal.asset.id }, try view.head())
        }
        guard head == before, let balance else { return false }
        return amount >= balance.inWallet
    }

    /// Books a difference between chain and ledger that can only be a deposit: nothing is in flight, and the
    /// chain has more. Returns what the chain has in atomic units; less than the ledger knows is left for a
    /// person to see.
    ///
    /// - Parameters:
    ///   - account: where it came to, for the books.
    ///   - onChain: what the account has now.
    ///   - explaining: books what else can bring money in, the ends of payment channels; then nothing is
    ///     booked here until the next look. Says how much may have come from there without showing: so much
    ///     is left out.
    package func bookDeposits(
        of asset: Asset, to account: String, _ onChain: () async throws -> UInt64,
        explaining: () async throws -> UInt64 = { 0 }
    ) async throws -> UInt64 {
        let before = try await self.ledger.read { try $0.head() }
        let amount = try await onChain()
        let (open, balance, head) = try await self.ledger.read { view in
            let open = try view.intents(in: [.signed, .submitted, .unknown]).contains {
                $0.proposal.asset.id == asset.id
            }
            return (open, try view.balances().first { $0.asset.id == asset.id }, try view.head())
        }
        // A payment that ended in between would look like money that came in.
        guard head == before else { return amount }
        let known = balance?.inWallet ?? 0
        if !open, amount > known {
            let unclear = try await explaining()
            guard try await self.ledger.read({ try $0.head() }) == before, amount - known > unclear else {
                return amount
            }
            let news = amount - known - unclear
            let reference = "deposit \(account) \(balance?.deposited ?? 0)+\(news)"
            try await self.ledger.deposit(news, asset: asset, reference: reference)
        }
        return amount
    }
}
