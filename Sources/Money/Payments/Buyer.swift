internal import Encoding
public import Ledger
public import Solana
public import Wallet
public import World

/// Buys over x402 `exact`: quote, policy, reservation, signature, journal, send, outcome, in this order.
public struct Buyer: Sendable {
    let ledger: PaymentLedger
    let wallet: UnlockedWallet
    let rpc: RPCClient
    let network: Network
    let web: any Web
    let timeline: any Timeline
    let entropy: any Entropy
    let reconciler: Reconciler
    /// One voucher at a time is on its way in each channel.
    let locks = NamedLocks()
    let mints = MintBook()

    /// - Parameter witnesses: further nodes of the network; see ``Reconciler``.
    public init(
        ledger: PaymentLedger, wallet: UnlockedWallet, rpc: RPCClient, witnesses: [RPCClient] = [],
        network: Network, web: any Web, timeline: any Timeline, entropy: any Entropy
    ) {
        self.ledger = ledger
        self.wallet = wallet
        self.rpc = rpc
        self.network = network
        self.web = web
        self.timeline = timeline
        self.entropy = entropy
        self.reconciler = Reconciler(ledger: ledger, rpc: rpc, witnesses: witnesses)
    }

    /// The wallet's address as a payer.
    public var payer: Address { Address(self.wallet.publicKey(.payment)) }

    /// Buys, or goes on with the same purchase after a crash. See ``PurchaseEnd`` for the ends.
    public func buy(_ order: Order) async throws -> PurchaseEnd {
        // Nothing leaves before a payment is journalled; what is read here may get to the disk with it.
        let known = try await self.ledger.peek { try $0.intent(of: order.purchase) }
        if let known, known.isLive, known.state != .reserved,
            let payment = try await self.ledger.peek({ try $0.payment(known) })
        {
            guard let channel = payment.channel else { return try await self.follow(payment, order) }
            return try await self.locks.alone(channel) { try await self.follow(payment, order) }
        }
        let quote: Quote
        switch try await self.quote(order) {
        case .priced(let priced, .exact): quote = priced
        case .priced(let priced, let rail): return try await self.buyFromChannel(priced, rail, order)
        case .ended(let purchase): return purchase
        }
        switch try await self.prepare(quote) {
        case .signed(let payment): return try await self.follow(payment, order)
        case .stopped(let purchase): return purchase
        }
    }

    /// Asks for the price and shows what would be signed for it now. Reserves nothing and signs nothing.
    public func preview(_ order: Order) async throws -> Preview {
        switch try await self.quote(order) {
        case .ended(let purchase): return .ended(purchase)
        case .priced(let quote, let rail):
            let recent = try await self.rpc.latestBlockhash(.confirmed)
            let channel: String?
            let message: [UInt8]
            switch rail {
            case .exact:
                do {
                    let program = try await self.mints.tokenProgram(
                        of: quote.mint, as: quote.asset, from: self.rpc)
                    (channel, message) = (nil, try self.message(quote, recent, program))
                    try await self.foresee(message)
                } catch let error as X402Error {
                    return .ended(.unpaid(reason: "\(error)"))
                }
            case .channel(let record, _):
                let voucher = ChannelVoucher(
                    channel: try Address(record.id), cumulative: record.spent + quote.proposal.amount)
                (channel, message) = (record.id, voucher.bytes)
            case .opening(let deposit):
                let terms = try self.terms(quote, at: order.request.url, recent)
                guard let id = terms.config.seeds(feePayer: terms.feePayer).derived?.address else {
                    return .ended(.unpaid(reason: "the channel has no address; try again"))
                }
                channel = nil
                message = try self.setup(quote, id, terms, deposit, isNew: true, recent)
            case .topUp(let record, let terms, let amount):
                channel = record.id
                message = try self.setup(quote, Address(record.id), terms, amount, isNew: false, recent)
            }
            let verdict = try await self.ledger.foresee(quote.proposal, from: channel)
            return .wouldSign(quote, verdict, message: message)
        }
    }

