internal import Encoding
internal import Market
internal import Payments
internal import Rails
internal import Solana
internal import World

/// The facilitator's HTTP interface (x402 v2). It sponsors payments to this shop only: a stranger's payments
/// would be paid for with our fees.
///
/// Of `batch-settlement` it takes what clients sign: deposits, vouchers, and to verify refunds. Claims and
/// closes are the shop's own business, for which it needs no interface; nobody else pays for them with our
/// lamports.
extension Shop {
    var supported: JSON {
        self.facilitator.supported(
            schemes: ["exact"] + (self.channelSales == nil ? [] : [BatchSettlement.scheme]))
    }

    func verify(_ request: ShopRequest) async throws -> ShopResponse {
        do {
            let (payload, requirements) = try self.read(request)
            guard case .channel(let payment) = try payload.content else {
                let payment = try await self.facilitator.verify(payload, against: requirements)
                return .json(200, ["isValid": true, "payer": .string(payment.payer.description)])
            }
            let channel = try await self.inspect(payment, payload, requirements).channel
            return .json(
                200,
                [
                    "isValid": true, "payer": .string(payment.config.payer.description),
                    "extra": channel.chainStanding.json,
                ])
        } catch let error as X402Error {
            return .json(
                200,
                [
                    "isValid": false, "invalidReason": .string(error.code),
                    "invalidMessage": .string("\(error)"),
                ])
        }
    }

    func settle(_ request: ShopRequest) async throws -> ShopResponse {
        do {
            let (payload, requirements) = try self.read(request)
            if case .channel(let payment) = try payload.content {
                let id = payment.voucher.voucher.channel.description
                return try await self.alone(id) {
                    .json(200, try await self.settle(payment, payload, requirements).json)
                } ?? Self.busyAnswer
            }
            return .json(200, try await self.sponsor(payload, requirements).json)
        } catch let error as X402Error {
            let failure = SettlementResponse(
                failure: error.code, message: "\(error)", payer: nil, network: self.offer.network)
            return .json(200, failure.json)
        }
    }

    /// Brings a payment to the chain at our cost, once, and only if it brings more than it costs.
    func sponsor(
        _ payload: PaymentPayload, _ requirements: PaymentRequirements
    ) async throws -> SettlementResponse {
        guard requirements.amount >= self.offer.leastPrice else {
            throw X402Error.invalid(
                code: "invalid_payment_requirements",
                reason: "payments below \(self.offer.leastPrice) are not sponsored")
        }
        // What was sponsored before is asked about again, at no further cost.
        if try await !self.facilitator.knows(payload) {
            let payment = try await self.facilitator.verify(payload, against: requirements)
            try self.fees.lend(payment.networkFee, to: payment.payer, at: self.timeline.now.milliseconds)
        }
        let settlement = try await self.facilitator.settle(payload, against: requirements)
        if settlement.success, let payment = try? ExactPayment(of: payload) {
            self.fees.earned(payment.networkFee, from: payment.payer)
        }
        return settlement
    }

    private func read(_ request: ShopRequest) throws -> (PaymentPayload, PaymentRequirements) {
        let limits = JSON.Limits(bytes: 256 << 10)
        let source = try JSONSource(request.body, limits: limits)
        let root = JSONField(source.value)
        guard let payload = source["paymentPayload"] else {
            throw root["paymentPayload"].fault("missing")
        }
        let requirements = try PaymentRequirements(facilitator: root["paymentRequirements"])
        guard requirements.payTo == self.offer.payTo else {
            throw X402Error.invalid(
                code: "invalid_payment_requirements",
                reason: "only payments to \(self.offer.payTo) are sponsored")
        }
        return (try PaymentPayload(bytes: Array(payload.text.utf8)), requirements)
    }

    // MARK: Channels

    /// Applies the rules that a sale applies, without moving anything.
    /// - Returns: the channel as it is, or would be with its deposit, and the lamports that the deposit
    /// takes.
    func inspect(
        _ payment: ChannelPayment, _ payload: PaymentPayload, _ requirements: PaymentRequirements
    ) async throws -> (channel: SoldChannel, cost: UInt64) {
        guard let own = self.channelRequirements(requirements.amount), requirements.json == own.json,
            payload.accepted.json == requirements.json
        else {
            throw X402Error.invalid(
                code: "invalid_payment_requirements", reason: "the accepted terms are not the offered ones")
        }
        let id = try self.identity(of: payment, requirements)
        let known: SoldChannel?
        if let booked = try self.sales.channel(id) {
            known = booked
        } else {
            known = try await self.facilitator.channel(id, of: payment.config).map {
                SoldChannel(id, payment.config, $0)
            }
        }
        if case .deposit(let amount, _) = payment.kind {
            try self.checkLeast(amount)
            let empty = SoldChannel(
                id: id, config: payment.config, deposit: 0, charged: 0, claimed: 0, signature: nil,
                isOpen: true, owedSince: 0, activeAt: 0)
            let filled = try (known ?? empty).filled(with: amount)
            try self.check(payment.voucher, price: requirements.amount, filled)
            return (
                filled, try await self.facilitator.verifyDeposit(payment, into: id, against: requirements)
            )
        }
        guard let known else {
            throw X402Error.invalid(
                code: BatchSettlement.prefix + "channel_not_found", reason: "the chain has no such channel")
        }
        // A refund pays nothing: its voucher says what is charged already.
        let price = payment.kind == .refund ? 0 : requirements.amount
        try self.check(payment.voucher, price: price, known)
        return (known, 0)
    }

    /// Brings a deposit to the chain. A voucher moves nothing: whoever serves for it has to keep it.
    private func settle(
        _ payment: ChannelPayment, _ payload: PaymentPayload, _ requirements: PaymentRequirements
    ) async throws -> SettlementResponse {
        let payer = payment.config.payer.description
        switch payment.kind {
        case .deposit(let amount, _):
            let id = try self.identity(of: payment, requirements)
            let settlement = try await self.deposit(payment, payload, into: id, requirements)
            guard settlement.success,
                let account = try await self.facilitator.channel(id, of: payment.config)
            else { return settlement }
            try self.sales.adopt(id, payment.config, account, at: self.timeline.now.milliseconds)
            let channel = SoldChannel(id, payment.config, account)
            return SettlementResponse(
                transaction: settlement.transaction, payer: payer, network: self.offer.network,
                amount: String(amount), extra: ["channelState": channel.chainStanding.json])
        case .voucher:
            let channel = try await self.inspect(payment, payload, requirements).channel
            return SettlementResponse(
                transaction: "", payer: payer, network: self.offer.network, amount: "",
                extra: [
                    "commitmentId": .string(payment.voucher.commitment),
                    "chargedAmount": .string(String(requirements.amount)),
                    "channelState": channel.chainStanding.json,
                ])
        case .refund:
            throw X402Error.invalid(
                code: BatchSettlement.prefix + "close_authorization",
                reason: "a channel is closed by the shop itself: send the refund to a resource of it")
        }
    }
}

extension Offer {
    /// The least that anything costs here, and never nothing: for less no fee is paid.
    var leastPrice: UInt64 {
        max(1, [self.storage?.minimum, self.compute?.minimum].compactMap(\.self).min() ?? 1)
    }
}
