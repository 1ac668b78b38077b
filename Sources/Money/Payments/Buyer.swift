internal import Encoding
public import Ledger
internal import Wallet
package import World

/// Buys over x402: quote, policy, reservation, signature, journal, send, outcome, in this order. What a
/// network is like only its ``Rail`` knows.
public struct Buyer: Sendable {
    let ledger: PaymentLedger
    let web: any Web
    let timeline: any Timeline
    let rails: [any Rail]

    /// - Parameter rails: at least one; each of another network.
    package init(ledger: PaymentLedger, rails: [any Rail], web: any Web, timeline: any Timeline) {
        self.ledger = ledger
        self.rails = rails
        self.web = web
        self.timeline = timeline
    }

    /// The networks that are paid on, as CAIP-2 names them.
    package var networks: [String] { self.rails.map(\.network) }

    /// The rail of an asset, which CAIP-19 begins with its network.
    func rail(of asset: Asset) throws -> any Rail {
        guard let rail = self.rails.first(where: { asset.id.hasPrefix($0.network + "/") }) else {
            throw X402Error.malformed("\(asset.id) is of a network that this wallet does not pay on")
        }
        return rail
    }

    /// Buys, or goes on with the same purchase after a crash. See ``PurchaseEnd`` for the ends.
    ///
    /// While a payment for it is on its way, or nobody knows what became of it, nothing else is tried for the
    /// same purchase: on no network.
    public func buy(_ order: Order) async throws -> PurchaseEnd {
        // Nothing leaves before a payment is journalled; what is read here may get to the disk with it.
        let known = try await self.ledger.peek { try $0.intent(of: order.purchase) }
        if let known, known.isLive, known.state != .reserved,
            let payment = try await self.ledger.peek({ try $0.payment(known) })
        {
            let rail = try self.rail(of: payment.proposal.asset)
            return try await rail.alone(with: payment) {
                try await self.follow(order, on: rail) { .signed(payment) }
            }
        }
        switch try await self.quote(order) {
        case .ended(let purchase): return purchase
        case .priced(let way):
            let rail = try self.rail(of: way.quote.asset)
            return try await way.pay(for: order) { try await self.follow(order, on: rail, $0) }
        }
    }

    /// Asks for the price and shows what would be signed for it now. Reserves nothing and signs nothing.
    public func preview(_ order: Order) async throws -> Preview {
        switch try await self.quote(order) {
        case .ended(let purchase): return .ended(purchase)
        case .priced(let way):
            do {
                let (message, channel) = try await way.preview(for: order)
                let verdict = try await self.ledger.foresee(way.quote.proposal, from: channel)
                return .wouldSign(way.quote, verdict, message: message)
            } catch let error as X402Error {
                return .ended(.unpaid(reason: "\(error)"))
            }
        }
    }

    /// Books what the owner sent to the wallet, for every asset that the policy knows.
    /// - Returns: what the chains have of each, in atomic units.
    @discardableResult
    public func bookDeposits() async throws -> [(asset: Asset, amount: UInt64)] {
        var faults: [BookFault] = []
        return try await self.bookDeposits(noting: &faults)
    }

    func bookDeposits(noting faults: inout [BookFault]) async throws -> [(asset: Asset, amount: UInt64)] {
        var amounts: [(asset: Asset, amount: UInt64)] = []
        for rail in try await self.answering(noting: &faults) {
            amounts += try await rail.holdings(noting: &faults)
        }
        return amounts
    }

    /// Returns when all networks answer.
    /// - Throws: ``ChainError`` of the first that does not.
    package func greet() async throws {
        for rail in self.rails { try await rail.greet() }
    }

    /// Sends what is above the owner's ceilings back to the owner, by the policy's `sweep`. A sweep that was
    /// interrupted is gone on with first.
    /// - Returns: what was done; empty when nothing is above a ceiling.
    public func sweep() async throws -> [Sweeping] {
        guard let policy = await self.ledger.policyInForce else { return [] }
        var done: [Sweeping] = []
        for rule in policy.sweeps {
            guard let asset = policy.assets.first(where: { $0.id == rule.asset }) else { continue }
            do {
                if let result = try await self.rail(of: asset).sweep(asset, rule) { done.append(result) }
            } catch  where error is any ChainError || error is WebError || error is X402Error {
                done.append(.waits(asset: asset, reason: "\(error)"))
            }
        }
        return done
    }

    // MARK: Channels

    /// Asks the seller for the rest of a channel's deposit, and books what the chain shows. Vouchers whose
    /// answer was lost are cleared up on the way: the seller shows what it accepted.
    ///
    /// - Parameter seller: where the seller is asked; nil where it was bought from.
    /// - Throws: `LedgerError.unknownChannel`; what says that the chain cannot be asked.
    public func closeChannel(_ id: String, at seller: String? = nil) async throws -> ChannelClosing {
        try await self.rail(ofChannel: id).closeChannel(id, at: seller)
    }

    /// Closes a channel without its seller, step by step: asks the chain, waits for the grace period that
    /// the seller has for its last voucher, and fetches the rest. Each call does what can be done now.
    public func forceClose(_ id: String) async throws -> ChannelClosing {
        try await self.rail(ofChannel: id).forceClose(id)
    }

    /// Looks on the chains for payment channels of this wallet that the ledger does not know, because it was
    /// lost: their deposits are booked as found, what the chain shows as settled as spent, and nothing more
    /// is spent from them. They can be closed, with their sellers or without.
    public func recoverChannels() async throws -> [ChannelFinding] {
        var findings: [ChannelFinding] = []
        for rail in self.rails { findings += try await rail.recoverChannels() }
        return findings
    }

    private func rail(ofChannel id: String) async throws -> any Rail {
        guard let record = try await self.ledger.read({ try $0.channel(id) }) else {
            throw LedgerError.unknownChannel(id)
        }
        return try self.rail(of: record.asset)
    }
}

extension Web {
    /// How long a seller is waited for at most, in seconds.
    private static var longestWork: Int { 600 }

    /// Sends a request with its payment.
    /// - Returns: the seller's answer and what it says of the payment, or why there is no answer.
    package func present(
        _ payload: [UInt8], with request: WebRequest
    ) async throws -> (WebResponse?, SettlementResponse?, silence: String?) {
        var request = request
        request.headers.append(Header(X402.signatureHeader, Base64.standard.encode(payload)))
        // A seller may work as long as it said that it would; giving up earlier only asks it twice.
        if let said = (try? PaymentPayload(bytes: payload))?.accepted.maxTimeoutSeconds {
            request.timeout = max(request.timeout, .seconds(min(max(said, 0), Self.longestWork) + 10))
        }
        do throws(WebError) {
            let response = try await self.send(request)
            let claim = response.header(X402.responseHeader).flatMap { try? SettlementResponse(header: $0) }
            return (response, claim, nil)
        } catch {
            if error == .cancelled { throw CancellationError() }
            return (nil, nil, "\(error)")
        }
    }
}

extension WebResponse {
    /// Why the seller did not answer with what was bought, in its own words where it has some.
    package func refusal(_ claim: SettlementResponse?) -> String {
        let again = self.header(X402.requiredHeader).flatMap { try? PaymentRequired(header: $0) }
        let words = claim?.errorMessage ?? claim?.errorReason ?? again?.error
        return "status \(self.status)" + (words.map { ": \($0)" } ?? "")
    }
}
