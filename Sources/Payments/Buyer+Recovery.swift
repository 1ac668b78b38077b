internal import Ledger
internal import Solana

/// What the next start makes of what an earlier run left open.
extension Buyer {
    /// A deposit that was reserved and never signed belongs to a channel that nobody opens any more.
    private func dropUnsignedDeposits() async throws {
        let reserved = try await self.ledger.read { try $0.intents(in: [.reserved]) }
        for record in reserved {
            guard let channel = record.proposal.filledChannel, await !self.locks.isTaken(channel) else {
                continue
            }
            if case .authorized(let authorization) = try await self.ledger.authorize(record.proposal) {
                try await self.ledger.release(authorization, reason: "the channel was not opened")
            }
            try await self.ledger.dropChannel(channel)
        }
    }

    /// Settles what an earlier run left open, as far as the chain proves it. For the start and after an
    /// outage. Of vouchers only the seller knows: one whose answer nobody waits for any more is unknown.
    public func reconcileOpenPayments() async throws {
        try await self.dropUnsignedDeposits()
        let open = try await self.ledger.read { view in
            try view.intents(in: [.signed, .submitted, .unknown]).compactMap { try view.payment($0) }
        }
        for payment in open {
            if let channel = payment.channel {
                if await !self.locks.isTaken(channel) { try await self.doubt(payment) }
                continue
            }
            _ = try await self.reconciler.reconcile(
                payment, hint: nil, account: try Self.payingAccount(payment))
        }
    }

    /// Nobody waits for the answer to this voucher any more.
    private func doubt(_ payment: JournalledPayment) async throws {
        // A deposit that turned out dead a moment ago took its voucher along.
        let state = try await self.ledger.read { try $0.intent(payment.intent)?.state }
        guard state == .submitted else { return }
        try await self.ledger.markUnknown(payment.intent, reason: "the answer never came")
    }
}
