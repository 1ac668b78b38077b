package import Encoding
package import Ledger
package import Sodium

/// One network that is sold on: how money is asked for there, and how a payment is brought to its chain. A
/// shop does the same with each.
package protocol SellingRail: Sendable {
    /// CAIP-2.
    var network: String { get }
    /// What is asked for, as the books name it.
    var asset: Asset { get }
    /// The same as x402 names it there: a mint, a contract.
    var assetName: String { get }
    /// The account that is paid, as x402 names it.
    var payTo: String { get }
    /// Whether a signed payment says what it is for. Where it does not, the shop writes that down before the
    /// payment can happen.
    var carriesMemo: Bool { get }
    /// How much may be at risk for customers, in the smallest unit of what fees are paid in.
    var transferBounds: FeeBounds { get }
    /// How vouchers are taken; nil where they are not.
    var channels: (any ChannelSelling)? { get }

    // MARK: What is asked

    /// A price, for a payment of its own.
    /// - Parameter memo: what it is for, so that nobody who sees it can spend it for something else.
    func requirements(_ amount: UInt64, memo: String) -> PaymentRequirements
    /// What `GET /supported` says about this network.
    var supported: FacilitatorSupport { get }

    // MARK: What is paid

    /// Who signed a payment, and what; nothing else of it is checked.
    /// - Throws: `X402Error.malformed`.
    func signed(_ payload: PaymentPayload) throws(X402Error) -> SignedPayment
    /// Whether this very payment was taken before: then it is asked about again, at no further cost.
    func knows(_ payload: PaymentPayload) async throws -> Bool
    /// Checks a payment without moving anything.
    /// - Throws: `X402Error` with the code of the broken rule, ``ChainError`` when the network cannot be
    ///   asked.
    func verify(_ payload: PaymentPayload, against requirements: PaymentRequirements) async throws
    /// Brings a payment to the chain and waits until it is confirmed. The same payment again gives the same
    /// transaction.
    func settle(
        _ payload: PaymentPayload, against requirements: PaymentRequirements
    ) async throws -> SettlementResponse

    // MARK: The books

    /// Books what came to the account that fees are paid from.
    func bookDeposits() async throws
    /// Books what became of fees whose outcome was left open.
    /// - Returns: what could not be cleared up now.
    func sweep() async throws -> [BookFault]
}

/// Selling for vouchers on one network (x402 `batch-settlement`): what its chain and its messages have to do
/// with it. What is charged is the shop's business.
package protocol ChannelSelling: Sendable {
    /// How much may be at risk for deposits, in the smallest unit of what fees are paid in.
    var depositBounds: FeeBounds { get }
    /// What ending a channel costs, in the same.
    var sealingCost: UInt64 { get }
    /// The least that is put in, in atomic units of what is sold for.
    var minDeposit: UInt64 { get }
    var terms: ChannelSales { get }

    /// A price, for a voucher.
    /// - Parameter channel: whose standing a client is told that counts otherwise.
    func requirements(_ amount: UInt64, correcting channel: SoldChannel?) -> PaymentRequirements
    /// Reads a payment, which names one of our channels and is signed by its key.
    /// - Throws: `X402Error` with the code of the broken rule.
    func read(_ payload: PaymentPayload) throws(X402Error) -> VoucherPayment
    /// Whether a payment asks for the rest of a deposit; nothing else of it is checked.
    func isRefund(_ payload: PaymentPayload) -> Bool
    /// A channel as it is confirmed; nil when there is none.
    /// - Throws: `X402Error` when it is another one than `facts` says, ``ChainError``.
    func account(of channel: String, _ facts: JSON) async throws -> ChannelState?
    /// Whether this very deposit was taken before: then it is asked about again, and not checked against what
    /// it has changed.
    func knows(_ deposit: VoucherPayment) async throws -> Bool
    /// Checks a deposit without moving anything.
    /// - Returns: what it takes from us.
    func verify(
        _ deposit: VoucherPayment, against requirements: PaymentRequirements
    ) async throws -> UInt64
    /// Brings a deposit to the chain. The same again gives the same transaction.
    func deposit(
        _ deposit: VoucherPayment, against requirements: PaymentRequirements
    ) async throws -> SettlementResponse
    /// Shows the newest voucher to the chain, and pays out what it promised.
    func redeem(_ channel: SoldChannel) async throws -> SettlementResponse
    /// Ends a channel: pays out what is owed, the rest goes back to the payer.
    /// - Parameter showing: whether the newest voucher promises more than the chain knows.
    func seal(_ channel: SoldChannel, showing: Bool) async throws -> SettlementResponse
}

