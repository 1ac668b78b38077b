package import Encoding
package import Sodium

/// On what terms a seller takes vouchers of payment channels.
public struct ChannelSales: Sendable, Hashable {
    /// Seconds that a customer waits for the rest of a deposit when the node does not answer.
    public let withdrawDelay: UInt32
    /// What customers are asked to put in, in atomic units.
    public let minDeposit: UInt64?
    /// How long a voucher waits before it is redeemed, in seconds.
    public let claimSeconds: Int
    /// After how many seconds without a payment a channel is closed, its rest and our rent given back; nil
    /// waits for the customer.
    public let maxIdleSeconds: UInt32?

    public init(
        withdrawDelay: UInt32 = 86_400, minDeposit: UInt64? = nil, claimSeconds: Int = 600,
        maxIdleSeconds: UInt32? = nil
    ) {
        self.maxIdleSeconds = maxIdleSeconds
        self.withdrawDelay = withdrawDelay
        self.minDeposit = minDeposit
        self.claimSeconds = claimSeconds
    }

    /// The least deposit: where none is set, ten times the least that is sold, since a channel's rent is lent
    /// for it.
    package func leastDeposit(selling price: UInt64) -> UInt64 {
        let (least, overflow) = price.multipliedReportingOverflow(by: 10)
        return self.minDeposit ?? (overflow ? price : least)
    }
}

/// A channel that a customer pays from, as the seller keeps it: what is charged, and the voucher for it.
package struct SoldChannel: Sendable {
    package let id: String
    /// CAIP-2; empty in books that know one network alone.
    package let network: String
    /// What the channel is, as each payment from it says it.
    package let facts: JSON
    /// Confirmed on the chain, in atomic units.
    package let deposit: UInt64
    /// Accepted in all.
    package let charged: UInt64
    /// Redeemed on the chain.
    package let claimed: UInt64
    /// The customer's, over `charged`; nil before the first voucher.
    package let signature: Signature?
    package let isOpen: Bool
    /// Of the first voucher that is not redeemed, in milliseconds since 1970.
    package let owedSince: Int64
    /// Of the last deposit or voucher, in milliseconds since 1970.
    package let activeAt: Int64

    /// As the chain shows it to a shop that has no books of it: nobody is charged for what is not in them.
    package init(_ id: String, on network: String, _ facts: JSON, _ state: ChannelState) {
        self.init(
            id: id, network: network, facts: facts, deposit: state.deposit, charged: state.settled,
            claimed: state.settled, signature: nil, isOpen: state.phase == .open, owedSince: 0, activeAt: 0)
    }

    package init(
        id: String, network: String, facts: JSON, deposit: UInt64, charged: UInt64, claimed: UInt64,
        signature: Signature?, isOpen: Bool, owedSince: Int64, activeAt: Int64
    ) {
        self.id = id
        self.network = network
        self.facts = facts
        self.deposit = deposit
        self.charged = charged
        self.claimed = claimed
        self.signature = signature
        self.isOpen = isOpen
        self.owedSince = owedSince
        self.activeAt = activeAt
    }

    /// This with more in it.
    package func filled(with amount: UInt64) throws(X402Error) -> SoldChannel {
        let (sum, overflow) = self.deposit.addingReportingOverflow(amount)
        guard !overflow else {
            throw .invalid(code: BatchSettlement.prefix + "deposit_amount", reason: "too much is deposited")
        }
        return SoldChannel(
            id: self.id, network: self.network, facts: self.facts, deposit: sum, charged: self.charged,
            claimed: self.claimed, signature: self.signature, isOpen: self.isOpen, owedSince: self.owedSince,
            activeAt: self.activeAt)
    }

    /// As the books have it.
    package var standing: ChannelStanding {
        ChannelStanding(
            channel: self.id, balance: self.deposit, claimed: self.claimed, charged: self.charged)
    }

    /// What the chain shows of it.
    package var chainStanding: ChannelStanding {
        ChannelStanding(channel: self.id, balance: self.deposit, claimed: self.claimed, charged: nil)
    }
}
