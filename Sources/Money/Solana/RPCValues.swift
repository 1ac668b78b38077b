public import Encoding

/// How sure the cluster is of a block.
public enum Commitment: String, Sendable, Hashable, Comparable, CaseIterable {
    /// One node executed it; it may still vanish.
    case processed
    /// Two thirds of the stake voted for it.
    case confirmed
    /// It cannot be undone.
    case finalized

    /// Less sure first.
    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// A blockhash to build on.
public struct LatestBlockhash: Sendable, Hashable {
    /// Goes into the message.
    public let blockhash: Blockhash
    /// The last block that a transaction with this hash can be part of.
    public let lastValidBlockHeight: UInt64
    /// The slot that the node answered for.
    public let slot: UInt64

    public init(blockhash: Blockhash, lastValidBlockHeight: UInt64, slot: UInt64) {
        self.blockhash = blockhash
        self.lastValidBlockHeight = lastValidBlockHeight
        self.slot = slot
    }
}

/// What became of a transaction. Look at ``err`` first: a failed transaction is confirmed and finalized, too.
public struct SignatureStatus: Sendable, Equatable {
    /// Of the block that contains it.
    public let slot: UInt64
    /// Blocks on top; nil once final.
    public let confirmations: UInt64?
    /// Why it failed; nil when it did what it says. It paid its fee in both cases.
    public let err: JSON?
    /// `processed`, `confirmed` or `finalized`; another word counts as no confirmation.
    public let confirmationStatus: String

    public init(slot: UInt64, confirmations: UInt64?, err: JSON?, confirmationStatus: String) {
        self.slot = slot
        self.confirmations = confirmations
        self.err = err
        self.confirmationStatus = confirmationStatus
    }

    /// Whether the transaction succeeded and `commitment` is reached.
    public func succeeded(at commitment: Commitment) -> Bool {
        guard self.err == nil, let reached = Commitment(rawValue: self.confirmationStatus) else {
            return false
        }
        return reached >= commitment
    }
}

/// The outcome of a simulation.
public struct SimulationResult: Sendable, Equatable {
    /// Why it would fail now.
    public let err: JSON?
    /// What the programs said.
    public let logs: [String]
    /// Compute units used.
    public let units: UInt64

    public init(err: JSON?, logs: [String], units: UInt64) {
        self.err = err
        self.logs = logs
        self.units = units
    }
}

/// Tokens in one account.
public struct TokenBalance: Sendable, Hashable {
    /// In atomic units.
    public let amount: UInt64
    /// Of the mint.
    public let decimals: UInt8

    public init(amount: UInt64, decimals: UInt8) {
        self.amount = amount
        self.decimals = decimals
    }
}

/// An account as it stands on the chain.
public struct AccountInfo: Sendable, Hashable {
    /// The balance.
    public let lamports: UInt64
    /// The program that may change it.
    public let owner: Address
    /// The program's own encoding.
    public let data: [UInt8]
    /// Whether it is a program.
    public let executable: Bool

    public init(lamports: UInt64, owner: Address, data: [UInt8], executable: Bool) {
        self.lamports = lamports
        self.owner = owner
        self.data = data
        self.executable = executable
    }
}

/// A transaction from the chain's history.
public struct ConfirmedTransaction: Sendable, Equatable {
    /// Of the block that contains it.
    public let slot: UInt64
    /// Seconds since 1970, as the validators estimate it.
    public let blockTime: Int64?
    /// Why it failed; nil when it did what it says.
    public let err: JSON?
    /// Lamports that the fee payer paid.
    public let fee: UInt64?
    /// As it is on the wire, whatever its version.
    public let bytes: [UInt8]
    /// Nil when the bytes are of a kind that this module does not read.
    public let transaction: Transaction?

    public init(slot: UInt64, blockTime: Int64?, err: JSON?, fee: UInt64?, bytes: [UInt8]) {
        self.slot = slot
        self.blockTime = blockTime
        self.err = err
        self.fee = fee
        self.bytes = bytes
        self.transaction = try? Transaction(decoding: bytes)
    }
}

/// One line of an address's history.
public struct AddressActivity: Sendable, Equatable {
    /// The transaction's id.
    public let signature: String
    /// Of the block that contains it.
    public let slot: UInt64
    /// Why it failed; nil when it did what it says.
    public let err: JSON?
    /// All memos as the node joins them: `[5] hello; [2] hi`, lengths in bytes.
    public let memo: String?

    public init(signature: String, slot: UInt64, err: JSON?, memo: String?) {
        self.signature = signature
        self.slot = slot
        self.err = err
        self.memo = memo
    }
}
