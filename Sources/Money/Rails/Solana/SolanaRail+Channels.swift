internal import ChainNodes
internal import Encoding
package import Ledger
package import Payments
internal import Sodium
internal import Solana
internal import Wallet
package import World

/// Buying over x402 `batch-settlement`: one signature and one durable write for each purchase, no chain.
extension SolanaRail {
    /// The way to pay among `quotes`: an open channel of the seller first, then what the order wishes.
    package func way(among quotes: [Quote], for order: Order) async throws -> (any Way)? {
        let exact = quotes.first { !$0.isFromChannel }.map { ExactWay($0, on: self) }
        guard order.channel != .never else { return exact }
        let open = try await self.ledger.peek { view in
            try view.channels().filter { $0.state == .open }.compactMap { record in
                (try? ChannelTerms(bytes: record.terms)).map { (record, $0) }
            }
        }
        for quote in quotes where quote.isFromChannel {
            let fitting = open.filter { $1.fits(quote.requirements) && $0.asset.id == quote.asset.id }
            if let (record, terms) = fitting.first(where: {
                $0.0.free >= Int64(clamping: quote.proposal.amount)
            }) {
                return ChannelWay(quote, on: self, .spend(record, terms))
            }
            guard case .open(let wish) = order.channel, let deposit = wish.atomic(in: quote.asset),
                deposit >= quote.proposal.amount, deposit <= UInt64(Int64.max)
            else { continue }
            // A seller that took no deposit for it, twice, takes perhaps the price alone.
            if exact != nil, try await self.hasFailedToFill(order.purchase) { return exact }
            let plan =
                fitting.first { !$0.0.isBarred }.map { ChannelWay.Plan.topUp($0.0, $0.1, amount: deposit) }
                ?? .open(deposit: deposit)
            return ChannelWay(quote, on: self, plan)
        }
        return exact
    }

    /// Whether the last try at a purchase, and not the first, was the first voucher of a deposit that never
    /// arrived. Once may be bad luck.
    private func hasFailedToFill(_ purchase: Purchase) async throws -> Bool {
        let last = try await self.ledger.peek { try $0.intent(of: purchase) }
        guard let last, last.round > 0, last.channel != nil else { return false }
        return last.state == .expired || last.state == .failed
    }

    package func alone(
        with payment: JournalledPayment, _ body: () async throws -> PurchaseEnd
    ) async throws -> PurchaseEnd {
        guard let channel = payment.channel else { return try await body() }
        return try await self.locks.alone(channel, body)
    }

    /// Why the seller's token program is not used; nil when it is the right one and harmless.
    func tokenFault(_ quote: Quote, _ terms: ChannelTerms) async throws -> String? {
        do {
            let mint = terms.config.token
            _ = try await self.mints.tokenProgram(of: mint, as: quote.asset, from: self.rpc)
            try await self.mints.check(terms.tokenProgram, moves: mint, from: self.rpc)
            return nil
        } catch let error as X402Error {
            return "\(error)"
        } catch is ChainNodeError {
            return "the chain does not answer; nothing was signed"
        }
    }

    static let silentChain = PurchaseEnd.unpaid(
        reason: "the chain does not answer; nothing was signed")

    /// The channel that `quote` asks for, with a name of its own.
    func terms(_ quote: Quote, at url: String, _ recent: LatestBlockhash) throws -> ChannelTerms {
        guard let offer = quote.requirements.channel else {
            throw X402Error.malformed("no channel is offered")
        }
        let read = try quote.onSolana
        var salt = ByteReader(self.entropy.bytes(8, for: quote.proposal.purchase))
        return ChannelTerms(
            config: ChannelConfig(
                payer: self.address, payerAuthorizer: self.voucherSigner, receiver: read.payTo,
                receiverAuthorizer: try Address(offer.receiverAuthorizer), token: read.mint,
                withdrawDelay: offer.withdrawDelay, salt: try salt.little(), openSlot: recent.slot),
            feePayer: read.feePayer, tokenProgram: try Address(offer.tokenProgram),
            resource: url)
    }

