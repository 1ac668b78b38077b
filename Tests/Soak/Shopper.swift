import Agent
import Encoding
import Home
import Ledger
import Linux
import Market
import Payments
import Rails
import Solana
import Storage
import Wallet
import World

/// Buys the same small thing from each provider again and again, over a payment channel, until it has bought
/// enough. It may die at any moment: what it finds in its ledger says where to go on.
struct Shopper {
    let home: Home
    /// Requests to each provider.
    let count: Int

    /// What the requests to one provider have in common.
    static func subject(_ provider: Int) -> Subject { .object("soak-\(provider)") }

    /// In whole units: too little for all of it, so that channels have to be filled.
    private static let deposit = "1.00"

    func run() async throws {
        let configuration = try AgentConfiguration(
            try Settings.read(self.home.configurationPath), in: self.home.path)
        let lock = try self.home.lock()
        defer { lock.release() }
        let timeline = SystemTimeline()
        let ledger = try self.home.openLedger(try self.home.keystore(), timeline: timeline)
        let chain = configuration.rails.solana
        let bus = MosquittoBus(configuration.broker, entropy: SystemEntropy())
        guard let passphraseFile = configuration.passphraseFile else { throw KeystoreError.locked }
        let wallet = try self.home.unlock(passphraseFile: passphraseFile)
        let name = Address(wallet.publicKey(.identity)).description
        let mqtt = MQTTWeb(
            bus: bus, broker: configuration.broker, name: name, timeline: timeline, entropy: SystemEntropy())
        let web = WebProcess()
        let buyer = Buyer(
            ledger: ledger, wallet: wallet,
            rpc: RPCClient(urls: chain.rpc, network: chain.network, web: web),
            network: chain.network,
            web: TransportWeb(http: web, mqtt: mqtt), timeline: timeline, entropy: SystemEntropy())
        try await buyer.reconcileOpenPayments()
        try await buyer.bookDeposits()
        try await withThrowingTaskGroup(of: Void.self) { links in
            links.addTask { await bus.run() }
            defer { links.cancelAll() }
            try await self.shop(at: configuration.providers, buyer, ledger)
        }
    }

    private func shop(
        at providers: [Provider], _ buyer: Buyer, _ ledger: PaymentLedger
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, provider) in providers.enumerated() {
                group.addTask { try await self.shop(at: provider, index, buyer, ledger) }
            }
            try await group.waitForAll()
        }
    }

    private func shop(
        at provider: Provider, _ index: Int, _ buyer: Buyer, _ ledger: PaymentLedger
    ) async throws {
        let subject = Self.subject(index)
        var number = try await ledger.read { view in
            guard let last = try view.lastSeries(of: subject) else { return UInt32(0) }
            let isDone = try view.intent(of: Purchase(subject, series: last))?.delivery == .delivered
            return isDone ? last + 1 : last
        }
        while number < self.count {
            let object = try StoredObject(Array("soak \(index) \(number)".utf8))
            let url = "\(provider.url)/v1/storage/\(object.id)?size=\(object.bytes.count)&days=1"
            let order = Order(
                request: WebRequest("PUT", url, body: object.bytes, bodyLimit: 64 << 10),
                Purchase(subject, series: number), note: provider.url, ceiling: .units(1_000),
                channel: .open(deposit: .decimal(Self.deposit)))
            switch try await buyer.buy(order) {
            case .answered(let id, let response):
                _ = try StorageClient.receipt(
                    response.body, for: ObjectSummary(object), days: 1, from: provider)
                try await ledger.deliver(id, receipt: String(decoding: response.body, as: UTF8.self))
                number += 1
            case .unanswered, .unreachable, .unpaid, .open, .unpriced:
                // Somebody was killed. The same order goes on with the same payment.
                try await buyer.reconcileOpenPayments()
                try await SystemTimeline().sleep(for: .milliseconds(200))
            case .denied(let denial): throw denial
            case .waiting(_, let denial): throw denial
            }
        }
    }
}
