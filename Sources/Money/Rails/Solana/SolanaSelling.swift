internal import Encoding
package import Ledger
package import Payments
internal import Sodium
package import Solana
package import Wallet

/// Selling on Solana: the shop's wallet is paid in tokens of one mint, and sponsors what its customers sign.
package struct SolanaSelling: SellingRail {
    private let facilitator: Facilitator
    private let mint: Address
    private let owner: Address
    package let asset: Asset
    package let channels: (any ChannelSelling)?

    /// - Parameters:
    ///   - token: what is sold for, as the chain has it.
    ///   - channels: on what terms vouchers are taken; nil takes none.
    ///   - price: the least that anything costs, in atomic units.
    package init(
        facilitator: Facilitator, wallet: UnlockedWallet, asset: Asset, mint: Address, tokenProgram: Address,
        channels: ChannelSales?, sellingFrom price: UInt64
    ) {
        self.facilitator = facilitator
        self.asset = asset
        self.mint = mint
        let owner = Address(wallet.publicKey(.payment))
        self.owner = owner
        self.channels = channels.map {
            SolanaChannelSelling(
                facilitator: facilitator, terms: $0, minDeposit: $0.leastDeposit(selling: price), mint: mint,
                tokenProgram: tokenProgram, payTo: owner,
                authorizer: Address(wallet.publicKey(.identity)))
        }
    }

    package var network: String { self.facilitator.network.chainID }
    package var assetName: String { self.mint.description }
    package var payTo: String { self.owner.description }
    package var carriesMemo: Bool { true }
    /// A transfer costs some 10,000 lamports.
    package var transferBounds: FeeBounds { FeeBounds(payer: 200_000, strangers: 20_000_000) }

    package func requirements(_ amount: UInt64, memo: String) -> PaymentRequirements {
        PaymentRequirements(
            network: self.network, amount: amount, asset: self.assetName, payTo: self.payTo,
            maxTimeoutSeconds: 60, feePayer: self.facilitator.feePayer.description, memo: memo,
            paymentFlow: "upfront")
    }

    package var supported: FacilitatorSupport {
        self.facilitator.supported(
            schemes: ["exact"] + (self.channels == nil ? [] : [BatchSettlement.scheme]))
    }

    package func signed(_ payload: PaymentPayload) throws(X402Error) -> SignedPayment {
        guard case .exact(let bytes) = try payload.content,
            let transaction = try? Transaction(decoding: bytes)
        else { throw .malformed("the payload holds no transaction") }
        let payment = try? ExactPayment(decoding: transaction.message)
        return SignedPayment(
            payer: payment?.payer.description,
            key: Hex.encode(SHA256.digest(of: transaction.messageBytes)), cost: payment?.networkFee ?? 0)
    }

    package func knows(_ payload: PaymentPayload) async throws -> Bool {
        try await self.facilitator.knows(payload)
    }

    package func verify(
        _ payload: PaymentPayload, against requirements: PaymentRequirements
    ) async throws {
        _ = try await self.facilitator.verify(payload, against: requirements)
    }

    package func settle(
        _ payload: PaymentPayload, against requirements: PaymentRequirements
    ) async throws -> SettlementResponse {
        try await self.facilitator.settle(payload, against: requirements)
    }

    /// Rent of channels that ended comes back as well.
    package func bookDeposits() async throws {
        _ = try await Reconciler(ledger: self.facilitator.ledger, rpc: self.facilitator.rpc).bookDeposits(
            of: SolanaNames.sol(on: self.facilitator.network), account: self.facilitator.feePayer, mint: nil)
    }

    package func sweep() async throws -> [BookFault] { try await self.facilitator.sweep() }
}

/// Channels of customers on Solana, in which the shop's sponsor has the payee's seat.
struct SolanaChannelSelling: ChannelSelling {
    let facilitator: Facilitator
    let terms: ChannelSales
    let minDeposit: UInt64
    let mint: Address
    let tokenProgram: Address
    let payTo: Address
    /// The key that stands for our closes.
    let authorizer: Address

    /// An opening lends some 4,000,000 lamports until the channel ends.
    var depositBounds: FeeBounds { FeeBounds(payer: 20_000_000, strangers: 400_000_000) }
    /// Two signatures, ours and the voucher's.
    var sealingCost: UInt64 { 10_000 }

    func requirements(_ amount: UInt64, correcting channel: SoldChannel?) -> PaymentRequirements {
        PaymentRequirements(
            network: self.facilitator.network.chainID, amount: amount, asset: self.mint.description,
            payTo: self.payTo.description, maxTimeoutSeconds: 60,
            feePayer: self.facilitator.feePayer.description,
            channel: ChannelOffer(
                receiverAuthorizer: self.authorizer.description, withdrawDelay: self.terms.withdrawDelay,
                tokenProgram: self.tokenProgram.description, minDeposit: self.minDeposit,
                maxIdleSeconds: self.terms.maxIdleSeconds, state: channel?.standing,
                proof: channel.flatMap { channel in channel.signature.map { (channel.charged, $0) } }))
    }

