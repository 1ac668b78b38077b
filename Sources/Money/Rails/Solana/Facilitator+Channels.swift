internal import Encoding
internal import Ledger
public import Payments
internal import Sodium
public import Solana

/// The chain's side of `batch-settlement`: deposits in, settled money out.
extension Facilitator {
    /// The account of a channel that we sponsor, as it is confirmed; nil when there is none.
    /// - Throws: `X402Error` when it is another channel than `config` says, `ChainNodeError`.
    public func channel(_ id: Address, of config: ChannelConfig) async throws -> ChannelAccount? {
        try await self.rpc.channel(id, of: config, feePayer: self.feePayer)
    }

    /// Checks the transaction that opens or fills a channel, adds our signature and brings it to the chain.
    /// The same payment again gives the same transaction.
    public func deposit(
        _ payment: ChannelPayment, into channel: Address, against requirements: PaymentRequirements
    ) async throws -> SettlementResponse {
        let (transaction, setup, cost) = try await self.checked(payment, into: channel, against: requirements)
        return try await self.sponsor(transaction, payer: setup.payer, cost: cost)
    }

    /// Checks the same without moving anything, and asks the chain whether it would take it.
    /// - Returns: the lamports that it takes from us, rent included.
    /// - Throws: `X402Error` with the code of the broken rule, `ChainNodeError` when no node answers.
    @discardableResult
    public func verifyDeposit(
        _ payment: ChannelPayment, into channel: Address, against requirements: PaymentRequirements
    ) async throws -> UInt64 {
        let (transaction, _, cost) = try await self.checked(payment, into: channel, against: requirements)
        try await self.foresee(transaction, cost: cost)
        return cost
    }

    /// Whether this very deposit was sponsored before.
    public func knows(_ payment: ChannelPayment) async throws -> Bool {
        guard case .deposit(_, let bytes) = payment.kind, let transaction = try? Transaction(decoding: bytes)
        else { return false }
        return try await self.knows(transaction)
    }

    /// Applies every rule to a deposit.
    /// - Returns: with what it does, the lamports that it takes from us.
    private func checked(
        _ payment: ChannelPayment, into channel: Address, against requirements: PaymentRequirements
    ) async throws -> (Transaction, ChannelSetup, cost: UInt64) {
        guard case .deposit(let amount, let bytes) = payment.kind, let offer = requirements.channel,
            let tokenProgram = try? Address(offer.tokenProgram)
        else { throw X402Error.malformed("the payment brings no deposit") }
        let transaction: Transaction
        do {
            transaction = try Transaction(decoding: bytes)
        } catch {
            throw X402Error.malformed("\(error)")
        }
        let setup = try ChannelSetup(decoding: transaction.message)
        try setup.fills(
            channel, payment.config, amount: amount, tokenProgram: tokenProgram, memo: requirements.memo)
        try Self.checkFee(setup.networkFee, code: BatchSettlement.prefix + "deposit_transaction")
        guard setup.feePayer == self.feePayer else {
            throw X402Error.invalid(
                code: BatchSettlement.prefix + "fee_payer_mismatch", reason: "the fee payer is not ours")
        }
        guard let signature = transaction.signature(of: setup.payer), let key = setup.payer.publicKey,
            key.verifies(signature, over: transaction.messageBytes)
        else {
            throw X402Error.invalid(
                code: BatchSettlement.prefix + "deposit_signature",
                reason: "the payer's signature is missing or wrong")
        }
        try await self.mints.check(tokenProgram, moves: payment.config.token, from: self.rpc)
        var cost = setup.networkFee
        if case .open = setup.action {
            let escrow =
                tokenProgram == .token2022Program
                ? TokenAccount.immutableOwnerByteCount : TokenAccount.byteCount
            for space in [ChannelAccount.byteCount, escrow] {
                let rent = try await self.rpc.minimumBalanceForRentExemption(space: space)
                // The network's is some thousandth of a SOL; more than one is no price, but a fault.
                guard rent < 1_000_000_000 else {
                    throw X402Error.invalid(
                        code: "unexpected_settle_error", reason: "the chain's price of rent is absurd")
                }
                cost += rent
            }
        }
        return (transaction, setup, cost)
    }

    /// Shows the newest voucher to the chain and pays out what it promised.
    public func redeem(_ voucher: SignedVoucher, of config: ChannelConfig) async throws
        -> SettlementResponse
    {
        let channel = voucher.voucher.channel
        return try await self.execute(
            try self.proof(voucher, of: config) + [
                .settleChannel(channel), try await self.distribution(channel, config),
            ],
            proofs: 1)
    }

    /// Ends a channel: pays out what `voucher` promised, the rest goes back to the payer.
    ///
    /// - Parameter voucher: nil when it promises no more than the chain knows, or there is none; the program
    ///   refuses one that does not.
    public func seal(
        _ channel: Address, of config: ChannelConfig, showing voucher: SignedVoucher?
    ) async throws -> SettlementResponse {
        let ending = Instruction.settleAndSealChannel(
            channel, payee: self.feePayer, withVoucher: voucher != nil)
        return try await self.execute(
            (try voucher.map { try self.proof($0, of: config) } ?? []) + [
                ending, try await self.distribution(channel, config),
            ],
            proofs: voucher == nil ? 0 : 1)
    }

    private func proof(_ voucher: SignedVoucher, of config: ChannelConfig) throws -> [Instruction] {
        guard let signer = config.payerAuthorizer.publicKey else {
            throw X402Error.malformed("the voucher key is no key")
        }
        return [voucher.voucher.proof(signer: signer, signature: voucher.signature)]
    }

    private func distribution(_ channel: Address, _ config: ChannelConfig) async throws -> Instruction {
        .distributeChannel(
            channel, config.seeds(feePayer: self.feePayer), shares: ChannelShare.all(to: config.receiver),
            rentPayer: self.feePayer,
            tokenProgram: try await self.mints.tokenProgram(of: config.token, from: self.rpc))
    }

    /// A transaction that nobody but us signs.
    /// - Parameter proofs: signatures in its instructions; each costs like one of its own.
    func execute(_ instructions: [Instruction], proofs: Int) async throws -> SettlementResponse {
        let recent = try await self.rpc.latestBlockhash(.confirmed)
        let message = try TransactionMessage.build(
            version: .zero, feePayer: self.feePayer,
            instructions: [.setComputeUnitLimit(ChannelSetup.computeUnits)] + instructions,
            recentBlockhash: recent.blockhash)
        return try await self.sponsor(
            try Transaction(message), payer: nil, cost: 5_000 * UInt64(1 + proofs))
    }
}
