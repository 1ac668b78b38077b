internal import Encoding
public import Payments
public import Solana

/// The scheme `exact` on Solana (x402 specs/schemes/exact/scheme_exact_svm): one sponsored token transfer.
///
/// This is the wish; ``ExactPayment`` is what bytes say. The two share no code.
public struct ExactTransfer: Sendable, Hashable {
    public let feePayer: Address
    public let payer: Address
    public let payTo: Address
    public let mint: Address
    public let tokenProgram: Address
    /// Atomic units.
    public let amount: UInt64
    public let decimals: UInt8
    public let memo: String
    /// Makes this message another one than that of any other payment: sellers may ask for one memo only, and
    /// for the same each time, and two equal messages would be one transaction that pays for one thing.
    public let nonce: UInt32

    /// Enough for a transfer and a memo with every memo program in use (20,000 is not).
    static let computeUnits: UInt32 = 60_000
    /// What the nonce adds to the unit limit and to the price, in bits: at most 20 lamports.
    private static let unitBits: UInt32 = 14
    static let unitMask: UInt32 = 1 << unitBits - 1
    private static let priceBits: UInt32 = 8

    public init(
        feePayer: Address, payer: Address, payTo: Address, mint: Address,
        tokenProgram: Address = .tokenProgram,
        amount: UInt64, decimals: UInt8, memo: String, nonce: UInt32 = 0
    ) {
        self.feePayer = feePayer
        self.payer = payer
        self.payTo = payTo
        self.mint = mint
        self.tokenProgram = tokenProgram
        self.amount = amount
        self.decimals = decimals
        self.memo = memo
        self.nonce = nonce
    }

    /// The v0 message of this transfer.
    public func message(recentBlockhash: Blockhash) throws(WireError) -> TransactionMessage {
        try TransactionMessage.build(
            version: .zero, feePayer: self.feePayer,
            instructions: [
                .setComputeUnitLimit(Self.computeUnits + self.nonce & Self.unitMask),
                .setComputeUnitPrice(
                    microLamports: 1 + UInt64(self.nonce >> Self.unitBits & (1 << Self.priceBits - 1))),
                .transferChecked(
                    TokenTransfer(
                        from: self.payer, to: self.payTo, mint: self.mint, amount: self.amount,
                        decimals: self.decimals, tokenProgram: self.tokenProgram)),
                .memo(self.memo),
            ],
            recentBlockhash: recentBlockhash)
    }
}

/// What a message pays, read from its bytes alone: the buyer compares it with the quote before signing, the
/// seller with its offer before working.
public struct ExactPayment: Sendable, Hashable {
    public let feePayer: Address
    public let transfer: TokenTransfer
    /// Empty when there is none.
    public let memo: String
    /// What the network takes from the fee payer, in lamports: per signature, and for the compute price.
    public let networkFee: UInt64

    /// In millionths of a lamport per compute unit.
    static let computePriceCap: UInt64 = 5_000_000
    /// Far more than a transfer and a memo take.
    static let computeUnitCap: UInt32 = 400_000
    /// Bytes.
    static let memoLimit = 256

    /// Who pays.
    public var payer: Address { self.transfer.authority }

    /// Reads what the transaction of a payload pays.
    public init(of payload: PaymentPayload) throws {
        guard case .exact(let bytes) = try payload.content else {
            throw X402Error.malformed("no transaction is in it")
        }
        try self.init(decoding: try Transaction(decoding: bytes).message)
    }

    /// Reads what a message pays.
    ///
    /// - Throws: `X402Error.invalid` naming the rule that the message breaks: instruction order and kinds,
    ///   compute price, the fee payer's isolation, further signers, address tables.
    public init(decoding message: TransactionMessage) throws(X402Error) {
        let prefix = "invalid_exact_svm_payload_transaction"
        guard message.lookups.isEmpty else {
            throw .invalid(code: "\(prefix)_instructions", reason: "address tables hide accounts")
        }
        let contents = InstructionContent.contents(of: message)
        guard (3...6).contains(contents.count) else {
            throw .invalid(
                code: "\(prefix)_instructions_length",
                reason: "\(contents.count) instructions, 3 to 6 are allowed")
        }
        let budget = try Self.budget(contents[0], contents[1], prefix)
        guard case .transferChecked(let transfer) = contents[2] else {
            throw .invalid(
                code: "\(prefix)_instructions_transfer",
                reason: "the third instruction is no checked token transfer")
        }
        let memo = try Self.memo(contents.dropFirst(3), prefix)
        try Self.checkSigners(of: message, transfer, prefix)
        self.feePayer = message.feePayer
        self.transfer = transfer
        self.memo = memo
        // The price is capped, so that the product fits.
        self.networkFee =
            5_000 * UInt64(message.requiredSignatures)
            + (budget.price * UInt64(budget.units) + 999_999) / 1_000_000
    }

