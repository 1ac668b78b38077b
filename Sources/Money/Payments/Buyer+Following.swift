internal import Encoding
internal import Ledger
internal import Solana
internal import World

/// Doing what a ``Purchasing`` asks for: with the seller of an order, and with the chain.
extension Buyer {
    /// Sends the journalled bytes until seller and chain have answered, or patience ends.
    func follow(_ first: JournalledPayment, _ order: Order) async throws -> PurchaseEnd {
        var (payment, last) = (first, WebResponse?.none)
        var deposit = try await self.deposit(under: payment)
        let course: Purchasing.Course =
            payment.channel == nil ? .transfer : .voucher(hasDeposit: deposit != nil)
        let end = try await Purchasing.follow(
            Purchasing(course, .tries(order.tries), isPaid: first.state == .settled), on: self.timeline
        ) { action in
            switch action {
            case .send:
                for payment in [deposit, payment].compactMap(\.self) {
                    try await self.ledger.markSubmitted(payment)
                }
                let (response, claim, silence) = try await self.present(payment.payload, with: order.request)
                last = response
                return Self.event(response, claim, silence)
            case .look(let hint):
                let finding = try await self.finding(of: deposit ?? payment, hint: hint)
                if finding == .settled { deposit = nil }
                return .found(finding)
            case .accept:
                try await self.ledger.accept(payment.intent, commitment: try Self.commitment(of: payment))
                return .accepted
            case .seeEnd: return try await self.endSeen(under: payment)
            case .agree:
                guard let last, let (anew, why) = try await self.agree(payment, last) else {
                    return .nothingNew
                }
                guard let anew else { return .disbelieved(why) }
                payment = anew
                return .renewed
            case .rest, .end: return .rested
            }
        }
        switch end {
        case .answered:
            if let last { return .answered(payment.intent, last) }
            return .unanswered(payment.intent, reason: "")
        case .paid(let reason): return .unanswered(payment.intent, reason: reason)
        case .unpaid(let reason): return .unpaid(reason: reason)
        case .open(let reason):
            try await self.ledger.markUnknown(payment.intent, reason: reason)
            return .open(payment.intent, reason: reason)
        }
    }

    /// What the books, or else the chain, show of a payment: somebody else may have cleared it up meanwhile.
    /// A chain that is silent is waited for, a broken ledger stops everything.
    func finding(of payment: JournalledPayment, hint: String?) async throws -> Purchasing.Finding {
        let known = try await self.ledger.read { try $0.intent(payment.intent)?.state }
        if known == .settled { return .settled }
        do {
            let account = try Self.payingAccount(payment)
            switch try await self.reconciler.reconcile(payment, hint: hint, account: account) {
            case .settled: return .settled
            case .failed(_, let why): return .failed(why)
            case .dead: return .dead
            case .open: return .open
            }
        } catch let error as RPCError where !error.isCancelled {
            return .silent("\(error)")
        }
    }

    private static func event(
        _ response: WebResponse?, _ claim: SettlementResponse?, _ silence: String?
    ) -> Purchasing.Event {
        guard let response else { return .silent(silence ?? "") }
        let isGood = (200..<300).contains(response.status)
        return .replied(
            Purchasing.Reply(
                isGood: isGood, reason: isGood ? "" : self.refusal(response, claim), hint: claim?.hint,
                isClosing: claim?.errorReason == BatchSettlement.channelClosing))
    }
}
