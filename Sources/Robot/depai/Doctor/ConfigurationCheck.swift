import Agent
internal import ChainNodes
import Database
import Devices
import Encoding
import Home
import Linux
import Rails
import Solana
import Stellar
import SystemPackage
import Wallet
import World

/// The configuration, and everybody whom it names.
struct ConfigurationCheck {
    private let home: Home
    private let path: FilePath
    private let asks: Bool
    private let web = WebProcess()

    /// - Parameter asks: whether broker and chain are asked.
    init(_ home: Home, _ path: FilePath, asks: Bool) {
        self.home = home
        self.path = path
        self.asks = asks
    }

    func findings() async -> [Finding] {
        guard DurableFile.exists(self.path) else {
            return [
                .warning(
                    "configuration", "\(self.path) is not there: nothing can run in this home",
                    "depai init writes one for a new home; depai help init shows what stands in it")
            ]
        }
        let configuration: AgentConfiguration
        do {
            configuration = try Settings.read(self.path) {
                try AgentConfiguration($0, in: self.home.path)
            }
        } catch {
            return [
                .broken(
                    "configuration", "\(error)",
                    "correct that place in \(self.path); nothing runs before")
            ]
        }
        var findings = [Finding.good("configuration", "\(self.path) is whole")]
        findings += configuration.warnings.map {
            .warning("configuration", $0, "write it so in \(self.path), before the next version is installed")
        }
        findings += self.unlocking(configuration) + self.devices(configuration)
        findings += self.files(configuration.broker)
        guard self.asks else { return findings }
        async let broker = self.broker(configuration.broker)
        async let solana = self.chain(configuration.rails.solana)
        async let stellar = self.stellar(configuration.rails.stellar)
        return await findings + [broker] + solana + stellar
    }

    /// Whether the robot's wallet will be open after the next start.
    private func unlocking(_ configuration: AgentConfiguration) -> [Finding] {
        let slots = ((try? self.home.keystore())?.slots ?? []).map(\.kind)
        let sealed = FilePath(NewCredential.usualPlace)
        if let file = configuration.passphraseFile, DurableFile.exists(file) {
            do {
                try DurableFile.requirePrivate(file)
                return [.good("unlocking", "at the start, by the passphrase in \(file)")]
            } catch {
                return [.broken("unlocking", "\(error)", "chmod 600 \(file)")]
            }
        }
        if slots.contains("credential"), DurableFile.exists(sealed) {
            return [
                .good("unlocking", "at the start, by the credential that systemd delivers from \(sealed)")
            ]
        }
        let missing =
            configuration.passphraseFile.map { "\($0) is not there" } ?? "nothing is there that opens it"
        return [
            .warning(
                "unlocking", "\(missing): the robot starts locked and spends nothing",
                slots.contains("credential")
                    ? "bring \(sealed) back, or make another: depai wallet slot --credential-sealed \(sealed)"
                    : "depai wallet slot --credential-sealed \(sealed)")
        ]
    }

    private func devices(_ configuration: AgentConfiguration) -> [Finding] {
        let folder = configuration.devices
        guard let names = try? DurableFile.names(in: folder) else {
            return [
                .broken("devices", "\(folder) cannot be read: the robot does not start", "mkdir -p \(folder)")
            ]
        }
        let files = names.filter { $0.hasSuffix(".td.json") }.sorted()
        let broken = files.compactMap { name -> Finding? in
            let file = folder.appending(name)
            do {
                let bytes = try DurableFile.read(file, limit: 256 << 10)
                let document = try JSON.read(bytes, limits: .init(bytes: 256 << 10, depth: 32))
                if let fault = DescriptionChecker.faults(in: document, profiles: Profiles.all).first {
                    throw fault
                }
                _ = try Thing(description: document, profiles: Profiles.all)
                return nil
            } catch {
                return .broken(name, "\(error)", "depai device check \(file)")
            }
        }
        guard broken.isEmpty else { return broken }
        guard !files.isEmpty else {
            return [
                .warning(
                    "devices", "no descriptions in \(folder)", "depai device import --from CONVENTION")
            ]
        }
        return [.good("devices", "\(files.count) descriptions in \(folder)")]
    }

    /// Files that the connection needs.
    private func files(_ broker: BrokerAddress) -> [Finding] {
        var findings: [Finding] = []
        for file in [broker.tls?.caFile, broker.tls?.certificateFile].compactMap(\.self)
        where !DurableFile.exists(FilePath(file)) {
            findings.append(.broken("broker", "\(file) is not there", "correct broker/tls in \(self.path)"))
        }
        for file in [broker.passwordFile, broker.tls?.keyFile].compactMap(\.self) {
            do {
                try DurableFile.requirePrivate(FilePath(file))
            } catch FileError.openToOthers {
                findings.append(.warning("broker", "\(file) lets others in", "chmod 600 \(file)"))
            } catch {
                findings.append(.broken("broker", "\(error)", "correct broker in \(self.path)"))
            }
        }
        return findings
    }

    private func broker(_ address: BrokerAddress) async -> Finding {
        let place = "\(address.host):\(address.port)"
        let probe = await BrokerProbe.look(at: address)
        switch probe {
        case .takes: return .good("broker", "\(place) takes us")
        case .refuses(let reason):
            return .broken("broker", "\(place) refuses us: \(reason)", probe.remedy ?? "")
        case .silent(let reason):
            return .warning(
                "broker", "\(place) does not answer: \(reason); the robot works on and queues",
                probe.remedy ?? "")
        }
    }

    private func chain(_ chain: ChainSettings) async -> [Finding] {
        var findings: [Finding] = []
        for (url, name) in chain.rpc.map({ ($0, "rpc") }) + chain.witnesses.map({ ($0, "rpc witness") }) {
            do {
                let genesis = try await RPCClient(url: url, web: self.web).genesisHash()
                findings.append(
                    genesis == chain.network.genesisHash
                        ? .good(name, "\(url) is on \(chain.network.chainID)")
                        : .broken(
                            name, "\(url) is on another network (genesis \(genesis))",
                            "correct network or rpc in \(self.path)"))
            } catch {
                findings.append(
                    .warning(
                        name, "\(url) does not answer: \(error)",
                        "check the URL and the network; payments wait until a node answers"))
            }
        }
        return findings
    }

    private func stellar(_ settings: StellarSettings?) async -> [Finding] {
        guard let settings else { return [] }
        var findings: [Finding] = []
        for (url, name) in settings.rpc.map({ ($0, "stellar rpc") })
            + settings.witnesses.map({ ($0, "stellar rpc witness") })
        {
            do throws(ChainNodeError) {
                let rpc = StellarRPC(urls: [url], network: settings.network, web: self.web)
                let ledger = try await rpc.latestLedger()
                findings.append(.good(name, "\(url) is on \(settings.network), at ledger \(ledger)"))
            } catch {
                findings.append(
                    error.isOtherNetwork
                        ? .broken(name, "\(error)", "correct network or rpc below stellar in \(self.path)")
                        : .warning(
                            name, "\(url) does not answer: \(error)",
                            "check the URL; payments on this network wait until a node answers"))
            }
        }
        return findings
    }
}
