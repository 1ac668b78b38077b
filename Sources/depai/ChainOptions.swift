import ArgumentParser
import Console
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

    @OptionGroup var passphrase: PassphraseOption

    @Option(help: "Configuration file; HOME/depai.yaml by default.")
    var config: String?

    /// How long a robot that runs may take for a purchase: the chain, the seller, and what was open before.
    private static let patience = Duration.seconds(600)

    /// Asks the robot that runs in this home, or does it here when none runs.
    func perform(_ wish: CashierRequest.Wish, in home: Home) async throws -> CashierAnswer {
        let request = CashierRequest(wish, network: try self.namedNetwork?.chainID)
        do {
            return try await self.ask(request, home)
        } catch ControlSocket.Fault.nobodyListens {
            return try await self.cashier(home) { try await $0.perform(request) }
        } catch ControlSocket.Fault.brokenAnswer {
            throw Failure(
                7, "the robot hung up before it answered; it may have paid",
                hint: "the same command again goes on with the same payment and makes no other")
        }
    }

    private func ask(_ request: CashierRequest, _ home: Home) async throws -> CashierAnswer {
        if case .fetch(let fetch) = request.wish, fetch.request.body.count > CashierRequest.bodyLimit,
            DurableFile.exists(home.controlPath)
        {
            throw Failure(
                2, "while a robot runs, a body has \(CashierRequest.bodyLimit >> 20) MiB at most",
                hint: "stop the robot for this purchase")
        }
        let answer = try await home.controlSocket.ask(
            try request.json.canonicalBytes(), patience: Self.patience)
        if !(self.rpc.isEmpty && self.witness.isEmpty) {
            Terminal.talk("depai: the robot that runs here pays, over its own chain nodes")
        }
        return try Result<CashierAnswer, CashierFault>(answer).get()
    }

    /// Lends a cashier of the home's wallet. Nobody else writes meanwhile.
    private func cashier<Answer>(
        _ home: Home, _ body: (Cashier) async throws -> Answer
    ) async throws -> Answer {
        let (chain, passphrase, broker) = try self.settings(home)
        let lock = try home.lock()
        defer { lock.release() }
        let timeline = SystemTimeline()
        let keystore = try home.keystore()
        let ledger = try home.openLedger(keystore, timeline: timeline)
        let wallet = try keystore.unlock(passphrase: try passphrase.read(for: keystore.address))
        let rpc = RPCClient(urls: chain.rpc, network: chain.network, web: CurlWeb())
        let links = BrokerLinks(known: broker)
        let buyer = Buyer(
            ledger: ledger, wallet: wallet, rpc: rpc,
            witnesses: chain.witnesses.map { RPCClient(url: $0, web: CurlWeb()) },
            network: chain.network, web: TransportWeb(http: CurlWeb(), mqtt: links), timeline: timeline,
            entropy: SystemEntropy())
        let facilitator = Facilitator(
            ledger: ledger, wallet: wallet, rpc: rpc, network: chain.network, timeline: timeline)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await links.run() }
            defer { group.cancelAll() }
            return try await body(Cashier(buyer: buyer, ledger: ledger, facilitator: facilitator))
        }
    }

    /// The network of the option; nil without one.
    private var namedNetwork: Network? {
        get throws {
            guard let name = self.network else { return nil }
            guard let network = ChainSettings.network(named: name) else {
                throw Failure(
                    2, "\"\(name)\" is no network known here", hint: "mainnet, devnet or testnet")
            }
            return network
        }
    }

    private func settings(_ home: Home) throws -> (ChainSettings, PassphraseOption, BrokerAddress?) {
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
        var passphrase = self.passphrase
        if passphrase.passphraseFile == nil {
            passphrase.passphraseFile = try file?["passphrase_file"].ifPresent?.path(in: home.path).string
        }
        let broker = try file?["broker"].ifPresent.map { try BrokerAddress(settings: $0, in: home.path) }
        return (chain, passphrase, broker)
    }
}
