import Encoding
import Ledger
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Sodium
import Solana
import Testing
import Wallet
import World

@testable import Node

/// Who has not paid costs a node nothing: no fee, no row, no work, and no stop.
@Suite struct StrangerTests {
    typealias Customer = VoucherTests.Customer

    // MARK: Channels that are not as agreed

    /// Opens a channel without the shop, with whatever terms the customer likes.
    private func openAlone(
        _ customer: Customer, grace: UInt32? = nil, shares: [ChannelShare]? = nil, rentPayer: Address? = nil
    ) async throws {
        let market = customer.market
        await market.cluster.withBank { _ = $0.airdrop(100_000_000, to: market.payer) }
        let message = try TransactionMessage.build(
            version: .zero, feePayer: market.sponsor,
            instructions: [
                .openChannel(
                    try customer.channel, customer.config.seeds(feePayer: market.sponsor), deposit: 5_000,
                    grace: grace ?? customer.config.withdrawDelay,
                    shares: shares ?? ChannelShare.all(to: customer.config.receiver),
                    rentPayer: rentPayer ?? market.sponsor)
            ], recentBlockhash: try await market.rpc.latestBlockhash().blockhash)
        var transaction = try Transaction(message)
        try transaction.sign(with: TestMarket.robotKey())
        try transaction.sign(with: TestMarket.sponsorKey())
        let failure = try await market.cluster.withBank { [transaction] in
            try $0.execute(transaction).failure
        }
        try #require(failure == nil)
        await market.cluster.tick(40)
    }

    @Test func `a channel counts only if every field is as agreed`() async throws {
        for (name, grace, shares, rentPayer) in [
            ("distribution", nil, true, false), ("withdraw delay", 1, false, false),
            ("rent payer", nil, false, true), ("", nil, false, false),
        ] as [(String, UInt32?, Bool, Bool)] {
            try await TestMarket.with { market in
                let customer = try await Customer(market)
                try await self.openAlone(
                    customer, grace: grace, shares: shares ? ChannelShare.all(to: market.payer) : nil,
                    rentPayer: rentPayer ? market.payer : nil)
                let answer = try await customer.pay(.voucher, customer.voucher(1_000))
                if name.isEmpty {
                    #expect(answer == "200 ")
                } else {
                    #expect(answer == "402 invalid_batch_settlement_svm_channel_config", "\(name): \(answer)")
                }
                // What a sponsor asks for is judged by the same rule.
                if !name.isEmpty {
                    let payload = PaymentPayload(
                        resource: "", accepted: customer.offered,
                        content: .channel(
                            ChannelPayment(
                                .voucher, config: customer.config, voucher: try customer.voucher(1_000))),
                        identifier: nil)
                    let body: JSON = [
                        "paymentPayload": try JSON.read(payload.bytes),
                        "paymentRequirements": customer.offered.json,
                    ]
                    let verdict = await customer.shop.respond(
                        to: ShopRequest(
                            method: "POST", path: "/facilitator/verify", query: [:], headers: [:],
                            body: Array(body.text.utf8)))
                    #expect(String(decoding: verdict.body, as: UTF8.self).contains("channel_config"))
                }
            }
        }
    }

    @Test func `a channel with which something is wrong does not hold the others up`() async throws {
        try await TestMarket.with { market in
            var customer = try await Customer(market)
            let first = try await customer.pay(
                .deposit(amount: 5_000, transaction: customer.opening()), customer.voucher(1_000))
            #expect(first == "200 ")
            let bad = try customer.channel
            customer.config = ChannelConfig(
                payer: customer.config.payer, payerAuthorizer: customer.config.payerAuthorizer,
                receiver: customer.config.receiver, receiverAuthorizer: customer.config.receiverAuthorizer,
                token: customer.config.token, withdrawDelay: 3_600, salt: 2,
                openSlot: customer.config.openSlot)
            let second = try await customer.pay(
                .deposit(amount: 5_000, transaction: customer.opening()), customer.voucher(1_000))
            #expect(second == "200 ")
            await market.cluster.withBank { bank in
                bank.replace(bad, by: nil)
                _ = bank.airdrop(890_880, to: bad)
            }
            try await market.timeline.pass(slots: 2_000)
            let faults = try await customer.shop.keepBooks()
            #expect(faults.map(\.subject) == ["channel \(bad)"])
            #expect(try await market.tokens(of: market.payTo) == 1_000)
            // It is gone for good, and said once.
            #expect(try await customer.shop.keepBooks().isEmpty)
        }
    }

    // MARK: Fees

