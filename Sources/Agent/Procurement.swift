internal import Compute
internal import Encoding
internal import Ledger
internal import Market
internal import Payments
internal import World

/// Buys one thing from whoever delivers it: chooses, pays, verifies, and goes to the next when money brought
/// nothing.
struct Procurement: Sendable {
    let directory: Directory
    let buyer: Buyer
    let ledger: PaymentLedger
    let store: AgentStore
    let timeline: any Timeline
    /// Whether payment channels are used.
    let channels: Order.ChannelUse

    /// How long a failed provider is left alone, and how long we wait when there is nobody to ask.
    static let pause: Duration = .seconds(2)

    /// What is bought: a price, an order, a way to tell whether it arrived.
    struct Want: Sendable {
        /// For people: "storage of bafk…".
        let what: String
        /// The price that an offer asks for it; nil when it is not sold there.
        let price: @Sendable (Offer) -> UInt64?
        let order: @Sendable (ListedOffer, _ ceiling: UInt64) -> Order
        /// Checks the seller's answer and gives the receipt for the ledger and what was bought.
        /// - Throws: when it is not what was paid for.
        let verify:
            @Sendable (_ body: [UInt8], ListedOffer) async throws -> (receipt: String, result: [UInt8])
    }

    /// Goes on until the thing is bought and verified. Survives restarts: `project` carries the choice.
    func buy(_ want: Want, for project: inout Project) async throws -> ListedOffer {
        var avoided: Set<ExactText> = []
        while true {
            try Task.checkCancellation()
            guard let chosen = try await self.choose(want, for: &project, avoiding: avoided) else {
                avoided = []
                try await self.timeline.sleep(for: Self.pause)
                continue
            }
            let name = chosen.offer.name
            var order = want.order(chosen, project.ceiling)
            order.channel = self.channels
            switch try await self.buyer.buy(order) {
            case .answered(let intent, let response):
                let verdict: Result<(receipt: String, result: [UInt8]), any Error>
                do {
                    verdict = .success(try await self.verified(want, response.body, chosen))
                } catch ComputeError.noVerdict(let reason) {
                    // No fault of the seller's: the same purchase is looked at again.
                    try await self.store.log("doubt", "what \(name) delivered is \(reason)")
                    try await self.timeline.sleep(for: Self.pause)
                    continue
                } catch {
                    // Who is asked to end does not judge: after the restart the same purchase is verified.
                    try Task.checkCancellation()
                    verdict = .failure(error)
                }
                switch verdict {
                case .success(let (receipt, result)):
                    // Outside the judgement: a fault of our own disk is no fault of the seller's.
                    try await self.ledger.deliver(
                        intent, receipt: try await self.kept(receipt, intent, response, chosen))
                    project.result = result
                    project.state = .bought
                    try await self.store.save(project)
                    try await self.store.log(
                        "purchase", "bought \(want.what) from \(name)", ["intent": .string("\(intent)")])
                    return chosen
                case .failure(let error):
                    try await self.lose(intent, name, "paid, and the answer is wrong: \(error)")
                }
            case .unanswered(let intent, let reason):
                try await self.lose(intent, name, "paid, and no answer: \(reason)")
            case .unpriced(let response):
                avoided.insert(ExactText(chosen.offer.payTo))
                try await self.store.log("refusal", "\(name) asked for no money: status \(response.status)")
            case .unpaid(let reason), .unreachable(let reason):
                avoided.insert(ExactText(chosen.offer.payTo))
                try await self.store.log("refusal", "\(name) did not sell: \(reason)")
            case .denied(let denial), .waiting(_, let denial):
                avoided.insert(ExactText(chosen.offer.payTo))
                try await self.store.log("denial", "\(name): \(denial)", ["rule": .string(denial.rule)])
                try await self.timeline.sleep(for: Self.pause)
            case .open(let intent, let reason):
                // Nobody else is asked while this money may be gone: the same payment is followed to its end.
                try await self.store.log("doubt", "payment \(intent) to \(name) is not decided: \(reason)")
                try await self.timeline.sleep(for: Self.pause)
                continue
            }
            project.provider = nil
            try await self.store.save(project)
        }
    }

