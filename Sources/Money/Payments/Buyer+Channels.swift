internal import Encoding
internal import Ledger
internal import Sodium
internal import Solana
internal import Wallet
internal import World

/// Buying over x402 `batch-settlement`: one signature and one durable write for each purchase, no chain.
extension Buyer {
    /// How the chosen way to pay is gone.
    enum Rail: Sendable {
        case exact
        /// A voucher of a channel that is open.
        case channel(ChannelRecord, ChannelTerms)
        /// The first voucher of a new channel, with its deposit.
        case opening(deposit: UInt64)
        /// A voucher of an open channel that is filled with so much more.
        case topUp(ChannelRecord, ChannelTerms, amount: UInt64)

        /// The channel whose deposit pays as it is.
        var channel: String? { if case .channel(let record, _) = self { record.id } else { nil } }
    }

    /// The way to pay among `quotes`: an open channel of the seller first, then what the order wishes.
    func rail(_ quotes: [Quote], _ order: Order) async throws -> (Quote, Rail)? {
        guard order.channel != .never else { return quotes.first { !$0.isFromChannel }.map { ($0, .exact) } }
        let open = try await self.ledger.peek { view in
            try view.channels().filter { $0.state == .open }.compactMap { record in
                (try? ChannelTerms(bytes: record.terms)).map { (record, $0) }
            }
        }
        for quote in quotes where quote.isFromChannel {
            let fitting = open.filter { $1.fits(quote.requirements) && $0.asset.id == quote.asset.id }
            if let (channel, terms) = fitting.first(where: {
                $0.0.free >= Int64(clamping: quote.proposal.amount)
            }) {
                return (quote, .channel(channel, terms))
            }
            guard case .open(let wish) = order.channel, let deposit = wish.atomic(in: quote.asset),
                deposit >= quote.proposal.amount, deposit <= UInt64(Int64.max)
            else { continue }
            return (
                quote,
                fitting.first { !$0.0.isBarred }.map { .topUp($0.0, $0.1, amount: deposit) }
                    ?? .opening(deposit: deposit)
            )
        }
        return quotes.first { !$0.isFromChannel }.map { ($0, .exact) }
    }

    func buyFromChannel(_ quote: Quote, _ rail: Rail, _ order: Order) async throws -> PurchaseEnd {
        switch rail {
        case .exact: return .unpaid(reason: "no channel is used for this")
        case .channel(let record, let terms):
            return try await self.locks.alone(record.id) {
                try await self.spend(quote, record.id, terms, order)
            }
        case .opening(let deposit):
            guard let recent = try? await self.rpc.latestBlockhash(.confirmed) else {
                return Self.silentChain
            }
            let terms = try self.terms(quote, at: order.request.url, recent)
            if let reason = try await self.tokenFault(quote, terms) { return .unpaid(reason: reason) }
            guard let id = terms.config.seeds(feePayer: terms.feePayer).derived?.address else {
                return .unpaid(reason: "the channel has no address; try again")
            }
            return try await self.locks.alone(id.description) {
                try await self.ledger.prepareChannel(
                    id.description, payee: quote.proposal.payee, asset: quote.asset, terms: terms.bytes)
                let purchase = try await self.fill(quote, id, terms, deposit, 0, recent, order)
                try await self.ledger.dropUnsignedDeposit(into: id.description)
                return purchase
            }
        case .topUp(let record, let terms, let amount):
            let series = try await self.ledger.read {
                try $0.lastSeries(of: .deposit(channel: record.id))
            }
            guard let recent = try? await self.rpc.latestBlockhash(.confirmed) else {
                return Self.silentChain
            }
            return try await self.locks.alone(record.id) {
                try await self.fill(
                    quote, try Address(record.id), terms, amount, (series ?? 0) + 1, recent, order)
            }
        }
    }

    /// Why the seller's token program is not used; nil when it is the right one and harmless.
    private func tokenFault(_ quote: Quote, _ terms: ChannelTerms) async throws -> String? {
        do {
            _ = try await self.mints.tokenProgram(of: quote.mint, as: quote.asset, from: self.rpc)
            try await self.mints.check(terms.tokenProgram, moves: quote.mint, from: self.rpc)
            return nil
        } catch let error as X402Error {
            return "\(error)"
        } catch is RPCError {
            return "the chain does not answer; nothing was signed"
        }
    }

    private static let silentChain = PurchaseEnd.unpaid(
        reason: "the chain does not answer; nothing was signed")

    /// The channel that `quote` asks for, with a name of its own.
    func terms(_ quote: Quote, at url: String, _ recent: LatestBlockhash) throws -> ChannelTerms {
        guard let offer = quote.requirements.channel else {
            throw X402Error.malformed("no channel is offered")
        }
        var salt = ByteReader(self.entropy.bytes(8))
        return ChannelTerms(
            config: ChannelConfig(
                payer: self.payer, payerAuthorizer: self.voucherSigner, receiver: quote.payTo,
                receiverAuthorizer: try Address(offer.receiverAuthorizer), token: quote.mint,
                withdrawDelay: offer.withdrawDelay, salt: try salt.little(), openSlot: recent.slot),
            feePayer: quote.feePayer, tokenProgram: try Address(offer.tokenProgram),
            resource: url)
    }

