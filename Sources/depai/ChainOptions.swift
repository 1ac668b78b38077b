import ArgumentParser
import Database
import Encoding
import Home
import Ledger
import Linux
import Payments
import Solana
import SystemPackage
import Wallet
import World

/// Which network is paid on, and what opens the wallet. Options first, then the configuration file, where
/// there is one.
struct ChainOptions: ParsableArguments {
    @Option(help: "mainnet, devnet, testnet or their CAIP-2 names; the configuration's by default.")
    var network: String?

    @Option(
        help: """
            URL of a node of that network; the configuration's by default. May be repeated: who does not \
            answer is left for the next.
            """)
    var rpc: [String] = []

    @Option(help: "URL of a further node, which must agree before a payment counts as dead; may be repeated.")
    var witness: [String] = []

    @Option(help: "File with the keystore's passphrase (mode 0600); the configuration's by default.")
    var passphraseFile: String?

    @Option(help: "Configuration file; HOME/depai.yaml by default.")
    var config: String?

    /// Does `body` with the home's wallet open and its books up to date. Nobody else writes meanwhile.
    func spending(
        from home: Home, _ body: (Buyer, PaymentLedger, Facilitator) async throws -> Void
    ) async throws {
        let (chain, passphraseFile, broker) = try self.settings(home)
        let lock = try home.lock()
        defer { lock.release() }
        let timeline = SystemTimeline()
        let ledger = try home.openLedger(try home.keystore(), timeline: timeline)
        let wallet = try home.unlock(passphraseFile: passphraseFile)
        let rpc = RPCClient(urls: chain.rpc, network: chain.network, web: CurlWeb())
        // A node of another network is noticed before a seller is asked.
        _ = try await rpc.blockHeight()
        let links = BrokerLinks(known: broker)
        let buyer = Buyer(
            ledger: ledger, wallet: wallet, rpc: rpc,
            witnesses: chain.witnesses.map { RPCClient(url: $0, web: CurlWeb()) },
            network: chain.network, web: TransportWeb(http: CurlWeb(), mqtt: links), timeline: timeline,
            entropy: SystemEntropy())
        try await buyer.reconcileOpenPayments()
        try await buyer.bookDeposits()
        let facilitator = Facilitator(
            ledger: ledger, wallet: wallet, rpc: rpc, network: chain.network, timeline: timeline)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await links.run() }
            defer { group.cancelAll() }
            try await body(buyer, ledger, facilitator)
        }
    }

    private func settings(_ home: Home) throws -> (ChainSettings, FilePath, BrokerAddress?) {
        let path = self.config.map { FilePath($0) } ?? home.configurationPath
        let file: JSONField? =
            self.config != nil || DurableFile.exists(path) ? try Settings.read(path) : nil
        let known = file.flatMap { try? ChainSettings($0) }
        guard let network = try self.network ?? file?["network"].ifPresent?.string(),
            let rpc = self.rpc.isEmpty ? known?.rpc : self.rpc
        else {
            throw Failure(
                2, "which network, and which of its nodes?",
                hint: "give --network and --rpc, or set network and rpc in \(path)")
        }
        let witnesses = self.witness.isEmpty ? known?.witnesses ?? [] : self.witness
        guard let chain = ChainSettings(network: network, rpc: rpc, witnesses: witnesses) else {
            throw Failure(2, "\"\(network)\" is no network known here", hint: "mainnet, devnet or testnet")
        }
        guard let passphrase = try self.passphraseFile ?? file?["passphrase_file"].ifPresent?.string()
        else {
            throw Failure(3, "the keystore is locked", hint: "give --passphrase-file")
        }
        let broker = try file?["broker"].ifPresent.map { try BrokerAddress(settings: $0) }
        return (chain, FilePath(passphrase), broker)
    }
}
