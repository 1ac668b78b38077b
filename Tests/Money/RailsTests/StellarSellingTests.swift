import Encoding
import Ledger
import Node
import PaymentSupport
import Payments
import Stellar
import StellarChain
import Storage
import Synchronization
import Testing
import World

@testable import Rails

/// A robot and a shop that meet on Stellar, with somebody else's facilitator between them.
@Suite struct StellarSellingTests {
    /// The shop, the network's node and the facilitator, and what goes wrong with them.
    private final class Town: Web {
        struct Faults {
            /// The facilitator is not there.
            var isAway = false
            /// What it says instead of an answer.
            var noise: String?
            /// It does its work, and its answer is lost.
            var losesAnswers = false
            /// It says that it sent what it keeps.
            var lies = false
            /// The node falls silent when the facilitator has sent a payment.
            var silencesNode = false
        }

        let market: TestMarket
        let scene: StellarScene
        private let facilitator: StellarFacilitator
        private let faults = Mutex(Faults())

        init(_ market: TestMarket) throws {
            self.market = market
            self.scene = try StellarScene(market)
            self.facilitator = try StellarFacilitator(node: self.scene.node)
        }

        func fault(_ change: (inout sending Faults) -> Void) { self.faults.withLock { change(&$0) } }

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            guard request.url.hasPrefix("http://facilitator/") else {
                guard request.url != StellarScene.nodeURL else {
                    return try await self.scene.web.send(request)
                }
                return try await self.market.web.send(request)
            }
            let faults = self.faults.withLock { $0 }
            if faults.isAway { throw .unreachable(request.url) }
            if let noise = faults.noise {
                return WebResponse(status: 200, headers: [], body: Array(noise.utf8))
            }
            let what = String(request.url.dropFirst("http://facilitator/".count))
            if faults.lies, what == "settle" {
                let id = String(repeating: "ab", count: 32)
                let answer = #"{"success":true,"transaction":"\#(id)","network":"stellar:testnet"}"#
                return WebResponse(status: 200, headers: [], body: Array(answer.utf8))
            }
            do {
                let body = try await self.facilitator.respond(to: what, request.body)
                if faults.silencesNode, what == "settle" { self.scene.silence(true) }
                if faults.losesAnswers, what == "settle" { throw WebError.broken("hung up") }
                return WebResponse(status: 200, headers: [], body: body)
            } catch {
                throw .broken("\(error)")
            }
        }

        /// The shop, paid on Stellar as well.
        func openShop() async throws -> PaymentLedger {
            let rail = StellarSelling(
                wallet: self.market.nodeWallet,
                rpc: StellarRPC(urls: [StellarScene.nodeURL], network: .testnet, web: self),
                facilitator: RemoteFacilitator(url: "http://facilitator", web: self),
                timeline: self.scene.timeline)
            return try await self.market.openShop(also: [rail], timeline: self.scene.timeline).ledger
        }

        func ledger() async throws -> PaymentLedger {
            try await self.scene.ledger { policy in
                policy["payees"] = [
                    [
                        "id": "shop", "purposes": ["storage"],
                        "account": .string(StellarNames.account(self.scene.seller.payTo, on: .testnet)),
                    ]
                ]
                policy["limits"] = [
                    ["id": "each", "asset": .string(StellarScene.asset.id), "per_payment": "20000"]
                ]
            }
        }

        /// What a seller's configuration says of money.
        func settings(
            _ stellar: JSON = [
                "network": "testnet", "rpc": "http://stellar/", "facilitator": "http://facilitator",
            ]
        ) -> JSON {
            [
                "network": "devnet", "rpc": .string(TestMarket.rpcURL), "stellar": stellar,
                "asset": ["mint": .string("\(self.market.mint)"), "symbol": "USD", "decimals": 6],
                "channels": ["withdraw_delay": 3_600],
            ]
        }