    /// The address of the key that signs vouchers.
    var voucherSigner: Address { Address(self.wallet.publicKey(.voucher)) }

    // MARK: Signing

    /// Pays with the next voucher of an open channel.
    private func spend(
        _ quote: Quote, _ id: String, _ terms: ChannelTerms, _ order: Order
    ) async throws -> PurchaseEnd {
        switch try await self.ledger.authorize(quote.proposal, from: id) {
        case .denied(let denial): return .denied(denial)
        case .waiting(let id, let denial): return .waiting(id, denial)
        case .differs(let record): return .denied(record.difference)
        case .inFlight(let payment): return try await self.follow(payment, order)
        case .settled(let record): return .unanswered(record.id, reason: "paid before")
        case .authorized(let authorization):
            let intent = authorization.intent
            let payload = { (voucher: SignedVoucher) in
                self.payload(quote, .voucher, terms, voucher, intent)
            }
            let payment = try await self.sign(authorization, id, payload)
            return try await self.follow(payment, order)
        }
    }

    /// Signs and journals the next voucher of a channel.
    func sign(
        _ authorization: consuming Authorization, _ id: String,
        _ payload: (SignedVoucher) -> PaymentPayload
    ) async throws -> JournalledPayment {
        let signed = try await self.voucher(authorization, id)
        let voucher = SignedVoucher(
            try ChannelVoucher(decoding: signed.message), signature: signed.signature)
        return try await self.ledger.journal(
            signed, payload: payload(voucher).bytes, lastValidBlockHeight: .max)
    }

    private func voucher(
        _ authorization: consuming Authorization, _ id: String
    ) async throws -> SignedAttempt {
        guard let wanted = authorization.voucher else { throw LedgerError.unknownChannel(id) }
        let voucher = ChannelVoucher(
            channel: try Address(wanted.channel), cumulative: wanted.cumulative)
        return try await self.wallet.sign(authorization, message: voucher.bytes)
    }

    private func payload(
        _ quote: Quote, _ kind: ChannelPayment.Kind, _ terms: ChannelTerms, _ voucher: SignedVoucher,
        _ intent: IntentID
    ) -> PaymentPayload {
        PaymentPayload(
            resource: quote.required.resource, accepted: quote.requirements,
            content: .channel(ChannelPayment(kind, config: terms.config, voucher: voucher)),
            identifier: quote.required.wantsIdentifier ? "\(intent)-\(voucher.voucher.cumulative)" : nil,
            offer: quote.offer?.text, echo: quote.required.echo)
    }

    /// Pays with a deposit and the voucher that spends the first of it: both are reserved before either is
    /// signed, and both are on disk before one byte leaves.
    private func fill(
        _ quote: Quote, _ id: Address, _ terms: ChannelTerms, _ amount: UInt64, _ series: UInt32,
        _ recent: LatestBlockhash, _ order: Order
    ) async throws -> PurchaseEnd {
        let proposal = Proposal(
            Purchase(.deposit(channel: id.description), series: series),
            Terms(payee: quote.proposal.payee, asset: quote.asset, amount: amount),
            note: "escrow for \(order.note)")
        let message = try self.setup(quote, id, terms, amount, isNew: series == 0, recent)
        do {
            try await self.foresee(message)
        } catch let error as X402Error {
            return .unpaid(reason: "\(error)")
        } catch is RPCError {
            return Self.silentChain
        }
        let deposit: Authorization
        switch try await self.ledger.authorize(proposal) {
        case .authorized(let authorization): deposit = authorization
        case .denied(let denial): return .denied(denial)
        // The address of a channel is good for minutes: who approves it would come too late.
        case .waiting(_, let denial): return .denied(denial)
        case .differs(let record): return .denied(record.difference)
        case .inFlight: return .unpaid(reason: "the channel is being filled already")
        case .settled: return .unpaid(reason: "the channel is filled already")
        }
        let voucher: Authorization
        let decision: Decision
        do {
            decision = try await self.ledger.authorize(quote.proposal, from: id.description)
        } catch {
            // Another voucher of the channel is on its way: then nothing is filled either.
            try await self.ledger.release(deposit, reason: "\(error)")
            throw error
        }
        switch consume decision {
        case .authorized(let authorization): voucher = authorization
        case .denied(let denial):
            try await self.ledger.release(deposit, reason: "the purchase is not allowed: \(denial)")
            return .denied(denial)
        case .waiting(let id, let denial):
            try await self.ledger.release(deposit, reason: "the purchase waits: \(denial)")
            return .waiting(id, denial)
        case .differs(let record):
            try await self.ledger.release(deposit, reason: "the purchase is made on other terms")
            return .denied(record.difference)
        case .inFlight(let payment):
            try await self.ledger.release(deposit, reason: "the purchase is on its way already")
            return .open(payment.intent, reason: "the same purchase is on its way already")
        case .settled(let record):
            try await self.ledger.release(deposit, reason: "the purchase is made already")
            return .unanswered(record.id, reason: "paid before")
        }
        let payment = try await self.sign(deposit, voucher, quote, id, terms, message, recent)
        return try await self.follow(payment, order)
    }

