internal import Encoding

/// The name of an intent: BLAKE2b-128 over the purchase and its round, as 32 hex digits. Versions before this
/// one also took the price into it; to the books a name is a name.
public struct IntentID: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ text: String) { self.description = text }

    /// Reads 32 lower-case hex digits; nil for anything else.
    public init?(text: String) {
        guard text.utf8.count == 32, (try? Hex.decode(text)) != nil else { return nil }
        self.description = text
    }
}

/// Where a payment stands. Money leaves `reserved` only on a proof.
public enum IntentState: String, Sendable, Hashable, CaseIterable {
    /// The policy refused; nothing was reserved.
    case denied
    /// Above the owner's threshold: an approval is needed.
    case waiting
    /// The money is set aside; nothing is signed.
    case reserved
    /// The exact signed bytes are stored; none has left.
    case signed
    /// The bytes may have left.
    case submitted
    /// Proved on the chain: the payee has the money.
    case settled
    /// Proved: it was executed and failed, or was given up before anything was signed.
    case failed
    /// Proved: it was not executed and never can be.
    case expired
    /// The outcome is not known. Counts as spent; only the same bytes may be sent again.
    case unknown

    /// Whether the money is set aside or gone, so that it counts against every limit.
    public var holdsMoney: Bool {
        switch self {
        case .reserved, .signed, .submitted, .settled, .unknown: true
        case .denied, .waiting, .failed, .expired: false
        }
    }

    /// Whether the outcome is still open.
    public var isOpen: Bool { self.holdsMoney && self != .settled }
}

/// Whether what was paid for arrived.
public enum Delivery: String, Sendable, Hashable {
    case pending
    /// Received and verified; the receipt is stored.
    case delivered
    /// Paid, and not delivered or not what was bought.
    case lost
}

/// One intent as it is stored.
public struct IntentRecord: Sendable, Hashable {
    public let id: IntentID
    public let proposal: Proposal
    /// Which try at this purchase it is, from 0; see ``PaymentLedger/authorize(_:from:)``.
    public let round: UInt32
    public let state: IntentState
    /// Why it stands there, in words; empty for the ordinary course.
    public let reason: String
    /// Milliseconds since 1970.
    public let createdAt: Int64
    public let updatedAt: Int64
    public let delivery: Delivery
    /// The verified receipt or the proof of the loss, as JSON.
    public let receipt: String?
    /// The chain's transaction id, once known.
    public let transaction: String?
    /// How often it was signed.
    let attempts: Int
    /// Milliseconds since 1970; 0 when no money is set aside.
    let reservedAt: Int64
    /// Rows of the journal: its newest, and the one that tells of its last signature.
    let lastStep: Int64?
    let signedIn: Int64?
    /// The payment channel whose deposit pays; nil for the wallet's own money.
    public let channel: String?
    /// Of a voucher: what it promises in all, in atomic units; nil before it is signed.
    let promise: UInt64?
    /// Number of the policy that gave the last answer; nil of versions that did not keep it.
    let policy: UInt64?
    /// How often the terms changed since the last reservation.
    let changes: Int64

    /// Whether its money is set aside or gone, and what it bought may still come: no purchase has two such.
    public var isLive: Bool { self.state.holdsMoney && self.delivery != .lost }

    /// Why the same purchase is not made on other terms.
    public var difference: Denial {
        Denial(
            rule: "purchase",
            reason: "the same purchase is \(self.state.rawValue) with \(self.proposal.payee) for "
                + self.proposal.asset.text(self.proposal.amount))
    }
}

/// One try at a purchase: the newest that goes on, or the next one.
struct Round {
    let id: IntentID
    let number: UInt32
    /// As it is stored; nil for a new one.
    let record: IntentRecord?

    /// A round ends when something was signed for it and brought nothing. Until then it goes on, on whatever
    /// terms: so no number of refusals and releases makes rows.
    init(of purchase: Purchase, after newest: IntentRecord?) {
        guard let newest else {
            (self.id, self.number, self.record) = (purchase.intent(round: 0), 0, nil)
            return
        }
        let isOver =
            switch newest.state {
            case .failed, .expired: newest.attempts > 0
            case .settled: newest.delivery == .lost
            case .denied, .waiting, .reserved, .signed, .submitted, .unknown: false
            }
        if isOver {
            self.number = newest.round &+ 1
            (self.id, self.record) = (purchase.intent(round: self.number), nil)
        } else {
            (self.id, self.number, self.record) = (newest.id, newest.round, newest)
        }
    }

    /// Whether it was asked for on other terms before.
    func isChanged(by terms: Terms) -> Bool { self.record.map { $0.proposal.terms != terms } ?? false }

    /// How often the terms have changed, once they are these.
    func changes(to terms: Terms) -> Int64 {
        (self.record?.changes ?? 0) + (self.isChanged(by: terms) ? 1 : 0)
    }
}