        /// A thousand of six decimals are ten thousand of seven.
        func buy(_ text: String = "a map", with ledger: PaymentLedger) async throws -> PurchaseEnd {
            let buyer = Buyer(
                ledger: ledger, rails: [self.scene.rail(ledger)], web: self, timeline: self.scene.timeline)
            return try await buyer.buy(self.market.order(text, ceiling: 10_000))
        }

        /// The last payment that went to the shop, as it stands in the ledger, for another request.
        func theft(of text: String) async throws -> WebResponse {
            var request = try self.market.order(text).request
            let asked = try await self.send(request)
            let header = try #require(asked.headers.first { $0.name == X402.requiredHeader })
            let terms = try PaymentRequired(header: header.value).accepts.first {
                $0.network == "stellar:testnet"
            }
            let stolen = try PaymentPayload(header: #require(self.market.web.change { $0.payments.last }))
            let payload = PaymentPayload(
                resource: stolen.resource, accepted: try #require(terms), payload: stolen.payload,
                identifier: nil)
            request.headers.append(Header(X402.signatureHeader, Base64.standard.encode(payload.bytes)))
            return try await self.send(request)
        }
    }

    private func with(_ body: (Town) async throws -> Void) async throws {
        try await TestMarket.with { market in try await body(try Town(market)) }
    }

    private func expectSold(_ end: PurchaseEnd, _ town: Town, _ text: String = "a map") throws {
        guard case .answered(_, let response) = end else {
            Issue.record("not sold: \(end)")
            return
        }
        _ = try StorageClient.receipt(
            response.body, for: ObjectSummary(town.market.object(text)), days: 10, from: town.market.provider)
    }

    @Test func `a robot pays on Stellar, once, and the books say so`() async throws {
        try await self.with { town in
            let (shop, robot) = (try await town.openShop(), try await town.ledger())
            try self.expectSold(try await town.buy(with: robot), town)
            #expect(try await town.scene.holdings() == [StellarScene.money - 10_000, 10_000])
            let earned = try await shop.read { try $0.balances() }.first { $0.asset.symbol == "USDC" }
            #expect(earned?.earned == 10_000)
            #expect(await town.market.transfers().isEmpty)
            // Bought already: no second payment.
            try self.expectSold(try await town.buy(with: robot), town)
            #expect(try await town.scene.holdings() == [StellarScene.money - 10_000, 10_000])
        }
    }

