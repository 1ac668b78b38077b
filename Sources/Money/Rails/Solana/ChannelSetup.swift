public import Payments
public import Solana

/// What a message that opens or fills a channel does, read from its bytes alone: the buyer compares it with
/// what it wants before signing, the sponsor before adding its signature (x402 scheme_batch_settlement_svm,
/// "Client-supplied transaction acceptance policy").
public struct ChannelSetup: Sendable, Hashable {
    public enum Action: Sendable, Hashable {
        case open(ChannelOpening)
        case topUp(channel: Address, source: Address, escrow: Address, mint: Address, tokenProgram: Address)
    }

    public let feePayer: Address
    public let payer: Address
    public let action: Action
    /// Atomic units.
    public let amount: UInt64
    /// The seller's text, or what makes this transaction another one.
    public let memo: String
    /// The seller's key that an opening is bound to.
    public let binding: String?
    /// Lamports: signatures and compute price.
    public let networkFee: UInt64

    static let computeUnits: UInt32 = 200_000
    private static let unitCap: UInt32 = 400_000
    private static let priceCap: UInt64 = 5_000_000

    /// The message that opens a channel, or fills one that is open.
    static func message(
        opening isNew: Bool, _ channel: Address, _ terms: ChannelTerms, amount: UInt64, memo: String,
        nonce: UInt32 = 0, recentBlockhash: Blockhash
    ) throws(WireError) -> TransactionMessage {
        let config = terms.config
        let filling: [Instruction] =
            isNew
            ? [
                .openChannel(
                    channel, config.seeds(feePayer: terms.feePayer), deposit: amount,
                    grace: config.withdrawDelay, shares: ChannelShare.all(to: config.receiver),
                    rentPayer: terms.feePayer, tokenProgram: terms.tokenProgram), .memo(memo),
                .memo(BatchSettlement.binding(config.receiverAuthorizer.description)),
            ]
            : [
                .topUpChannel(
                    channel, payer: config.payer, mint: config.token, amount: amount,
                    tokenProgram: terms.tokenProgram), .memo(memo),
            ]
        return try TransactionMessage.build(
            version: .zero, feePayer: terms.feePayer,
            instructions: [
                // The nonce keeps two equal top-ups apart, as in a transfer.
                .setComputeUnitLimit(Self.computeUnits + nonce & ExactTransfer.unitMask),
                .setComputeUnitPrice(microLamports: 1),
            ] + filling, recentBlockhash: recentBlockhash)
    }

    /// - Throws: `X402Error.invalid` naming the rule that the message breaks.
    public init(decoding message: TransactionMessage) throws(X402Error) {
        guard message.lookups.isEmpty else { throw Self.broken("address tables hide accounts") }
        var contents = InstructionContent.contents(of: message)[...]
        var units: UInt32 = 0
        var price: UInt64 = 0
        if case .setComputeUnitLimit(let limit)? = contents.first {
            units = limit
            contents.removeFirst()
        }
        if case .setComputeUnitPrice(let microLamports)? = contents.first {
            price = microLamports
            contents.removeFirst()
        }
        guard units <= Self.unitCap, price <= Self.priceCap else {
            throw Self.broken("compute limit or price is too high")
        }
        switch contents.popFirst() {
        case .openChannel(let opening)?:
            self.payer = opening.seeds.payer
            self.amount = opening.deposit
            self.action = .open(opening)
        case .topUpChannel(let payer, let channel, let source, let escrow, let mint, let program, let sum)?:
            self.payer = payer
            self.amount = sum
            self.action = .topUp(
                channel: channel, source: source, escrow: escrow, mint: mint, tokenProgram: program)
        default: throw Self.broken("no channel is opened or filled where it has to be")
        }
        var memos: [String] = []
        for content in contents {
            guard case .memo(let text, let signers) = content, signers.isEmpty else {
                throw Self.broken("after the channel only memos are allowed")
            }
            memos.append(text)
        }
        let bindings = memos.filter { $0.hasPrefix(BatchSettlement.binding("")) }
        memos.removeAll { $0.hasPrefix(BatchSettlement.binding("")) }
        var isOpening = false
        if case .open = self.action { isOpening = true }
        guard memos.count == 1, bindings.count == (isOpening ? 1 : 0) else {
            throw Self.broken("one memo is needed, and of an opening one that names the seller's key")
        }
        let feePayer = message.feePayer
        guard message.requiredSigners == [feePayer, self.payer], self.payer != feePayer else {
            throw Self.broken("somebody besides payer and fee payer has to sign")
        }
        if !isOpening {
            let names = message.instructions.contains {
                message.staticAccounts(of: $0).contains(feePayer)
            }
            guard !names else { throw Self.broken("the fee payer appears in an instruction") }
        }
        self.feePayer = feePayer
        self.memo = memos[0]
        self.binding = bindings.first.map { String($0.dropFirst(BatchSettlement.binding("").count)) }
        self.networkFee =
            5_000 * UInt64(message.requiredSignatures) + (price * UInt64(units) + 999_999) / 1_000_000
    }

    /// Whether this fills the channel that `config` and `offer` describe with `amount`, and nothing else.
    /// - Throws: `X402Error.invalid` naming the difference.
    public func fills(
        _ channel: Address, _ config: ChannelConfig, amount: UInt64, tokenProgram: Address, memo: String?
    ) throws(X402Error) {
        let account = { (owner: Address) in
            Address.associatedToken(owner: owner, mint: config.token, tokenProgram: tokenProgram)
        }
        guard self.payer == config.payer, self.amount == amount, amount > 0 else {
            throw Self.broken("payer or amount of the deposit are others")
        }
        if let memo, memo != self.memo { throw Self.broken("the memo is not the one asked for") }
        switch self.action {
        case .open(let opening):
            let wanted = ChannelOpening(
                seeds: config.seeds(feePayer: self.feePayer), rentPayer: self.feePayer, channel: channel,
                source: account(config.payer), escrow: account(channel), tokenProgram: tokenProgram,
                deposit: amount, grace: config.withdrawDelay,
                shares: ChannelShare.all(to: config.receiver))
            guard opening == wanted, wanted.seeds.derived?.address == channel else {
                throw Self.broken("the opened channel is another one than the payment names")
            }
            guard self.binding == config.receiverAuthorizer.description else {
                throw .invalid(
                    code: BatchSettlement.prefix + "receiver_authorizer_mismatch",
                    reason: "the channel is bound to another key than the seller's")
            }
        case .topUp(let filled, let source, let escrow, let mint, let program):
            guard filled == channel, source == account(config.payer), escrow == account(channel),
                mint == config.token, program == tokenProgram
            else { throw Self.broken("the filled channel is another one than the payment names") }
        }
    }

    private static func broken(_ reason: String) -> X402Error {
        .invalid(code: BatchSettlement.prefix + "deposit_transaction", reason: reason)
    }
}
