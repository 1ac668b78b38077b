internal import Encoding
public import Ledger
public import World

/// What may be asked of a ``Cashier``, and how it crosses a socket: one JSON object.
///
///     {"ask": "fetch", "network": …, "method": …, "url": …, "headers": [[name, value] …], "body": base64,
///      "limit": bytes, "max": "0.05", "deposit": "1.00", "dry": bool, "anew": bool}
///     | {"ask": "close", "network": …, "channel": …, "force": bool}
public struct CashierRequest: Sendable, Hashable {
    public enum Wish: Sendable, Hashable {
        case fetch(Fetch)
        /// - force: without the seller.
        case close(channel: String, force: Bool)
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
    /// The words after `ask`.
    public static let names: Set<String> = ["fetch", "close"]
    static let limits = JSON.Limits(bytes: Self.byteLimit, depth: 8)
}

/// A resource to fetch, and what may be done to pay for it.
public struct Fetch: Sendable, Hashable {
    public var request: WebRequest
    /// The most to pay, in whole units of the asset; nil for what the policy allows.
    public var max: String?
    /// Put so much into a payment channel where none has enough, in whole units.
    public var deposit: String?
    /// Show what would be signed, and sign nothing.
    public var isDry: Bool
    /// Book an earlier payment that was never answered as a loss first.
    public var anew: Bool

    public init(
        _ request: WebRequest, max: String? = nil, deposit: String? = nil, isDry: Bool = false,
        anew: Bool = false
    ) {
        self.request = request
        self.max = max
        self.deposit = deposit
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

    /// A seller's answer, and what was paid for it; nil for what was free.
    case answered(status: Int, body: [UInt8], Payment?)
    case ended(End, String, IntentID?, Denial?)
    case wouldPay(Payment, feePayer: String, message: [UInt8], Policy.Verdict)
    case closing(ChannelClosing, Asset)
}
