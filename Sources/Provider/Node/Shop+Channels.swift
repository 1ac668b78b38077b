internal import Encoding
internal import Ledger
internal import Market
internal import Payments
internal import World

/// Selling for vouchers (x402 `batch-settlement`): a voucher is on disk before it is worked for, one at a
/// time in each channel, and redeemed long before a customer could take the deposit back.
extension Shop {
    /// Sells for a voucher, once, however often it arrives.
    func sell(
        _ kind: some SaleKind, by sale: Sale, _ request: ShopRequest
    ) async throws -> ShopResponse {
        guard let channels = sale.rail.channels else { throw Self.noChannels }
        let payload = sale.payload
        guard payload.accepted.json == channels.requirements(sale.amount, correcting: nil).json else {
            throw Self.otherTerms
        }
        let payment = try channels.read(payload)
        let key = payment.commitment
        return try await self.alone(payment.channel) {
            if let known = try self.sales.sale(key) {
                guard known.payload == payload.bytes else {
                    // Spent, or signed by a client that does not know so: it may catch up.
                    let error = X402Error.invalid(
                        code: BatchSettlement.mismatch, reason: "the voucher paid for something else")
                    return try await self.correct(error, payment.channel, sale)
                }
                guard known.isFor(request) else {
                    throw Refusal(status: 409, reason: "the voucher paid for another request")
                }
                if known.state == .done { return try await self.answer(known, for: sale.resource) }
                try await kind.check()
            } else {
                try await kind.check()
                let identifier = Self.identifier(of: payload, by: payment.payer, signed: key)
                guard try !self.sales.isTaken(identifier: identifier, byOtherThan: key) else {
                    throw Refusal(status: 409, reason: "the identifier belongs to another payment")
                }
                do {
                    let channel = try await self.channel(of: payment, sale, channels)
                    try self.check(payment, price: sale.amount, channel)
                    try self.sales.accept(
                        payment, identifier: identifier, subject: request.subject, payload: payload.bytes,
                        at: self.timeline.now.milliseconds)
                } catch let error as X402Error {
                    return try await self.correct(error, payment.channel, sale)
                }
            }
            return try await self.work(kind, key, key, sale.resource)
        } ?? Self.busyAnswer
    }

    private static let noChannels = Refusal(status: 400, reason: "no channels are used here")

    /// A request that asks for the rest of a deposit, whatever else it asks for.
    func refund(in request: ShopRequest) -> Sale? {
        guard let header = request.headers[X402.signatureHeader.lowercased()],
            let payload = try? PaymentPayload(header: header), payload.accepted.channel != nil,
            let rail = self.rail(on: payload.accepted.network), let channels = rail.channels,
            channels.isRefund(payload)
        else { return nil }
        return Sale(rail: rail, payload: payload, amount: 0, resource: self.resource(request))
    }

    /// Gives a customer the rest of the deposit back: what is charged is redeemed, and the channel ends.
    func refund(_ sale: Sale) async throws -> ShopResponse {
        guard let channels = sale.rail.channels else { throw Self.noChannels }
        let payment = try channels.read(sale.payload)
        return try await self.alone(payment.channel) {
            guard let channel = try self.sales.channel(payment.channel) else {
                throw Refusal(status: 404, reason: "the channel is not known here")
            }
            guard channel.charged == payment.cumulative else {
                let error = X402Error.invalid(
                    code: BatchSettlement.mismatch, reason: "\(channel.charged) is charged")
                return try await self.correct(error, payment.channel, sale)
            }
            guard channel.isOpen else {
                let error = X402Error.invalid(
                    code: BatchSettlement.channelClosing, reason: "the channel is closed or closing")
                return try await self.correct(error, payment.channel, sale)
            }
            // Each try to close costs a fee, whoever asks for it.
            let (network, loan) = (sale.rail.network, "seal \(channel.id)")
            try self.fees[network, default: FeeGuard(sale.rail.transferBounds)].lend(
                channels.sealingCost, to: payment.payer, for: loan, at: self.timeline.now.milliseconds)
            let settlement = try await self.seal(channel, on: sale.rail, channels)
            if settlement.success { self.fees[network]?.earned(loan, from: payment.payer) }
            let back = String(channel.deposit - min(channel.deposit, channel.charged))
            var response = ShopResponse.json(settlement.success ? 200 : 503, [:])
            let answer =
                settlement.success
                ? SettlementResponse(
                    transaction: settlement.transaction, payer: payment.payer, network: network,
                    amount: back,
                    extra: ["channelState": channel.standing.json])
                : settlement
            response.headers.append(Header(X402.responseHeader, answer.header))
            return response
        } ?? Self.busyAnswer
    }

