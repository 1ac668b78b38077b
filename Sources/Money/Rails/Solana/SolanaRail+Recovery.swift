internal import Encoding
internal import Ledger
package import Payments
internal import Sodium
internal import Solana
internal import Wallet
internal import World

extension SolanaRail {
    /// Looks on the chain for payment channels of this wallet that the ledger does not know, because it was
    /// lost: their deposits are booked as found, what the chain shows as settled as spent, and nothing more
    /// is spent from them. They can be closed, with their sellers or without.
    ///
    /// - Throws: `ChainNodeError` when no node answers; many public nodes do not serve this question.
    package func recoverChannels() async throws -> [ChannelFinding] {
        var findings: [ChannelFinding] = []
        for (address, account) in try await self.rpc.channels(paidBy: self.address) {
            findings.append(
                try await self.locks.alone(address.description) { try await self.recover(address, account) })
        }
        return findings
    }

    private func recover(_ channel: Address, _ account: ChannelAccount) async throws -> ChannelFinding {
        let id = channel.description
        func left(_ reason: String) -> ChannelFinding { .left(channel: id, reason: reason) }
        if let known = try await self.ledger.read({ try $0.channel(id) }) {
            guard known.state != .closed || account.status == .distributed else {
                return left("the ledger says that it ended, the chain says that it did not")
            }
            return .known(known)
        }
        guard account.status != .distributed else { return left("it is paid out; only rent is left in it") }
        guard account.withdrawnAt == 0 else { return left("the rest was taken out of it before") }
        guard account.settled <= account.deposit, account.deposit <= UInt64(Int64.max) else {
            return left("the chain shows more spent than deposited")
        }
        let assets = try await self.ledger.read { try $0.assets() }
        guard let asset = assets.first(where: { $0.id == SolanaNames.token(account.mint, on: self.chain) })
        else { return left("the policy does not know its token \(account.mint)") }
        let tokenProgram: Address
        do {
            tokenProgram = try await self.mints.mint(at: account.mint, from: self.rpc).tokenProgram
        } catch let error as X402Error {
            return left("\(error)")
        }
        guard let seller = try await self.seller(of: channel, account) else {
            return left("neither the chain's history nor the policy names who is paid from it")
        }
        let terms = ChannelTerms(
            config: ChannelConfig(
                payer: account.payer, payerAuthorizer: account.voucherSigner, receiver: seller.receiver,
                receiverAuthorizer: seller.key, token: account.mint, withdrawDelay: account.grace,
                salt: account.salt, openSlot: account.openSlot),
            feePayer: account.payee, tokenProgram: tokenProgram, resource: "")
        let record = try await self.ledger.adoptChannel(
            id, payee: SolanaNames.account(seller.receiver, on: self.chain), asset: asset,
            terms: terms.bytes, deposit: account.deposit, settled: account.settled)
        return .booked(record)
    }

    /// Who is paid from a channel. Its account keeps a hash only: the transaction that opened it says who,
    /// or the payee of the policy that fits.
    private func seller(
        of channel: Address, _ account: ChannelAccount
    ) async throws -> (receiver: Address, key: Address)? {
        func fits(_ receiver: Address) -> Bool {
            ChannelShare.hash(ChannelShare.all(to: receiver)) == account.distributionHash
        }
        if let message = try await self.opening(of: channel) {
            let contents = InstructionContent.contents(of: message)
            var receiver: Address?
            var key: Address?
            for content in contents {
                switch content {
                case .openChannel(let opening) where opening.channel == channel:
                    receiver = opening.shares.first?.recipient
                case .memo(let text, _) where text.hasPrefix(BatchSettlement.binding("")):
                    key = try? Address(String(text.dropFirst(BatchSettlement.binding("").count)))
                default: continue
                }
            }
            if let receiver, fits(receiver) { return (receiver, key ?? receiver) }
        }
        let payees = await self.ledger.policyInForce?.payees ?? []
        let receiver = payees.lazy.compactMap { payee in
            SolanaNames.owner(of: payee.account, on: self.chain)
        }.first(where: fits)
        return receiver.map { ($0, $0) }
    }

    /// How many pages of a channel's history are read to find its first transaction.
    private static let historyPages = 20

    /// The message that opened a channel: its oldest transaction; nil where the node has forgotten it.
    private func opening(of channel: Address) async throws -> TransactionMessage? {
        var oldest: String?
        for _ in 0..<Self.historyPages {
            let page = try await self.rpc.signatures(for: channel, limit: 1_000, before: oldest)
            guard let last = page.last(where: { $0.err == nil }) else { break }
            oldest = last.signature
            if page.count < 1_000 { break }
        }
        guard let oldest else { return nil }
        return try await self.rpc.transaction(oldest)?.transaction?.message
    }

    // MARK: What the seller knows

    /// A voucher that promises no more than is booked as spent: of a channel whose vouchers are lost, it asks
    /// the seller what it has.
    func question(to id: String, _ terms: ChannelTerms) async throws -> SignedVoucher? {
        guard let record = try await self.ledger.read({ try $0.channel(id) }) else { return nil }
        let proposal = Proposal(
            Purchase(.question(channel: id, spent: record.spent)),
            Terms(payee: record.payee, asset: record.asset, amount: 0), note: "asks what is charged")
        let prepared = try await Preparation.of(proposal, from: id, in: self.ledger) { authorization in
            .signed(try await self.sign(authorization, id) { self.refund(terms, $0) })
        }
        let payment: JournalledPayment
        switch prepared {
        case .signed(let signed): payment = signed
        case .paid: return nil
        case .stopped(let end): throw end.denial ?? X402Error.malformed(end.reason)
        }
        try await self.ledger.endQuestion(payment.intent)
        return SignedVoucher(try ChannelVoucher(decoding: payment.message), signature: payment.signature)
    }

    /// Books what a seller shows of a channel whose vouchers are lost: what it charged, under a signature of
    /// our own over just that.
    ///
    /// - Returns: the voucher that it showed; nil when its answer shows none, or none that counts.
    func believe(_ id: String, _ response: WebResponse) async throws -> SignedVoucher? {
        guard
            let required = response.header(X402.requiredHeader).flatMap({ try? PaymentRequired(header: $0) }),
            let offer = required.accepts.lazy.compactMap(\.channel).first(where: { $0.state?.channel == id }),
            let proof = offer.proof, offer.state?.charged == proof.amount
        else { return nil }
        let shown = SignedVoucher(
            ChannelVoucher(channel: try Address(id), cumulative: proof.amount), signature: proof.signature)
        guard shown.isSigned(by: self.voucherSigner) else { return nil }
        guard
            try await self.ledger.catchUp(
                id, to: proof.amount, evidence: Base58.encode(proof.signature.bytes))
        else { return nil }
        return shown
    }
}
