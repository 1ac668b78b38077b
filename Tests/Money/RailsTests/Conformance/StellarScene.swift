import Encoding
import Ledger
import PaymentSupport
import Payments
import Stellar
import StellarChain
import Synchronization
import SystemPackage
import TestSupport
import Wallet
import World

@testable import Rails

/// The simulated Stellar network, with a seller on it.
struct StellarScene: RailScene {
    static let money: UInt64 = 1_000_000
    static let nodeURL = "http://stellar/"

    let wallet: UnlockedWallet
    let node: StellarNode
    let seller: StellarSeller
    private let clock: LedgerTimeline
    private let folder: FilePath
    private let keystore: Keystore

    static func with(_ body: (any RailScene) async throws -> Void) async throws {
        try await self.scene { try await body($0) }
    }

    static func scene(_ body: (StellarScene) async throws -> Void) async throws {
        try await TestMarket.with { market in try await body(try StellarScene(market)) }
    }

    init(_ market: TestMarket) throws {
        self.wallet = market.robotWallet
        self.keystore = market.robot
        self.folder = market.folder
        var network = StellarLedger()
        let token = StellarNetwork.testnet.usdcContract
        let robot = StellarAddress(market.robotWallet.publicKey(.stellar))
        let seller = StellarAddress(market.nodeWallet.publicKey(.stellar))
        let facilitator = StellarAddress(try key(0x33).publicKey)
        for account in [robot, seller, facilitator] { network.fund(account, lumens: 100_000_000) }
        network.trust(token, by: seller)
        network.mint(token, to: robot, amount: Int128(Self.money))
        self.node = StellarNode(network)
        self.clock = LedgerTimeline(node: self.node)
        self.seller = StellarSeller(
            node: self.node, facilitator: try StellarFacilitator(node: self.node), payTo: seller)
    }

    static var asset: Asset {
        Asset(
            id: StellarNames.token(StellarNetwork.testnet.usdcContract, on: .testnet), symbol: "USDC",
            decimals: 7)
    }

    var reader: any MessageReader { StellarReader(network: .testnet) }
    var web: any Web { self.seller }
    var timeline: any Timeline { self.clock }
    var rail: (PaymentLedger) -> any Rail {
        { ledger in
            StellarRail(
                ledger: ledger, wallet: self.wallet,
                rpc: StellarRPC(urls: [Self.nodeURL], network: .testnet, web: self.seller),
                timeline: self.clock, entropy: CountingEntropy())
        }
    }

    func ledger() async throws -> PaymentLedger { try await self.ledger { _ in } }

    func ledger(_ change: (inout JSON) -> Void) async throws -> PaymentLedger {
        let owner = try key(11)
        let ledger = try PaymentLedger(
            path: self.folder.appending("stellar.db"), wallet: self.wallet.publicKey(.payment),
            signers: [self.wallet.publicKey(.stellar)], owner: owner.publicKey, timeline: self.clock)
        guard await ledger.policyInForce == nil else { return ledger }
        let asset = JSON.string(Self.asset.id)
        var policy: JSON = [
            "schema": .string(Policy.schema), "wallet": .string(self.keystore.address),
            "owner": .string(Base58.encode(owner.publicKey.bytes)), "seq": 1, "mode": "active",
            "assets": [["asset": asset, "symbol": "USDC", "decimals": 7]],
            "payees": [
                [
                    "id": "seller", "purposes": ["service"],
                    "account": .string(StellarNames.account(self.seller.payTo, on: .testnet)),
                ]
            ],
            "limits": [["id": "each", "asset": asset, "per_payment": "5000"]],
        ]
        change(&policy)
        try await ledger.apply(policy: Policy.sign(policy, with: owner))
        try await ledger.deposit(Self.money, asset: Self.asset, reference: "first")
        return ledger
    }

    func order(tries: Int) throws -> Order {
        Order(
            request: WebRequest("GET", StellarSeller.url), Purchase(.request("a page")), note: "a page",
            ceiling: .units(1_000), tries: tries)
    }

    func holdings() async throws -> [UInt64] {
        let token = StellarNetwork.testnet.usdcContract
        let owners = [StellarAddress(self.wallet.publicKey(.stellar)), self.seller.payTo]
        return await self.node.withLedger { ledger in
            owners.map { UInt64(clamping: ledger.holding(token, of: $0) ?? 0) }
        }
    }

    func transfers() async -> Int {
        await self.node.withLedger { ledger in ledger.history.count { $0.failure == nil } }
    }

    var payments: [String] { self.seller.change { $0.payments } }
    func silence(_ isSilent: Bool) { self.seller.change { $0.isNodeSilent = isSilent } }
    func loseAnswers(_ count: Int) { self.seller.change { $0.loseAnswers = count } }
    func keepPayments(_ keeps: Bool) { self.seller.change { $0.keepsPayments = keeps } }

