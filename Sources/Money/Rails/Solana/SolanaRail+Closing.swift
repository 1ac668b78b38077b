internal import Encoding
internal import Ledger
package import Payments
internal import Sodium
internal import Solana
internal import Wallet
internal import World

extension SolanaRail {
    /// Asks the seller for the rest of a channel's deposit, and books what the chain shows.
    ///
    /// Vouchers whose answer was lost are cleared up on the way: the seller shows what it accepted.
    ///
    /// - Parameter seller: where the seller is asked; nil where it was bought from.
    /// - Throws: `LedgerError.unknownChannel`, `ChainNodeError` when the chain cannot be asked.
    package func closeChannel(_ id: String, at seller: String?) async throws -> ChannelClosing {
        try await self.locks.alone(id) { try await self.close(id, at: seller) }
    }

    private func close(_ id: String, at seller: String?) async throws -> ChannelClosing {
        guard let record = try await self.ledger.read({ try $0.channel(id) }) else {
            throw LedgerError.unknownChannel(id)
        }
        if record.state == .closed { return .refused(reason: "the channel is closed already") }
        let terms = try ChannelTerms(bytes: record.terms)
        // It may have ended without us: sealed by the seller, or after a crash of ours.
        if let ended = try await self.ended(record, redeemed: nil) { return ended }
        let isFound = try await self.ledger.read { try $0.isFound(id) }
        let url = seller ?? terms.resource
        guard !url.isEmpty else {
            return .refused(reason: "where its seller is was lost with the ledger")
        }
        var voucher = try await self.lastVoucher(of: id)
        if voucher == nil, isFound { voucher = try await self.question(to: id, terms) }
        guard var voucher else {
            return .refused(reason: "the seller never accepted a voucher; nothing shows it what is due")
        }
        var (last, isTaken, closing): (WebResponse?, Bool, ChannelClosing?) = (nil, false, nil)
        let end = try await Purchasing.follow(Purchasing(.tries(3)), on: self.timeline) { action in
            switch action {
            case .prepare: return .prepared(.closing)
            case .look(let hint):
                closing = try await self.ended(
                    record, redeemed: isTaken ? voucher.voucher.cumulative : nil, transaction: hint)
                return .found(closing == nil ? .open : .settled)
            case .agree:
                guard let last else { return .nothingNew }
                guard isFound else {
                    guard try await self.takeUp(id, last) == nil else { return .nothingNew }
                    voucher = try await self.lastVoucher(of: id) ?? voucher
                    return .renewed
                }
                guard let shown = try await self.believe(id, last) else {
                    return .disbelieved(
                        "\(last.refusal(nil)); the seller shows no voucher of ours for it")
                }
                voucher = shown
                return .renewed
            default:
                let (response, claim, silence) = try await self.web.present(
                    self.refund(terms, voucher).bytes, with: WebRequest("GET", url))
                (last, isTaken) = (response, claim?.success ?? false)
                guard let response else { return .silent(silence ?? "") }
                return .replied(
                    Purchasing.Reply(
                        isGood: isTaken, reason: isTaken ? "" : response.refusal(claim), hint: claim?.hint))
            }
        }
        if let closing { return closing }
        switch end {
        case .open(let reason), .unpaid(let reason), .paid(let reason): return .refused(reason: reason)
        case .answered, nil: return .refused(reason: "")
        }
    }

    /// Closes a channel without its seller, step by step: asks the chain, waits for the grace period that
    /// the seller has for its last voucher, seals and fetches the rest. Each call does what can be done now.
    package func forceClose(_ id: String) async throws -> ChannelClosing {
        try await self.locks.alone(id) {
            guard let record = try await self.ledger.read({ try $0.channel(id) }) else {
                throw LedgerError.unknownChannel(id)
            }
            if record.state == .closed { return .refused(reason: "the channel is closed already") }
            let terms = try ChannelTerms(bytes: record.terms)
            let channel = try Address(id)
            if let ended = try await self.ended(record, redeemed: nil) { return ended }
            guard let account = try await self.account(channel, terms) else {
                return .refused(reason: "the chain has no such channel")
            }
            let distribution = Instruction.distributeChannel(
                channel, terms.config.seeds(feePayer: terms.feePayer),
                shares: ChannelShare.all(to: terms.config.receiver), rentPayer: account.rentPayer,
                tokenProgram: terms.tokenProgram)
            let settlement: SettlementResponse
            switch account.status {
            case .open:
                try await self.ledger.beginClosing(id)
                settlement = try await self.requestClose(record, channel)
            case .closing:
                let until = account.closesAt
                guard self.timeline.now.milliseconds / 1_000 >= until else { return .closing(until: until) }
                settlement = try await self.facilitator.execute(
                    [.sealChannel(channel), distribution], proofs: 0)
            case .sealed: settlement = try await self.facilitator.execute([distribution], proofs: 0)
            case .distributed: return .refused(reason: "the chain just closed it; ask again")
            }
            guard settlement.success else {
                return .refused(reason: settlement.errorMessage ?? settlement.errorReason ?? "no answer")
            }
            if let ended = try await self.ended(
                record, redeemed: account.settled, transaction: settlement.transaction)
            {
                return ended
            }
            return .closing(until: try await self.account(channel, terms)?.closesAt ?? account.closesAt)
        }
    }

