public import Ledger
package import World

/// Whoever knows a network could not be asked: nothing is known, and nothing follows from it.
package protocol ChainError: Error {
    /// Whether the caller itself gave up.
    var isCancelled: Bool { get }
    /// Whether who answers belongs to another network: that does not heal by waiting.
    var isOtherNetwork: Bool { get }
}

/// One network that is paid on: all that buying has to know about a chain. ``Buyer`` does the same with each.
package protocol Rail: Sendable {
    /// CAIP-2.
    var network: String { get }
    /// The wallet's address there.
    var payer: String { get }

    // MARK: What a seller asks for

    /// The terms of `requirements` in the ledger's words; nil for what this network, or the policy's assets,
    /// cannot pay. Decimals come from the policy, never from the seller.
    func terms(of requirements: PaymentRequirements, in assets: [Asset]) -> Terms?
    /// Which of the quotes in one asset, the cheapest first, is paid, and how; nil for none.
    func way(among quotes: [Quote], for order: Order) async throws -> (any Way)?

    // MARK: A payment that is on disk

    /// Does `body` while nobody else works with the channel that `payment` is from.
    func alone(
        with payment: JournalledPayment, _ body: () async throws -> PurchaseEnd
    ) async throws -> PurchaseEnd
    /// What the chain shows of a payment, and books it. The books are asked first: somebody else may have
    /// cleared it up meanwhile.
    /// - Parameter hint: a transaction that somebody claims; checked like everything else.
    /// - Throws: what is wrong with the ledger. A silent chain is a finding.
    func finding(of payment: JournalledPayment, hint: String?) async throws -> Purchasing.Finding
    /// How payer and payee call an accepted voucher.
    func commitment(of payment: JournalledPayment) throws -> String
    /// Signs a voucher anew, once, above one that the answer proves to be accepted.
    /// - Returns: nil when the answer does not speak of it; without a payment, why it is not believed.
    func agree(
        _ payment: JournalledPayment, _ response: WebResponse
    ) async throws -> (JournalledPayment?, reason: String)?
    /// What became of a voucher whose payee says that its channel ends. The chain decides.
    func endSeen(under payment: JournalledPayment) async throws -> Purchasing.Event

    // MARK: The books

    /// Returns when the right network answers.
    /// - Throws: ``ChainError``.
    func greet() async throws
    /// Books what the chain shows of an open payment that nobody follows.
    func reconcile(_ payment: JournalledPayment) async throws
    /// Whether somebody works with the channel.
    func isBusy(_ channel: String) async -> Bool
    /// Books what the owner sent, and channels that ended without us.
    /// - Returns: what the chain has of each asset, in atomic units.
    func holdings(noting faults: inout [BookFault]) async throws -> [(asset: Asset, amount: UInt64)]
    /// Sends what is above the owner's ceiling back to the owner; nil when nothing is.
    func sweep(_ asset: Asset, _ rule: Policy.Sweep) async throws -> Sweeping?

    // MARK: Channels

    /// Asks the seller for the rest of a channel's deposit, and books what the chain shows.
    /// - Parameter seller: where the seller is asked; nil where it was bought from.
    func closeChannel(_ id: String, at seller: String?) async throws -> ChannelClosing
    /// Closes a channel without its seller, step by step; each call does what can be done now.
    func forceClose(_ id: String) async throws -> ChannelClosing
    /// Looks on the chain for channels of this wallet that a lost ledger does not know.
    func recoverChannels() async throws -> [ChannelFinding]
}

/// A rail without channels.
extension Rail {
    package func alone(
        with payment: JournalledPayment, _ body: () async throws -> PurchaseEnd
    ) async throws -> PurchaseEnd {
        try await body()
    }

    package func commitment(of payment: JournalledPayment) throws -> String { "" }

    package func agree(
        _ payment: JournalledPayment, _ response: WebResponse
    ) async throws -> (JournalledPayment?, reason: String)? { nil }

    package func endSeen(under payment: JournalledPayment) async throws -> Purchasing.Event {
        .channelGoesOn
    }

    package func isBusy(_ channel: String) async -> Bool { false }

    package func closeChannel(_ id: String, at seller: String?) async throws -> ChannelClosing {
        throw LedgerError.unknownChannel(id)
    }

    package func forceClose(_ id: String) async throws -> ChannelClosing {
        throw LedgerError.unknownChannel(id)
    }

    package func recoverChannels() async throws -> [ChannelFinding] { [] }
}

/// One quote, and how it is paid.
package protocol Way: Sendable {
    var quote: Quote { get }
    /// The channel whose deposit pays it as it is; nil for money of its own.
    var channel: String? { get }

    /// The message that would be signed now, and the channel that it is about.
    func preview(for order: Order) async throws -> (message: [UInt8], channel: String?)
    /// Does `body` with what reserves, has signed and journals, while nobody else works with the channel.
    func pay(
        for order: Order, _ body: (Preparation.Maker) async throws -> PurchaseEnd
    ) async throws -> PurchaseEnd
}

/// How closing a channel went.
public enum ChannelClosing: Sendable, Hashable {
    /// The chain shows the end, and the rest is back in the wallet.
    case closed(redeemed: UInt64, returned: UInt64, transaction: String)
    /// The seller did not close it; the money is where it was.
    case refused(reason: String)
    /// The chain closes it without the seller: from then on, in seconds since 1970, the rest can be fetched.
    case closing(until: Int64)
}

/// What became of one channel that the chain shows to a wallet.
public enum ChannelFinding: Sendable, Equatable {
    /// The ledger knows it already.
    case known(ChannelRecord)
    /// The ledger did not know it; now it does.
    case booked(ChannelRecord)
    /// It is not booked, and why.
    case left(channel: String, reason: String)
}

/// What became of one rule of the policy's `sweep`.
public enum Sweeping: Sendable, Equatable {
    case swept(amount: UInt64, asset: Asset, to: String)
    /// Not done, or not known to be: asked for again with the next look at the books.
    case waits(asset: Asset, reason: String)
}