    /// Redeems what is owed: vouchers that are old enough, and all of a channel that its customer closes or
    /// has stopped using.
    ///
    /// - Returns: the channels with which something is wrong; they do not hold the others up.
    func redeem(on rail: any SellingRail, _ channels: any ChannelSelling) async throws -> [BookFault] {
        var faults: [BookFault] = []
        // Older books do not name the network: it was the first that they sold on.
        let isFirst = sameBytes(rail.network, self.rails.first?.network ?? "")
        for known in try self.sales.openChannels()
        where sameBytes(known.network, rail.network) || isFirst && known.network.isEmpty {
            _ = try await BookFault.apart("channel \(known.id)", noting: &faults) {
                _ = try await self.alone(known.id) { try await self.redeem(known, on: rail, channels) }
            }
        }
        return faults
    }

    private func redeem(
        _ known: SoldChannel, on rail: any SellingRail, _ channels: any ChannelSelling
    ) async throws {
        let terms = channels.terms
        let now = self.timeline.now.milliseconds
        let isDue =
            known.charged > known.claimed && now >= known.owedSince + Int64(terms.claimSeconds) * 1_000
        let isIdle = terms.maxIdleSeconds.map { now >= known.activeAt + Int64($0) * 1_000 } ?? false
        let state: ChannelState?
        do {
            state = try await channels.account(of: known.id, known.facts)
        } catch let error as X402Error {
            // An older version took it as it came. Nothing more is sold for it.
            try self.sales.note(redeemed: known.claimed, of: known.id, ended: true)
            throw error
        }
        guard let state else {
            // Gone for good, unless a node that lags does not see it yet.
            guard now >= known.activeAt + Self.settlingTime else { return }
            try self.sales.note(redeemed: known.claimed, of: known.id, ended: true)
            let lost = known.charged - min(known.charged, known.claimed)
            guard lost > 0 else { return }
            throw X402Error.malformed("it ended without us, and \(lost) of what it was charged are lost")
        }
        guard isDue || isIdle || state.phase != .open,
            let channel = try self.sales.channel(known.id)
        else { return }
        switch state.phase {
        // It may have been used since.
        case .open where isIdle && channel.activeAt == known.activeAt:
            _ = try await self.seal(channel, on: rail, channels)
        // Without a voucher nothing is owed: the customer gets everything back without us.
        case .closing where channel.signature == nil: break
        case .closing: _ = try await self.seal(channel, on: rail, channels)
        case .ended: try self.sales.note(redeemed: state.settled, of: channel.id, ended: true)
        case .open:
            guard channel.signature != nil else { break }
            let settlement = try await channels.redeem(channel)
            if settlement.success { try await self.book(channel, settlement, on: rail, ended: false) }
        }
    }

    /// After so many milliseconds every node has seen what is confirmed.
    private static let settlingTime: Int64 = 300_000

    // MARK: Inside

    private func seal(
        _ channel: SoldChannel, on rail: any SellingRail, _ channels: any ChannelSelling
    ) async throws -> SettlementResponse {
        let state = try await channels.account(of: channel.id, channel.facts)
        let isNew = (state?.settled ?? 0) < channel.charged
        let settlement = try await channels.seal(channel, showing: isNew)
        guard settlement.success else { return settlement }
        // The rent that its opening was lent is ours again.
        self.rents[rail.network]?.earned(channel.id)
        try await self.book(channel, settlement, on: rail, ended: true)
        return settlement
    }

    private func book(
        _ channel: SoldChannel, _ settlement: SettlementResponse, on rail: any SellingRail, ended: Bool
    ) async throws {
        let income = channel.charged - min(channel.charged, channel.claimed)
        if income > 0 {
            try await self.ledger.earn(
                income, asset: rail.asset, purpose: .channel, reference: settlement.transaction)
        }
        try self.sales.note(redeemed: channel.charged, of: channel.id, ended: ended)
    }