/// How much of the network's own money each payer may have at risk: fees and rents that were paid for a
/// payment, until the payment brought its price.
package struct FeeBounds: Sendable {
    /// Of one payer.
    package let payer: UInt64
    /// Of all together that never paid.
    package let strangers: UInt64

    package init(payer: UInt64, strangers: UInt64) {
        self.payer = payer
        self.strangers = strangers
    }
}

/// What a facilitator says about a network (x402 `GET /supported`).
package struct FacilitatorSupport: Sendable {
    /// x402 `kinds`.
    package let kinds: [JSON]
    /// The addresses that sign for it, below a pattern of networks.
    package let signers: (pattern: String, addresses: [String])

    package init(kinds: [JSON], signers: (pattern: String, addresses: [String])) {
        self.kinds = kinds
        self.signers = signers
    }

    /// The answer about several networks.
    package static func json(_ networks: [FacilitatorSupport]) -> JSON {
        var signers: JSON = [:]
        for (pattern, addresses) in networks.map(\.signers) {
            signers[pattern] = .array(addresses.map { .string($0) })
        }
        return [
            "kinds": .array(networks.flatMap(\.kinds)),
            "extensions": [.string(X402.identifierExtension), .string(OfferReceipt.name)],
            "signers": signers,
        ]
    }
}

/// Who signed, and what.
package struct SignedPayment: Sendable, Hashable {
    /// Nil where the payload does not say it.
    package let payer: String?
    /// Hex digest of the signed message: what the payment is known by.
    package let key: String
    /// What bringing it to the chain takes from us, in the smallest unit of what fees are paid in.
    package let cost: UInt64

    package init(payer: String?, key: String, cost: UInt64) {
        self.payer = payer
        self.key = key
        self.cost = cost
    }
}

/// A payment from a channel, as the shop understands it.
package struct VoucherPayment: Sendable {
    package enum Kind: Sendable, Hashable {
        /// Opens the channel or adds to it, and pays.
        case deposit(amount: UInt64)
        case voucher
        /// Pays nothing: asks for the rest of the deposit.
        case refund
    }

    package let kind: Kind
    package let channel: String
    package let payer: String
    /// What the channel is, as each payment from it says it.
    package let facts: JSON
    /// What the voucher promises in all, in atomic units.
    package let cumulative: UInt64
    package let signature: Signature
    /// The transaction of a deposit, as it came.
    package let transaction: [UInt8]

    package init(
        _ kind: Kind, channel: String, payer: String, facts: JSON, cumulative: UInt64, signature: Signature,
        transaction: [UInt8] = []
    ) {
        self.kind = kind
        self.channel = channel
        self.payer = payer
        self.facts = facts
        self.cumulative = cumulative
        self.signature = signature
        self.transaction = transaction
    }

    package var commitment: String { Self.commitment(self.channel, self.cumulative) }

    /// How both sides name what a voucher pays for: channel and cumulative amount.
    package static func commitment(_ channel: String, _ cumulative: UInt64) -> String {
        "\(channel):\(cumulative)"
    }
}

/// A channel as its chain shows it.
package struct ChannelState: Sendable, Hashable {
    package enum Phase: Sendable, Hashable { case open, closing, ended }

    /// In atomic units.
    package let deposit: UInt64
    /// What was redeemed of it.
    package let settled: UInt64
    package let phase: Phase

    package init(deposit: UInt64, settled: UInt64, phase: Phase) {
        self.deposit = deposit
        self.settled = settled
        self.phase = phase
    }
}
