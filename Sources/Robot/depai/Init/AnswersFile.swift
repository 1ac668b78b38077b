import Console
import Database
import Devices
import Encoding
import Home
import Linux
import SystemPackage
import World

/// The answers to `depai init` in a file.
///
///     passphrase_file: /etc/depai/passphrase   # locks the keystore
///     owner_key: FM6X1RDF…                     # or a file with it
///     words: 24                                # or mnemonic_file, solana_key_file, seed_file
///     policy: robot.policy.json
///     credential_sealed: /etc/credstore.encrypted/depai.key   # or credential_out
///     network: devnet
///     rpc: [https://api.devnet.solana.com]
///     broker: { host: broker.example, username: robot-1, password_file: /etc/depai/broker-password }
///     devices: { from: [zigbee2mqtt, tasmota], wait: 3 }
struct AnswersFile {
    private let root: JSONField
    private let path: FilePath

    init(_ path: FilePath) throws {
        self.path = path
        self.root = try Settings.read(path)
        try self.root.only([
            "passphrase_file", "owner_key", "words", "mnemonic_file", "words_passphrase_file",
            "solana_key_file", "seed_file", "policy", "unlock_ms", "credential_sealed", "credential_out",
            "network", "rpc", "broker", "devices",
        ])
    }

    func passphraseFile() throws -> String? { try self.root["passphrase_file"].ifPresent?.string() }

    /// Makes the plan and looks for devices. A broker that is away is told, and is no obstacle.
    func plan(_ home: Home, credential: NewCredential?) async throws -> InitPlan {
        let root = self.root
        func text(_ name: String) throws -> String? { try root[name].ifPresent?.string() }
        let plain = root["owner_key"]
        var plan: InitPlan
        do {
            plan = InitPlan(owner: try OwnerKeyText.key(try plain.string()))
        } catch let failure as Failure {
            throw Failure(1, "\(self.path): \(plain.pointer): \(failure.reason)", hint: failure.hint)
        }
        let sources: [InitPlan.Source?] = [
            try text("mnemonic_file").map { .wordsFile(FilePath($0)) },
            try text("solana_key_file").map { .solanaKey(FilePath($0)) },
            try text("seed_file").map { .seed(FilePath($0)) },
            try root["words"].ifPresent.map { field in
                let count: Int = try field.integer()
                guard [12, 24].contains(count) else { throw field.fault("12 or 24") }
                return .newWords(count: count)
            },
        ]
        guard sources.compactMap(\.self).count < 2 else {
            throw root.fault("one of words, mnemonic_file, solana_key_file and seed_file")
        }
        plan.source = sources.compactMap(\.self).first ?? .newWords(count: 12)
        plan.wordsPassphraseFile = try text("words_passphrase_file")
        plan.policy = try text("policy").map { try DurableFile.read(FilePath($0), limit: 256 << 10) }
        if let field = root["unlock_ms"].ifPresent {
            plan.unlockMilliseconds = try field.integer()
            guard (1...10_000).contains(plan.unlockMilliseconds) else { throw field.fault("1 to 10000") }
        }
        let sealed = try text("credential_sealed").map { NewCredential(file: FilePath($0), isSealed: true) }
        let clear = try text("credential_out").map { NewCredential(file: FilePath($0), isSealed: false) }
        guard [sealed, clear, credential].count(where: { $0 != nil }) < 2 else {
            throw root.fault("one of credential_sealed and credential_out")
        }
        plan.credential = sealed ?? clear ?? credential
        plan.robot = try await self.robot(isCredentialMade: plan.credential != nil)
        return plan
    }

    private func robot(isCredentialMade: Bool) async throws -> RobotPlan {
        let root = self.root
        var object = root["broker"].value ?? ["host": "localhost"]
        if object["client_id"] == nil { object["client_id"] = .string(RobotPlan.newClientID()) }
        // As the person who writes the answers sees them: from where the program was started.
        var plan = RobotPlan(broker: try BrokerAddress(settings: JSONField(object), in: ""))
        plan.network = try root["network"].ifPresent?.string() ?? plan.network
        if let list = root["rpc"].ifPresent {
            plan.rpc = (try? list.string()).map { [$0] } ?? []
            if plan.rpc.isEmpty { plan.rpc = try list.elements().map { try $0.string() } }
        } else {
            plan.rpc = [RobotPlan.publicNode(of: plan.network)]
        }
        plan.passphraseFile = isCredentialMade ? nil : try self.passphraseFile()
        let probe = await BrokerProbe.look(at: plan.broker)
        BrokerTalk.tell(probe, plan.broker)
        guard let devices = root["devices"].ifPresent else { return plan }
        try devices.only(["from", "wait"])
        var finder = DeviceFinder(plan.broker)
        finder.seconds = try devices["wait"].ifPresent?.integer() ?? finder.seconds
        let conventions = try devices["from"].elements().map { field in
            guard let convention = DiscoveryConvention(rawValue: try field.string()) else {
                throw field.fault("one of \(DiscoveryConvention.allCases.map(\.rawValue))")
            }
            return convention
        }
        guard probe == .takes else { return plan }
        for (_, found) in try await finder.find(conventions) {
            plan.add(found.things)
            for reason in found.skipped { Terminal.talk("skipped: \(reason.plain())") }
        }
        return plan
    }
}

/// Says what a look at the broker showed.
enum BrokerTalk {
    static func tell(_ probe: BrokerProbe, _ broker: BrokerAddress) {
        let place = "\(broker.host):\(broker.port)"
        switch probe {
        case .takes: Terminal.talk("the broker at \(place) takes us")
        case .refuses(let reason): Terminal.talk("the broker at \(place) refuses us: \(reason.plain())")
        case .silent(let reason): Terminal.talk("no broker answers at \(place): \(reason.plain())")
        }
        guard let remedy = probe.remedy else { return }
        Terminal.talk("depai: hint: \(remedy); the robot starts without it and goes on trying")
    }
}

extension RobotPlan {
    /// A name that no other client of the broker has.
    static func newClientID() -> String { "depai-\(Hex.encode(SystemEntropy().bytes(4)))" }

    /// Takes descriptions; of two of one device the first.
    mutating func add(_ things: [DiscoveredThing]) {
        // A device is known by its id; two of one name are two devices.
        let files = self.things.map { ImportPlan.File(name: "\($0.name).td.json", document: $0.description) }
        self.things += ImportPlan(things, files: files, mode: .keep).entries.filter(\.isNews).map(\.thing)
    }
}
