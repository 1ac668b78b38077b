import Encoding
import Node
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Testing
import World

/// The facilitator's HTTP interface for `batch-settlement`: the same rules as a sale, and nothing sold.
@Suite struct FacilitatorInterfaceTests {
    private typealias Customer = VoucherTests.Customer

    private func ask(
        _ customer: Customer, _ path: String, _ kind: ChannelPayment.Kind, _ voucher: SignedVoucher,
        accepted: JSON? = nil, required: JSON? = nil
    ) async throws -> JSONField {
        var payload = try JSON.read(
            PaymentPayload(
                resource: "", accepted: customer.offered,
                content: .channel(ChannelPayment(kind, config: customer.config, voucher: voucher)),
                identifier: nil
            ).bytes)
        if let accepted { payload["accepted"] = accepted }
        let body: JSON = [
            "x402Version": 2, "paymentPayload": payload,
            "paymentRequirements": required ?? customer.offered.json,
        ]
        let response = await customer.shop.respond(
            to: ShopRequest(
                method: "POST", path: "/facilitator/\(path)", query: [:], headers: [:],
                body: Array(body.text.utf8)))
        #expect(response.status == 200)
        return JSONField(try JSON.read(response.body))
    }

    /// What verify and settle say against it, which is the same.
    private func refusal(
        _ customer: Customer, _ kind: ChannelPayment.Kind, _ voucher: SignedVoucher, accepted: JSON? = nil,
        required: JSON? = nil
    ) async throws -> String {
        let verified = try await self.ask(
            customer, "verify", kind, voucher, accepted: accepted, required: required)
        let settled = try await self.ask(
            customer, "settle", kind, voucher, accepted: accepted, required: required)
        #expect(try verified["isValid"].bool() == false && settled["success"].bool() == false)
        let code = try verified["invalidReason"].string()
        #expect(try settled["errorReason"].string() == code)
        return code
    }

    @Test func `a deposit is verified without moving money, and settled once`() async throws {
        try await TestMarket.with { market in
            let customer = try await Customer(market)
            let supported = await customer.shop.respond(
                to: ShopRequest(
                    method: "GET", path: "/facilitator/supported", query: [:], headers: [:], body: []))
            let kinds = try JSONField(try JSON.read(supported.body))["kinds"].elements()
            #expect(try kinds.map { try $0["scheme"].string() } == ["exact", "batch-settlement"])
            #expect(try kinds[1]["extra"]["feePayer"].string() == market.sponsor.description)
            let deposit = ChannelPayment.Kind.deposit(
                amount: 5_000, transaction: try await customer.opening())
            let voucher = try customer.voucher(1_000)
            let verified = try await self.ask(customer, "verify", deposit, voucher)
            #expect(try verified["isValid"].bool() && verified["payer"].string() == market.payer.description)
            #expect(try verified["extra"]["balance"].string() == "5000")
            #expect(try await market.tokens(of: market.payer) == TestMarket.money)
            let settled = try await self.ask(customer, "settle", deposit, voucher)
            #expect(try settled["success"].bool() && settled["amount"].string() == "5000")
            let transaction = try settled["transaction"].string()
            #expect(await market.transfers().map(\.id) == [transaction])
            #expect(try await market.tokens(of: market.payer) == TestMarket.money - 5_000)
            // The same again is the same transaction.
            let again = try await self.ask(customer, "settle", deposit, voucher)
            #expect(try again["transaction"].string() == transaction)
            #expect(await market.transfers().count == 1)
            let state = settled["extra"]["channelState"]
            #expect(try state["channelId"].string() == customer.channel.description)
            #expect(!state["chargedCumulativeAmount"].exists, "a facilitator does not know it")
            // Nothing was sold: the same payment still buys.
            #expect(try await customer.pay(deposit, voucher) == "200 ")
            #expect(try await customer.pay(.voucher, customer.voucher(2_000)) == "200 ")
        }
    }

