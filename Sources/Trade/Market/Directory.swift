public import Encoding
public import Sodium
internal import Statements
public import World

/// A provider that the owner lists: where it is and which key speaks for it.
public struct Provider: Sendable, Hashable {
    /// Without a slash at the end.
    public let url: String
    public let identity: PublicKey

    public init(url: String, identity: PublicKey) {
        self.url = url
        self.identity = identity
    }
}

/// An offer and where it came from.
public struct ListedOffer: Sendable, Equatable {
    public let provider: Provider
    public let offer: Offer

    public init(provider: Provider, offer: Offer) {
        self.provider = provider
        self.offer = offer
    }
}

/// Why a provider is not considered.
public struct Unavailable: Sendable, Equatable {
    public let provider: Provider
    public let reason: String
}

/// Asks the listed providers for offers and chooses. Prices decide; who took money without delivering is left
/// out.
public struct Directory: Sendable {
    private let providers: [Provider]
    private let web: any Web
    private let timeout: Duration

    public init(providers: [Provider], web: any Web, timeout: Duration = .seconds(5)) {
        self.providers = providers
        self.web = web
        self.timeout = timeout
    }

    /// The listed provider with this URL.
    public func provider(at url: String) -> Provider? { self.providers.first { sameBytes($0.url, url) } }

    /// Asks everyone at once. Whoever is silent, malformed or wrongly signed is in the second list with the
    /// reason.
    public func offers() async -> (listed: [ListedOffer], unavailable: [Unavailable]) {
        var answers: [Int: Result<Offer, any Error>] = [:]
        await withTaskGroup(of: Answer.self) { group in
            for (index, provider) in self.providers.enumerated() {
                group.addTask { Answer(index: index, result: await self.answer(of: provider)) }
            }
            for await answer in group { answers[answer.index] = answer.result }
        }
        var listed: [ListedOffer] = []
        var unavailable: [Unavailable] = []
        for (index, provider) in self.providers.enumerated() {
            switch answers[index] {
            case .success(let offer)?: listed.append(ListedOffer(provider: provider, offer: offer))
            case .failure(let error)?: unavailable.append(Unavailable(provider: provider, reason: "\(error)"))
            case nil: break
            }
        }
        return (listed, unavailable)
    }

    /// What came from the provider with a number. No tuple: of one that is made around the awaited offer the
    /// optimizer of Swift 6.3 loses the number, and with it the offer.
    private struct Answer: Sendable {
        let index: Int
        let result: Result<Offer, any Error>
    }

    private func answer(of provider: Provider) async -> Result<Offer, any Error> {
        do {
            return .success(try await self.offer(of: provider))
        } catch {
            return .failure(error)
        }
    }

    private func offer(of provider: Provider) async throws -> Offer {
        let request = WebRequest(
            "GET", provider.url + "/v1/offer", timeout: self.timeout, bodyLimit: 16 << 10)
        let response = try await self.web.send(request)
        guard response.status == 200 else { throw WebError.broken("status \(response.status)") }
        return try Signed<Offer>(response.body, from: provider.identity).body
    }

    /// Sorts by price, cheapest first; equal prices by identity, so that the order never depends on chance.
    /// Offers without a price and excluded providers are left out.
    /// - Parameters:
    ///   - identities: who is not asked, whatever account they want to be paid at.
    ///   - payees: accounts that are not paid, whoever names them.
    ///   - price: in atomic units.
    ///   - decimals: of what an offer's prices are counted in; those where nobody knows it come last.
    public static func ranked(
        _ offers: [ListedOffer], excluding identities: Set<PublicKey>, payees: Set<ExactText> = [],
        price: (Offer) -> UInt64?, decimals: (Offer) -> Int?
    ) -> [(offer: ListedOffer, price: UInt64)] {
        let priced = offers.compactMap { listed -> (offer: ListedOffer, price: UInt64, value: UInt128)? in
            let isAvoided =
                identities.contains(listed.provider.identity)
                || listed.offer.accepts.contains { payees.contains(ExactText($0.payTo)) }
            guard !isAvoided, let price = price(listed.offer) else { return nil }
            let value = decimals(listed.offer).map { Self.value(of: price, decimals: $0) }
            return (listed, price, value ?? .max)
        }
        return priced.sorted { left, right in
            (left.value, left.price) != (right.value, right.price)
                ? (left.value, left.price) < (right.value, right.price)
                : left.offer.provider.identity.bytes.lexicographicallyPrecedes(
                    right.offer.provider.identity.bytes)
        }.map { ($0.offer, $0.price) }
    }

    /// In units with 18 decimals, the most that an asset has.
    private static func value(of price: UInt64, decimals: Int) -> UInt128 {
        (decimals..<18).reduce(UInt128(price)) { value, _ in value * 10 }
    }
}
