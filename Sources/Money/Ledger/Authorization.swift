public import Sodium

/// Proof that the ledger reserved money for one payment under the owner's policy. Only the ledger makes it,
/// it cannot be copied, and the wallet uses it up when it signs: "nothing signs without a reservation" is
/// checked by the compiler.
public struct Authorization: ~Copyable, Sendable {
    public let intent: IntentID
    public let proposal: Proposal
    /// 1 for the first signature of this intent; more only after proof that the earlier one is dead.
    public let attempt: Int
    /// The voucher that this allows; nil for a payment of its own on the chain.
    public let voucher: VoucherAuthority?

    /// The payment channel of that voucher.
    public var channel: String? { self.voucher?.channel }

    init(intent: IntentID, proposal: Proposal, attempt: Int, voucher: VoucherAuthority?) {
        self.intent = intent
        self.proposal = proposal
        self.attempt = attempt
        self.voucher = voucher
    }

    /// Uses the permission up: signs `message` with `key`, which verifies what it made.
    /// - Parameter bytes: what is signed of it, where that is not the message itself.
    /// - Throws: `SodiumError.signatureFault` when it does not verify; the reservation stays.
    package consuming func signed(
        _ message: [UInt8], as bytes: [UInt8]? = nil, by key: borrowing SigningKey
    ) throws(SodiumError) -> SignedAttempt {
        SignedAttempt(
            intent: self.intent, proposal: self.proposal, attempt: self.attempt, voucher: self.voucher,
            message: message, signature: try key.signature(over: bytes ?? message), key: key.publicKey)
    }
}

/// What an authorized voucher has to say, to the unit.
public struct VoucherAuthority: Sendable, Hashable {
    public let channel: String
    /// What the payee accepted so far and this payment, in atomic units.
    public let cumulative: UInt64
}

/// A verified signature that exists only in memory so far. Only an ``Authorization`` makes one; the ledger
/// takes it and gives a ``JournalledPayment``.
public struct SignedAttempt: ~Copyable, Sendable {
    public let intent: IntentID
    public let proposal: Proposal
    public let attempt: Int
    let voucher: VoucherAuthority?
    public let message: [UInt8]
    public let signature: Signature
    public let key: PublicKey

    public var channel: String? { self.voucher?.channel }

    fileprivate init(
        intent: IntentID, proposal: Proposal, attempt: Int, voucher: VoucherAuthority?, message: [UInt8],
        signature: Signature, key: PublicKey
    ) {
        self.intent = intent
        self.proposal = proposal
        self.attempt = attempt
        self.voucher = voucher
        self.message = message
        self.signature = signature
        self.key = key
    }
}

/// When a signed message can be executed, as its network counts: block heights, ledgers, seconds. The ledger
/// keeps the numbers; what they count, and when they are past, is its network's rail's to say.
public struct Horizon: Sendable, Hashable {
    /// Nothing before it can hold the message; 0 where that was not kept.
    public let first: UInt64
    /// After it the network refuses the message for ever.
    public let last: UInt64

    public init(first: UInt64 = 0, last: UInt64) {
        self.first = first
        self.last = last
    }

    /// Of what is good for ever, as a voucher.
    public static let never = Horizon(last: .max)
}

/// A payment whose exact bytes are on disk: only this may be sent.
public struct JournalledPayment: Sendable {
    public let intent: IntentID
    public let proposal: Proposal
    public let attempt: Int
    public let state: IntentState
    /// What is sent, to the byte.
    public let payload: [UInt8]
    /// What was signed, to the byte.
    public let message: [UInt8]
    public let signature: Signature
    public let horizon: Horizon
    /// The transaction id as far as it is known. Of a sponsored payment only the sponsor knows it at first.
    public let transaction: String?
    /// The payment channel whose voucher the message is; nil for a transaction.
    public let channel: String?

    init(
        intent: IntentID, proposal: Proposal, attempt: Int, state: IntentState, payload: [UInt8],
        message: [UInt8],
        signature: Signature, horizon: Horizon, transaction: String?, channel: String?
    ) {
        self.intent = intent
        self.proposal = proposal
        self.attempt = attempt
        self.state = state
        self.payload = payload
        self.message = message
        self.signature = signature
        self.horizon = horizon
        self.transaction = transaction
        self.channel = channel
    }
}

/// What the ledger says to a proposal.
public enum Decision: ~Copyable, Sendable {
    /// Reserved: sign it.
    case authorized(Authorization)
    /// The policy says no.
    case denied(Denial)
    /// The policy asks for the owner's approval of this intent first.
    case waiting(IntentID, Denial)
    /// Signed before and not yet proved dead or done: send the same bytes, or reconcile.
    case inFlight(JournalledPayment)
    /// Paid already.
    case settled(IntentRecord)
    /// The same purchase is signed, or paid, on other terms: nothing else is paid for it.
    case differs(IntentRecord)

    var isAuthorized: Bool {
        switch self {
        case .authorized: true
        default: false
        }
    }
}

/// Why the policy refused, and what it would allow now.
public struct Denial: Error, Sendable, Hashable, CustomStringConvertible {
    /// The rule, as named in the policy: `payee`, `limit:per-day`, `funds`...
    public let rule: String
    public let reason: String
    /// The most that this rule would allow at this moment, in atomic units; nil when no amount would pass.
    public let allowedNow: UInt64?

    public init(rule: String, reason: String, allowedNow: UInt64? = nil) {
        self.rule = rule
        self.reason = reason
        self.allowedNow = allowedNow
    }

    /// The rule for "not enough money": not the policy's fault, and a deposit heals it.
    public static let funds = "funds"

    public var description: String { "\(self.reason) (rule \(self.rule))" }
}
