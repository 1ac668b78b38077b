import Encoding
import Foundation
import Ledger
import Node
import PaymentSupport
import Payments
import Rails
import SimulatedChain
import Solana
import TestSupport
import Testing
import World

@Suite struct Token2022Tests {
    /// The chain's node, with a mint that has extensions.
    private struct ExtendedMint: Web {
        let market: TestMarket
        let extensions: [UInt8]

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            guard request.url == TestMarket.rpcURL,
                let call = (try? JSON.read(request.body)).map(JSONField.init),
                (try? call["method"].string()) == "getAccountInfo",
                (try? call["params"][0].string()) == market.mint.description
            else { return try await self.market.web.send(request) }
            var data = Mint(authority: nil, supply: 1, decimals: 6).bytes
            data += [UInt8](repeating: 0, count: 165 - data.count) + [1] + self.extensions
            let answer: JSON = [
                "jsonrpc": "2.0", "id": 1,
                "result": [
                    "context": ["slot": 1],
                    "value": [
                        "lamports": 1, "owner": .string(Address.token2022Program.description),
                        "data": [.string(Base64.standard.encode(data)), "base64"], "executable": false,
                    ],
                ],
            ]
            return WebResponse(status: 200, headers: [], body: Array(answer.text.utf8))
        }
    }

    private func expectBooks(
        _ market: TestMarket, _ ledger: PaymentLedger, spent: UInt64, escrowed: UInt64
    ) async throws {
        let balance = try #require(
            try await ledger.read { try $0.balances().first { $0.asset.id == market.asset.id } })
        #expect((balance.spent, balance.escrowed) == (Int64(spent), Int64(escrowed)))
        #expect(balance.available == Int64(TestMarket.money - spent - escrowed) && balance.reserved == 0)
        #expect(try await market.tokens(of: market.payer) == TestMarket.money - spent - escrowed)
        let supply = await market.cluster.withBank {
            $0.tokenSupplies[market.mint].map { [$0.supply, $0.held] }
        }
        #expect(supply == [TestMarket.money, TestMarket.money])
        #expect(try await ledger.read { try $0.faults() + $0.chainFaults() } == [])
    }

    @Test func `a purchase in a token of Token-2022 settles, and the real runtime agrees`() async throws {
        try await TestMarket.with(tokenProgram: .token2022Program) { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            try await buyer.bookDeposits()
            guard case .answered(let id, _) = try await buyer.buy(market.order()) else {
                Issue.record("the purchase did not end")
                return
            }
            #expect(try await market.tokens(of: market.payTo) == 1_000)
            try await self.expectBooks(market, ledger, spent: 1_000, escrowed: 0)
            let record = try await ledger.read { try $0.intent(id) }
            #expect(await market.transfers().map(\.id) == [record?.transaction])
            let balance = try await market.rpc.tokenBalance(of: market.tokenAccount(of: market.payTo))
            #expect(balance == TokenBalance(amount: 1_000, decimals: 6))
            let python = try await Peer.python(with: "solders.litesvm", from: "solders")
            let file = URL(filePath: market.folder.appending("transcript.jsonl").string)
            let lines = await market.cluster.transcript()
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: file)
            let (agrees, output) = try await Peer.replay(transcript: file, with: python)
            #expect(agrees, "\(output)")
        }
    }

    @Test func `a channel in a token of Token-2022 opens, pays and gives the rest back`() async throws {
        try await TestMarket.with(tokenProgram: .token2022Program) { market in
            try await market.openShop(channels: ChannelSales(withdrawDelay: 3_600, minDeposit: 1_000))
            let ledger = try await market.robotLedger()
            let buyer = market.buyer(ledger)
            for number in 1...3 {
                let order = try market.order("\(number)", channel: .open(deposit: .units(10_000)))
                guard case .answered = try await buyer.buy(order) else {
                    Issue.record("purchase \(number) did not end")
                    return
                }
            }
            try await self.expectBooks(market, ledger, spent: 3_000, escrowed: 7_000)
            let id = try #require(try await ledger.read { try $0.channels().first?.id })
            guard case .closed(3_000, 7_000, _) = try await buyer.closeChannel(id) else {
                Issue.record("it is not closed")
                return
            }
            try await self.expectBooks(market, ledger, spent: 3_000, escrowed: 0)
            #expect(try await market.tokens(of: market.payTo) == 3_000)
        }
    }

    /// A transfer fee of 1 percent would make the payee get less than the transfer says.
    @Test(
        arguments: [
            ([1, 0, 4, 0, 1, 2, 3, 4], "TransferFeeConfig"), ([14, 0, 0, 0], "TransferHook"),
            ([12, 0, 0, 0], "PermanentDelegate"), ([18, 0, 1, 0, 9, 26, 0, 0, 0], "Pausable"),
            ([99, 0, 0, 0], "extension 99"),
        ] as [([UInt8], String)])
    func `a mint whose transfers can do something else is refused by the extension's name`(
        bytes: [UInt8], name: String
    ) async throws {
        try await TestMarket.with(tokenProgram: .token2022Program) { market in
            try await market.openShop(channels: ChannelSales(withdrawDelay: 3_600))
            let ledger = try await market.robotLedger()
            let rpc = RPCClient(url: TestMarket.rpcURL, web: ExtendedMint(market: market, extensions: bytes))
            let buyer = market.buyer(ledger, rpc: rpc)
            for use in [Order.ChannelUse.never, .open(deposit: .units(10_000))] {
                guard case .unpaid(let reason) = try await buyer.buy(market.order(channel: use)) else {
                    Issue.record("it was paid")
                    return
                }
                #expect(reason.contains(name) && reason.contains("unsupported_token_extension"), "\(reason)")
            }
            #expect(market.web.change { $0.payments }.isEmpty)
            try await self.expectBooks(market, ledger, spent: 0, escrowed: 0)
            let facilitator = Facilitator(
                ledger: try await market.nodeLedger(), wallet: market.nodeWallet, rpc: rpc,
                network: market.network, timeline: market.timeline)
            let payload = try await Draft(market).payload(market)
            let error = await #expect(throws: X402Error.self) {
                try await facilitator.verify(payload, against: Draft.requirements(market))
            }
            #expect(error?.code == "unsupported_token_extension")
        }
    }

    @Test func `a mint with nothing but a name is paid with`() async throws {
        try await TestMarket.with(tokenProgram: .token2022Program) { market in
            try await market.openShop()
            let ledger = try await market.robotLedger()
            let named: [UInt8] = [18, 0, 2, 0, 1, 1, 19, 0, 1, 0, 65, 3, 0, 0, 0]
            let rpc = RPCClient(url: TestMarket.rpcURL, web: ExtendedMint(market: market, extensions: named))
            guard case .answered = try await market.buyer(ledger, rpc: rpc).buy(market.order()) else {
                Issue.record("it was refused")
                return
            }
            try await self.expectBooks(market, ledger, spent: 1_000, escrowed: 0)
        }
    }

    @Test(arguments: [Address.tokenProgram, .token2022Program])
    func `a transfer by the other token program is refused by name, by both sides`(program: Address)
        async throws
    {
        let other: Address = program == .tokenProgram ? .token2022Program : .tokenProgram
        try await TestMarket.with(tokenProgram: program) { market in
            var draft = Draft(market)
            draft.instructions[2] = .transferChecked(
                TokenTransfer(
                    from: market.payer, to: market.payTo, mint: market.mint, amount: 1_000, decimals: 6,
                    tokenProgram: other))
            let facilitator = market.facilitator(try await market.nodeLedger())
            let payload = try await draft.payload(market)
            let error = await #expect(throws: X402Error.self) {
                try await facilitator.verify(payload, against: Draft.requirements(market))
            }
            #expect(error?.code == "unsupported_token_program")
            // The seller names the program of a channel itself.
            let order = try market.order(channel: .open(deposit: .units(10_000)))
            let terms = PaymentRequirements(
                network: market.network.chainID, amount: 1_000, asset: market.mint.description,
                payTo: market.payTo.description, maxTimeoutSeconds: 60,
                feePayer: market.sponsor.description,
                channel: ChannelOffer(
                    receiverAuthorizer: market.payTo.description, withdrawDelay: 3_600,
                    tokenProgram: other.description, minDeposit: nil))
            let answer = try await market.quote([terms.json], for: order)
            market.web.change { $0.impostor = { _ in answer } }
            let ledger = try await market.robotLedger()
            guard case .unpaid(let reason) = try await market.buyer(ledger).buy(order) else {
                Issue.record("it was paid")
                return
            }
            #expect(reason.contains("unsupported_token_program"), "\(reason)")
            try await self.expectBooks(market, ledger, spent: 0, escrowed: 0)
        }
    }
}