    /// Books what the owner sent to the wallet, for every token that the policy knows.
    /// - Returns: what the chain has of each, in atomic units.
    @discardableResult
    public func bookDeposits() async throws -> [(asset: Asset, amount: UInt64)] {
        var faults: [BookFault] = []
        return try await self.bookDeposits(noting: &faults)
    }

    func bookDeposits(noting faults: inout [BookFault]) async throws -> [(asset: Asset, amount: UInt64)] {
        var amounts: [(asset: Asset, amount: UInt64)] = []
        _ = try await self.rpc.slot()
        for asset in try await self.ledger.read({ try $0.assets() }) {
            guard let mint = SolanaNames.mint(of: asset, on: self.network) else { continue }
            var found: [BookFault] = []
            _ = try await BookFault.apart("token \(asset.id)", noting: &faults) {
                // A token that is refused when it is paid with is still counted.
                let program = try await self.programOfDeposits(mint)
                let account = Address.associatedToken(owner: self.payer, mint: mint, tokenProgram: program)
                let amount = try await self.reconciler.bookDeposits(of: asset, account: account, mint: mint) {
                    try await self.bookEndedChannels(in: asset, noting: &found)
                }
                amounts.append((asset, amount))
            }
            faults += found
        }
        let sol = SolanaNames.sol(on: self.network)
        if try await self.ledger.read({ try $0.assets().contains { $0.id == sol.id } }) {
            _ = try await BookFault.apart("token \(sol.id)", noting: &faults) {
                // What the wallet pays fees with itself.
                let account = Address(self.wallet.publicKey(.sponsor))
                amounts.append(
                    (sol, try await self.reconciler.bookDeposits(of: sol, account: account, mint: nil)))
            }
        }
        return amounts
    }

    /// Of a token that this chain does not have there is nothing to count.
    private func programOfDeposits(_ mint: Address) async throws -> Address {
        do {
            return try await self.mints.mint(at: mint, from: self.rpc).tokenProgram
        } catch is X402Error {
            return .tokenProgram
        }
    }

    /// How long a seller is waited for at most, in seconds.
    private static let longestWork = 600

    /// Sends a request with its payment.
    /// - Returns: the seller's answer and what it says of the payment, or why there is no answer.
    func present(
        _ payload: [UInt8], with request: WebRequest
    ) async throws -> (WebResponse?, SettlementResponse?, silence: String?) {
        var request = request
        request.headers.append(Header(X402.signatureHeader, Base64.standard.encode(payload)))
        // A seller may work as long as it said that it would; giving up earlier only asks it twice.
        if let said = (try? PaymentPayload(bytes: payload))?.accepted.maxTimeoutSeconds {
            request.timeout = max(request.timeout, .seconds(min(max(said, 0), Self.longestWork) + 10))
        }
        do throws(WebError) {
            let response = try await self.web.send(request)
            let claim = response.header(X402.responseHeader).flatMap { try? SettlementResponse(header: $0) }
            return (response, claim, nil)
        } catch {
            if error == .cancelled { throw CancellationError() }
            return (nil, nil, "\(error)")
        }
    }

    /// Why the seller did not answer with what was bought, in its own words where it has some.
    static func refusal(_ response: WebResponse, _ claim: SettlementResponse?) -> String {
        let again = response.header(X402.requiredHeader).flatMap { try? PaymentRequired(header: $0) }
        let words = claim?.errorMessage ?? claim?.errorReason ?? again?.error
        return "status \(response.status)" + (words.map { ": \($0)" } ?? "")
    }

    /// The token account that a journalled payment draws on, read from its bytes.
    static func payingAccount(_ payment: JournalledPayment) throws -> Address {
        for content in InstructionContent.contents(of: try TransactionMessage(decoding: payment.message)) {
            switch content {
            case .transferChecked(let transfer): return transfer.source
            case .openChannel(let opening): return opening.source
            case .topUpChannel(_, _, let source, _, _, _, _): return source
            case .requestCloseOfChannel(_, let channel): return channel
            default: continue
            }
        }
        throw X402Error.malformed("the journalled message pays nothing")
    }
}