    /// Signs a deposit and the first voucher of it, and journals both as one payload.
    private func sign(
        _ deposit: consuming Authorization, _ voucher: consuming Authorization, _ quote: Quote, _ id: Address,
        _ terms: ChannelTerms, _ message: [UInt8], _ recent: LatestBlockhash
    ) async throws -> JournalledPayment {
        let (intent, amount) = (voucher.intent, deposit.proposal.amount)
        let signedDeposit = try await self.wallet.sign(deposit, message: message)
        let signedVoucher = try await self.voucher(voucher, id.description)
        var transaction = try Transaction(try TransactionMessage(decoding: message))
        try transaction.place(signedDeposit.signature, of: self.payer)
        let payload = self.payload(
            quote, .deposit(amount: amount, transaction: transaction.bytes), terms,
            SignedVoucher(
                try ChannelVoucher(decoding: signedVoucher.message), signature: signedVoucher.signature),
            intent)
        _ = try await self.ledger.journal(
            signedDeposit, payload: payload.bytes, lastValidBlockHeight: recent.lastValidBlockHeight,
            firstSlot: recent.slot)
        return try await self.ledger.journal(
            signedVoucher, payload: payload.bytes, lastValidBlockHeight: .max)
    }

    // MARK: What the seller counts

    /// The deposit of the same payload, while its outcome is open.
    func deposit(under payment: JournalledPayment) async throws -> JournalledPayment? {
        guard let channel = payment.channel else { return nil }
        return try await self.ledger.read { view in
            let open = try view.deposits(into: channel, in: [.signed, .submitted, .unknown])
            return try open.compactMap { try view.payment($0) }.first { $0.payload == payment.payload }
        }
    }

    static func commitment(of payment: JournalledPayment) throws -> String {
        let voucher = try ChannelVoucher(decoding: payment.message)
        return "\(voucher.channel):\(voucher.cumulative)"
    }

    /// When the seller's books know of a voucher whose answer we never got, this purchase is signed anew
    /// above it.
    ///
    /// - Returns: nil when the answer does not speak of it; without a payment, why it is not believed.
    func agree(
        _ payment: JournalledPayment, _ response: WebResponse
    ) async throws -> (JournalledPayment?, reason: String)? {
        guard let id = payment.channel else { return nil }
        if let doubt = try await self.takeUp(id, response, but: payment.intent) {
            return doubt.isEmpty ? nil : (nil, doubt)
        }
        guard let authorization = try await self.ledger.renew(payment.intent) else {
            return (nil, "the purchase is not allowed any more")
        }
        let old = try PaymentPayload(bytes: payment.payload)
        guard case .channel(let content) = old.content else { return nil }
        let echo = Echo(try JSONSource(payment.payload, limits: X402.limits), resource: old.resource)
        let anew = try await self.sign(authorization, id) { voucher in
            PaymentPayload(
                resource: old.resource, accepted: old.accepted,
                content: .channel(ChannelPayment(.voucher, config: content.config, voucher: voucher)),
                identifier: old.identifier.map { _ in "\(payment.intent)-\(voucher.voucher.cumulative)" },
                offer: old.offer, echo: echo)
        }
        return (anew, "")
    }

    /// Books a voucher that the seller accepted and whose answer got lost. The seller's word alone changes
    /// nothing: it has to show our own signature.
    ///
    /// - Returns: nil when one was booked; empty when the answer does not speak of the channel's count;
    ///   otherwise why it is not believed.
    func takeUp(
        _ id: String, _ response: WebResponse, but current: IntentID? = nil
    ) async throws -> String? {
        guard
            let required = response.header(X402.requiredHeader).flatMap({ try? PaymentRequired(header: $0) }),
            let offer = required.accepts.lazy.compactMap(\.channel).first(where: { $0.state?.channel == id }),
            let charged = offer.state?.charged
        else { return "" }
        guard let proof = offer.proof, charged <= proof.amount,
            SignedVoucher(
                ChannelVoucher(channel: try Address(id), cumulative: proof.amount),
                signature: proof.signature
            ).isSigned(by: self.voucherSigner)
        else { return "the seller shows no voucher of ours for what it says it charged" }
        let missed = try await self.ledger.read { view in
            try view.vouchers(openIn: id).lazy.filter { $0.id != current }
                .compactMap { try view.payment($0) }
                .first { (try? ChannelVoucher(decoding: $0.message))?.cumulative == charged }
        }
        guard let missed else {
            return "the seller says that it charged \(charged), the ledger knows no such voucher"
        }
        try await self.ledger.accept(missed.intent, commitment: try Self.commitment(of: missed))
        return nil
    }
}
