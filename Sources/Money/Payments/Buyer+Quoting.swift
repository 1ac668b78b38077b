internal import Encoding
internal import Ledger
internal import World

/// What a seller asks for, and which of its ways to pay is taken.
extension Buyer {
    enum Answer {
        case priced(any Way)
        case ended(PurchaseEnd)
    }

    /// Asks for the price, without money, and takes the first way to pay that network, assets and ceiling
    /// allow.
    func quote(_ order: Order) async throws -> Answer {
        var request = order.request
        if !order.asksWithBody { request.body = [] }
        let response: WebResponse
        do throws(WebError) {
            response = try await self.web.send(request)
        } catch {
            let reason = "no quote: \(error)"
            switch error {
            case .cancelled: throw CancellationError()
            case .unreachable, .timedOut, .broken: return .ended(.unreachable(reason: reason))
            case .refused, .tooLarge: return .ended(.unpaid(reason: reason))
            }
        }
        guard response.status == 402 else { return .ended(.unpriced(response)) }
        let required: PaymentRequired
        let offers: [VerifiedOffer]
        do {
            guard let header = response.header(X402.requiredHeader) else {
                throw X402Error.malformed("status 402 without \(X402.requiredHeader)")
            }
            required = try PaymentRequired(header: header, url: request.url)
            offers = try required.verifiedOffers(
                at: request.url, by: order.seller, now: self.timeline.now)
        } catch {
            return .ended(.unpaid(reason: "no quote: \(error)"))
        }
        return try await self.choose(required, offers, order)
    }

    /// Takes the first token in which the owner's policy, the funds and the ceiling allow the purchase; where
    /// none does, says what keeps us from the first one.
    private func choose(
        _ required: PaymentRequired, _ offers: [VerifiedOffer], _ order: Order
    ) async throws -> Answer {
        let assets = try await self.ledger.peek { try $0.assets() }
        let groups = self.choices(required, assets, order).map { group in
            group.compactMap { $0.signed(among: offers) }
        }
        var first: Answer?
        for group in groups {
            guard let asset = group.first?.asset,
                let way = try await self.rail(of: asset).way(among: group, for: order)
            else { continue }
            let quote = way.quote
            guard quote.proposal.amount <= quote.ceiling else {
                let (asked, most) = (quote.asset.text(quote.proposal.amount), quote.asset.text(quote.ceiling))
                first = first ?? .ended(.unpaid(reason: "\(asked) asked, \(most) offered"))
                continue
            }
            // With one way only the ledger decides, and its answer is kept.
            guard groups.count > 1 else { return .priced(way) }
            switch try await self.ledger.foresee(quote.proposal, from: way.channel) {
            case .allowed: return .priced(way)
            case .denied, .approvalNeeded: first = first ?? .priced(way)
            }
        }
        if let first { return first }
        let offered = required.accepts.map { "\($0.scheme) on \($0.network) in \($0.asset)".plain() }
        let signed = offers.isEmpty ? "" : " and the seller's signature covers"
        let more =
            required.unusable.isEmpty ? "" : "; unreadable: \(required.unusable.joined(separator: ", "))"
        return .ended(
            .unpaid(
                reason: "no way to pay that the policy's assets allow\(signed) on "
                    + "\(self.networks.joined(separator: ", ")); "
                    + "offered: \(offered.joined(separator: ", "))\(more)"))
    }

    /// The offered ways that our networks and the policy's assets allow: a group for each token, in the order
    /// of the seller, and in each the cheapest first; among equals the seller's first. Amounts compare within
    /// one token only, and decimals come from the policy, never from the seller.
    private func choices(_ required: PaymentRequired, _ assets: [Asset], _ order: Order) -> [[Quote]] {
        let quotes = required.accepts.compactMap { requirements -> Quote? in
            guard let rail = self.rails.first(where: { $0.network == requirements.network }),
                let terms = rail.terms(of: requirements, in: assets),
                let ceiling = order.ceiling.atomic(in: terms.asset)
            else { return nil }
            return Quote(
                required: required, requirements: requirements, ceiling: ceiling,
                proposal: Proposal(order.purchase, terms, note: order.note))
        }
        var tokens: [String] = []
        for quote in quotes where !tokens.contains(quote.asset.id) { tokens.append(quote.asset.id) }
        return tokens.map { token in
            quotes.filter { $0.asset.id == token }.enumerated().sorted {
                ($0.element.proposal.amount, $0.offset) < ($1.element.proposal.amount, $1.offset)
            }.map(\.element)
        }
    }
}
