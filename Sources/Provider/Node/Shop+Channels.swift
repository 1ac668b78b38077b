internal import Encoding
internal import Ledger
internal import Market
public import Payments
internal import Rails
internal import Solana
internal import Wallet
internal import World

/// On what terms a node takes vouchers of payment channels.
public struct ChannelSales: Sendable, Hashable {
    /// Seconds that a customer waits for the rest of a deposit when the node does not answer.
    public let withdrawDelay: UInt32
    /// What customers are asked to put in, in atomic units.
    public let minDeposit: UInt64?
    /// How long a voucher waits before it is redeemed, in seconds.
    public let claimSeconds: Int
    /// After how many seconds without a payment a channel is closed, its rest and our rent given back; nil
    /// waits for the customer.
    public let maxIdleSeconds: UInt32?

    public init(
        withdrawDelay: UInt32 = 86_400, minDeposit: UInt64? = nil, claimSeconds: Int = 600,
        maxIdleSeconds: UInt32? = nil
    ) {
        self.maxIdleSeconds = maxIdleSeconds
        self.withdrawDelay = withdrawDelay
        self.minDeposit = minDeposit
        self.claimSeconds = claimSeconds
    }

    /// These terms with a least deposit, where none is set: a channel's rent is lent for more than the least
    /// that is sold.
    func worth(atLeast price: UInt64) -> ChannelSales {
        let (least, overflow) = price.multipliedReportingOverflow(by: 10)
        return ChannelSales(
            withdrawDelay: self.withdrawDelay, minDeposit: self.minDeposit ?? (overflow ? price : least),
            claimSeconds: self.claimSeconds, maxIdleSeconds: self.maxIdleSeconds)
    }
}

/// Selling for vouchers (x402 `batch-settlement`): a voucher is on disk before it is worked for, one at a
/// time in each channel, and redeemed long before a customer could take the deposit back.
extension Shop {
    func channelRequirements(_ amount: UInt64, correcting channel: SoldChannel? = nil)
        -> PaymentRequirements?
    {
        guard let terms = self.channelSales else { return nil }
        let proof = channel?.voucher.map { ($0.voucher.cumulative, $0.signature) }
        return PaymentRequirements(
            network: self.offer.network, amount: amount, asset: self.offer.asset, payTo: self.offer.payTo,
            maxTimeoutSeconds: 60, feePayer: self.facilitator.feePayer.description,
            channel: ChannelOffer(
                receiverAuthorizer: Address(self.wallet.publicKey(.identity)).description,
                withdrawDelay: terms.withdrawDelay, tokenProgram: self.tokenProgram.description,
                minDeposit: terms.minDeposit, maxIdleSeconds: terms.maxIdleSeconds, state: channel?.standing,
                proof: proof))
    }

    /// Sells for a voucher, once, however often it arrives.
    func sell(
        _ kind: some SaleKind, for payment: ChannelPayment, _ payload: PaymentPayload,
        _ request: ShopRequest, _ resource: String
    ) async throws -> ShopResponse {
        guard let requirements = self.channelRequirements(kind.price) else {
            throw Refusal(status: 400, reason: "no channels are used here")
        }
        guard payload.accepted.json == requirements.json else {
            throw Refusal(status: 409, reason: "the payment was made for other terms")
        }
        let id = try self.identity(of: payment, requirements)
        return try await self.alone(id.description) {
            let key = payment.voucher.commitment
            if let sale = try self.sales.sale(key) {
                guard sale.payload == payload.bytes else {
                    // Spent, or signed by a client that does not know so: it may catch up.
                    let error = X402Error.invalid(
                        code: BatchSettlement.mismatch, reason: "the voucher paid for something else")
                    return try await self.correct(error, id, kind.price, resource)
                }
                guard sale.isFor(request) else {
                    throw Refusal(status: 409, reason: "the voucher paid for another request")
                }
                if sale.state == .done { return try await self.answer(sale, for: resource) }
                try await kind.check()
            } else {
                try await kind.check()
                let identifier = Self.identifier(of: payload, by: payment.config.payer, signed: key)
                guard try !self.sales.isTaken(identifier: identifier, byOtherThan: key) else {
                    throw Refusal(status: 409, reason: "the identifier belongs to another payment")
                }
                do {
                    let channel = try await self.channel(id, payment, payload, requirements)
                    try self.check(payment.voucher, price: kind.price, channel)
                    try self.sales.accept(
                        payment.voucher, from: channel, identifier: identifier, subject: request.subject,
                        payload: payload.bytes, at: self.timeline.now.milliseconds)
                } catch let error as X402Error {
                    return try await self.correct(error, id, kind.price, resource)
                }
            }
            return try await self.work(kind, key, key, resource)
        } ?? Self.busyAnswer
    }

