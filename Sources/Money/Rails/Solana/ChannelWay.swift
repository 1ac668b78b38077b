internal import ChainNodes
internal import Encoding
internal import Ledger
internal import Payments
internal import Solana
internal import Wallet
internal import World

/// Paying a quote with a voucher of a channel.
struct ChannelWay: Way {
    enum Plan: Sendable {
        /// A voucher of a channel that is open.
        case spend(ChannelRecord, ChannelTerms)
        /// The first voucher of a new channel, with its deposit.
        case open(deposit: UInt64)
        /// A voucher of an open channel that is filled with so much more.
        case topUp(ChannelRecord, ChannelTerms, amount: UInt64)
    }

    let quote: Quote
    private let rail: SolanaRail
    private let plan: Plan

    init(_ quote: Quote, on rail: SolanaRail, _ plan: Plan) {
        self.quote = quote
        self.rail = rail
        self.plan = plan
    }

    var channel: String? { if case .spend(let record, _) = self.plan { record.id } else { nil } }

    func preview(for order: Order) async throws -> (message: [UInt8], channel: String?) {
        switch self.plan {
        case .spend(let record, _):
            let voucher = ChannelVoucher(
                channel: try Address(record.id), cumulative: record.spent + self.quote.proposal.amount)
            return (voucher.bytes, record.id)
        case .open(let deposit):
            let recent = try await self.rail.rpc.latestBlockhash(.confirmed)
            let terms = try self.rail.terms(self.quote, at: order.request.url, recent)
            let id = try Self.address(of: terms)
            return (try self.setup(id, terms, deposit, series: 0, recent), nil)
        case .topUp(let record, let terms, let amount):
            let recent = try await self.rail.rpc.latestBlockhash(.confirmed)
            return (
                try self.setup(Address(record.id), terms, amount, series: 1, recent), record.id
            )
        }
    }

    private static func address(of terms: ChannelTerms) throws -> Address {
        guard let id = terms.config.seeds(feePayer: terms.feePayer).derived?.address else {
            throw X402Error.malformed("the channel has no address; try again")
        }
        return id
    }

    func pay(
        for order: Order, _ body: (Preparation.Maker) async throws -> PurchaseEnd
    ) async throws -> PurchaseEnd {
        if case .spend(let record, let terms) = self.plan {
            return try await self.rail.locks.alone(record.id) {
                try await body { try await self.spend(record.id, terms) }
            }
        }
        guard let recent = try? await self.rail.rpc.latestBlockhash(.confirmed) else {
            return SolanaRail.silentChain
        }
        guard case .topUp(let record, let terms, let amount) = self.plan else {
            return try await self.open(for: order, recent, body)
        }
        let series = try await self.rail.ledger.read {
            try $0.lastSeries(of: .deposit(channel: record.id))
        }
        return try await self.rail.locks.alone(record.id) {
            try await body {
                try await self.fill(
                    try Address(record.id), terms, amount, (series ?? 0) + 1, recent, order)
            }
        }
    }

    private func open(
        for order: Order, _ recent: LatestBlockhash,
        _ body: (Preparation.Maker) async throws -> PurchaseEnd
    ) async throws -> PurchaseEnd {
        guard case .open(let deposit) = self.plan else { return .unpaid(reason: "no channel is opened") }
        let terms = try self.rail.terms(self.quote, at: order.request.url, recent)
        if let reason = try await self.rail.tokenFault(self.quote, terms) { return .unpaid(reason: reason) }
        let id: Address
        do {
            id = try Self.address(of: terms)
        } catch {
            return .unpaid(reason: "\(error)")
        }
        return try await self.rail.locks.alone(id.description) {
            try await self.rail.ledger.prepareChannel(
                id.description, payee: self.quote.proposal.payee, asset: self.quote.asset, terms: terms.bytes)
            let purchase = try await body { try await self.fill(id, terms, deposit, 0, recent, order) }
            try await self.rail.ledger.dropUnsignedDeposit(into: id.description)
            return purchase
        }
    }

