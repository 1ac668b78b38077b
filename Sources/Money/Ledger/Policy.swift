public import Encoding
public import Sodium
public import Statements

/// The owner's rules for the wallet, `depai-policy/1`: signed by the owner's key, with a rising number,
/// default deny.
public struct Policy: Sendable {
    public static let schema = "depai-policy/1"

    public enum Mode: String, Sendable {
        case active
        case receiveOnly = "receive_only"
        case frozen
    }

    /// How long the wallet may spend without hearing from its owner. At least one of the two is there.
    public struct Lease: Sendable, Hashable {
        /// Receive-only from then on, in milliseconds since 1970.
        public let until: Int64?
        /// Receive-only after so many seconds awake without a new policy or a `lease.renew`.
        public let maxOfflineSeconds: Int64?
    }

    /// Somebody who may be paid.
    public struct Payee: Sendable {
        public let id: String
        /// CAIP-10 account, or `network`.
        public let account: String
        public let purposes: Set<Purpose>
        /// The most that this payee ever gets per asset, in atomic units.
        public let cap: UInt64?
        /// Not paid from then on, in milliseconds since 1970.
        public let until: Int64?
    }

    /// What happens to a payee that is not on the list.
    public enum UnknownPayees: String, Sendable {
        case deny
        /// The approvers decide, each time.
        case ask
    }

    /// The time over which a limit sums and counts.
    public enum Window: Sendable, Hashable {
        /// The last so many seconds, at every moment.
        case rolling(seconds: Int64)
        /// The running day, week (from Monday) or month of a clock that is so many minutes ahead of UTC.
        case calendar(CalendarUnit, offsetMinutes: Int64)
    }

    public enum CalendarUnit: String, Sendable, CaseIterable { case day, week, month }

    /// One limit. All that match a payment must hold.
    public struct Limit: Sendable {
        public let id: String
        public let asset: String
        /// Nil matches every purpose but fees and the deposits of channels, which are limited apart.
        public let purpose: Purpose?
        /// A payee id; nil matches every payee.
        public let payee: String?
        public let perPayment: UInt64?
        /// Of `sum` and `count`.
        public let window: Window?
        public let sum: UInt64?
        public let count: Int?
        public let lifetime: UInt64?
    }

    /// Payments above an amount wait until enough approvers have agreed.
    public struct Approval: Sendable, Hashable {
        /// Atomic units.
        public let above: UInt64
        /// How many different approvers it takes.
        public let quorum: Int
    }

    /// Money above a ceiling goes back to the owner.
    public struct Sweep: Sendable, Hashable {
        public let asset: String
        /// What stays, in atomic units.
        public let above: UInt64
        /// CAIP-10 account of the owner.
        public let account: String
    }

    public let wallet: String
    public let owner: PublicKey
    public let sequence: UInt64
    public let mode: Mode
    public let lease: Lease?
    public let assets: [Asset]
    public let payees: [Payee]
    public let unknownPayees: UnknownPayees
    public let limits: [Limit]
    /// Keyed by asset id.
    public let approvals: [String: Approval]
    /// Whose approval counts; the owner alone unless the policy says otherwise.
    public let approvers: [PublicKey]
    /// Who may stop the wallet besides owner and approvers, and do nothing else.
    public let guardians: [PublicKey]
    /// One for each asset at most.
    public let sweeps: [Sweep]
    /// The signed document as it was received.
    public let document: JSON
    /// BLAKE2b-256 of the document's canonical bytes, with the domain in front: the policy's fingerprint.
    public internal(set) var digest: [UInt8] = []
}

/// Why a policy is not applied.
public enum PolicyError: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    /// It is not what the pinned owner signed.
    case unsigned(StatementError)
    case wrongWallet(expected: String, found: String)
    /// Not newer than the one in force: an old policy may be wider.
    case staleSequence(inForce: UInt64, found: UInt64)

    public var description: String {
        switch self {
        case .malformed(let reason): "the policy is malformed: \(reason)"
        case .unsigned(let error): "the policy is not signed by this wallet's owner: \(error)"
        case .wrongWallet(let expected, let found):
            "the policy is for wallet \(found), this one is \(expected)"
        case .staleSequence(let inForce, let found):
            "policy \(found) is not newer than \(inForce), which is in force"
        }
    }
}
