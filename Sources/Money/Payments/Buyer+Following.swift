internal import Encoding
internal import Ledger
internal import World

/// Doing what a ``Purchasing`` asks for: with the seller of an order, and with the payment's rail.
extension Buyer {
    /// Has a payment prepared, and sends its bytes until seller and chain have answered, or patience ends.
    func follow(
        _ order: Order, on rail: any Rail, _ prepare: Preparation.Maker
    ) async throws -> PurchaseEnd {
        var (deposit, last): (JournalledPayment?, WebResponse?)
        let patience = Purchasing.Patience.tries(order.tries)
        let outcome = try await Purchasing.follow(patience, prepare, on: self.timeline) { payment in
            deposit = try await self.deposit(under: payment)
            let course: Purchasing.Course =
                payment.channel == nil ? .transfer : .voucher(hasDeposit: deposit != nil)
            return .prepared(course, isPaid: payment.state == .settled)
        } _: { action, payment in
            switch action {
            case .send:
                for payment in [deposit, payment].compactMap(\.self) {
                    try await self.ledger.markSubmitted(payment)
                }
                let (response, claim, silence) = try await self.web.present(
                    payment.payload, with: order.request)
                last = response
                return Self.event(response, claim, silence)
            case .look(let hint):
                let finding = try await rail.finding(of: deposit ?? payment, hint: hint)
                if finding == .settled { deposit = nil }
                return .found(finding)
            case .accept:
                try await self.ledger.accept(
                    payment.intent, commitment: try rail.commitment(of: payment))
                return .accepted
            case .seeEnd: return try await rail.endSeen(under: payment)
            case .agree:
                guard let last, let (anew, why) = try await rail.agree(payment, last) else {
                    return .nothingNew
                }
                guard let anew else { return .disbelieved(why) }
                payment = anew
                return .renewed
            case .prepare, .rest, .end, .stop: return .rested
            }
        }
        switch outcome {
        case .unsent(let prepared): return prepared.end ?? .unpaid(reason: "nothing was sent")
        case .ended(let payment, let end): return try await self.purchase(end, of: payment, last)
        }
    }

    private func deposit(under payment: JournalledPayment) async throws -> JournalledPayment? {
        guard payment.channel != nil else { return nil }
        return try await self.ledger.read { try $0.deposit(under: payment) }
    }

    /// The end of a payment as the end of its purchase.
    private func purchase(
        _ end: Purchasing.End, of payment: JournalledPayment, _ last: WebResponse?
    ) async throws -> PurchaseEnd {
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

    private static func event(
        _ response: WebResponse?, _ claim: SettlementResponse?, _ silence: String?
    ) -> Purchasing.Event {
        guard let response else { return .silent(silence ?? "") }
        let isGood = (200..<300).contains(response.status)
        return .replied(
            Purchasing.Reply(
                isGood: isGood, reason: isGood ? "" : response.refusal(claim), hint: claim?.hint,
                isClosing: claim?.errorReason == BatchSettlement.channelClosing))
    }
}
