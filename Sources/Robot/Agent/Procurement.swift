internal import Compute
internal import Encoding
internal import Ledger
internal import Market
internal import Payments
internal import Sodium
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

    /// Before that nothing is bought.
    let gate: BooksGate

    /// How long a failed provider is left alone, and how long we wait at first when there is nobody to ask.
    static let pause: Duration = .seconds(2)
    /// How long at most, while nobody sells, and while nobody may be paid.
    static let longest = (nobody: Duration.seconds(10), denied: Duration.seconds(60))

    /// What is bought: a price, an order, a way to tell whether it arrived.
    struct Want: Sendable {
        /// For people: "storage of bafk…".
        let what: String
        let purchase: Purchase
        /// The price that an offer asks for it; nil when it is not sold there.
        let price: @Sendable (Offer) -> UInt64?
        let order: @Sendable (Seller, _ ceiling: UInt64) -> Order
        /// Checks the seller's answer and gives the receipt for the ledger and what was bought.
        /// - Throws: when it is not what was paid for.
        let verify: @Sendable (_ body: [UInt8], Seller) async throws -> (receipt: String, result: [UInt8])
        /// What the verification showed, told together with the purchase.
        var tells: @Sendable (_ result: [UInt8], Seller) -> Event? = { _, _ in nil }
    }

    /// From whom it is bought.
    struct Seller: Sendable {
        let provider: Provider
        /// As it calls itself.
        let name: String
    }

    /// How one round with one seller ended.
    private enum Offering {
        case bought
        /// Another seller is asked, when this was written down.
        case lost(Event)
        /// The same, and this one is asked again when nobody else is left. Nil where it was said before.
        case refused(Event?, isDenied: Bool)
        /// The same purchase is looked at again.
        case undecided
    }

    /// Goes on until the thing is bought and verified. Survives restarts: `project` carries the choice.
    func buy(_ want: Want, for project: inout Project) async throws -> Seller {
        try await self.gate.wait(self.timeline)
        var avoided: Set<PublicKey> = []
        var said = Said()
        var rest = Self.pause
        var isDenied = false
        while true {
            try Task.checkCancellation()
            try await self.untilReleased(&said)
            guard let chosen = try await self.choose(want, for: &project, avoiding: avoided, &said) else {
                avoided = []
                let longest = isDenied ? Self.longest.denied : Self.longest.nobody
                try await self.rest(&rest, atMost: longest)
                isDenied = false
                continue
            }
            let event: Event?
            switch try await self.ask(chosen, want, for: &project, &said) {
            case .bought: return chosen
            case .lost(let loss): event = loss
            case .refused(let refusal, let denied):
                event = refusal
                avoided.insert(chosen.provider.identity)
                isDenied = isDenied || denied
            case .undecided:
                try await self.timeline.sleep(for: Self.pause)
                continue
            }
            project.provider = nil
            try await self.store.save(project, events: event.map { [$0] } ?? [])
        }
    }

    /// Buys from one seller, and says what came of it.
    private func ask(
        _ chosen: Seller, _ want: Want, for project: inout Project, _ said: inout Said
    ) async throws -> Offering {
        let name = chosen.name
        var order = want.order(chosen, project.ceiling)
        order.ceiling = .units(project.ceiling, decimals: project.decimals)
        order.channel = self.channels
        switch try await self.buyer.buy(order) {
        case .answered(let intent, let response):
            return try await self.take(response, of: intent, chosen, want, for: &project, &said)
        case .unanswered(let intent, let reason):
            return .lost(try await self.lose(intent, chosen, "paid, and no answer: \(reason)"))
        case .unpriced(let response):
            return self.refused(chosen, "asked for no money: status \(response.status)", &said)
        case .unpaid(let reason), .unreachable(let reason):
            return self.refused(chosen, "did not sell: \(reason.plain())", &said)
        case .denied(let denial), .waiting(_, let denial):
            let isNews = said.isNews("denial \(name)", denial.rule)
            let event = Event.denial(seller: name, reason: "\(denial)", rule: denial.rule)
            return .refused(isNews ? event : nil, isDenied: true)
        case .open(let intent, let reason):
            // Nobody else is asked while this money may be gone: the same payment is followed to its end.
            let text = "payment \(intent) to \(name) is not decided: \(reason.plain())"
            if said.isNews("doubt", text) { try await self.store.log(.doubt(text)) }
            return .undecided
        }
    }

    private func refused(_ seller: Seller, _ reason: String, _ said: inout Said) -> Offering {
        let isNews = said.isNews("refusal \(seller.name)", reason)
        return .refused(isNews ? .refusal(seller: seller.name, reason: reason) : nil, isDenied: false)
    }

    /// Verifies what was paid for, and books what it is.
    private func take(
        _ response: WebResponse, of intent: IntentID, _ chosen: Seller, _ want: Want,
        for project: inout Project, _ said: inout Said
    ) async throws -> Offering {
        let delivered: (receipt: String, result: [UInt8])
        do {
            delivered = try await self.verified(want, response.body, chosen)
        } catch ComputeError.noVerdict(let reason) {
            // No fault of the seller's: the same purchase is looked at again.
            let text = "what \(chosen.name) delivered is \(reason)"
            if said.isNews("doubt", text) { try await self.store.log(.doubt(text)) }
            return .undecided
        } catch {
            // Who is asked to end does not judge: after the restart the same purchase is verified.
            try Task.checkCancellation()
            return .lost(try await self.lose(intent, chosen, "paid, and the answer is wrong: \(error)"))
        }
        // Outside the judgement: a fault of our own disk is no fault of the seller's.
        let (receipt, refusal) = try await self.kept(delivered.receipt, intent, response, chosen)
        try await self.ledger.deliver(intent, receipt: receipt)
        project.result = delivered.result
        project.state = .bought
        let events = [
            refusal, .purchase(what: want.what, seller: chosen.name, intent),
            want.tells(delivered.result, chosen),
        ]
        try await self.store.save(project, events: events.compactMap(\.self))
        return .bought
    }

    /// Waits while the wallet stands still: nobody is asked for offers meanwhile, and it is said once.
    private func untilReleased(_ said: inout Said) async throws {
        while let hold = try await self.ledger.peek({ try $0.hold() }) {
            if said.isNews("hold", hold.reason) { try await self.store.log(.hold(reason: hold.reason)) }
            try await self.timeline.sleep(for: Self.pause)
        }
    }

    /// Waits, each time longer while nothing changes. What the owner does, and any payment, ends it at once.
    private func rest(_ pause: inout Duration, atMost longest: Duration) async throws {
        let before = try await self.ledger.peek { try $0.head().sequence }
        let end = self.timeline.uptime + min(pause, longest)
        pause = min(pause * 2, longest)
        repeat {
            try await self.timeline.sleep(for: min(Self.pause, max(end - self.timeline.uptime, .zero)))
            if try await self.ledger.peek({ try $0.head().sequence }) != before {
                pause = Self.pause
                return
            }
        } while self.timeline.uptime < end
    }

    /// The receipt with what the seller signed in x402's own form.
    private func kept(
        _ receipt: String, _ intent: IntentID, _ response: WebResponse, _ seller: Seller
    ) async throws -> (receipt: String, refusal: Event?) {
        let known = seller.provider.identity
        guard var kept = try? JSON.read(receipt),
            let signed = try await self.buyer.signatures(of: known, about: intent, in: response)
        else { return (receipt, nil) }
        kept["x402"] = signed.json
        let refusal = signed.refusal.map { Event.receipt(seller: seller.name, refusal: "\($0)", intent) }
        return (kept.text, refusal)
    }

    /// How often a seller that does not answer is asked again during verification.
    static let verificationTries = 5

    /// Verifies; silence on the line is asked again before it counts against the seller.
    private func verified(
        _ want: Want, _ body: [UInt8], _ seller: Seller
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
        _ want: Want, for project: inout Project, avoiding avoided: Set<PublicKey>,
        _ said: inout Said
    ) async throws -> Seller? {
        // Money may be on its way to the chosen one: it is followed, whoever else sells, and nobody is asked.
        if let seller = try await self.paid(want, project) { return seller }
        let (offers, unavailable) = await self.directory.offers()
        if let known = offers.first(where: { sameBytes($0.provider.url, project.provider ?? "") }) {
            return Seller(provider: known.provider, name: known.offer.name)
        }
        let losers = try await Losers(self.ledger)
        let assets = try await self.ledger.peek { try $0.assets() }
        let ranked = Directory.ranked(
            offers, excluding: avoided.union(losers.identities), payees: losers.payees, price: want.price
        ) { $0.decimals(in: assets) }
        let listing =
            ranked.map { "\($0.offer.offer.name) \($0.price)" }
            + unavailable.map { "\($0.provider.url) silent" }
        let list = listing.joined(separator: ", ").plain(limit: 400)
        guard let best = ranked.first else {
            // Whoever denies or refuses leaves the list for one round; that is no news.
            if avoided.isEmpty, said.isNews("offers", "none: \(list)") {
                try await self.store.log(.noOffers(what: want.what, list: list))
            }
            return nil
        }
        let name = best.offer.offer.name
        let isNews = said.isNews("offers", "\(name): \(list)")
        project.provider = best.offer.provider.url
        project.ceiling = best.price
        project.decimals = best.offer.offer.decimals(in: assets)
        try await self.store.save(
            project,
            events: isNews ? [.offers(what: want.what, list: list, chosen: name, price: best.price)] : [])
        return Seller(provider: best.offer.provider, name: name)
    }

    /// The seller to whom money is on its way, or went without an answer yet.
    private func paid(_ want: Want, _ project: Project) async throws -> Seller? {
        guard let url = project.provider, let provider = self.directory.provider(at: url),
            let record = try await self.ledger.peek({ try $0.intent(of: want.purchase) }), record.isLive,
            record.state != .reserved
        else { return nil }
        let note = record.proposal.note
        let name = note.hasSuffix(" \(url)") ? String(note.dropLast(url.count + 1)) : url
        return Seller(provider: provider, name: name)
    }

    private func lose(_ intent: IntentID, _ seller: Seller, _ reason: String) async throws -> Event {
        let name = seller.name
        let reason = reason.plain(limit: 400)
        let evidence: JSON = [
            "schema": "depai.loss/1", "from": .string(name), "reason": .string(reason),
            "identity": .string(Base58.encode(seller.provider.identity.bytes)),
        ]
        try await self.ledger.lose(intent, reason: reason, evidence: evidence.text)
        return .loss(seller: name, reason: reason, intent)
    }
}

