import Encoding
import Ledger
import PaymentSupport
import Payments
import Wallet
import World

@testable import Rails

struct SolanaScene: RailScene {
    static let money = TestMarket.money
    private let market: TestMarket

    static func with(_ body: (any RailScene) async throws -> Void) async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            try await body(SolanaScene(market: market))
        }
    }

    var wallet: UnlockedWallet { self.market.robotWallet }
    var reader: any MessageReader { SolanaReader(network: .devnet) }
    var web: any Web { self.market.web }
    var timeline: any Timeline { self.market.timeline }
    var rail: (PaymentLedger) -> any Rail {
        { ledger in
            SolanaRail(
                ledger: ledger, wallet: self.wallet, rpc: self.market.rpc, network: .devnet, web: self.web,
                timeline: self.timeline, entropy: CountingEntropy())
        }
    }

    func ledger() async throws -> PaymentLedger { try await self.market.robotLedger() }

    func order(tries: Int) throws -> Order { try self.market.order(tries: tries, channel: .never) }

    func holdings() async throws -> [UInt64] {
        [
            try await self.market.tokens(of: self.market.payer),
            try await self.market.tokens(of: self.market.payTo),
        ]
    }

    func transfers() async -> Int { await self.market.transfers().count }
    var payments: [String] { self.market.web.change { $0.payments } }

    func silence(_ isSilent: Bool) { self.market.web.change { $0.rpcSilent = isSilent } }
    func loseAnswers(_ count: Int) { self.market.web.change { $0.loseAnswers = count } }

    func keepPayments(_ keeps: Bool) {
        let impostor: @Sendable (WebRequest) -> WebResponse? = { request in
            guard request.headers.contains(where: { $0.name == X402.signatureHeader }) else { return nil }
            return WebResponse(status: 500, headers: [], body: [])
        }
        self.market.web.change { $0.impostor = keeps ? impostor : nil }
    }

    func passALittle() async throws { try await self.market.timeline.pass(slots: 20) }
    func passHorizon() async throws { try await self.market.timeline.pass(slots: 250) }

    func forgetHistory() async {
        await self.market.cluster.withBank { $0.faults.prunedBefore = $0.slot }
    }
}
