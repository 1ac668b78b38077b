public import Ledger
public import Sodium
public import World

/// What may be asked of a ``Cashier``.
public struct CashierRequest: Sendable, Hashable {
    public enum Wish: Sendable, Hashable {
        case fetch(Fetch)
        /// - force: without the seller.
        /// - at: where the seller is asked; nil where it was bought from.
        case close(channel: String, force: Bool, at: String?)
        /// Finds channels on the chain that the ledger does not know.
        case recover
        /// The answer to a fetch is where it was wanted: with it the purchase counts as delivered. Until then
        /// the same fetch asks the seller for it again, and pays nothing.
        case received(IntentID, receipt: String)
    }

    public let wish: Wish
    /// CAIP-2; a wallet of another network refuses. Nil for whatever network the wallet pays on.
    public let network: String?

    public init(_ wish: Wish, network: String? = nil) {
        self.wish = wish
        self.network = network
    }

    /// The largest body in either direction that crosses a socket, in bytes.
    public static let bodyLimit = 4 << 20
    /// The largest message with such a body, in bytes.
    public static let byteLimit = 6 << 20
}

/// A resource to fetch, and what may be done to pay for it.
public struct Fetch: Sendable, Hashable {
    public var request: WebRequest
    /// The most to pay, in whole units of the asset; nil for what the policy allows.
    public var max: String?
    /// Put so much into a payment channel where none has enough, in whole units.
    public var deposit: String?
    /// A price that this key did not sign is refused; nil takes what the resource offers.
    public var seller: PublicKey?
    /// Show what would be signed, and sign nothing.
    public var isDry: Bool
    /// Book an earlier payment that was never answered as a loss first.
    public var anew: Bool

    public init(
        _ request: WebRequest, max: String? = nil, deposit: String? = nil, seller: PublicKey? = nil,
        isDry: Bool = false,
        anew: Bool = false
    ) {
        self.request = request
        self.max = max
        self.deposit = deposit
        self.seller = seller
        self.isDry = isDry
        self.anew = anew
    }
}

/// What a ``Cashier`` answers.
public enum CashierAnswer: Sendable, Hashable {
    public struct Payment: Sendable, Hashable {
        public let intent: IntentID
        public let asset: Asset
        /// Atomic units.
        public let amount: UInt64
        /// CAIP-10.
        public let payee: String
        /// The chain's transaction id, once known.
        public let transaction: String?
        /// What is kept of the answer once it was received; nil for what has no answer yet.
        public var receipt: String?

        package init(
            intent: IntentID, asset: Asset, amount: UInt64, payee: String, transaction: String?,
            receipt: String? = nil
        ) {
            self.intent = intent
            self.asset = asset
            self.amount = amount
            self.payee = payee
            self.transaction = transaction
            self.receipt = receipt
        }
    }

    /// Why there is no answer of a seller.
    public enum End: String, Sendable, Hashable {
        /// The money is gone and the seller is silent.
        case unanswered
        case unreachable
        case unpaid
        case denied
        /// An approval is needed.
        case waiting
        /// The outcome is not known.
        case open
    }

    /// What became of one channel that the chain shows.
    public struct Finding: Sendable, Hashable {
        public enum Outcome: String, Sendable, Hashable {
            case known
            case booked
            case left
        }

        public let channel: String
        public let outcome: Outcome
        /// Why it was left; empty otherwise.
        public let reason: String

        package init(channel: String, outcome: Outcome, reason: String) {
            self.channel = channel
            self.outcome = outcome
            self.reason = reason
        }
    }

    /// A seller's answer, and what was paid for it; nil for what was free.
    /// - remark: why the receipt that came with it does not count, or where the resource is instead.
    case answered(status: Int, body: [UInt8], Payment?, remark: String? = nil)
    case ended(End, String, IntentID?, Denial?)
    case wouldPay(Payment, feePayer: String, message: [UInt8], Policy.Verdict)
    case closing(ChannelClosing, Asset)
    case findings([Finding])
    /// It is booked that the answer arrived.
    case received
}