    /// Pays with the next voucher of an open channel.
    private func spend(_ id: String, _ terms: ChannelTerms) async throws -> Preparation {
        try await Preparation.of(self.quote.proposal, from: id, in: self.rail.ledger) { authorization in
            let intent = authorization.intent
            return .signed(
                try await self.rail.sign(authorization, id) {
                    self.rail.payload(self.quote, .voucher, terms, $0, intent)
                })
        }
    }

    /// Pays with a deposit and the voucher that spends the first of it: both are reserved before either is
    /// signed, and both are on disk before one byte leaves.
    private func fill(
        _ id: Address, _ terms: ChannelTerms, _ amount: UInt64, _ series: UInt32,
        _ recent: LatestBlockhash, _ order: Order
    ) async throws -> Preparation {
        let quote = self.quote
        let proposal = Proposal(
            Purchase(.deposit(channel: id.description), series: series),
            Terms(payee: quote.proposal.payee, asset: quote.asset, amount: amount),
            note: "escrow for \(order.note)")
        let message = try self.setup(id, terms, amount, series: series, recent)
        do {
            try await self.rail.foresee(message)
        } catch let error as X402Error {
            return .stopped(.unpaid(reason: "\(error)"))
        } catch is ChainNodeError {
            return .stopped(SolanaRail.silentChain)
        }
        let deposit: Authorization
        switch try await self.rail.ledger.authorize(proposal) {
        case .authorized(let authorization): deposit = authorization
        case .denied(let denial): return .stopped(.denied(denial))
        // The address of a channel is good for minutes: who approves it would come too late.
        case .waiting(_, let denial): return .stopped(.denied(denial))
        case .differs(let record): return .stopped(.denied(record.difference))
        case .inFlight: return .stopped(.unpaid(reason: "the channel is being filled already"))
        case .settled: return .stopped(.unpaid(reason: "the channel is filled already"))
        }
        let voucher: Authorization
        let decision: Decision
        do {
            decision = try await self.rail.ledger.authorize(quote.proposal, from: id.description)
        } catch {
            // Another voucher of the channel is on its way: then nothing is filled either.
            try await self.rail.ledger.release(deposit, reason: "\(error)")
            throw error
        }
        switch consume decision {
        case .authorized(let authorization): voucher = authorization
        case .denied(let denial):
            try await self.rail.ledger.release(deposit, reason: "the purchase is not allowed: \(denial)")
            return .stopped(.denied(denial))
        case .waiting(let id, let denial):
            try await self.rail.ledger.release(deposit, reason: "the purchase waits: \(denial)")
            return .stopped(.waiting(id, denial))
        case .differs(let record):
            try await self.rail.ledger.release(deposit, reason: "the purchase is made on other terms")
            return .stopped(.denied(record.difference))
        case .inFlight(let payment):
            try await self.rail.ledger.release(deposit, reason: "the purchase is on its way already")
            return .stopped(.open(payment.intent, reason: "the same purchase is on its way already"))
        case .settled(let record):
            try await self.rail.ledger.release(deposit, reason: "the purchase is made already")
            return .paid(record)
        }
        return .signed(
            try await self.rail.sign(deposit, voucher, quote, id, terms, message, recent))
    }

    /// The message that fills a channel, read back from its bytes by a decoder that shares no code with the
    /// builder.
    /// - Parameter series: 0 opens the channel, more add to it.
    private func setup(
        _ id: Address, _ terms: ChannelTerms, _ amount: UInt64, series: UInt32, _ recent: LatestBlockhash
    ) throws -> [UInt8] {
        let rail = self.rail
        let purchase = Purchase(.deposit(channel: id.description), series: series)
        let bytes = try ChannelSetup.message(
            opening: series == 0, id, terms, amount: amount, memo: rail.memo(for: self.quote, purchase),
            nonce: try rail.nonce(for: purchase),
            recentBlockhash: recent.blockhash
        ).bytes
        let setup = try ChannelSetup(decoding: try TransactionMessage(decoding: bytes))
        try setup.fills(
            id, terms.config, amount: amount, tokenProgram: terms.tokenProgram,
            memo: self.quote.requirements.memo)
        guard setup.payer == rail.address, setup.feePayer == terms.feePayer else {
            throw X402Error.malformed("the message is not ours")
        }
        return bytes
    }
}
