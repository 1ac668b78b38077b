import Encoding
import Ledger
import Node
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import Storage
import Synchronization
import Testing
import World

@Suite struct BuyerTests {
    /// The books of the robot and the chain say the same, and say that `paid` units are gone.
    private func expectBooks(
        _ market: TestMarket, _ ledger: PaymentLedger, paid: UInt64, _ comment: Comment = ""
    ) async throws {
        let balance = try #require(
            try await ledger.read { try $0.balances().first { $0.asset.id == market.asset.id } })
        #expect(balance.spent == Int64(paid) && balance.reserved == 0, comment)
        #expect(balance.available == Int64(TestMarket.money - paid), comment)
        #expect(try await ledger.read { try $0.faults() }.isEmpty, comment)
        #expect(try await market.tokens(of: market.payer) == TestMarket.money - paid, comment)
        #expect(try await market.tokens(of: market.payTo) == paid, comment)
        let supply = await market.cluster.withBank {
            $0.tokenSupplies[market.mint].map { [$0.supply, $0.held] }
        }
        #expect(supply == [TestMarket.money, TestMarket.money], comment)
    }

    @Test func `a purchase settles, and money is conserved on both ledgers and the chain`() async throws {
        try await TestMarket.with { market in
            let (_, node) = try await market.openShop()
            let ledger = try await market.robotLedger()
            let lamports = await market.cluster.withBank { $0.totalLamports }
            guard case .answered(let id, let response) = try await market.buyer(ledger).buy(market.order())
            else {
                Issue.record("the purchase did not end")
                return
            }
            let receipt = try StorageClient.receipt(
                response.body, for: ObjectSummary(market.object()), days: 10, from: market.provider)
            let record = try #require(try await ledger.read { try $0.intent(id) })
            #expect(record.state == .settled && record.transaction == receipt.transaction)
            #expect(await market.transfers().map(\.id) == [receipt.transaction])
            try await self.expectBooks(market, ledger, paid: 1_000)
            let earned = try await node.read { try $0.balances().first { $0.asset.id == market.asset.id } }
            #expect(earned?.earned == 1_000 && earned?.available == 1_000)
            #expect(await market.cluster.withBank { $0.totalLamports } == lamports)
            // The same order again: the stored answer, no second payment.
            guard case .answered(_, let again) = try await market.buyer(ledger).buy(market.order()) else {
                Issue.record("the second purchase did not end")
                return
            }
            #expect(again.body == response.body)
            try await self.expectBooks(market, ledger, paid: 1_000)
        }
    }

    @Test func `an answer lost after settlement is asked for again with the same payment`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            market.web.change { $0.loseAnswers = 2 }
            #expect(try await market.buyer(ledger).buy(market.order()).word == "answered 200")
            let payments = market.web.change { $0.payments }
            #expect(payments.count == 3 && Set(payments).count == 1)
            #expect(await market.transfers().count == 1)
            try await self.expectBooks(market, ledger, paid: 1_000)
        }
    }

    @Test func `a seller that never answers after the payment leaves a settled, unanswered purchase`()
        async throws
    {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            market.web.change { $0.loseAnswers = .max }
            #expect(try await market.buyer(ledger).buy(market.order()).word == "unanswered")
            try await self.expectBooks(market, ledger, paid: 1_000)
            market.web.change { $0.loseAnswers = 0 }
            #expect(try await market.buyer(ledger).buy(market.order()).word == "answered 200")
            try await self.expectBooks(market, ledger, paid: 1_000)
        }
    }

    /// The plug is pulled after the n-th durable step, for every n: what the disk then holds is all that
    /// the next process has. With `sends` the dead process had got its bytes out, and the chain and the
    /// seller went on without it.
    @Test(arguments: [(1, false), (2, false), (3, false), (3, true), (4, true)])
    func `a buyer that crashes after any step completes the purchase with one transfer`(
        step: Int, sends: Bool
    ) async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let seen = Mutex<[IntentState]>([])
            do {
                let ledger = try await market.robotLedger { entry in
                    guard entry.kind == .payment, let state = entry.after, state != entry.before else {
                        return
                    }
                    let count = seen.withLock { seen in
                        seen.append(state)
                        return seen.count
                    }
                    guard count == step else { return }
                    #expect(throws: Never.self) { try market.imageOfRobotLedger(named: "after.db") }
                    if !sends { market.web.change { $0.dead = true } }
                }
                _ = try? await market.buyer(ledger).buy(market.order(tries: sends ? 6 : 1))
            }
            #expect(await market.transfers().count == (sends ? 1 : 0))
            market.web.change { $0.dead = false }
            let ledger = try await market.robotLedger(file: "after.db")
            // Reservation and signature mostly share one commit; then the first step is on the disk with
            // the second.
            let states: [[IntentState]] = [[.reserved, .signed], [.signed], [.submitted], [.settled]]
            let found = try await ledger.read { try $0.intents().map(\.state) }
            #expect(found.count == 1 && states[step - 1].contains(found[0]))
            #expect(try await market.buyer(ledger).buy(market.order()).word == "answered 200")
            #expect(await market.transfers().count == 1)
            try await self.expectBooks(market, ledger, paid: 1_000, "step \(step)")
            #expect(try await ledger.read { try $0.intents().count } == 1)
        }
    }

    /// An RPC node that has seen nothing and is far ahead: by its word every payment is dead.
    private struct LyingNode: Web {
        let market: TestMarket

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            let call = (try? JSON.read(request.body)).map { JSONField($0) }
            let result: JSON? =
                switch try? call?["method"].string() {
                case "getBlockHeight": 1_000_000
                case "getSignaturesForAddress": []
                case "getTransaction": .null
                case "isBlockhashValid": ["context": ["slot": 1], "value": false]
                default: nil
                }
            guard let result else { return try await self.market.web.send(request) }
            let answer: JSON = ["jsonrpc": "2.0", "id": 1, "result": result]
            return WebResponse(status: 200, headers: [], body: Array(answer.text.utf8))
        }
    }

    @Test(arguments: [true, false])
    func `a payment is not dead by the word of one node, where there is another`(isWitnessed: Bool)
        async throws
    {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            let liar = RPCClient(url: TestMarket.rpcURL, web: LyingNode(market: market))
            let buyer = market.buyer(ledger, rpc: liar, witnesses: isWitnessed ? [market.rpc] : [])
            let end = try await buyer.buy(market.order()).word
            // The chain has the transfer; believing the liar alone would free money that is gone. Without a
            // witness the balance is missed, which the liar did not think of.
            #expect(await market.transfers().count == 1)
            let record = try await ledger.read { try $0.intents()[0] }
            #expect(end == (isWitnessed ? "answered 200" : "open"))
            #expect(record.state == (isWitnessed ? .settled : .unknown))
        }
    }

    @Test func `a dropped payment is sent again, and after its time the money is back`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            var faults = Faults()
            faults.dropNext = .max
            await market.cluster.set(faults)
            let ledger = try await market.robotLedger()
            let order = try market.order(tries: 2)
            #expect(try await market.buyer(ledger).buy(order).word == "open")
            #expect(try await ledger.read { try $0.intents()[0].state } == .unknown)
            let balance = try await ledger.read { try $0.balances()[0] }
            #expect(balance.reserved == 1_000 && balance.available == Int64(TestMarket.money) - 1_000)
            #expect(try await market.buyer(ledger).buy(order).word == "open")
            let payments = market.web.change { $0.payments }
            #expect(payments.count == 4 && Set(payments).count == 1)
            // 150 blocks and the finality of the height that proves it.
            try await market.timeline.pass(slots: 200)
            #expect(try await market.buyer(ledger).buy(order).word == "unpaid")
            #expect(try await ledger.read { try $0.intents()[0].state } == .expired)
            try await self.expectBooks(market, ledger, paid: 0)
            // A new attempt is a new signature and pays once.
            await market.cluster.set(Faults())
            #expect(try await market.buyer(ledger).buy(market.order()).word == "answered 200")
            #expect(await market.transfers().count == 1)
            try await self.expectBooks(market, ledger, paid: 1_000)
        }
    }

    @Test func `a payment that was executed with an error gives the money back`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            // The tokens leave behind the ledger's back, and nobody's preflight notices.
            let order = try market.order()
            try await market.drainRobot()
            await market.cluster.withBank { $0.faults.blindPreflightNext = 10 }
            #expect(try await market.buyer(ledger).buy(order).word == "unpaid")
            let record = try await ledger.read { try $0.intents()[0] }
            #expect(record.state == .failed && record.transaction != nil)
            #expect(try await ledger.read { try $0.balances()[0].reserved } == 0)
        }
    }

    // MARK: Nothing is signed

    /// Buys from an impostor and expects that no signature was made.
    private func expectUnsigned(
        _ market: TestMarket, _ comment: Comment, end expected: String = "unpaid", reserved: Bool = false,
        because rule: String? = nil, impostor: (@Sendable (WebRequest) -> WebResponse?)? = nil
    ) async throws {
        market.web.change { $0.impostor = impostor }
        let ledger = try await market.robotLedger()
        let purchase = try await market.buyer(ledger).buy(market.order())
        #expect(purchase.word == expected, comment)
        if let rule, case .unpaid(let reason) = purchase {
            #expect(reason.contains(rule), "\(comment): \(reason)")
        }
        for record in try await ledger.read({ try $0.intents() }) {
            #expect(try await ledger.read { try $0.payment(record) } == nil, comment)
            #expect(record.state == (reserved ? .reserved : .denied), comment)
        }
        #expect(market.web.change { $0.payments }.isEmpty, comment)
        #expect(try await ledger.read { try $0.balances()[0].reserved } == (reserved ? 1_000 : 0), comment)
    }

    private func price(
        _ market: TestMarket, _ change: (inout JSON) -> Void
    ) async throws -> @Sendable (WebRequest) -> WebResponse? {
        var json = Draft.requirements(market).json
        change(&json)
        let answer = try await market.quote([json], for: market.order())
        return { _ in answer }
    }

    @Test func `a price above the ceiling, or in another coin or network, is not signed`() async throws {
        try await TestMarket.with { market in
            let stranger = Address(try key(9).publicKey).description
            let noWay = "no way to pay that the policy's assets allow"
            for (name, value, rule) in [
                ("amount", "1001", "0.001001 USD asked, 0.001000 USD offered"),
                ("asset", .string(stranger), noWay), ("network", .string(Network.mainnet.chainID), noWay),
                ("scheme", "upto", noWay), ("asset", "not an address", noWay),
                ("payTo", "not an address", noWay), ("extra", [:], noWay),
                ("extra", ["feePayer": .string(market.payer.description)], noWay),
            ] as [(String, JSON, String)] {
                try await self.expectUnsigned(
                    market, "\(name)", because: rule,
                    impostor: try await self.price(market) { $0[name] = value })
            }
        }
    }

    @Test func `a seller that asks again, and for more, gets the same bytes and no second signature`()
        async throws
    {
        try await TestMarket.with { market in
            let first = try await self.price(market) { $0["amount"] = "900" }
            let more = try await self.price(market) { $0["amount"] = "1000" }
            market.web.change {
                $0.impostor = { request in
                    let isPaid = request.headers.contains { $0.name == "PAYMENT-SIGNATURE" }
                    return isPaid ? more(request) : first(request)
                }
            }
            let ledger = try await market.robotLedger()
            for _ in 0..<2 {
                #expect(try await market.buyer(ledger).buy(market.order()).word == "open")
            }
            let attempts = try await ledger.read { view in
                try view.intents().compactMap { try view.payment($0)?.attempt }
            }
            #expect(attempts == [1])
            #expect(try await ledger.read { try $0.balances()[0].reserved } == 900)
        }
    }

    @Test func `a payee that the owner does not know is denied`() async throws {
        try await TestMarket.with { market in
            let stranger = Address(try key(9).publicKey).description
            try await self.expectUnsigned(
                market, "payTo", end: "denied payee",
                impostor: try await self.price(market) { $0["payTo"] = .string(stranger) })
        }
    }

    @Test func `garbage instead of a price is not signed`() async throws {
        try await TestMarket.with { market in
            let header = PaymentRequired(resource: "/", accepts: [Draft.requirements(market)]).header
            let ends = [
                "unpriced 200", "unpriced 200", "unpriced 500", "unpaid", "unpaid", "unpaid", "unpriced 302",
                "unpaid", "unpaid",
            ]
            let answers: [WebResponse] = [
                WebResponse(status: 200, headers: [], body: Array("free".utf8)),
                WebResponse(status: 200, headers: [Header("PAYMENT-REQUIRED", header)], body: []),
                WebResponse(status: 500, headers: [], body: []),
                WebResponse(status: 402, headers: [], body: [1, 2, 3]),
                WebResponse(status: 402, headers: [Header("PAYMENT-REQUIRED", "%%%")], body: []),
                WebResponse(status: 402, headers: [Header("PAYMENT-REQUIRED", "e30=")], body: []),
                WebResponse(status: 302, headers: [Header("Location", "http://elsewhere/")], body: []),
                // Beyond the limits of the request.
                WebResponse(
                    status: 402,
                    headers: [
                        Header("PAYMENT-REQUIRED", header),
                        Header("X", String(repeating: "x", count: 40_000)),
                    ],
                    body: []),
                WebResponse(
                    status: 402, headers: [Header("PAYMENT-REQUIRED", header)],
                    body: Array(repeating: 0, count: 100_000)),
            ]
            for (index, answer) in answers.enumerated() {
                try await self.expectUnsigned(
                    market, "answer \(index)", end: ends[index], impostor: { _ in answer })
            }
        }
    }

    @Test func `nobody there: nothing is signed`() async throws {
        try await TestMarket.with { market in
            try await self.expectUnsigned(market, "no shop", end: "unreachable")
        }
    }

    @Test func `a silent chain keeps the reservation and signs nothing`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            market.web.change { $0.rpcSilent = true }
            try await self.expectUnsigned(market, "silent", reserved: true)
            market.web.change { $0.rpcSilent = false }
            let ledger = try await market.robotLedger()
            #expect(try await market.buyer(ledger).buy(market.order()).word == "answered 200")
            try await self.expectBooks(market, ledger, paid: 1_000)
        }
    }

    /// Answers nobody, and lets somebody else look at the books meanwhile; afterwards the chain is silent.
    private struct Interruption: Web {
        let web: MemoryWeb
        let meanwhile: @Sendable () async -> Void

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            let response = try await self.web.send(request)
            guard request.headers.contains(where: { $0.name == "PAYMENT-SIGNATURE" }) else { return response }
            await self.meanwhile()
            self.web.change { $0.rpcSilent = true }
            throw .broken("hung up")
        }
    }

    @Test func `what somebody else settled in the meantime is known from the books`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            let other = market.buyer(ledger)
            let web = Interruption(web: market.web) {
                await #expect(throws: Never.self) { try await other.reconcileOpenPayments() }
            }
            let buyer = market.buyer(ledger, web: web)
            #expect(try await buyer.buy(market.order(tries: 1)).word == "unanswered")
            try await self.expectBooks(market, ledger, paid: 1_000)
        }
    }

    @Test func `a reservation at an old price takes the new one when the price changed`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            market.web.change { $0.rpcSilent = true }
            try await self.expectUnsigned(market, "silent", reserved: true)
            market.web.change {
                $0.rpcSilent = false
                $0.impostor = nil
            }
            let cheaper = try await self.price(market) { $0["amount"] = "900" }
            market.web.change {
                $0.impostor = { $0.headers.contains { $0.name == "PAYMENT-SIGNATURE" } ? nil : cheaper($0) }
            }
            let ledger = try await market.robotLedger()
            // The shop itself still asks 1,000: it refuses 900, and the robot's money stays reserved until it
            // expires.
            #expect(try await market.buyer(ledger).buy(market.order(tries: 1)).word == "open")
            let states = try await ledger.read { view in
                try view.intents().map { [$0.proposal.amount: $0.state] }
            }
            #expect(states == [[900: .unknown]])
            try await market.timeline.pass(slots: 200)
            try await market.buyer(ledger).reconcileOpenPayments()
            try await self.expectBooks(market, ledger, paid: 0)
        }
    }
}
