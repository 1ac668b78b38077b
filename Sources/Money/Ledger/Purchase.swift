internal import Encoding
internal import Sodium

/// What money is spent on. A closed list, so that a policy can speak about it.
public enum Purpose: String, Sendable, Hashable, CaseIterable {
    case storage
    case compute
    /// Any other paid answer: data, an inference, a page.
    case service
    /// Network fees that the wallet pays for a transaction, its own or a sponsored one.
    case fee
    /// The deposit of a payment channel: still the wallet's, until vouchers spend it for the other purposes.
    case channel
    /// What is above the owner's ceiling, back to the owner. Only the policy's `sweep` allows it.
    case sweep

    /// Whether only limits count it that name it: no payee gets this money for its work.
    public var isApart: Bool {
        switch self {
        case .storage, .compute, .service: false
        case .fee, .channel, .sweep: true
        }
    }
}

/// What is bought, whoever sells it and whatever it costs: two subjects are never the same thing.
///
/// Several sellers of one thing are several subjects: each replica of an object and each of a job's executors
/// has a slot of its own.
public enum Subject: Sendable, Hashable {
    /// One of an object's replicas, kept for one period.
    /// - Parameters:
    ///   - id: the object's content id.
    ///   - slot: which of the replicas, from 0.
    ///   - period: how many times its time was extended.
    case object(_ id: String, slot: UInt32 = 0, period: UInt32 = 0)
    /// One execution of a compute job.
    /// - Parameters:
    ///   - id: the job's digest.
    ///   - slot: which of the executors, from 0.
    case job(_ id: String, slot: UInt32 = 0)
    /// Any other paid answer, named by the digest of its request.
    case request(_ digest: String)
    /// What is put into the escrow of a payment channel; the series counts the top-ups.
    case deposit(channel: String)
    /// The wish to leave a channel without its seller.
    case closing(channel: String)
    /// A question to a channel's seller about what it charged, above what the books say was `spent`.
    case question(channel: String, spent: UInt64)
    /// What is above the owner's ceiling of an asset.
    case surplus(asset: String)
    /// The network's fee for a message, named by its digest.
    case fee(message: String)
    /// What this version has no word for, as another version wrote it. Nothing new is bought under it.
    case other(Purpose, String)

    public var purpose: Purpose {
        switch self {
        case .object: .storage
        case .job: .compute
        case .request: .service
        case .deposit, .closing, .question: .channel
        case .surplus: .sweep
        case .fee: .fee
        case .other(let purpose, _): purpose
        }
    }
}

/// What is bought, and which time: the name of a purchase does not depend on its price or its seller, so that
/// nothing is paid for twice however often a price changes.
public struct Purchase: Sendable, Hashable {
    public let subject: Subject
    /// 0, and one more each time the same thing is bought again on purpose.
    public let series: UInt32

    public var purpose: Purpose { self.subject.purpose }

    public init(_ subject: Subject, series: UInt32 = 0) {
        self.subject = subject
        self.series = series
    }

    /// The name of one round: rounds follow one another when the one before ended without what was bought.
    package func intent(round: UInt32) -> IntentID {
        var bytes: [UInt8] = []
        for field in ["depai/intent/2", self.purpose.rawValue, self.subject.text] {
            bytes.append(sized: field.utf8)
        }
        bytes.append(little: self.series)
        bytes.append(little: round)
        return IntentID(Hex.encode(BLAKE2b.digest(of: bytes, length: 16)))
    }
}

/// Who gets how much of what. Terms may change until something is signed.
public struct Terms: Sendable, Hashable {
    /// A CAIP-10 account, or `network` for fees.
    public let payee: String
    public let asset: Asset
    /// Atomic units, at most `Int64.max`.
    public let amount: UInt64

    public init(payee: String, asset: Asset, amount: UInt64) {
        self.payee = payee
        self.asset = asset
        self.amount = amount
    }

    /// Accounts are bytes: two that Swift calls equal are two.
    public static func == (one: Terms, other: Terms) -> Bool {
        sameBytes(one.payee, other.payee) && one.asset == other.asset && one.amount == other.amount
    }
}

/// A wish to pay: a purchase and the terms of today, before any policy looked at them.
public struct Proposal: Sendable, Hashable {
    public let purchase: Purchase
    public let terms: Terms
    /// For people: where it is bought.
    public let note: String

    public init(_ purchase: Purchase, _ terms: Terms, note: String) {
        self.purchase = purchase
        self.terms = terms
        self.note = note
    }

    public var purpose: Purpose { self.purchase.purpose }
    public var payee: String { self.terms.payee }
    public var asset: Asset { self.terms.asset }
    public var amount: UInt64 { self.terms.amount }

    /// The channel that this fills; nil for a payment of its own.
    public var filledChannel: String? {
        if case .deposit(let channel) = self.purchase.subject { channel } else { nil }
    }

    /// BLAKE2b-256 of what is bought, from whom, for how much: what an approver agrees to.
    public var digest: [UInt8] {
        var bytes: [UInt8] = []
        for field in [
            self.purpose.rawValue, self.purchase.subject.text, self.payee, self.asset.id, String(self.amount),
        ] {
            bytes.append(sized: field.utf8)
        }
        bytes.append(little: self.purchase.series)
        return BLAKE2b.digest(of: bytes)
    }
}