    /// The receipt with what the seller signed in x402's own form.
    private func kept(
        _ receipt: String, _ intent: IntentID, _ response: WebResponse, _ seller: ListedOffer
    ) async throws -> String {
        let known = seller.provider.identity
        guard var kept = try? JSON.read(receipt),
            let signed = try await self.buyer.signatures(of: known, about: intent, in: response)
        else { return receipt }
        kept["x402"] = signed.json
        if let refusal = signed.refusal {
            try await self.store.log(
                "receipt", "\(seller.offer.name): \(refusal)", ["intent": .string("\(intent)")])
        }
        return kept.text
    }

    /// How often a seller that does not answer is asked again during verification.
    static let verificationTries = 5

    /// Verifies; silence on the line is asked again before it counts against the seller.
    private func verified(
        _ want: Want, _ body: [UInt8], _ seller: ListedOffer
    ) async throws -> (receipt: String, result: [UInt8]) {
        for _ in 1..<Self.verificationTries {
            do {
                return try await want.verify(body, seller)
            } catch is WebError {
                try await self.timeline.sleep(for: Self.pause)
            }
        }
        return try await want.verify(body, seller)
    }

    /// The provider that the project has, or the cheapest that may be asked. The choice is durable before it
    /// is used.
    private func choose(
        _ want: Want, for project: inout Project, avoiding avoided: Set<ExactText>
    ) async throws -> ListedOffer? {
        let (offers, unavailable) = await self.directory.offers()
        if let provider = project.provider {
            if let known = offers.first(where: { sameBytes($0.provider.url, provider) }) { return known }
            // The chosen one does not answer. If money may be on the way to it, we need its name only.
            if let offer = try await self.absentee(provider, want, project) { return offer }
        }
        let losers = try await self.ledger.read { view in
            Set(try view.intents().filter { $0.delivery == .lost }.map(\.proposal.payee))
        }
        let excluded = avoided.union(
            losers.compactMap { $0.split(separator: ":").last.map { ExactText(String($0)) } })
        let ranked = Directory.ranked(offers, excluding: excluded, price: want.price)
        let listing =
            ranked.map { "\($0.offer.offer.name) \($0.price)" }
            + unavailable.map { "\($0.provider.url) silent" }
        guard let best = ranked.first else {
            try await self.store.log(
                "offers", "nobody sells \(want.what): \(listing.joined(separator: ", "))")
            return nil
        }
        try await self.store.log(
            "offers", "\(want.what): \(listing.joined(separator: ", "))",
            ["chosen": .string(best.offer.offer.name), "price": .string(String(best.price))])
        project.provider = best.offer.provider.url
        project.ceiling = best.price
        try await self.store.save(project)
        return best.offer
    }

    /// The offer of a silent provider whose payment is open, rebuilt as far as following the payment needs
    /// it.
    private func absentee(_ url: String, _ want: Want, _ project: Project) async throws -> ListedOffer? {
        guard let provider = self.directory.provider(at: url) else { return nil }
        let offer = Offer(
            name: url, identity: provider.identity, network: "", asset: "", payTo: "", storage: nil,
            compute: nil)
        let listed = ListedOffer(provider: provider, offer: offer)
        let order = want.order(listed, project.ceiling)
        let paid = try await self.ledger.read { view in
            try view.intents(purpose: order.purpose, job: order.job, series: order.series)
                .contains { $0.state.holdsMoney && $0.state != .reserved && $0.delivery == .pending }
        }
        return paid ? listed : nil
    }

    private func lose(_ intent: IntentID, _ name: String, _ reason: String) async throws {
        let evidence: JSON = ["schema": "depai.loss/1", "from": .string(name), "reason": .string(reason)]
        try await self.ledger.lose(intent, reason: reason, evidence: evidence.text)
        try await self.store.log("loss", "\(name): \(reason)", ["intent": .string("\(intent)")])
    }
}