    /// The channel in our books, after its deposit arrived, or as the chain shows it to a shop that lost
    /// them.
    private func channel(
        of payment: VoucherPayment, _ sale: Sale, _ channels: any ChannelSelling
    ) async throws -> SoldChannel {
        if case .deposit = payment.kind {
            let settlement = try await self.deposit(
                payment, sale.payload, sale.payload.accepted, sale.rail, channels)
            guard settlement.success else {
                throw X402Error.invalid(
                    code: settlement.errorReason ?? "unexpected_settle_error",
                    reason: settlement.errorMessage ?? "the deposit did not arrive")
            }
        } else if let known = try self.sales.channel(payment.channel) {
            return known
        }
        guard let state = try await channels.account(of: payment.channel, payment.facts) else {
            throw X402Error.invalid(
                code: BatchSettlement.prefix + "channel_not_found", reason: "the chain has no such channel")
        }
        try self.sales.adopt(
            SoldChannel(payment.channel, on: sale.rail.network, payment.facts, state),
            at: self.timeline.now.milliseconds)
        guard let channel = try self.sales.channel(payment.channel) else {
            throw Refusal(status: 500, reason: "the channel is gone")
        }
        return channel
    }

    /// Brings a deposit to the chain, after every rule of a sale has held for it: what it opens is lent rent
    /// for, and must be worth it.
    func deposit(
        _ payment: VoucherPayment, _ payload: PaymentPayload, _ requirements: PaymentRequirements,
        _ rail: any SellingRail, _ channels: any ChannelSelling
    ) async throws -> SettlementResponse {
        // What we sponsored before is asked about again, and not checked against what it has changed.
        if try await !channels.knows(payment) {
            let cost = try await self.inspect(payment, payload, requirements, channels).cost
            try self.rents[rail.network, default: FeeGuard(channels.depositBounds)].lend(
                cost, to: payment.payer, for: payment.channel, at: self.timeline.now.milliseconds)
        }
        return try await channels.deposit(payment, against: requirements)
    }

    /// A channel's rent is ours until it ends: for a few units nobody gets us to lend it.
    func checkLeast(_ deposit: UInt64, _ channels: any ChannelSelling) throws(X402Error) {
        let least = channels.minDeposit
        guard deposit < least else { return }
        throw .invalid(
            code: BatchSettlement.prefix + "deposit_below_min_deposit",
            reason: "at least \(least) are deposited here")
    }

    func check(_ payment: VoucherPayment, price: UInt64, _ channel: SoldChannel) throws(X402Error) {
        guard channel.isOpen else {
            throw .invalid(code: BatchSettlement.channelClosing, reason: "the channel is closed or closing")
        }
        let (wanted, overflow) = channel.charged.addingReportingOverflow(price)
        guard !overflow, payment.cumulative == wanted else {
            throw .invalid(
                code: BatchSettlement.mismatch,
                reason: "the voucher says \(payment.cumulative) instead of \(wanted)")
        }
        guard wanted <= channel.deposit else {
            throw .invalid(
                code: BatchSettlement.prefix + "insufficient_deposit",
                reason: "\(wanted) is more than the deposit of \(channel.deposit)")
        }
    }

    /// Status 402 with what our books say, so that an honest client can catch up.
    private func correct(
        _ error: X402Error, _ channel: String, _ sale: Sale
    ) async throws -> ShopResponse {
        let known = error.code == BatchSettlement.mismatch ? try? self.sales.channel(channel) : nil
        let accepts = sale.rail.channels?.requirements(sale.amount, correcting: known)
        return try await self.refuse(
            SettlementResponse(error, on: sale.rail.network), sale.resource, accepts.map { [$0] } ?? [],
            error: error.code)
    }

    /// The PAYMENT-RESPONSE of a voucher.
    func settlement(
        of payment: VoucherPayment, on network: String, charged: UInt64, receipt: String
    ) throws -> SettlementResponse {
        var extra: JSON = [
            "commitmentId": .string(payment.commitment), "chargedAmount": .string(String(charged)),
        ]
        if let channel = try self.sales.channel(payment.channel) {
            extra["channelState"] = channel.standing.json
        }
        return SettlementResponse(
            transaction: "", payer: payment.payer, network: network, amount: "", extra: extra,
            receipt: receipt)
    }
}