    /// The address of the key that signs vouchers.
    var voucherSigner: Address { Address(self.wallet.publicKey(.voucher)) }

    // MARK: Signing

    /// Signs and journals the next voucher of a channel.
    func sign(
        _ authorization: consuming Authorization, _ id: String,
        _ payload: (SignedVoucher) -> PaymentPayload
    ) async throws -> JournalledPayment {
        let signed = try await self.voucher(authorization, id)
        let voucher = SignedVoucher(
            try ChannelVoucher(decoding: signed.message), signature: signed.signature)
        return try await self.ledger.journal(
            signed, payload: payload(voucher).bytes, horizon: .never)
    }

    /// Signs what the wallet's decoder finds to be authorized.
    func sign(_ authorization: consuming Authorization, _ message: [UInt8]) async throws -> SignedAttempt {
        try await self.wallet.sign(
            CheckedMessage(message, for: authorization, of: self.wallet, by: self.reader))
    }

    private func voucher(
        _ authorization: consuming Authorization, _ id: String
    ) async throws -> SignedAttempt {
        guard let wanted = authorization.voucher else { throw LedgerError.unknownChannel(id) }
        let voucher = ChannelVoucher(
            channel: try Address(wanted.channel), cumulative: wanted.cumulative)
        return try await self.sign(authorization, voucher.bytes)
    }

    func payload(
        _ quote: Quote, _ kind: ChannelPayment.Kind, _ terms: ChannelTerms, _ voucher: SignedVoucher,
        _ intent: IntentID
    ) -> PaymentPayload {
        PaymentPayload(
            resource: quote.required.resource, accepted: quote.requirements,
            payload: ChannelPayment(kind, config: terms.config, voucher: voucher).json,
            identifier: quote.required.wantsIdentifier ? self.identifier(intent, voucher) : nil,
            offer: quote.offer?.text, echo: quote.required.echo)
    }

    private func identifier(_ intent: IntentID, _ voucher: SignedVoucher) -> String {
        PaymentPayload.name(intent, voucher.voucher.cumulative, of: self.wallet)
    }

    /// Signs a deposit and the first voucher of it, and journals both as one payload.
    func sign(
        _ deposit: consuming Authorization, _ voucher: consuming Authorization, _ quote: Quote, _ id: Address,
        _ terms: ChannelTerms, _ message: [UInt8], _ recent: LatestBlockhash
    ) async throws -> JournalledPayment {
        let (intent, amount) = (voucher.intent, deposit.proposal.amount)
        let signedDeposit = try await self.sign(deposit, message)
        let signedVoucher = try await self.voucher(voucher, id.description)
        let payload = self.payload(
            quote, .deposit(amount: amount, transaction: try self.signed(message, signedDeposit.signature)),
            terms,
            SignedVoucher(
                try ChannelVoucher(decoding: signedVoucher.message), signature: signedVoucher.signature),
            intent)
        _ = try await self.ledger.journal(
            signedDeposit, payload: payload.bytes, horizon: recent.horizon)
        return try await self.ledger.journal(
            signedVoucher, payload: payload.bytes, horizon: .never)
    }

    // MARK: What the seller counts

    package func commitment(of payment: JournalledPayment) throws -> String {
        let voucher = try ChannelVoucher(decoding: payment.message)
        return VoucherPayment.commitment(voucher.channel.description, voucher.cumulative)
    }

    /// When the seller's books know of a voucher whose answer we never got, this purchase is signed anew
    /// above it.
    ///
    /// - Returns: nil when the answer does not speak of it; without a payment, why it is not believed.
    package func agree(
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
        guard case .channel(let content) = try old.content else { return nil }
        let echo = Echo(try JSONSource(payment.payload, limits: X402.limits), resource: old.resource)
        let anew = try await self.sign(authorization, id) { voucher in
            PaymentPayload(
                resource: old.resource, accepted: old.accepted,
                payload: ChannelPayment(.voucher, config: content.config, voucher: voucher).json,
                identifier: old.identifier.map { _ in self.identifier(payment.intent, voucher) },
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
        try await self.ledger.accept(missed.intent, commitment: try self.commitment(of: missed))
        return nil
    }
}
