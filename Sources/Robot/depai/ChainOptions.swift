import ArgumentParser
import Console
import Control
import Database
import Encoding
import Home
import Ledger
import Linux
import Payments
import Rails
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
    ///
    /// - Parameter take: does with the answer what has to be done. A paid answer counts as received only
    ///   when this returned: where it throws, the same command asks for the answer again and pays nothing.
    func perform<Result>(
        _ wish: CashierRequest.Wish, in home: Home,
        _ take: (CashierAnswer) throws -> Result = { (answer: CashierAnswer) in answer }
    ) async throws -> Result {
        let network = try self.namedNetwork?.chainID
        let request = CashierRequest(wish, network: network)
        do {
            let answer = try await self.ask(request, home)
            let result = try take(answer)
            guard let received = answer.acknowledgement else { return result }
            do {
                _ = try await self.ask(CashierRequest(received, network: network), home)
            } catch {
                Terminal.talk("depai: the books still wait for this answer; the same command gives it again")
            }
            return result
        } catch ControlSocket.Fault.nobodyListens {
            return try await self.cashier(home) { cashier in
                let answer = try await cashier.perform(request)
                let result = try take(answer)
                if let received = answer.acknowledgement {
                    _ = try await cashier.perform(CashierRequest(received, network: network))
                }
                return result
            }
        } catch ControlSocket.Fault.brokenAnswer {
            throw Failure(
                7, "the robot hung up before it answered; it may have paid",
                hint: "the same command again goes on with the same payment and makes no other")
        }
    }

    /// How long a command waits for another one that works in the same home.
    private static let turn = Duration.seconds(30)

    /// The home's lock, after whoever has it for a moment.
    private func lock(_ home: Home) async throws -> HomeLock {
        let end = ContinuousClock.now + Self.turn
        while true {
            do {
                return try home.lock()
            } catch HomeError.inUse(let path) {
                guard ContinuousClock.now < end else { throw HomeError.inUse(path) }
                try await Task.sleep(for: .milliseconds(100))
            }
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
        let (rails, passphrase, broker) = try self.settings(home)
        let lock = try await self.lock(home)
        defer { lock.release() }
        let timeline = SystemTimeline()
        let keystore = try home.keystore()
        let ledger = try home.openLedger(keystore, timeline: timeline)
        let wallet = try keystore.unlock(passphrase: try passphrase.read(for: keystore.address))
        let (links, web) = (BrokerLinks(known: broker), WebProcess())
        let buyer = Buyer(
            on: rails, ledger: ledger, wallet: wallet, over: web,
            web: TransportWeb(http: web, mqtt: links), timeline: timeline, entropy: SystemEntropy())
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await links.run() }
            defer { group.cancelAll() }
            return try await body(Cashier(buyer: buyer, ledger: ledger))
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

    private func settings(_ home: Home) throws -> (RailSettings, PassphraseOption, BrokerAddress?) {
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
        let passphrase = try self.passphrase.orConfigured(file, of: home)
        let broker = try file?["broker"].ifPresent.map { try BrokerAddress(settings: $0, in: home.path) }
        let stellar = try file?["stellar"].ifPresent.map { try StellarSettings($0) }
        return (RailSettings(solana: chain, stellar: stellar), passphrase, broker)
    }
}

extension CashierAnswer {
    /// What is told once a paid answer is where it was wanted; nil where nothing was paid for.
    fileprivate var acknowledgement: CashierRequest.Wish? {
        guard case .answered(_, _, let payment?, _) = self, let receipt = payment.receipt else { return nil }
        return .received(payment.intent, receipt: receipt)
    }
}