    /// Gives a customer the rest of the deposit back: what is charged is redeemed, and the channel ends.
    func refund(_ payment: ChannelPayment, _ resource: String) async throws -> ShopResponse {
        guard let requirements = self.channelRequirements(0) else {
            throw Refusal(status: 400, reason: "no channels are used here")
        }
        let id = try self.identity(of: payment, requirements)
        return try await self.alone(id.description) {
            guard let channel = try self.sales.channel(id) else {
                throw Refusal(status: 404, reason: "the channel is not known here")
            }
            guard channel.charged == payment.voucher.voucher.cumulative else {
                let error = X402Error.invalid(
                    code: BatchSettlement.mismatch, reason: "\(channel.charged) is charged")
                return try await self.correct(error, id, 0, resource)
            }
            guard channel.isOpen else {
                let error = X402Error.invalid(
                    code: BatchSettlement.channelClosing, reason: "the channel is closed or closing")
                return try await self.correct(error, id, 0, resource)
            }
            // Each try to close costs a fee, whoever asks for it.
            try self.fees.lend(
                Self.sealingCost, to: channel.config.payer, at: self.timeline.now.milliseconds)
            let settlement = try await self.seal(channel)
            if settlement.success { self.fees.earned(Self.sealingCost, from: channel.config.payer) }
            let back = String(channel.deposit - min(channel.deposit, channel.charged))
            var response = ShopResponse.json(settlement.success ? 200 : 503, [:])
            let answer =
                settlement.success
                ? SettlementResponse(
                    transaction: settlement.transaction, payer: channel.config.payer.description,
                    network: self.offer.network, amount: back,
                    extra: ["channelState": channel.standing.json])
                : settlement
            response.headers.append(Header(X402.responseHeader, answer.header))
            return response
        } ?? Self.busyAnswer
    }

    /// In lamports: two signatures, ours and the voucher's.
    private static let sealingCost: UInt64 = 10_000

    /// Redeems what is owed: vouchers that are old enough, and all of a channel that its customer closes or
    /// has stopped using.
    ///
    /// - Returns: the channels with which something is wrong; they do not hold the others up.
    @discardableResult
    public func redeem() async throws -> [BookFault] {
        guard let terms = self.channelSales else { return [] }
        var faults: [BookFault] = []
        for known in try self.sales.openChannels() {
            _ = try await BookFault.apart("channel \(known.id)", noting: &faults) {
                _ = try await self.alone(known.id.description) { try await self.redeem(known, terms) }
            }
        }
        return faults
    }

