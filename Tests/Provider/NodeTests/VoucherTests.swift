import Encoding
import Node
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Sodium
import Solana
import Testing
import Wallet
import World

/// Vouchers that no honest client sends, against a shop: each is refused by name and costs nobody anything.
@Suite struct VoucherTests {
    /// A customer with keys of its own making and an open channel.
    struct Customer {
        let market: TestMarket
        let shop: Shop
        var config: ChannelConfig
        let offered: PaymentRequirements

        static let voucherKey: UInt8 = 77

        init(_ market: TestMarket) async throws {
            self.market = market
            self.shop = try await market.openShop(
                channels: ChannelSales(withdrawDelay: 3_600, minDeposit: 2_000)
            ).shop
            let bare = await self.shop.respond(to: try Self.request(market, nil))
            let header = try #require(bare.headers.first { $0.name == X402.requiredHeader })
            let required = try PaymentRequired(header: header.value)
            self.offered = try #require(required.accepts.first { $0.channel != nil })
            let slot = await market.cluster.withBank { $0.slot }
            self.config = ChannelConfig(
                payer: market.payer, payerAuthorizer: Address(try key(Self.voucherKey).publicKey),
                receiver: market.payTo,
                receiverAuthorizer: try Address(try #require(self.offered.channel).receiverAuthorizer),
                token: market.mint, withdrawDelay: 3_600, salt: 1, openSlot: slot)
        }

        var channel: Address {
            get throws { try #require(self.config.seeds(feePayer: self.market.sponsor).derived).address }
        }

        static func request(_ market: TestMarket, _ payload: PaymentPayload?) throws -> ShopRequest {
            let order = try market.order()
            var request = order.request
            if let payload {
                request.headers.append(Header(X402.signatureHeader, Base64.standard.encode(payload.bytes)))
            }
            return ShopRequest(request, path: String(request.url.dropFirst(TestMarket.nodeURL.count)))
        }

        func voucher(
            _ cumulative: UInt64, signedBy byte: UInt8 = Self.voucherKey, channel: Address? = nil
        ) throws -> SignedVoucher {
            let voucher = ChannelVoucher(channel: try channel ?? self.channel, cumulative: cumulative)
            return SignedVoucher(voucher, signature: try key(byte).signature(over: voucher.bytes))
        }

        /// The transaction that opens the channel, as a client signs it.
        func opening(
            deposit: UInt64 = 5_000, change: (inout [Instruction]) -> Void = { _ in }
        ) async throws -> [UInt8] {
            let recent = try await self.market.rpc.latestBlockhash()
            var instructions: [Instruction] = [
                .setComputeUnitLimit(200_000),
                .openChannel(
                    try self.channel, self.config.seeds(feePayer: self.market.sponsor), deposit: deposit,
                    grace: self.config.withdrawDelay, shares: ChannelShare.all(to: self.config.receiver),
                    rentPayer: self.market.sponsor),
                .memo("0123456789abcdef0123456789abcdef"),
                .memo("x402:batch-settlement:svm:rcvauth:v1:\(self.config.receiverAuthorizer)"),
            ]
            change(&instructions)
            let message = try TransactionMessage.build(
                version: .zero, feePayer: self.market.sponsor, instructions: instructions,
                recentBlockhash: recent.blockhash)
            var transaction = try Transaction(message)
            if message.requiredSigners.contains(self.market.payer) {
                try transaction.sign(with: TestMarket.robotKey())
            }
            return transaction.bytes
        }

        /// Pays and says what the shop says: the status and the code.
        func pay(
            _ kind: ChannelPayment.Kind, _ voucher: SignedVoucher, accepted: PaymentRequirements? = nil
        ) async throws -> String {
            let payload = PaymentPayload(
                resource: "", accepted: accepted ?? self.offered,
                content: .channel(ChannelPayment(kind, config: self.config, voucher: voucher)),
                identifier: nil)
            let response = await self.shop.respond(to: try Self.request(self.market, payload))
            let claim = response.headers.first { $0.name == X402.responseHeader }
                .flatMap { try? SettlementResponse(header: $0.value) }
            let body = String(decoding: response.body, as: UTF8.self)
            return "\(response.status) \(claim?.errorReason ?? (response.status < 300 ? "" : body))"
        }
    }

    @Test func `a deposit that does more or less than the payment says is not sponsored`() async throws {
        try await TestMarket.with { market in
            var customer = try await Customer(market)
            let before = await market.cluster.withBank { $0.history.count }
            func refusal(
                deposit: UInt64 = 5_000, amount: UInt64 = 5_000,
                change: (inout [Instruction]) -> Void = { _ in }
            ) async throws -> String {
                let transaction = try await customer.opening(deposit: deposit, change: change)
                return try await customer.pay(
                    .deposit(amount: amount, transaction: transaction), customer.voucher(1_000))
            }
            let rule = "402 invalid_batch_settlement_svm_deposit_transaction"
            #expect(try await refusal(amount: 6_000) == rule)
            #expect(
                try await refusal(deposit: 1_999, amount: 1_999)
                    == "402 invalid_batch_settlement_svm_deposit_below_min_deposit")
            #expect(try await refusal { $0.removeLast() } == rule)
            #expect(try await refusal { $0.remove(at: 2) } == rule)
            #expect(try await refusal { $0.append($0[2]) } == rule)
            #expect(try await refusal { $0.swapAt(1, 2) } == rule)
            #expect(try await refusal { $0.removeAll { $0.program == .paymentChannelsProgram } } == rule)
            #expect(try await refusal { $0[0] = .setComputeUnitLimit(400_001) } == rule)
            #expect(
                try await refusal { $0.insert(.setComputeUnitPrice(microLamports: 5_000_001), at: 1) } == rule
            )
            #expect(
                try await refusal {
                    $0.append(.transfer(from: market.sponsor, to: market.payer, lamports: 1))
                } == rule)
            #expect(
                try await refusal { $0[3] = .memo("x402:batch-settlement:svm:rcvauth:v1:\(market.payer)") }
                    == "402 invalid_batch_settlement_svm_receiver_authorizer_mismatch")
            // More than the payer has, and an opening that is too old: the chain's preflight says no.
            #expect(
                try await refusal(deposit: TestMarket.money + 1, amount: TestMarket.money + 1)
                    == "402 invalid_transaction_state")
            let config = customer.config
            customer.config = ChannelConfig(
                payer: config.payer, payerAuthorizer: config.payerAuthorizer, receiver: config.receiver,
                receiverAuthorizer: config.receiverAuthorizer, token: config.token,
                withdrawDelay: config.withdrawDelay, salt: 2, openSlot: config.openSlot + 10_000)
            let future = try await customer.opening()
            #expect(
                try await customer.pay(
                    .deposit(amount: 5_000, transaction: future), customer.voucher(1_000))
                    == "402 invalid_transaction_state")
            customer.config = config
            #expect(await market.cluster.withBank { $0.history.count } == before)
            #expect(try await market.tokens(of: market.payer) == TestMarket.money)
            let good = try await customer.opening()
            #expect(
                try await customer.pay(.deposit(amount: 5_000, transaction: good), customer.voucher(1_000))
                    == "200 ")
        }
    }

    @Test func `a voucher that is not the next one is refused by name`() async throws {
        try await TestMarket.with { market in
            let customer = try await Customer(market)
            #expect(
                try await customer.pay(.voucher, customer.voucher(1_000))
                    == "402 invalid_batch_settlement_svm_channel_not_found")
            let opening = try await customer.opening(deposit: 2_500)
            #expect(
                try await customer.pay(.deposit(amount: 2_500, transaction: opening), customer.voucher(1_000))
                    == "200 ")
            let mismatch = "402 \(BatchSettlement.mismatch)"
            // Underpaid, overpaid, replayed for another payload.
            #expect(try await customer.pay(.voucher, customer.voucher(1_999)) == mismatch)
            #expect(try await customer.pay(.voucher, customer.voucher(2_001)) == mismatch)
            #expect(try await customer.pay(.voucher, customer.voucher(1_000)) == mismatch)
            let foreign = try await customer.pay(.voucher, customer.voucher(2_000, signedBy: 78))
            #expect(foreign.hasPrefix("400") && foreign.contains("voucher_signature"), "\(foreign)")
            let elsewhere = try await customer.pay(
                .voucher, customer.voucher(2_000, channel: market.payer))
            #expect(elsewhere.hasPrefix("400") && elsewhere.contains("channel_config"), "\(elsewhere)")
            var cheap = customer.offered.json
            cheap["amount"] = "1"
            let altered = try PaymentRequirements(facilitator: JSONField(cheap))
            let lowered = try await customer.pay(.voucher, customer.voucher(1_001), accepted: altered)
            #expect(lowered.hasPrefix("409"), "\(lowered)")
            #expect(try await customer.pay(.voucher, customer.voucher(2_000)) == "200 ")
            #expect(
                try await customer.pay(.voucher, customer.voucher(3_000))
                    == "402 invalid_batch_settlement_svm_insufficient_deposit")
        }
    }

    @Test func `of copies that arrive at once one is worked for`() async throws {
        try await TestMarket.with { market in
            let customer = try await Customer(market)
            let opening = try await customer.opening()
            let first = try customer.voucher(1_000)
            #expect(
                try await customer.pay(.deposit(amount: 5_000, transaction: opening), first) == "200 ")
            let next = try customer.voucher(2_000)
            let answers = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<8 { group.addTask { try await customer.pay(.voucher, next) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // Later copies get the stored answer, simultaneous ones are told to ask again.
            #expect(answers.allSatisfy { $0 == "200 " || $0.hasPrefix("409") }, "\(answers)")
            #expect(try await customer.pay(.voucher, customer.voucher(3_000)) == "200 ")
        }
    }
}
