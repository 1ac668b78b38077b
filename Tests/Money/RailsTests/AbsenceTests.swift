import Encoding
import Ledger
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Sodium
import Solana
import Synchronization
import Testing
import World

/// A seller that lands a payment, says nothing of it, and does what it can to make it look lost: never two
/// transfers for one purchase.
@Suite struct AbsenceTests {
    /// Takes the payment to the chain behind everybody's back and answers 402 again.
    private final class Thief: Sendable {
        let market: TestMarket
        let stolen = Mutex(0)
        private let taken = Mutex<[PaymentPayload]>([])

        init(_ market: TestMarket) { self.market = market }

        /// Sells for `terms`, with each payment it gets kept for ``land()``.
        func sell(_ terms: JSON) async throws {
            let answer = try await self.market.quote([terms], for: self.market.order())
            self.market.web.change {
                $0.impostor = { [self] request in
                    if let header = request.headers.first(where: { $0.name == X402.signatureHeader }) {
                        if let payload = try? PaymentPayload(header: header.value) {
                            self.taken.withLock { if !$0.contains(payload) { $0.append(payload) } }
                        }
                    }
                    return answer
                }
            }
        }

        /// Adds the sponsor's signature to what came in and executes it.
        func land() async throws {
            for payload in self.taken.withLock({ taken in
                defer { taken = [] }
                return taken
            }) {
                var transaction = try Transaction(decoding: payload.transaction)
                try transaction.sign(with: TestMarket.sponsorKey())
                let landed = try await self.market.cluster.withBank { [transaction] bank in
                    bank.isValid(transaction.message.recentBlockhash)
                        ? try bank.execute(transaction).failure == nil : false
                }
                if landed { self.stolen.withLock { $0 += 1 } }
            }
        }
    }

    /// Buys once, lands the payment, lets `hide` do its work, waits until the payment is past its time, and
    /// buys again, twice.
    private func expectOneTransfer(
        _ market: TestMarket, memo: String? = nil, rpc: RPCClient? = nil, witnesses: [RPCClient] = [],
        ends: IntentState? = .settled, _ comment: Comment = "", hide: () async throws -> Void = {}
    ) async throws {
        let thief = Thief(market)
        var terms = Draft.requirements(market).json
        if let memo { terms["extra"]?["memo"] = .string(memo) }
        try await thief.sell(terms)
        let ledger = try await market.robotLedger()
        let buyer = market.buyer(ledger, rpc: rpc, witnesses: witnesses)
        // The last answer of the seller comes before the payment lands: nothing shows it yet.
        _ = try await buyer.buy(market.order(tries: 1))
        try await thief.land()
        try await hide()
        try await market.timeline.pass(slots: 250)
        for _ in 0..<2 {
            _ = try await buyer.reconcileOpenPayments()
            _ = try await buyer.buy(market.order(tries: 1))
            try await thief.land()
        }
        #expect(thief.stolen.withLock { $0 } == 1, comment)
        #expect(try await market.tokens(of: market.payTo) == 1_000, comment)
        let record = try #require(try await ledger.read { try $0.intents().last })
        if let ends { #expect(record.state == ends, comment) }
        let balance = try await ledger.read { try $0.balances()[0] }
        #expect(balance.available == Int64(TestMarket.money) - 1_000, comment)
    }

    @Test(arguments: ["", "order 7", "[0] ", String(repeating: "m", count: 256), "a\u{0}b", nil])
    func `whatever memo the seller asks for, the payment is found`(memo: String?) async throws {
        try await TestMarket.with { market in try await self.expectOneTransfer(market, memo: memo) }
    }

    @Test(arguments: [0, 199, 200, 250, 10_000])
    func `dust does not bury a payment`(count: Int) async throws {
        try await TestMarket.with { market in
            let account = market.tokenAccount(of: market.payer)
            try await self.expectOneTransfer(market, "\(count)") {
                try await market.cluster.withBank { try $0.clutter(account, with: count) }
            }
        }
    }

    @Test(arguments: [("order 7", "order 7"), ("order 7", String(repeating: "x", count: 566)), (nil, "")])
    func `dust with memos of every kind hides nothing`(memo: String?, dust: String) async throws {
        try await TestMarket.with { market in
            let account = market.tokenAccount(of: market.payer)
            try await self.expectOneTransfer(market, memo: memo) {
                try await market.cluster.withBank { try $0.clutter(account, with: 400, memo: dust) }
            }
        }
    }

    /// A node that changes what the chain's own says.
    private struct Twisted: Web {
        let market: TestMarket
        let twist: @Sendable (_ method: String, _ call: JSONField, _ answer: JSON) -> JSON?

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            let response = try await self.market.web.send(request)
            guard let call = (try? JSON.read(request.body)).map({ JSONField($0) }),
                let method = try? call["method"].string(), let answer = try? JSON.read(response.body),
                let twisted = self.twist(method, call, answer)
            else { return response }
            return WebResponse(status: 200, headers: [], body: Array(twisted.text.utf8))
        }

        static func result(_ json: JSON) -> JSON { ["jsonrpc": "2.0", "id": 1, "result": json] }
    }

    private func node(
        _ market: TestMarket, _ twist: @escaping @Sendable (String, JSONField, JSON) -> JSON?
    ) -> RPCClient {
        RPCClient(url: TestMarket.rpcURL, web: Twisted(market: market, twist: twist))
    }

