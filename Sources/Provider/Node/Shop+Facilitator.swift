internal import Encoding
internal import Market
internal import Payments
internal import World

/// The facilitator's HTTP interface (x402 v2). It sponsors payments to this shop only: a stranger's payments
/// would be paid for with our fees.
///
/// Of `batch-settlement` it takes what clients sign: deposits, vouchers, and to verify refunds. Claims and
/// closes are the shop's own business, for which it needs no interface; nobody else pays for them with our
/// money.
extension Shop {
    var supported: JSON { FacilitatorSupport.json(self.rails.map(\.supported)) }

    func verify(_ request: ShopRequest) async throws -> ShopResponse {
        do {
            let (payload, requirements, rail) = try self.read(request)
            guard let channels = try Self.channels(of: payload, on: rail) else {
                try await rail.verify(payload, against: requirements)
                return .json(
                    200, ["isValid": true, "payer": .string(try rail.signed(payload).payer ?? "")])
            }
            let payment = try channels.read(payload)
            let channel = try await self.inspect(payment, payload, requirements, channels).channel
            return .json(
                200,
                [
                    "isValid": true, "payer": .string(payment.payer), "extra": channel.chainStanding.json,
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
        var network = self.rails.first?.network ?? ""
        do {
            let (payload, requirements, rail) = try self.read(request)
            network = rail.network
            guard let channels = try Self.channels(of: payload, on: rail) else {
                return .json(200, try await self.sponsor(payload, requirements, on: rail).json)
            }
            let payment = try channels.read(payload)
            return try await self.alone(payment.channel) {
                .json(200, try await self.settle(payment, payload, requirements, rail, channels).json)
            } ?? Self.busyAnswer
        } catch let error as X402Error {
            return .json(200, SettlementResponse(error, on: network).json)
        }
    }

    /// Brings a payment to the chain at our cost, once, and only if it brings more than it costs.
    /// - Parameter note: writes down what it is for, before it can happen; nil where that is known.
    func sponsor(
        _ payload: PaymentPayload, _ requirements: PaymentRequirements, on rail: any SellingRail,
        _ note: (() throws -> Void)? = nil
    ) async throws -> SettlementResponse {
        let least = self.amount(Offer.leastPrice(self.offer.storage, self.offer.compute), on: rail) ?? .max
        guard requirements.amount >= least else {
            throw X402Error.invalid(
                code: "invalid_payment_requirements",
                reason: "payments below \(least) are not sponsored")
        }
        let signed = try rail.signed(payload)
        let payer = signed.payer ?? ""
        // What was sponsored before is asked about again, at no further cost.
        if try await !rail.knows(payload) {
            try await rail.verify(payload, against: requirements)
            try self.fees[rail.network, default: FeeGuard(rail.transferBounds)].lend(
                signed.cost, to: payer, for: signed.key, at: self.timeline.now.milliseconds)
            try note?()
        } else if note != nil {
            throw X402Error.invalid(
                code: "invalid_transaction_state", reason: "the payment happened before it was shown here")
        }
        let settlement = try await rail.settle(payload, against: requirements)
        if settlement.success { self.fees[rail.network]?.earned(signed.key, from: payer) }
        return settlement
    }

    private func read(
        _ request: ShopRequest
    ) throws -> (PaymentPayload, PaymentRequirements, any SellingRail) {
        let limits = JSON.Limits(bytes: 256 << 10)
        let source = try JSONSource(request.body, limits: limits)
        let root = JSONField(source.value)
        guard let payload = source["paymentPayload"] else {
            throw root["paymentPayload"].fault("missing")
        }
        let requirements = try PaymentRequirements(facilitator: root["paymentRequirements"])
        // Elsewhere others do that.
        let rails = self.rails.filter { !$0.supported.kinds.isEmpty }
        guard
            let rail = rails.first(where: {
                sameBytes($0.network, requirements.network) && sameBytes($0.payTo, requirements.payTo)
            })
        else {
            let accounts = rails.map { "\($0.payTo) on \($0.network)" }
            throw X402Error.invalid(
                code: "invalid_payment_requirements",
                reason: "only payments to \(accounts.joined(separator: ", ")) are sponsored")
        }
        return (try PaymentPayload(bytes: Array(payload.text.utf8)), requirements, rail)
    }

    // MARK: Channels

    /// What reads a payment from a channel; nil for a payment of its own.
    private static func channels(
        of payload: PaymentPayload, on rail: any SellingRail
    ) throws(X402Error) -> (any ChannelSelling)? {
        guard payload.accepted.channel != nil else { return nil }
        guard let channels = rail.channels else {
            throw .invalid(code: "invalid_payment_requirements", reason: "no channels are used here")
        }
        return channels
    }

    /// Applies the rules that a sale applies, without moving anything.
    /// - Returns: the channel as it is, or would be with its deposit, and what the deposit takes from us.
    func inspect(
        _ payment: VoucherPayment, _ payload: PaymentPayload, _ requirements: PaymentRequirements,
        _ channels: any ChannelSelling
    ) async throws -> (channel: SoldChannel, cost: UInt64) {
        let own = channels.requirements(requirements.amount, correcting: nil)
        guard requirements.json == own.json, payload.accepted.json == requirements.json else {
            throw X402Error.invalid(
                code: "invalid_payment_requirements", reason: "the accepted terms are not the offered ones")
        }
        let known: SoldChannel?
        if let booked = try self.sales.channel(payment.channel) {
            known = booked
        } else {
            known = try await channels.account(of: payment.channel, payment.facts).map {
                SoldChannel(payment.channel, on: requirements.network, payment.facts, $0)
            }
        }
        if case .deposit(let amount) = payment.kind {
            try self.checkLeast(amount, channels)
            let empty = SoldChannel(
                payment.channel, on: requirements.network, payment.facts,
                ChannelState(deposit: 0, settled: 0, phase: .open))
            let filled = try (known ?? empty).filled(with: amount)
            try self.check(payment, price: requirements.amount, filled)
            return (filled, try await channels.verify(payment, against: requirements))
        }
        guard let known else {
            throw X402Error.invalid(
                code: BatchSettlement.prefix + "channel_not_found", reason: "the chain has no such channel")
        }
        // A refund pays nothing: its voucher says what is charged already.
        let price = payment.kind == .refund ? 0 : requirements.amount
        try self.check(payment, price: price, known)
        return (known, 0)
    }

    /// Brings a deposit to the chain. A voucher moves nothing: whoever serves for it has to keep it.
    private func settle(
        _ payment: VoucherPayment, _ payload: PaymentPayload, _ requirements: PaymentRequirements,
        _ rail: any SellingRail, _ channels: any ChannelSelling
    ) async throws -> SettlementResponse {
        switch payment.kind {
        case .deposit(let amount):
            let settlement = try await self.deposit(payment, payload, requirements, rail, channels)
            guard settlement.success,
                let state = try await channels.account(of: payment.channel, payment.facts)
            else { return settlement }
            let channel = SoldChannel(payment.channel, on: rail.network, payment.facts, state)
            try self.sales.adopt(channel, at: self.timeline.now.milliseconds)
            return SettlementResponse(
                transaction: settlement.transaction, payer: payment.payer, network: rail.network,
                amount: String(amount), extra: ["channelState": channel.chainStanding.json])
        case .voucher:
            let channel = try await self.inspect(payment, payload, requirements, channels).channel
            return SettlementResponse(
                transaction: "", payer: payment.payer, network: rail.network, amount: "",
                extra: [
                    "commitmentId": .string(payment.commitment),
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