    /// The payer's signature under the wish to leave is a payment of nothing: the ledger knows of it.
    private func requestClose(
        _ record: ChannelRecord, _ channel: Address
    ) async throws -> SettlementResponse {
        let proposal = Proposal(
            Purchase(.closing(channel: record.id)),
            Terms(payee: record.payee, asset: record.asset, amount: 0), note: "closes a channel")
        let prepared = try await Preparation.of(proposal, in: self.ledger) { authorization in
            let recent = try await self.rpc.latestBlockhash(.confirmed)
            let message = try TransactionMessage.build(
                version: .zero, feePayer: self.facilitator.feePayer,
                instructions: [
                    .requestCloseOfChannel(channel, payer: self.address),
                    .memo(Hex.encode(self.entropy.bytes(16))),
                ], recentBlockhash: recent.blockhash)
            let signed = try await self.sign(authorization, message.bytes)
            let transaction = try self.signed(signed.message, signed.signature)
            return .signed(
                try await self.ledger.journal(signed, payload: transaction, horizon: recent.horizon))
        }
        let payment: JournalledPayment
        switch prepared {
        case .signed(let signed): payment = signed
        case .paid(let paid):
            return SettlementResponse(
                transaction: paid.transaction ?? "", payer: nil, network: self.network)
        case .stopped(let end): throw end.denial ?? X402Error.malformed(end.reason)
        }
        try await self.ledger.markSubmitted(payment)
        let settlement = try await self.facilitator.sponsor(
            try Transaction(decoding: payment.payload), payer: self.address, cost: 10_000)
        _ = try await self.reconciler.reconcile(
            payment, hint: settlement.hint, account: channel)
        return settlement
    }

    /// Books the end that the chain shows; nil while the channel goes on.
    /// - Parameter redeemed: what the seller was shown, for a channel whose account is gone already.
    func ended(
        _ record: ChannelRecord, redeemed: UInt64?, transaction: String? = nil
    ) async throws -> ChannelClosing? {
        let watermark: UInt64
        var name = transaction ?? "close:\(record.id)"
        let channel = try Address(record.id)
        if let account = try await self.account(channel, try ChannelTerms(bytes: record.terms)) {
            guard account.status == .distributed else { return nil }
            watermark = account.settled
        } else {
            // Before its opening is confirmed there is no account either.
            guard record.state != .opening else { return nil }
            if let end = try await self.end(of: channel) {
                (watermark, name) = end
            } else if let redeemed {
                watermark = redeemed
            } else {
                return nil
            }
        }
        try await self.ledger.closeChannel(record.id, redeemed: watermark, transaction: name)
        let returned = max(0, record.deposit - Int64(clamping: watermark))
        return .closed(redeemed: watermark, returned: UInt64(returned), transaction: name)
    }

    /// The account of one of our channels, compared with its terms.
    func account(_ channel: Address, _ terms: ChannelTerms) async throws -> ChannelAccount? {
        try await self.rpc.channel(channel, of: terms.config, feePayer: terms.feePayer)
    }

    private func lastVoucher(of id: String) async throws -> SignedVoucher? {
        try await self.ledger.read { view in
            guard let intent = try view.channel(id)?.lastVoucher, let record = try view.intent(intent),
                let payment = try view.payment(record)
            else { return nil }
            return SignedVoucher(
                try ChannelVoucher(decoding: payment.message), signature: payment.signature)
        }
    }

    func refund(_ terms: ChannelTerms, _ voucher: SignedVoucher) -> PaymentPayload {
        let accepted = PaymentRequirements(
            network: self.network, amount: 0, asset: terms.config.token.description,
            payTo: terms.config.receiver.description, maxTimeoutSeconds: 60,
            feePayer: terms.feePayer.description,
            channel: ChannelOffer(
                receiverAuthorizer: terms.config.receiverAuthorizer.description,
                withdrawDelay: terms.config.withdrawDelay, tokenProgram: terms.tokenProgram.description,
                minDeposit: nil))
        return PaymentPayload(
            resource: terms.resource, accepted: accepted,
            payload: ChannelPayment(.refund, config: terms.config, voucher: voucher).json,
            identifier: nil)
    }
}