    @Test func `a payment that is listed and not to be had may be ours`() async throws {
        try await TestMarket.with { market in
            let pruned = self.node(market) { method, _, _ in
                method == "getTransaction" ? Twisted.result(.null) : JSON?.none
            }
            try await self.expectOneTransfer(market, rpc: pruned, ends: .unknown)
        }
        // The same where the memos are not listed, or are others'.
        for memo in [JSON.null, "[3] foo"] {
            try await TestMarket.with { market in
                let rpc = self.node(market) { method, _, answer in
                    switch method {
                    case "getTransaction": return Twisted.result(.null)
                    case "getSignaturesForAddress":
                        let lines = (try? JSONField(answer)["result"].elements()) ?? []
                        return Twisted.result(
                            .array(
                                lines.compactMap { line in
                                    var line = line.value
                                    line?["memo"] = memo
                                    return line
                                }))
                    default: return JSON?.none
                    }
                }
                try await self.expectOneTransfer(market, rpc: rpc, ends: .unknown, "\(memo)")
            }
        }
    }

    @Test func `a node that has forgotten the time of the payment proves nothing`() async throws {
        try await TestMarket.with { market in
            try await self.expectOneTransfer(market, ends: .unknown) {
                let slot = await market.cluster.withBank { $0.slot }
                try await market.timeline.pass(slots: 10)
                var faults = Faults()
                faults.prunedBefore = slot + 1
                await market.cluster.set(faults)
            }
        }
    }

    @Test func `a node that shows other bytes than the id stands for hides something`() async throws {
        try await TestMarket.with { market in
            let other = try await Draft(market).payload(market)
            var transaction = try Transaction(decoding: other.transaction)
            try transaction.sign(with: TestMarket.sponsorKey())
            let bytes = transaction.bytes
            let liar = self.node(market) { method, _, answer in
                guard method == "getTransaction", var result = answer["result"], result != .null else {
                    return nil
                }
                result["transaction"] = [.string(Base64.standard.encode(bytes)), "base64"]
                return Twisted.result(result)
            }
            try await self.expectOneTransfer(market, rpc: liar, ends: .unknown)
        }
    }

    @Test func `a list that breaks off in the middle is no end`() async throws {
        try await TestMarket.with { market in
            let account = market.tokenAccount(of: market.payer)
            // Another node behind the same address does not know where the first one stopped.
            let rpc = self.node(market) { method, call, _ in
                method == "getSignaturesForAddress" && call["params"][1]["before"].exists
                    ? Twisted.result([]) : JSON?.none
            }
            try await self.expectOneTransfer(market, rpc: rpc, ends: .unknown) {
                try await market.cluster.withBank { try $0.clutter(account, with: 300) }
            }
        }
    }

    @Test func `a witness that lags, or says only that the height has passed, frees nothing`() async throws {
        try await TestMarket.with { market in
            let blind = self.node(market) { method, _, _ in
                method == "getSignaturesForAddress" ? Twisted.result([]) : JSON?.none
            }
            let lagging = self.node(market) { method, _, _ in
                switch method {
                case "getSignaturesForAddress": Twisted.result([])
                case "getBlockHeight": Twisted.result(100)
                default: JSON?.none
                }
            }
            try await self.expectOneTransfer(market, rpc: blind, witnesses: [lagging], ends: .unknown)
        }
        // One that sees the payment ends the doubt.
        try await TestMarket.with { market in
            let blind = self.node(market) { method, _, _ in
                method == "getSignaturesForAddress" ? Twisted.result([]) : JSON?.none
            }
            try await self.expectOneTransfer(market, rpc: blind, witnesses: [market.rpc])
        }
    }

    @Test func `a failure that a fork may take back is no failure yet`() async throws {
        try await TestMarket.with { market in
            // At "confirmed" the payment failed; the block that stays has it executed.
            let forked = self.node(market) { method, call, answer in
                guard method == "getTransaction",
                    (try? call["params"][1]["commitment"].string()) == "confirmed",
                    var result = answer["result"], result != .null
                else { return nil }
                result["meta"]?["err"] = ["InstructionError": [2, ["Custom": 1]]]
                return Twisted.result(result)
            }
            try await self.expectOneTransfer(market, rpc: forked)
        }
    }

    @Test(arguments: [true, false]) func `transactions of versions to come are somebody else's`(
        isServed: Bool
    ) async throws {
        try await TestMarket.with { market in
            let account = market.tokenAccount(of: market.payer)
            let rpc = self.node(market) { method, _, answer in
                // One signature: none of ours, which have two.
                guard method == "getTransaction", var result = answer["result"], result != .null,
                    let text = try? JSONField(result)["transaction"][0].string(),
                    let bytes = try? Base64.standard.decode(text), bytes.first == 1
                else { return nil }
                guard isServed else {
                    return [
                        "jsonrpc": "2.0", "id": 1,
                        "error": ["code": -32015, "message": "Transaction version (1) is not supported"],
                    ]
                }
                result["transaction"] = [.string(Base64.standard.encode([0x81] + bytes)), "base64"]
                result["version"] = 1
                return Twisted.result(result)
            }
            try await self.expectOneTransfer(market, rpc: rpc) {
                try await market.cluster.withBank { try $0.clutter(account, with: 3) }
            }
            // Nor do they end the look at the books.
            let ledger = try await market.robotLedger()
            #expect(try await market.buyer(ledger, rpc: rpc).lookAtBooks().faults.isEmpty)
        }
    }

    @Test func `equal terms, bought twice at once, are two payments`() async throws {
        try await TestMarket.with { market in
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            var messages: Set<[UInt8]> = []
            for number in 0..<20 {
                let order = try market.order("\(number)")
                var terms = Draft.requirements(market).json
                terms["extra"]?["memo"] = "always the same"
                let answer = try await market.quote([terms], for: order)
                market.web.change { $0.impostor = { _ in answer } }
                guard case .wouldSign(_, _, let message) = try await buyer.preview(order) else {
                    Issue.record("nothing would be signed")
                    return
                }
                messages.insert(message)
            }
            #expect(messages.count == 20)
        }
    }
}