    private func settle(_ market: TestMarket, _ shop: Shop, amount: UInt64, memo: String) async throws
        -> SettlementResponse
    {
        var draft = Draft(market, amount: amount, memo: memo)
        draft.accepted = Draft.requirements(market, amount: amount)
        let body: JSON = [
            "paymentPayload": try JSON.read(try await draft.payload(market).bytes),
            "paymentRequirements": draft.accepted.json,
        ]
        let response = await shop.respond(
            to: ShopRequest(
                method: "POST", path: "/facilitator/settle", query: [:], headers: [:],
                body: Array(body.text.utf8)))
        return try SettlementResponse(JSONField(try JSON.read(response.body)))
    }

    private func traces(_ ledger: PaymentLedger) async throws -> [Int64] {
        try await ledger.read { [Int64(try $0.intents().count), try $0.head().sequence] }
    }

    @Test func `payments that are worth less than anything here are not sponsored`() async throws {
        try await TestMarket.with { market in
            let (shop, ledger) = try await market.openShop()
            let before = try await self.traces(ledger)
            for amount: UInt64 in [0, 1, 199] {
                let answer = try await self.settle(market, shop, amount: amount, memo: "\(amount)")
                #expect(!answer.success && answer.errorReason == "invalid_payment_requirements")
            }
            #expect(try await self.traces(ledger) == before)
            #expect(try await self.settle(market, shop, amount: 200, memo: "enough").success)
        }
    }

    @Test func `one payer's failing payments use up a bounded part of the fees, and nobody else's`()
        async throws
    {
        try await TestMarket.with { market in
            let (shop, ledger) = try await market.openShop()
            // The tokens are there when the node looks, and gone when the chain executes.
            await market.cluster.withBank { $0.faults.blindPreflightNext = .max }
            try await market.drainRobot()
            var refusals: [String] = []
            for number in 0..<40 {
                let answer = try await self.settle(market, shop, amount: 1_000, memo: "n \(number)")
                #expect(!answer.success)
                refusals.append(answer.errorMessage ?? "")
            }
            let spent = try await ledger.read {
                try $0.balances().first { $0.asset.id == market.sol.id }?.spent
            }
            #expect(try #require(spent) <= 200_000)
            #expect(refusals.last?.contains("brought nothing") == true, "\(refusals.last ?? "")")
            let traces = try await self.traces(ledger)
            _ = try await self.settle(market, shop, amount: 1_000, memo: "once more")
            #expect(try await self.traces(ledger) == traces)
        }
    }

    @Test func `a stranger that does not pay leaves no row`() async throws {
        try await TestMarket.with { market in
            // Its fee would be refused by the owner's policy.
            let (shop, ledger) = try await market.openShop(feeCap: "9999")
            let before = try await self.traces(ledger)
            for number in 0..<5 {
                var request = try market.order("map \(number)").request
                let bare = await shop.respond(
                    to: ShopRequest(request, path: String(request.url.dropFirst(TestMarket.nodeURL.count))))
                let header = try #require(bare.headers.first { $0.name == X402.requiredHeader })
                let terms = try #require(try PaymentRequired(header: header.value).accepts.first)
                var draft = Draft(market, memo: try #require(terms.memo))
                draft.accepted = terms
                request.headers.append(
                    Header(
                        X402.signatureHeader,
                        Base64.standard.encode(try await draft.payload(market).bytes)))
                let answer = try await market.web.send(request)
                #expect(answer.status == 402)
            }
            #expect(try await self.traces(ledger) == before)
            let totals = try SalesBook(reading: market.folder.appending("node/sales.db")).totals()
            #expect(totals.done + totals.open == 0)
        }
    }

    // MARK: Answers

    @Test(arguments: [true, false]) func `a payment buys one body, also when the work was cut off`(
        usesChannel: Bool
    ) async throws {
        try await TestMarket.with { market in
            let blobs = market.folder.appending("node/blobs")
            try await market.openShop(
                channels: usesChannel ? ChannelSales(withdrawDelay: 3_600, minDeposit: 1_000) : nil)
            let ledger = try await market.robotLedger()
            try market.obstruct(blobs)
            let order = try market.order(
                "the body", tries: 1, channel: usesChannel ? .open(deposit: .units(5_000)) : .never)
            _ = try await market.buyer(ledger).buy(order)
            let header = try #require(market.web.change { $0.payments }.last)
            try market.clear(blobs)
            for (body, status) in [
                ("another!", 400), ("the bodY", 400), ("the body", 200), ("the bodY", 409),
            ] {
                var request = order.request
                request.body = Array(body.utf8)
                request.headers.append(Header(X402.signatureHeader, header))
                let answer = try await market.web.send(request)
                #expect(
                    answer.status == status || status == 400 && answer.status == 409,
                    "\(body) \(answer.status)")
                if answer.status >= 400 {
                    #expect(!String(decoding: answer.body, as: UTF8.self).contains("node/"))
                }
            }
        }
    }
}