    private func redeem(_ known: SoldChannel, _ terms: ChannelSales) async throws {
        let now = self.timeline.now.milliseconds
        let isDue =
            known.charged > known.claimed && now >= known.owedSince + Int64(terms.claimSeconds) * 1_000
        let isIdle = terms.maxIdleSeconds.map { now >= known.activeAt + Int64($0) * 1_000 } ?? false
        let account: ChannelAccount?
        do {
            account = try await self.facilitator.channel(known.id, of: known.config)
        } catch let error as X402Error {
            // An older version took it as it came. Nothing more is sold for it.
            try self.sales.note(redeemed: known.claimed, of: known.id, ended: true)
            throw error
        }
        guard let account else {
            // Gone for good, unless a node that lags does not see it yet.
            guard now >= known.activeAt + Self.settlingTime else { return }
            try self.sales.note(redeemed: known.claimed, of: known.id, ended: true)
            let lost = known.charged - min(known.charged, known.claimed)
            guard lost > 0 else { return }
            throw X402Error.malformed("it ended without us, and \(lost) of what it was charged are lost")
        }
        guard isDue || isIdle || account.status != .open,
            let channel = try self.sales.channel(known.id)
        else { return }
        switch account.status {
        // It may have been used since.
        case .open where isIdle && channel.activeAt == known.activeAt: _ = try await self.seal(channel)
        // Without a voucher nothing is owed: the customer gets everything back without us.
        case .closing where channel.voucher == nil: break
        case .closing: _ = try await self.seal(channel)
        case .sealed, .distributed:
            try self.sales.note(redeemed: account.settled, of: channel.id, ended: true)
        case .open:
            guard let voucher = channel.voucher else { break }
            let settlement = try await self.facilitator.redeem(voucher, of: channel.config)
            if settlement.success { try await self.book(channel, settlement, ended: false) }
        }
    }

    /// After so many milliseconds every node has seen what is confirmed.
    private static let settlingTime: Int64 = 300_000

    // MARK: Inside

    private func seal(_ channel: SoldChannel) async throws -> SettlementResponse {
        let account = try await self.facilitator.channel(channel.id, of: channel.config)
        let isNew = (account?.settled ?? 0) < channel.charged
        let settlement = try await self.facilitator.seal(
            channel.id, of: channel.config, showing: isNew ? channel.voucher : nil)
        if settlement.success { try await self.book(channel, settlement, ended: true) }
        return settlement
    }

    private func book(
        _ channel: SoldChannel, _ settlement: SettlementResponse, ended: Bool
    ) async throws {
        let income = channel.charged - min(channel.charged, channel.claimed)
        if income > 0 {
            try await self.ledger.earn(
                income, asset: self.asset, purpose: .channel, reference: settlement.transaction)
        }
        try self.sales.note(redeemed: channel.charged, of: channel.id, ended: ended)
    }

    /// The address of the channel that a payment names, if it is one of this shop's.
    func identity(
        of payment: ChannelPayment, _ requirements: PaymentRequirements
    ) throws -> Address {
        let config = payment.config
        func wrong(_ what: String) -> X402Error {
            .invalid(code: BatchSettlement.prefix + "channel_config", reason: "\(what) is another one")
        }
        guard config.receiver.description == requirements.payTo else { throw wrong("the receiver") }
        guard config.token.description == requirements.asset else { throw wrong("the token") }
        guard config.receiverAuthorizer.description == requirements.channel?.receiverAuthorizer else {
            throw wrong("the receiver's key")
        }
        guard config.withdrawDelay == requirements.channel?.withdrawDelay else {
            throw wrong("the withdraw delay")
        }
        let feePayer = self.facilitator.feePayer
        guard config.payer != feePayer, config.payerAuthorizer != feePayer else { throw wrong("the payer") }
        guard let id = config.seeds(feePayer: feePayer).derived?.address,
            payment.voucher.voucher.channel == id
        else { throw wrong("the channel's address") }
        guard payment.voucher.isSigned(by: config.payerAuthorizer) else {
            throw X402Error.invalid(
                code: BatchSettlement.prefix + "voucher_signature",
                reason: "the voucher is not signed by the channel's key")
        }
        return id
    }