    func passALittle() async throws { await self.node.close(3) }
    func passHorizon() async throws { await self.node.close(40) }

    func forgetHistory() async {
        await self.node.withLedger { $0.faults.prunedBefore = $0.sequence }
    }
}

/// A seller of pages over x402 `exact` on Stellar, and the way to the network's node. The same payment gets
/// the same page.
final class StellarSeller: Web {
    static let url = "http://seller/page"

    struct State: Sendable {
        var isNodeSilent = false
        var loseAnswers = 0
        var keepsPayments = false
        var payments: [String] = []
        /// Other ways to pay that it offers, before its own.
        var otherWays: [JSON] = []
        fileprivate var sold: [String: SettlementResponse] = [:]
    }

    let node: StellarNode
    let payTo: StellarAddress
    private let facilitator: StellarFacilitator
    private let state = Mutex(State())

    init(node: StellarNode, facilitator: StellarFacilitator, payTo: StellarAddress) {
        self.node = node
        self.facilitator = facilitator
        self.payTo = payTo
    }

    func change<Result: Sendable>(_ body: (inout sending State) -> Result) -> Result {
        self.state.withLock { body(&$0) }
    }

    /// What it asks.
    var terms: JSON {
        [
            "scheme": "exact", "network": "stellar:testnet", "amount": "1000",
            "asset": .string(StellarNetwork.testnet.usdcContract.description),
            "payTo": .string(self.payTo.description), "maxTimeoutSeconds": 60,
            "extra": ["areFeesSponsored": true],
        ]
    }

    func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        if request.url == StellarScene.nodeURL {
            if self.change({ $0.isNodeSilent }) { throw .timedOut }
            return WebResponse(status: 200, headers: [], body: await self.node.respond(to: request.body))
        }
        guard request.url == Self.url else { throw .unreachable(request.url) }
        guard let header = request.headers.first(where: { $0.name == X402.signatureHeader })?.value else {
            return self.asked
        }
        self.change { $0.payments.append(header) }
        if self.change({ $0.keepsPayments }) { return WebResponse(status: 500, headers: [], body: []) }
        let settlement: SettlementResponse
        do { settlement = try await self.settle(header) } catch { throw .broken("\(error)") }
        let isLost = self.change { state in
            guard state.loseAnswers > 0 else { return false }
            state.loseAnswers -= 1
            return true
        }
        if isLost { throw .broken("hung up") }
        return WebResponse(
            status: settlement.success ? 200 : 402,
            headers: [Header(X402.responseHeader, settlement.header)], body: Array("a page".utf8))
    }

    private var asked: WebResponse {
        let ways = self.change { $0.otherWays } + [self.terms]
        let accepts = ways.compactMap { try? PaymentRequirements(facilitator: JSONField($0)) }
        let header = PaymentRequired(resource: Self.url, accepts: accepts).header
        return WebResponse(status: 402, headers: [Header(X402.requiredHeader, header)], body: [])
    }

    private func settle(_ header: String) async throws -> SettlementResponse {
        if let sold = self.change({ $0.sold[header] }) { return sold }
        let payload = try PaymentPayload(header: header)
        let text = try JSONField(payload.payload)["transaction"].string()
        let outcome = try await self.facilitator.settle(
            text,
            against: StellarTerms(
                asset: StellarNetwork.testnet.usdcContract, payTo: self.payTo, amount: 1_000))
        let payer = outcome.payer?.description
        if let reason = outcome.errorReason {
            return SettlementResponse(
                failure: reason, message: reason, transaction: outcome.transaction, payer: payer,
                network: "stellar:testnet")
        }
        let settlement = SettlementResponse(
            transaction: outcome.transaction, payer: payer, network: "stellar:testnet")
        self.change { $0.sold[header] = settlement }
        return settlement
    }
}

/// A clock whose sleepers do not wait: ledgers close instead.
final class LedgerTimeline: Timeline {
    private let node: StellarNode
    private let elapsed = Mutex<Int64>(0)

    init(node: StellarNode) { self.node = node }

    private var milliseconds: Int64 { self.elapsed.withLock { $0 } }
    var now: Timestamp {
        Timestamp(milliseconds: 1_800_000_000_000 + self.milliseconds, quality: .virtual)
    }
    var uptime: Duration { .milliseconds(self.milliseconds) }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        let length =
            duration.components.seconds * 1_000 + duration.components.attoseconds / 1_000_000_000_000_000
        let ledgers = self.elapsed.withLock { elapsed in
            let before = elapsed / 5_000
            elapsed += length
            return elapsed / 5_000 - before
        }
        if ledgers > 0 { await self.node.close(Int(ledgers)) }
        await Task.yield()
    }
}