extension Offer {
    /// Of what its prices are counted in; nil where it takes nothing that the owner's policy knows, or says
    /// of that what the policy does not say.
    func decimals(in assets: [Asset]) -> Int? {
        let known = self.accepts.compactMap { way in
            assets.first { $0.id.hasPrefix("\(way.network)/") && $0.id.hasSuffix(":\(way.asset)") }
                .map { (said: way.decimals ?? $0.decimals, isSo: way.decimals ?? $0.decimals == $0.decimals) }
        }
        guard let first = known.first, known.allSatisfy(\.isSo) else { return nil }
        return self.accepts.first?.decimals ?? first.said
    }
}

/// Who took money and did not deliver: left out for good, by the key that speaks for it, since the account to
/// be paid at is whatever it says. Books of older versions know the account only.
struct Losers: Sendable {
    let identities: Set<PublicKey>
    let payees: Set<ExactText>

    init(_ ledger: PaymentLedger) async throws {
        let losses = try await ledger.read { try $0.losses() }
        self.identities = Set(
            losses.compactMap { loss in
                let evidence = loss.evidence.flatMap { try? JSON.read($0) }.map { JSONField($0) }
                let name = try? evidence?["identity"].string()
                return name.flatMap { try? PublicKey(Base58.decode($0)) }
            })
        self.payees = Set(
            losses.compactMap { $0.payee.split(separator: ":").last.map { ExactText(String($0)) } })
    }
}
