internal import Encoding
public import Ledger
public import Sodium
public import World

/// Something to buy: a request whose answer costs money.
public struct Order: Sendable {
    /// The most that is paid; a higher price in the 402 is refused.
    public enum Ceiling: Sendable, Hashable {
        /// In atomic units: what the provider offered before.
        /// - decimals: of what it was offered in; nil where that is whatever is asked for.
        case units(UInt64, decimals: Int? = nil)
        /// In whole units of whatever asset is asked for: "0.05".
        case decimal(String)
        /// What the owner's policy allows.
        case policy

        /// In atomic units; nil for a text that is no amount of `asset`.
        package func atomic(in asset: Asset) -> UInt64? {
            switch self {
            case .units(let units, nil): units
            case .units(let units, let decimals?): units.rescaled(from: decimals, to: asset.decimals)
            case .decimal(let text): asset.atomic(text)
            case .policy: .max
            }
        }
    }

    /// As it is sent with the payment. The quote is asked for with the same method and URL.
    public let request: WebRequest
    /// Whether the quote is asked for with the body, too: of a seller whose price depends on it.
    public let asksWithBody: Bool
    public let purchase: Purchase
    /// For people: from whom.
    public let note: String
    public var ceiling: Ceiling
    /// How often an answer is asked for after the money is gone, before it counts as lost.
    public let tries: Int
    public var channel: ChannelUse
    /// The key that has to sign the price and signs the receipt; nil takes any, and unsigned prices, too.
    public var seller: PublicKey?

    /// What an order has to do with payment channels.
    public enum ChannelUse: Sendable, Hashable {
        /// Each purchase is a payment of its own on the chain.
        case never
        /// A channel of the seller is used if one is open and has enough.
        case existing
        /// As well, and otherwise one is opened, or filled, with so much.
        case open(deposit: Ceiling)
    }

    public init(
        request: WebRequest, asksWithBody: Bool = false, _ purchase: Purchase, note: String, ceiling: Ceiling,
        tries: Int = 6, channel: ChannelUse = .existing,
        seller: PublicKey? = nil
    ) {
        self.channel = channel
        self.seller = seller
        self.request = request
        self.asksWithBody = asksWithBody
        self.purchase = purchase
        self.note = note
        self.ceiling = ceiling
        self.tries = tries
    }

    /// Any paid resource, as a person fetches it. A fetch that was paid for and not answered yet is gone on
    /// with; one that was answered is bought anew.
    public static func fetch(
        _ request: WebRequest, ceiling: Ceiling, known view: borrowing LedgerView, tries: Int = 6,
        channel: ChannelUse = .existing, seller: PublicKey? = nil
    ) throws -> Order {
        let content = Array("\(request.method) \(request.url)\n".utf8) + BLAKE2b.digest(of: request.body)
        let subject = Subject.request(Hex.encode(BLAKE2b.digest(of: content)))
        let last = Purchase(subject, series: try view.lastSeries(of: subject) ?? 0)
        let isDone =
            try view.intent(of: last).map { $0.state == .settled && $0.delivery != .pending } ?? false
        let address = request.url.prefix { $0 != "?" && $0 != "#" }
        return Order(
            request: request, asksWithBody: true,
            isDone ? Purchase(subject, series: last.series + 1) : last,
            note: "\(request.method) \(address.prefix(160))", ceiling: ceiling, tries: tries,
            channel: channel, seller: seller)
    }
}

/// How a purchase ended.
public enum PurchaseEnd: Sendable {
    /// The chain shows the payment, and this is the seller's answer. The buyer still has to verify what it
    /// bought.
    case answered(IntentID, WebResponse)
    /// The chain shows the payment, and the seller does not answer.
    case unanswered(IntentID, reason: String)
    /// The seller asked for no money.
    case unpriced(WebResponse)
    /// Nobody answered at the seller's address; no money moved.
    case unreachable(reason: String)
    /// No money moved, proved.
    case unpaid(reason: String)
    /// The owner's policy says no.
    case denied(Denial)
    /// The policy asks for an approval of this payment first.
    case waiting(IntentID, Denial)
    /// Nobody knows yet. The same order again continues this payment and makes no other.
    case open(IntentID, reason: String)

    /// The rule of the owner's that stopped it.
    package var denial: Denial? {
        switch self {
        case .denied(let denial), .waiting(_, let denial): denial
        default: nil
        }
    }

    /// Why it ended so, in words.
    package var reason: String {
        switch self {
        case .answered(_, let response), .unpriced(let response): "status \(response.status)"
        case .unanswered(_, let reason), .unreachable(let reason), .unpaid(let reason), .open(_, let reason):
            reason
        case .denied(let denial), .waiting(_, let denial): "\(denial)"
        }
    }
}

/// What a seller asks for, as far as we would pay it.
public struct Quote: Sendable {
    package let required: PaymentRequired
    public let requirements: PaymentRequirements
    /// What the seller signed about them.
    public let offer: VerifiedOffer?
    /// Atomic units.
    let ceiling: UInt64
    public let proposal: Proposal

    package init(
        required: PaymentRequired, requirements: PaymentRequirements, offer: VerifiedOffer? = nil,
        ceiling: UInt64, proposal: Proposal
    ) {
        self.required = required
        self.requirements = requirements
        self.offer = offer
        self.ceiling = ceiling
        self.proposal = proposal
    }

    public var asset: Asset { self.proposal.asset }

    /// This with the seller's signature over it; nil when the seller signed others, but not this.
    func signed(among offers: [VerifiedOffer]) -> Quote? {
        if offers.isEmpty { return self }
        let terms = OfferTerms(JSONField(self.requirements.json))
        guard let offer = offers.first(where: { $0.terms == terms }) else { return nil }
        return Quote(
            required: self.required, requirements: self.requirements, offer: offer, ceiling: self.ceiling,
            proposal: self.proposal)
    }
}

/// What a purchase would do now.
public enum Preview: Sendable {
    /// The message that would be signed, to the byte but for memo and blockhash, and what the policy says.
    case wouldSign(Quote, Policy.Verdict, message: [UInt8])
    /// There is nothing to sign.
    case ended(PurchaseEnd)
}
