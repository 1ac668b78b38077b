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

/// A wish to pay: made from what is bought, before any policy looked at it.
public struct Proposal: Sendable, Hashable {
    public let purpose: Purpose
    /// What is bought, named by its content: a content id, a job digest, a message digest.
    public let job: String
    /// Who gets the money: a CAIP-10 account, or `network` for fees.
    public let payee: String
    public let asset: Asset
    /// Atomic units, at most `Int64.max`.
    public let amount: UInt64
    /// 0, and one more each time the same thing is bought again on purpose.
    public let series: UInt32
    /// For people: where it is bought.
    public let note: String

    /// Puts money into the escrow of the payment channel `channel`; `series` counts the top-ups.
    public init(
        depositInto channel: String, payee: String, asset: Asset, amount: UInt64, series: UInt32 = 0,
        note: String
    ) {
        self.init(
            purpose: .channel, job: Self.depositJob(of: channel), payee: payee, asset: asset, amount: amount,
            series: series, note: note)
    }

    private static let depositPrefix = "channel:"

    /// The job of everything that is put into a channel.
    public static func depositJob(of channel: String) -> String { self.depositPrefix + channel }

    /// The channel that this fills; nil for a payment of its own.
    public var filledChannel: String? {
        guard self.purpose == .channel, self.job.hasPrefix(Self.depositPrefix) else { return nil }
        return String(self.job.dropFirst(Self.depositPrefix.count))
    }

    public init(
        purpose: Purpose, job: String, payee: String, asset: Asset, amount: UInt64, series: UInt32 = 0,
        note: String
    ) {
        self.purpose = purpose
        self.job = job
        self.payee = payee
        self.asset = asset
        self.amount = amount
        self.series = series
        self.note = note
    }

    /// The same purchase has the same name, whoever asks and however often.
    public var id: IntentID { IntentID(Hex.encode(BLAKE2b.digest(of: self.content, length: 16))) }

    /// BLAKE2b-256 of what is bought, from whom, for how much: what an approver agrees to.
    public var digest: [UInt8] { BLAKE2b.digest(of: self.content) }

    private var content: [UInt8] {
        var bytes: [UInt8] = []
        for field in [self.purpose.rawValue, self.job, self.payee, self.asset.id, String(self.amount)] {
            bytes.append(sized: field.utf8)
        }
        bytes.append(little: self.series)
        return bytes
    }
}

/// The name of an intent: BLAKE2b-128 over what is bought, as 32 hex digits.
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
