internal import Encoding
internal import Ledger
internal import Solana
internal import Wallet
internal import World

/// Everything that happens between a price and a signature.
extension Buyer {
    enum Preparation {
        case signed(JournalledPayment)
        case stopped(PurchaseEnd)
    }

    /// Everything before the first byte of a payment leaves.
    func prepare(_ quote: Quote) async throws -> Preparation {
        switch try await self.ledger.authorize(quote.proposal) {
        case .denied(let denial): return .stopped(.denied(denial))
        case .waiting(let id, let denial): return .stopped(.waiting(id, denial))
        case .differs(let record): return .stopped(.denied(record.difference))
        case .inFlight(let payment): return .signed(payment)
        case .settled(let record):
            return .stopped(.unanswered(record.id, reason: "paid before"))
        case .authorized(let authorization): return try await self.sign(authorization, quote)
        }
    }

    /// The message that pays just what `quote` says, read back from its bytes by a decoder that shares no
    /// code with the builder.
    func message(
        _ quote: Quote, _ recent: LatestBlockhash, _ tokenProgram: Address
    ) throws -> [UInt8] {
        let transfer = ExactTransfer(
            feePayer: quote.feePayer, payer: self.payer, payTo: quote.payTo, mint: quote.mint,
            tokenProgram: tokenProgram, amount: quote.proposal.amount,
            decimals: UInt8(clamping: quote.asset.decimals),
            memo: quote.requirements.memo ?? Hex.encode(self.entropy.bytes(16)), nonce: try self.nonce())
        let bytes = try transfer.message(recentBlockhash: recent.blockhash).bytes
        let payment = try ExactPayment(decoding: try TransactionMessage(decoding: bytes))
        try payment.pays(quote.requirements)
        guard payment.payer == self.payer, payment.transfer.decimals == quote.asset.decimals,
            payment.transfer.tokenProgram == tokenProgram
        else {
            throw X402Error.malformed("the message is not ours")
        }
        return bytes
    }

    /// Asks the chain what it would do with a message before it is signed: a payee without an account, a
    /// frozen account or a sponsor without lamports is better known before the money is set aside for it.
    /// - Throws: `X402Error` with the chain's reason; `RPCError` when it cannot be asked.
    func foresee(_ message: [UInt8]) async throws {
        let unsigned = try Transaction(try TransactionMessage(decoding: message))
        let result: SimulationResult
        do throws(RPCError) {
            result = try await self.rpc.simulate(
                unsigned.bytes, sigVerify: false, replaceRecentBlockhash: true)
        } catch {
            // Not every node simulates; then the chain says so when the payment is sent.
            guard case .server(-32601, _, _) = error.reason else { throw error }
            return
        }
        guard let err = result.err else { return }
        throw X402Error.invalid(
            code: "invalid_transaction_state",
            reason: "the chain would refuse this payment: \(ChainRefusal.words(for: err))")
    }

    /// Keeps a message apart from every other; see ``ExactTransfer/nonce``.
    func nonce() throws -> UInt32 {
        var reader = ByteReader(self.entropy.bytes(4))
        return try reader.little()
    }

    private func sign(_ authorization: consuming Authorization, _ quote: Quote) async throws -> Preparation {
        let recent: LatestBlockhash
        let tokenProgram: Address
        do {
            tokenProgram = try await self.mints.tokenProgram(of: quote.mint, as: quote.asset, from: self.rpc)
            recent = try await self.rpc.latestBlockhash(.confirmed)
        } catch let error as X402Error {
            try await self.ledger.release(authorization, reason: "\(error)")
            return .stopped(.unpaid(reason: "\(error)"))
        } catch {
            try await self.ledger.suspend(authorization)
            return .stopped(.unpaid(reason: "the chain does not answer: \(error)"))
        }
        let bytes: [UInt8]
        do {
            bytes = try self.message(quote, recent, tokenProgram)
            try await self.foresee(bytes)
        } catch let error as RPCError {
            try await self.ledger.suspend(authorization)
            return .stopped(.unpaid(reason: "the chain does not answer: \(error)"))
        } catch {
            try await self.ledger.release(authorization, reason: "\(error)")
            return .stopped(.unpaid(reason: "\(error)"))
        }
        let identifier = "\(authorization.intent)-\(authorization.attempt)"
        let signed = try await self.wallet.sign(authorization, message: bytes)
        var transaction = try Transaction(try TransactionMessage(decoding: bytes))
        try transaction.place(signed.signature, of: self.payer)
        let payload = PaymentPayload(
            resource: quote.required.resource, accepted: quote.requirements,
            content: .exact(transaction: transaction.bytes),
            identifier: quote.required.wantsIdentifier ? identifier : nil, offer: quote.offer?.text,
            echo: quote.required.echo)
        return .signed(
            try await self.ledger.journal(
                signed, payload: payload.bytes, lastValidBlockHeight: recent.lastValidBlockHeight,
                firstSlot: recent.slot))
    }

    /// The message that fills a channel, read back from its bytes by a decoder that shares no code with the
    /// builder.
    func setup(
        _ quote: Quote, _ id: Address, _ terms: ChannelTerms, _ amount: UInt64, isNew: Bool,
        _ recent: LatestBlockhash
    ) throws -> [UInt8] {
        let memo = quote.requirements.memo ?? Hex.encode(self.entropy.bytes(16))
        let bytes = try ChannelSetup.message(
            opening: isNew, id, terms, amount: amount, memo: memo, nonce: try self.nonce(),
            recentBlockhash: recent.blockhash
        ).bytes
        let setup = try ChannelSetup(decoding: try TransactionMessage(decoding: bytes))
        try setup.fills(
            id, terms.config, amount: amount, tokenProgram: terms.tokenProgram, memo: quote.requirements.memo)
        guard setup.payer == self.payer, setup.feePayer == quote.feePayer else {
            throw X402Error.malformed("the message is not ours")
        }
        return bytes
    }
}