    /// The channel in our books, after its deposit arrived, or as the chain shows it to a shop that lost
    /// them.
    private func channel(
        _ id: Address, _ payment: ChannelPayment, _ payload: PaymentPayload,
        _ requirements: PaymentRequirements
    ) async throws -> SoldChannel {
        if case .deposit = payment.kind {
            let settlement = try await self.deposit(payment, payload, into: id, requirements)
            guard settlement.success else {
                throw X402Error.invalid(
                    code: settlement.errorReason ?? "unexpected_settle_error",
                    reason: settlement.errorMessage ?? "the deposit did not arrive")
            }
        } else if let known = try self.sales.channel(id) {
            return known
        }
        guard let account = try await self.facilitator.channel(id, of: payment.config) else {
            throw X402Error.invalid(
                code: BatchSettlement.prefix + "channel_not_found", reason: "the chain has no such channel")
        }
        try self.sales.adopt(id, payment.config, account, at: self.timeline.now.milliseconds)
        guard let channel = try self.sales.channel(id) else {
            throw Refusal(status: 500, reason: "the channel is gone")
        }
        return channel
    }

    /// Brings a deposit to the chain, after every rule of a sale has held for it: what it opens is lent rent
    /// for, and must be worth it.
    func deposit(
        _ payment: ChannelPayment, _ payload: PaymentPayload, into id: Address,
        _ requirements: PaymentRequirements
    ) async throws -> SettlementResponse {
        // What we sponsored before is asked about again, and not checked against what it has changed.
        if try await !self.facilitator.knows(payment) {
            let cost = try await self.inspect(payment, payload, requirements).cost
            try self.rents.lend(cost, to: payment.config.payer, at: self.timeline.now.milliseconds)
        }
        return try await self.facilitator.deposit(payment, into: id, against: requirements)
    }

    /// A channel's rent is ours until it ends: for a few units nobody gets us to lend it.
    func checkLeast(_ deposit: UInt64) throws(X402Error) {
        guard let least = self.channelSales?.minDeposit, deposit < least else { return }
        throw .invalid(
            code: BatchSettlement.prefix + "deposit_below_min_deposit",
            reason: "at least \(least) are deposited here")
    }

    func check(_ voucher: SignedVoucher, price: UInt64, _ channel: SoldChannel) throws(X402Error) {
        guard channel.isOpen else {
            throw .invalid(code: BatchSettlement.channelClosing, reason: "the channel is closed or closing")
        }
        let (wanted, overflow) = channel.charged.addingReportingOverflow(price)
        guard !overflow, voucher.voucher.cumulative == wanted else {
            throw .invalid(
                code: BatchSettlement.mismatch,
                reason: "the voucher says \(voucher.voucher.cumulative) instead of \(wanted)")
        }
        guard wanted <= channel.deposit else {
            throw .invalid(
                code: BatchSettlement.prefix + "insufficient_deposit",
                reason: "\(wanted) is more than the deposit of \(channel.deposit)")
        }
    }

    /// Status 402 with what our books say, so that an honest client can catch up.
    private func correct(
        _ error: X402Error, _ id: Address, _ price: UInt64, _ resource: String
    ) async throws -> ShopResponse {
        let known = try? self.sales.channel(id)
        let accepts = self.channelRequirements(
            price, correcting: error.code == BatchSettlement.mismatch ? known : nil)
        return try await self.refuse(
            SettlementResponse(
                failure: error.code, message: "\(error)", payer: nil, network: self.offer.network),
            resource, accepts.map { [$0] } ?? [], error: error.code)
    }

    /// The PAYMENT-RESPONSE of a voucher.
    func settlement(
        of payment: ChannelPayment, charged: UInt64, receipt: String
    ) throws -> SettlementResponse {
        var extra: JSON = [
            "commitmentId": .string(payment.voucher.commitment), "chargedAmount": .string(String(charged)),
        ]
        if let channel = try self.sales.channel(payment.voucher.voucher.channel) {
            extra["channelState"] = channel.standing.json
        }
        return SettlementResponse(
            transaction: "", payer: payment.config.payer.description, network: self.offer.network,
            amount: "", extra: extra, receipt: receipt)
    }
}