    @Test func `vouchers and refunds are verified by the rules of a sale, and move nothing`() async throws {
        try await TestMarket.with { market in
            let customer = try await Customer(market)
            let prefix = BatchSettlement.prefix
            #expect(
                try await self.refusal(customer, .voucher, customer.voucher(1_000))
                    == prefix + "channel_not_found")
            let opening = try await customer.opening(deposit: 2_500)
            #expect(
                try await customer.pay(.deposit(amount: 2_500, transaction: opening), customer.voucher(1_000))
                    == "200 ")
            let before = await market.cluster.withBank { $0.history.count }
            let good = try await self.ask(customer, "verify", .voucher, customer.voucher(2_000))
            #expect(try good["isValid"].bool() && good["extra"]["totalClaimed"].string() == "0")
            let accepted = try await self.ask(customer, "settle", .voucher, customer.voucher(2_000))
            #expect(try accepted["success"].bool() && accepted["transaction"].string() == "")
            #expect(
                try accepted["extra"]["commitmentId"].string() == "\(customer.channel):2000")
            let refund = try await self.ask(customer, "verify", .refund, customer.voucher(1_000))
            #expect(try refund["isValid"].bool())
            let close = try await self.ask(customer, "settle", .refund, customer.voucher(1_000))
            #expect(try close["errorReason"].string() == prefix + "close_authorization")
            for (voucher, code) in [
                (try customer.voucher(1_999), BatchSettlement.mismatch),
                (try customer.voucher(2_001), BatchSettlement.mismatch),
                (try customer.voucher(1_000), BatchSettlement.mismatch),
                (try customer.voucher(2_000, signedBy: 78), prefix + "voucher_signature"),
                (try customer.voucher(2_000, channel: market.payer), prefix + "channel_config"),
            ] {
                #expect(try await self.refusal(customer, .voucher, voucher) == code)
            }
            var other = customer.offered.json
            other["amount"] = "1"
            let terms = "invalid_payment_requirements"
            let next = try customer.voucher(2_000)
            #expect(try await self.refusal(customer, .voucher, next, accepted: other) == terms)
            other = customer.offered.json
            other["maxTimeoutSeconds"] = 61
            #expect(
                try await self.refusal(customer, .voucher, next, accepted: other, required: other) == terms)
            #expect(await market.cluster.withBank { $0.history.count } == before)
        }
    }

    @Test func `a deposit that is not as it should be is refused by both, before it costs a fee`()
        async throws
    {
        try await TestMarket.with { market in
            let customer = try await Customer(market)
            let voucher = try customer.voucher(1_000)
            let before = await market.cluster.withBank { $0.history.count }
            let small = ChannelPayment.Kind.deposit(
                amount: 1_999, transaction: try await customer.opening(deposit: 1_999))
            #expect(
                try await self.refusal(customer, small, voucher)
                    == BatchSettlement.prefix + "deposit_below_min_deposit")
            let more = ChannelPayment.Kind.deposit(
                amount: 6_000, transaction: try await customer.opening())
            #expect(
                try await self.refusal(customer, more, voucher)
                    == BatchSettlement.prefix + "deposit_transaction")
            let rich = TestMarket.money + 1
            let poor = ChannelPayment.Kind.deposit(
                amount: rich, transaction: try await customer.opening(deposit: rich))
            #expect(try await self.refusal(customer, poor, voucher) == "invalid_transaction_state")
            let good = ChannelPayment.Kind.deposit(
                amount: 5_000, transaction: try await customer.opening())
            #expect(
                try await self.refusal(customer, good, customer.voucher(999)) == BatchSettlement.mismatch)
            #expect(await market.cluster.withBank { $0.history.count } == before)
        }
    }

    @Test func `a shop that takes no channels verifies none`() async throws {
        try await TestMarket.with { market in
            let customer = try await Customer(market)
            let (shop, _) = try await market.openShop()
            let supported = await shop.respond(
                to: ShopRequest(
                    method: "GET", path: "/facilitator/supported", query: [:], headers: [:], body: []))
            #expect(try JSONField(try JSON.read(supported.body))["kinds"].elements().count == 1)
            let payload = PaymentPayload(
                resource: "", accepted: customer.offered,
                content: .channel(
                    ChannelPayment(.voucher, config: customer.config, voucher: try customer.voucher(1_000))),
                identifier: nil)
            let body: JSON = [
                "paymentPayload": try JSON.read(payload.bytes),
                "paymentRequirements": customer.offered.json,
            ]
            let response = await shop.respond(
                to: ShopRequest(
                    method: "POST", path: "/facilitator/verify", query: [:], headers: [:],
                    body: Array(body.text.utf8)))
            let answer = JSONField(try JSON.read(response.body))
            #expect(try answer["invalidReason"].string() == "invalid_payment_requirements")
        }
    }
}