    @Test func `a configuration names where it is paid`() async throws {
        try await self.with { town in
            let settings = try SellingSettings(JSONField(town.settings()))
            let open = {
                try await settings.open(
                    ledger: try await town.market.nodeLedger(), wallet: town.market.nodeWallet, web: town,
                    timeline: town.scene.timeline, sellingFrom: 1)
            }
            let rails = try await open()
            #expect(rails.map(\.network) == [town.market.network.chainID, "stellar:testnet"])
            #expect(
                rails.map(\.payTo) == [town.market.payTo.description, town.scene.seller.payTo.description])
            #expect(
                rails.map(\.asset.decimals) == [6, 7] && rails.map { $0.channels == nil } == [false, true])
            await town.scene.node.withLedger {
                $0.distrust(StellarNetwork.testnet.usdcContract, by: town.scene.seller.payTo)
            }
            await #expect(throws: SellingError.self) { try await open() }
        }
    }

    @Test func `a configuration that cannot be meant is refused, with its place`() async throws {
        try await self.with { town in
            let broken: [(String, JSON)] = [
                ("/stellar/facilitator", ["network": "testnet", "rpc": "http://stellar/"]),
                (
                    "/stellar/facilitator",
                    ["network": "testnet", "rpc": "http://stellar/", "facilitator": "somewhere"]
                ),
                (
                    "/stellar/network",
                    ["network": "moonnet", "rpc": "http://stellar/", "facilitator": "http://f"]
                ),
                (
                    "/stellar/fee",
                    ["network": "testnet", "rpc": "http://stellar/", "facilitator": "http://f", "fee": 1]
                ),
            ]
            for (place, stellar) in broken {
                let error = #expect(throws: JSONError.self) {
                    try SellingSettings(JSONField(town.settings(stellar)))
                }
                #expect("\(error.map { "\($0)" } ?? "")".contains(place), "\(stellar.text)")
            }
        }
    }

    @Test func `the ledger counts, not the facilitator`() async throws {
        try await self.with { town in
            let (_, robot) = (try await town.openShop(), try await town.ledger())
            town.fault { $0.lies = true }
            guard case .answered = try await town.buy(with: robot) else { return }
            Issue.record("the shop worked for nothing")
        }
        try await self.with { town in
            let (_, robot) = (try await town.openShop(), try await town.ledger())
            town.fault { $0.losesAnswers = true }
            try self.expectSold(try await town.buy(with: robot), town)
            #expect(try await town.scene.holdings() == [StellarScene.money - 10_000, 10_000])
        }
    }

    @Test(arguments: [nil, "<html>", "[]", #"{"isValid":"yes"}"#, #"{"isValid":false}"#])
    func `without a facilitator nothing is sold and nothing is written down`(noise: String?) async throws {
        try await self.with { town in
            let (_, robot) = (try await town.openShop(), try await town.ledger())
            town.fault { ($0.isAway, $0.noise) = (noise == nil, noise) }
            if case .answered = try await town.buy(with: robot) { Issue.record("it was sold") }
            #expect(try await town.scene.holdings() == [StellarScene.money, 0])
            // Its words are no fault of the customer's.
            let status = try await town.theft(of: "another map").status
            #expect(status == (noise?.contains("false") == true ? 402 : 503))
            // What was signed is still good, and buys the same.
            town.fault { $0 = .init() }
            try self.expectSold(try await town.buy(with: robot), town)
            #expect(try await town.scene.holdings() == [StellarScene.money - 10_000, 10_000])
        }
    }

    @Test func `a payment that lands in a crash buys what it was made for, and nothing else`() async throws {
        try await self.with { town in
            let (_, robot) = (try await town.openShop(), try await town.ledger())
            town.fault { $0.silencesNode = true }
            if case .answered = try await town.buy(with: robot) { Issue.record("it was sold") }
            #expect(try await town.scene.holdings() == [StellarScene.money - 10_000, 10_000])
            town.fault { $0 = .init() }
            town.scene.silence(false)
            _ = try await town.openShop()
            // Everybody can read it in the ledger.
            #expect(try await town.theft(of: "another map").status == 409)
            // The ledger has forgotten the nonce by now.
            try await town.scene.passHorizon()
            try self.expectSold(try await town.buy(with: robot), town)
            #expect(try await town.scene.holdings() == [StellarScene.money - 10_000, 10_000])
        }
    }

    @Test func `a payment that happened before it was shown is not sold for`() async throws {
        try await self.with { town in
            let (_, robot) = (try await town.openShop(), try await town.ledger())
            // The shop is cut off, and the facilitator settles what a thief hands to it.
            town.market.web.change { state in
                state.impostor = { request in
                    request.headers.contains { $0.name == X402.signatureHeader }
                        ? WebResponse(status: 500, headers: [], body: []) : nil
                }
            }
            if case .answered = try await town.buy(with: robot) { Issue.record("it was sold") }
            town.market.web.change { $0.impostor = nil }
            let header = try #require(town.market.web.change { $0.payments.last })
            let payload = try PaymentPayload(header: header)
            _ = try await RemoteFacilitator(url: "http://facilitator", web: town).settle(
                payload, payload.accepted)
            #expect(try await town.scene.holdings() == [StellarScene.money - 10_000, 10_000])
            var request = try town.market.order().request
            request.headers.append(Header(X402.signatureHeader, header))
            #expect(try await town.send(request).status == 402)
        }
    }
}