    func read(_ payload: PaymentPayload) throws(X402Error) -> VoucherPayment {
        guard case .channel(let payment) = try payload.content else {
            throw .malformed("it is no payment from a channel")
        }
        let config = payment.config
        let sponsor = self.facilitator.feePayer
        let parts: [(what: String, isOurs: Bool)] = [
            ("the receiver", config.receiver == self.payTo), ("the token", config.token == self.mint),
            ("the receiver's key", config.receiverAuthorizer == self.authorizer),
            ("the withdraw delay", config.withdrawDelay == self.terms.withdrawDelay),
            ("the payer", config.payer != sponsor && config.payerAuthorizer != sponsor),
            (
                "the channel's address",
                config.seeds(feePayer: sponsor).derived?.address == payment.voucher.voucher.channel
            ),
        ]
        if let wrong = parts.first(where: { !$0.isOurs }) {
            throw .invalid(
                code: BatchSettlement.prefix + "channel_config", reason: "\(wrong.what) is another one")
        }
        guard payment.voucher.isSigned(by: config.payerAuthorizer) else {
            throw .invalid(
                code: BatchSettlement.prefix + "voucher_signature",
                reason: "the voucher is not signed by the channel's key")
        }
        return VoucherPayment(payment)
    }

    func isRefund(_ payload: PaymentPayload) -> Bool {
        guard case .channel(let payment)? = try? payload.content else { return false }
        return payment.kind == .refund
    }

    func account(of channel: String, _ facts: JSON) async throws -> ChannelState? {
        try await self.facilitator.channel(try Address(channel), of: try ChannelConfig(JSONField(facts)))
            .map(ChannelState.init)
    }

    func knows(_ deposit: VoucherPayment) async throws -> Bool {
        try await self.facilitator.knows(try ChannelPayment(deposit))
    }

    func verify(
        _ deposit: VoucherPayment, against requirements: PaymentRequirements
    ) async throws -> UInt64 {
        try await self.facilitator.verifyDeposit(
            try ChannelPayment(deposit), into: try Address(deposit.channel), against: requirements)
    }

    func deposit(
        _ deposit: VoucherPayment, against requirements: PaymentRequirements
    ) async throws -> SettlementResponse {
        try await self.facilitator.deposit(
            try ChannelPayment(deposit), into: try Address(deposit.channel), against: requirements)
    }

    func redeem(_ channel: SoldChannel) async throws -> SettlementResponse {
        guard let voucher = try channel.voucher else {
            throw X402Error.malformed("nothing is owed in channel \(channel.id)")
        }
        return try await self.facilitator.redeem(voucher, of: try ChannelConfig(JSONField(channel.facts)))
    }

    func seal(_ channel: SoldChannel, showing: Bool) async throws -> SettlementResponse {
        try await self.facilitator.seal(
            try Address(channel.id), of: try ChannelConfig(JSONField(channel.facts)),
            showing: showing ? try channel.voucher : nil)
    }
}

extension SoldChannel {
    /// The newest voucher.
    fileprivate var voucher: SignedVoucher? {
        get throws {
            let voucher = ChannelVoucher(channel: try Address(self.id), cumulative: self.charged)
            return self.signature.map { SignedVoucher(voucher, signature: $0) }
        }
    }
}

extension ChannelState {
    fileprivate init(_ account: ChannelAccount) {
        let phase: Phase =
            switch account.status {
            case .open: .open
            case .closing: .closing
            case .sealed, .distributed: .ended
            }
        self.init(deposit: account.deposit, settled: account.settled, phase: phase)
    }
}

extension VoucherPayment {
    fileprivate init(_ payment: ChannelPayment) {
        var transaction: [UInt8] = []
        let kind: Kind
        switch payment.kind {
        case .deposit(let amount, let bytes):
            kind = .deposit(amount: amount)
            transaction = bytes
        case .voucher: kind = .voucher
        case .refund: kind = .refund
        }
        self.init(
            kind, channel: payment.voucher.voucher.channel.description,
            payer: payment.config.payer.description, facts: payment.config.json,
            cumulative: payment.voucher.voucher.cumulative, signature: payment.voucher.signature,
            transaction: transaction)
    }
}

extension ChannelPayment {
    fileprivate init(_ payment: VoucherPayment) throws {
        let kind: Kind =
            switch payment.kind {
            case .deposit(let amount): .deposit(amount: amount, transaction: payment.transaction)
            case .voucher: .voucher
            case .refund: .refund
            }
        self.init(
            kind, config: try ChannelConfig(JSONField(payment.facts)),
            voucher: SignedVoucher(
                ChannelVoucher(channel: try Address(payment.channel), cumulative: payment.cumulative),
                signature: payment.signature))
    }
}