    private static func budget(
        _ limit: InstructionContent, _ cost: InstructionContent, _ prefix: String
    ) throws(X402Error) -> (units: UInt32, price: UInt64) {
        guard case .setComputeUnitLimit(let units) = limit else {
            throw .invalid(
                code: "\(prefix)_instructions_compute_limit_instruction",
                reason: "the first instruction sets no compute limit")
        }
        guard units <= Self.computeUnitCap else {
            throw .invalid(
                code: "\(prefix)_instructions_compute_limit_instruction",
                reason: "\(units) compute units are more than \(Self.computeUnitCap)")
        }
        guard case .setComputeUnitPrice(let price) = cost else {
            throw .invalid(
                code: "\(prefix)_instructions_compute_price_instruction",
                reason: "the second instruction sets no compute price")
        }
        guard price <= Self.computePriceCap else {
            throw .invalid(
                code: "\(prefix)_instructions_compute_price_instruction_too_high",
                reason: "compute price \(price) is above \(Self.computePriceCap)")
        }
        return (units, price)
    }

    private static func memo(
        _ contents: ArraySlice<InstructionContent>, _ prefix: String
    ) throws(X402Error) -> String {
        var memo: String?
        for content in contents {
            guard case .memo(let text, _) = content, memo == nil else {
                throw .invalid(
                    code: "\(prefix)_instructions", reason: "after the transfer only one memo is allowed")
            }
            memo = text
        }
        guard memo?.utf8.count ?? 0 <= Self.memoLimit else {
            throw .invalid(code: "\(prefix)_memo", reason: "the memo is longer than \(Self.memoLimit) bytes")
        }
        return memo ?? ""
    }

    /// Nobody but the payer signs beside the fee payer, and the fee payer pays fees only.
    private static func checkSigners(
        of message: TransactionMessage, _ transfer: TokenTransfer, _ prefix: String
    ) throws(X402Error) {
        let feePayer = message.feePayer
        let usesFeePayer = message.instructions.contains { instruction in
            message.staticAccounts(of: instruction).contains(feePayer)
        }
        guard !usesFeePayer, transfer.authority != feePayer else {
            throw .invalid(
                code: "\(prefix)_fee_payer_transferring_funds",
                reason: "the fee payer appears in an instruction")
        }
        guard message.requiredSigners == [feePayer, transfer.authority] else {
            throw .invalid(
                code: "\(prefix)_signers", reason: "somebody besides payer and fee payer has to sign")
        }
        guard
            transfer.source
                == .associatedToken(
                    owner: transfer.authority, mint: transfer.mint, tokenProgram: transfer.tokenProgram)
        else {
            throw .invalid(
                code: "\(prefix)_source", reason: "the source is not the payer's associated account")
        }
    }

    /// Whether this pays just what `quote` says.
    /// - Throws: `X402Error.invalid` naming the difference.
    public func pays(_ quote: PaymentRequirements) throws(X402Error) {
        let prefix = "invalid_exact_svm_payload"
        guard quote.asset == self.transfer.mint.description else {
            throw .invalid(
                code: "\(prefix)_mint_mismatch",
                reason: "pays in \(self.transfer.mint) instead of \(quote.asset)")
        }
        guard quote.feePayer == self.feePayer.description else {
            throw .invalid(code: "\(prefix)_fee_payer_mismatch", reason: "the fee payer is \(self.feePayer)")
        }
        guard let owner = try? Address(quote.payTo),
            self.transfer.destination
                == .associatedToken(
                    owner: owner, mint: self.transfer.mint, tokenProgram: self.transfer.tokenProgram)
        else {
            throw .invalid(
                code: "\(prefix)_recipient_mismatch", reason: "pays somebody else than \(quote.payTo)")
        }
        guard self.transfer.amount == quote.amount else {
            throw .invalid(
                code: "\(prefix)_amount_mismatch",
                reason: "pays \(self.transfer.amount) instead of \(quote.amount)")
        }
        if let memo = quote.memo, !sameBytes(memo, self.memo) {
            throw .invalid(code: "\(prefix)_memo_mismatch", reason: "the memo is not the one asked for")
        }
    }
}
