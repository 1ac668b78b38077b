import Console
import Database
import Devices
import Encoding
import Glibc
import Home
import Linux
import Rails
import Sodium
import SystemPackage
import World

/// Asks a person what a new home needs, one thing after the other. What was typed wrong is said and asked
/// again.
struct Dialogue {
    let home: Home

    /// Wrong answers to one question; nobody types that often, a broken script does.
    private static let patience = 20

    func plan() async throws -> InitPlan {
        Terminal.talk(
            "This makes the home of one machine in \(self.home.path). Nothing is made before the end.\n")
        var plan = InitPlan(owner: try self.askOwner())
        plan.source = try self.askSource()
        plan.policy = try self.askPolicy()
        guard !DurableFile.exists(self.home.configurationPath) else {
            Terminal.talk("\(self.home.configurationPath) is there already and stays as it is.")
            plan.credential = try self.askCredential()
            return plan
        }
        let (network, rpc) = try self.askChain()
        let (broker, takes) = try await self.askBroker()
        var robot = RobotPlan(network: network, rpc: [rpc], broker: broker)
        if takes { robot.add(try await self.askDevices(broker)) }
        plan.credential = try self.askCredential()
        if plan.credential == nil {
            robot.passphraseFile = try self.ask(
                """
                A file that will hold the passphrase for the start (mode 0600), or nothing: then the robot \
                starts locked and spends nothing.
                file
                """, default: ""
            ) { $0 }
            if robot.passphraseFile == "" { robot.passphraseFile = nil }
        }
        plan.robot = robot
        return plan
    }

    private func askOwner() throws -> PublicKey {
        try self.ask(
            """
            The owner's public key, base58, or a file with it. The owner signs what this machine may spend, \
            and keeps the secret half elsewhere: depai owner keygen owner.key
            owner's key
            """
        ) { try OwnerKeyText.key($0) }
    }

    private func askSource() throws -> InitPlan.Source {
        try self.ask(
            "A new wallet of 12 or 24 words, or \"mine\" to type words that exist.\nwords", default: "12"
        ) {
            switch $0 {
            case "12": .newWords(count: 12)
            case "24": .newWords(count: 24)
            case "mine": .typedWords
            default: throw Failure(2, "12, 24 or mine")
            }
        }
    }

    private func askPolicy() throws -> [UInt8]? {
        try self.ask(
            "The owner's signed policy, a file; nothing if it comes later.\npolicy", default: ""
        ) { $0.isEmpty ? nil : try DurableFile.read(FilePath($0), limit: 256 << 10) }
    }

    private func askChain() throws -> (network: String, rpc: String) {
        let network = try self.ask(
            "The chain to pay on: mainnet, devnet or testnet.\nnetwork", default: "devnet"
        ) {
            guard ChainSettings.network(named: $0) != nil else {
                throw Failure(2, "mainnet, devnet or testnet")
            }
            return $0
        }
        let rpc = try self.ask("A node of it.\nURL", default: RobotPlan.publicNode(of: network)) {
            guard $0.hasPrefix("https://") || $0.hasPrefix("http://") else {
                throw Failure(2, "a URL begins with https:// or http://")
            }
            return $0
        }
        return (network, rpc)
    }

    /// Until the broker takes us, or the person says that it will later.
    private func askBroker() async throws -> (broker: BrokerAddress, takes: Bool) {
        var broker = BrokerAddress(host: "localhost", clientID: RobotPlan.newClientID())
        var probe = await BrokerProbe.look(at: broker)
        if probe == .takes {
            BrokerTalk.tell(probe, broker)
            if try self.confirm("Use the broker at localhost:1883?") { return (broker, true) }
        }
        for _ in 0..<Self.patience {
            let named = try self.ask(
                "The MQTT broker that devices and robot meet at, HOST or HOST:PORT.\nbroker",
                default: "localhost:1883"
            ) { try BrokerAddress(place: $0, clientID: "") }
            (broker.host, broker.port) = (named.host, named.port)
            broker.tls =
                try self.confirm("Does it speak TLS?", default: broker.port == 8_883)
                ? broker.tls ?? BrokerAddress.TLS() : nil
            if broker.tls != nil {
                let file = try self.askFile(
                    "File with the authority that vouches for it; nothing for the system's.")
                broker.tls?.caFile = file
            }
            let name = try self.ask("user name at the broker, or nothing", default: "") { $0 }
            broker.username = name.isEmpty ? nil : name
            broker.passwordFile = name.isEmpty ? nil : try self.askFile("File with its password (mode 0600).")
            probe = await BrokerProbe.look(at: broker)
            BrokerTalk.tell(probe, broker)
            if probe == .takes { return (broker, true) }
            if try self.confirm("Keep it all the same?") { return (broker, false) }
        }
        throw Failure(1, "no broker was chosen; nothing was made")
    }

    private func askDevices(_ broker: BrokerAddress) async throws -> [DiscoveredThing] {
        Terminal.talk("Listening for devices that describe themselves …")
        let found = try await DeviceFinder(broker).find(DiscoveryConvention.allCases)
            .filter { !$0.found.things.isEmpty }
        guard !found.isEmpty else {
            Terminal.talk("None does. Later: depai device import --from CONVENTION")
            return []
        }
        var things: [DiscoveredThing] = []
        for (convention, found) in found {
            let names = found.things.prefix(8).map { $0.name.plain(limit: 64) }.joined(separator: ", ")
            let more = found.things.count > 8 ? " and \(found.things.count - 8) more" : ""
            if try self.confirm("\(convention.rawValue): \(names)\(more). Take them?") {
                things += found.things
            }
        }
        return things
    }

    private func askCredential() throws -> NewCredential? {
        guard geteuid() == 0, CredentialSealer.isInstalled,
            !DurableFile.exists(FilePath(NewCredential.usualPlace)),
            try self.confirm(
                "Shall systemd open the wallet at each start? A key is sealed to this machine in "
                    + "\(NewCredential.usualPlace).")
        else { return nil }
        return NewCredential(file: FilePath(NewCredential.usualPlace), isSealed: true)
    }

    // MARK: Asking

    private func askFile(_ question: String) throws -> String? {
        try self.ask("\(question)\nfile", default: "") {
            guard !$0.isEmpty else { return nil }
            guard DurableFile.exists(FilePath($0)) else { throw Failure(1, "there is no file \($0)") }
            return $0
        }
    }

    private func confirm(_ question: String, default yes: Bool = true) throws -> Bool {
        try self.ask("\(question) yes or no", default: yes ? "yes" : "no") {
            switch $0 {
            case "yes", "y": true
            case "no", "n": false
            default: throw Failure(2, "yes or no")
            }
        }
    }

    /// Asks until the answer passes.
    private func ask<Value>(
        _ question: String, default preset: String? = nil, check: (String) throws -> Value
    ) throws -> Value {
        for _ in 0..<Self.patience {
            let shown = preset.map { $0.isEmpty ? " [nothing]" : " [\($0)]" } ?? ""
            _ = try? FileDescriptor.standardError.writeAll("\(question)\(shown): ".plainLines.utf8)
            guard let line = readLine() else { throw Failure(1, "the answers ended; nothing was made") }
            let words = line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            do {
                return try check(words.isEmpty ? preset ?? "" : words)
            } catch {
                let failure = Failure(error)
                Terminal.talk("  \(failure?.reason ?? "\(error)")")
                if let hint = failure?.hint { Terminal.talk("  \(hint)") }
            }
        }
        throw Failure(1, "no answer fits; nothing was made")
    }
}
