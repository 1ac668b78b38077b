import Database
package import Encoding
package import Home
import Ledger
import Linux
import Logging
import Market
import Payments
import Rails
package import SimulatedChain
import Sodium
package import Solana
package import SystemPackage
package import Wallet
import World

/// The folder and the keys of one simulation: homes of the robot and the nodes, made by the real `depai
/// init`.
package struct Workshop: Sendable {
    package let folder: FilePath
    /// Folder of the built programs.
    package let programs: FilePath
    package let sources: Sources
    package let scenario: Scenario

    package init(folder: FilePath, programs: FilePath, sources: Sources, scenario: Scenario) {
        self.folder = folder
        self.programs = programs
        self.sources = sources
        self.scenario = scenario
    }

    package var robot: Home { Home(self.folder.appending("robot")) }
    package func node(_ index: Int) -> Home {
        Home(self.folder.appending("node-\(self.scenario.nodes[index].name.lowercased())"))
    }
    package var broker: FilePath { self.folder.appending("broker") }
    private var keys: FilePath { self.folder.appending("keys") }
    package var passphraseFile: FilePath { self.keys.appending("passphrase") }

    package func entropy(_ purpose: String) -> SeededEntropy {
        SeededEntropy(seed: self.scenario.seed, purpose: purpose)
    }

    /// The owner of everything here: pinned in each home, signs each policy.
    private func ownerKey() throws -> SigningKey {
        try self.entropy("owner").signingKey()
    }

    /// Writes the secrets that `depai init` reads, and makes every home.
    package func makeHomes() async throws {
        try DurableFile.createFolder(self.keys)
        try DurableFile.write(
            Array((Hex.encode(self.entropy("passphrase").bytes(16)) + "\n").utf8), to: self.passphraseFile)
        let owner = try self.ownerKey()
        try DurableFile.write(
            Array((Base58.encode(owner.publicKey.bytes) + "\n").utf8), to: self.keys.appending("owner.pub"))
        let homes =
            [(self.robot, "robot")]
            + self.scenario.nodes.indices.map { (self.node($0), self.scenario.nodes[$0].name) }
        for (home, name) in homes {
            let words = self.keys.appending("\(name.lowercased()).words")
            try self.writeWords(name, to: words)
            _ = try await Child.output(
                self.programs.appending("depai"),
                [
                    "init", "--home", home.path.string, "--mnemonic-file", words.string, "--passphrase-file",
                    self.passphraseFile.string, "--owner-key", self.keys.appending("owner.pub").string,
                    "--unlock-time", "50", "--yes",
                ])
        }
    }

    private func writeWords(_ name: String, to path: FilePath) throws {
        let mnemonic = try Mnemonic(wordCount: 24, entropy: self.entropy("words \(name)"))
        // A simulation's words are no secret: they follow from its seed.
        try DurableFile.write(mnemonic.withWords { Array($0) }, to: path)
    }

    /// Puts the chain in order and gives every home the owner's policy.
    /// - Returns: the mint of the test token.
    package func fund(_ cluster: Cluster) async throws -> Address {
        let robot = try self.address(self.robot, .payment)
        let nodes = self.scenario.nodes.indices.map { self.node($0) }
        let treasury = Treasury(
            cluster: cluster, entropy: self.entropy("treasury"), timeline: SystemTimeline())
        let mint = try await treasury.open(
            holders: [(robot, self.scenario.tokens)] + nodes.map { (try self.address($0, .payment), 0) },
            sponsors: nodes.map { (try self.address($0, .sponsor), 50_000_000) })
        let payees = try nodes.enumerated().map { index, home in
            (
                self.scenario.nodes[index].name,
                SolanaNames.account(try self.address(home, .payment), on: .devnet)
            )
        }
        try await self.apply(self.robotPolicy(mint: mint, payees: payees), to: self.robot)
        for home in nodes { try await self.apply(self.nodePolicy(), to: home) }
        return mint
    }

    package func address(_ home: Home, _ role: KeyRole) throws -> Address {
        guard let key = try home.keystore().keys[role] else {
            throw KeystoreError.malformed("no \(role.rawValue) key")
        }
        return Address(key)
    }

    /// Signs a policy as the owner and puts it in force. Nobody works in that home meanwhile.
    package func apply(_ document: JSON, to home: Home) async throws {
        var document = document
        let keystore = try home.keystore()
        let owner = try self.ownerKey()
        document["wallet"] = .string(keystore.address)
        document["owner"] = .string(Base58.encode(owner.publicKey.bytes))
        let lock = try home.lock()
        defer { lock.release() }
        let ledger = try home.openLedger(keystore, timeline: SystemTimeline())
        let policy = try Policy.sign(document, with: owner)
        let name = home.path.lastComponent?.string ?? "home"
        try DurableFile.write(policy, to: self.keys.appending("\(name).policy.json"))
        try await ledger.apply(policy: policy)
    }

    package func robotPolicy(mint: Address, payees: [(name: String, account: String)]) -> JSON {
        let asset = SolanaNames.token(mint, on: .devnet)
        let limits = self.scenario.limits
        return [
            "schema": .string(Policy.schema), "seq": 1, "issued_at": "2026-01-01T00:00:00Z", "mode": "active",
            "lease": nil,
            "assets": [
                [
                    "asset": .string(asset), "symbol": .string(Treasury.symbol),
                    "decimals": JSON(Treasury.decimals),
                ]
            ],
            "payees": .array(
                payees.map { payee in
                    [
                        "id": .string(payee.name), "account": .string(payee.account),
                        "purposes": ["storage", "compute", "service", "channel"],
                    ]
                }),
            "limits": [
                [
                    "id": "hour", "asset": .string(asset), "per_payment": .string(String(limits.perPayment)),
                    "window_seconds": 3600, "sum": .string(String(limits.perHour)), "count": 100,
                    "lifetime": .string(String(limits.lifetime)),
                ],
                [
                    "id": "escrow", "asset": .string(asset), "purpose": "channel",
                    "per_payment": .string(String(limits.perHour)),
                    "lifetime": .string(String(limits.lifetime)),
                ],
            ],
            "approval": [],
        ]
    }

    private func nodePolicy() -> JSON {
        let sol = SolanaNames.sol(on: .devnet)
        return [
            "schema": .string(Policy.schema), "seq": 1, "issued_at": "2026-01-01T00:00:00Z", "mode": "active",
            "lease": nil,
            "assets": [
                ["asset": .string(sol.id), "symbol": .string(sol.symbol), "decimals": JSON(sol.decimals)]
            ],
            "payees": [["id": "network", "account": "network", "purposes": ["fee"]]],
            "limits": [
                [
                    "id": "fees", "purpose": "fee", "asset": .string(sol.id),
                    // A channel\'s rent is paid with its opening and comes back when it ends.
                    "per_payment": "5000000", "window_seconds": 86400, "sum": "100000000", "count": 1000,
                ]
            ],
            "approval": [],
        ]
    }

    /// What a node is called in its topics.
    package func nodeName(_ index: Int) throws -> String {
        try self.address(self.node(index), .identity).description
    }

    /// The nodes that sell through the broker: their users there, and their names.
    package func sellers() throws -> [(user: String, name: String)] {
        try self.scenario.nodes.indices.filter { self.scenario.nodes[$0].isOnBroker }.map { index in
            (self.brokerUser(index), try self.nodeName(index))
        }
    }

    private func brokerUser(_ index: Int) -> String { "node-\(self.scenario.nodes[index].name.lowercased())" }

    /// Writes a node's configuration.
    /// - Parameter port: 0 takes a free one.
    package func configureNode(
        _ index: Int, rpc: String, mint: Address, broker: PrivateBroker, port: Int = 0
    ) throws {
        let settings = self.scenario.nodes[index]
        let user = self.brokerUser(index)
        let place: (name: String, value: JSON) =
            settings.isOnBroker
            ? (
                "broker",
                [
                    "host": "127.0.0.1", "port": JSON(broker.port), "client_id": .string(user),
                    "username": .string(user),
                    "password_file": .string(broker.passwordFile(user).string),
                ]
            ) : ("listen", ["host": "127.0.0.1", "port": JSON(port)])
        var configuration: JSON = [
            "name": .string(settings.name), "network": "devnet", "rpc": .string(rpc),
            "asset": [
                "mint": .string(mint.description), "symbol": .string(Treasury.symbol),
                "decimals": JSON(Treasury.decimals),
            ],
            "storage": settings.storage, "compute": settings.compute,
            "channels": ["withdraw_delay": 3_600, "claim_seconds": 60],
            "passphrase_file": .string(self.passphraseFile.string),
        ]
        configuration[place.name] = place.value
        // JSON is YAML.
        try DurableFile.write(
            Array((configuration.prettyText + "\n").utf8), to: self.node(index).path.appending("node.yaml"))
    }

    /// Where the robot tells what it did.
    static let eventTopic = "robots/depai-robot/events"

    /// Writes the robot's configuration and its devices' descriptions.
    package func configureRobot(rpc: String, broker: PrivateBroker, nodeURLs: [String]) throws {
        let devices = self.robot.path.appending("devices")
        try DurableFile.createFolder(devices)
        for (name, text) in try self.descriptions(broker: broker) {
            try DurableFile.write(Array(text.utf8), to: devices.appending(name))
        }
        let scenario = self.scenario
        let providers = try scenario.nodes.indices.map { index -> JSON in
            let identity = try self.node(index).keystore().keys[.identity]
            return [
                "url": .string(nodeURLs[index]), "identity": .string(Base58.encode(identity?.bytes ?? [])),
            ]
        }
        var configuration: JSON = [
            "network": "devnet", "rpc": .string(rpc), "passphrase_file": .string(self.passphraseFile.string),
            "broker": [
                "host": "127.0.0.1", "port": JSON(broker.port), "client_id": "depai-robot",
                "username": "robot",
                "password_file": .string(broker.passwordFile("robot").string),
                "birth": ["topic": "robots/depai-robot/state", "payload": "online", "retain": true],
                "will": ["topic": "robots/depai-robot/state", "payload": "offline", "retain": true],
            ],
            "report": ["topic": .string(Self.eventTopic)],
            "devices": .string(devices.string), "providers": .array(providers),
            "behaviours": [
                "archive": [
                    "readings": JSON(scenario.readings), "days": JSON(scenario.days),
                    "challenges": JSON(scenario.challenges),
                    "batches": JSON(scenario.batches),
                ],
                "errand": [
                    "base": "base-1", "plug": "plug-1",
                    "map": .string(self.sources.scenarios.appending(scenario.map).string),
                    "module": .string(self.sources.routeJob.string),
                    "goal": ["x": JSON(scenario.goal.x), "y": JSON(scenario.goal.y)],
                    "units": JSON(scenario.units),
                ],
            ],
        ]
        if let deposit = scenario.deposit { configuration["channels"] = ["deposit": .string(deposit)] }
        try DurableFile.write(
            Array((configuration.prettyText + "\n").utf8), to: self.robot.configurationPath)
    }

    /// The sample instances of the scenario's families, for this broker.
    package func descriptions(broker: PrivateBroker) throws -> [(name: String, text: String)] {
        try self.scenario.devices.flatMap { family in
            let folder = self.sources.devices.appending(family)
            return try DurableFile.names(in: folder).filter { $0.hasSuffix(".td.json") }.sorted().map {
                name in
                let text = String(decoding: try DurableFile.read(folder.appending(name)), as: UTF8.self)
                return (name, Self.replace("localhost:1883", by: "127.0.0.1:\(broker.port)", in: text))
            }
        }
    }

    private static func replace(_ old: String, by new: String, in text: String) -> String {
        text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}
