import Agent
import Database
import Encoding
import Home
import Ledger
import Node
import Rails
import Sodium
import Solana
import SystemPackage
import Wallet
import World

/// What a crowd is made of before it lives.
extension Crowd {
    static let families = [
        ("energy-meter", "meter-1"), ("relay-plug", "plug-1"), ("environment-sensor", "env-1"),
        ("mobile-base", "base-1"),
    ]

    /// Where storage is cheap, and where compute is.
    static let shops = [
        ShopPrices(name: "store", storage: 1_000, compute: 3_000),
        ShopPrices(name: "works", storage: 2_000, compute: 1_500),
    ]

    /// In atomic units: what an object and what a job cost.
    struct ShopPrices {
        let name: String
        let storage: UInt64
        let compute: UInt64
    }

    /// What each robot has at first, in atomic units.
    static let tokens: UInt64 = 50_000_000

    /// What all archived properties together say in a second.
    private static let readingsPerSecond = 6

    func home(_ number: Int) -> Home { Home(self.folder.appending("robot-\(number)")) }
    func home(of shop: ShopPrices) -> Home { Home(self.folder.appending("shop-\(shop.name)")) }

    /// Batches that a robot stores in its life: the last one in time for all of it to end well.
    var batches: Int { max(1, Int(self.duration / self.interval) - 1) }
    /// Routes that it drives: fewer, and in between.
    var errands: Int { max(1, Int(self.duration / (self.interval * 2))) }

    var treasuryEntropy: SeededEntropy { SeededEntropy(seed: self.seed, purpose: "treasury") }

    private var passphraseFile: FilePath { self.folder.appending("passphrase") }
    /// What the service manager of each robot delivers.
    var credentialFile: FilePath { self.folder.appending("credential") }
    private var map: FilePath { self.folder.appending("yard.map") }

    func makeHomes() async throws {
        let devices = self.folder.appending("devices")
        try DurableFile.createFolder(devices)
        for (family, name) in Self.families {
            try DurableFile.write(
                try DurableFile.read(self.sources.description(name, of: family)),
                to: devices.appending("\(name).td.json"))
        }
        try DurableFile.write(Array(Self.yard.utf8), to: self.map)
        let entropy = SeededEntropy(seed: self.seed, purpose: "crowd")
        try DurableFile.write(
            Array((Hex.encode(entropy.bytes(16)) + "\n").utf8), to: self.passphraseFile)
        try DurableFile.write(entropy.bytes(32), to: self.credentialFile)
        let owner = try entropy.signingKey()
        for shop in Self.shops {
            try await self.make(self.home(of: shop), "shop \(shop.name)", owner, Self.shopRules)
        }
        let rules = try self.robotRules()
        for number in 0..<self.robots {
            try await self.make(self.home(number), "robot \(number)", owner, rules)
        }
    }

    /// Makes a home with a policy in force, as its owner would.
    private func make(
        _ home: Home, _ purpose: String, _ owner: borrowing SigningKey, _ rules: JSON
    ) async throws {
        let entropy = SeededEntropy(seed: self.seed, purpose: purpose)
        let timeline = VirtualTimeline(VirtualTime())
        let keystore = try await home.create(
            seed: WalletSeed(words: try Mnemonic(wordCount: 24, entropy: entropy)),
            passphrase: try SecretFile.read(self.passphraseFile), owner: owner.publicKey,
            policy: nil, cost: .least, timeline: timeline, entropy: entropy)
        // So that a robot's start does not cost another guess at the passphrase.
        _ = try keystore.adding(
            credential: try SecretFile.readKey(self.credentialFile),
            passphrase: try SecretFile.read(self.passphraseFile), entropy: entropy)
        var document = rules
        document["schema"] = .string(Policy.schema)
        document["seq"] = 1
        document["mode"] = "active"
        document["wallet"] = .string(keystore.address)
        document["owner"] = .string(Base58.encode(owner.publicKey.bytes))
        try await home.openLedger(keystore, timeline: timeline).apply(
            policy: try Policy.sign(document, with: owner))
    }

    /// A wall with its door at the far end.
    private static let yard =
        "type octile\nheight 7\nwidth 9\nmap\n.........\n.........\n....@....\n....@....\n....@....\n"
        + ".........\n.........\n"
    private static let (here, there): (JSON, JSON) = (["x": 2, "y": 3], ["x": 6, "y": 3])

    private func robotRules() throws -> JSON {
        let asset = JSON.string(SolanaNames.token(try Treasury.mint(of: self.treasuryEntropy), on: .devnet))
        return [
            "assets": [
                ["asset": asset, "symbol": .string(Treasury.symbol), "decimals": JSON(Treasury.decimals)]
            ],
            "payees": .array(
                try Self.shops.map { shop in
                    let payTo = try self.address(self.home(of: shop), .payment)
                    return [
                        "id": .string(shop.name), "account": .string(SolanaNames.account(payTo, on: .devnet)),
                        "purposes": ["storage", "compute", "channel"],
                    ]
                }),
            "limits": [
                [
                    "id": "hour", "asset": asset, "per_payment": "5000", "window_seconds": 3_600,
                    "sum": "5000000", "count": 5_000, "lifetime": .string(String(Self.tokens)),
                ],
                ["id": "escrow", "asset": asset, "purpose": "channel", "per_payment": "100000"],
            ],
        ]
    }

    /// A shop spends fees only.
    private static var shopRules: JSON {
        let sol = SolanaNames.sol(on: .devnet)
        return [
            "assets": [
                ["asset": .string(sol.id), "symbol": .string(sol.symbol), "decimals": JSON(sol.decimals)]
            ],
            "payees": [["id": "network", "account": "network", "purposes": ["fee"]]],
            "limits": [
                ["id": "fees", "purpose": "fee", "asset": .string(sol.id), "per_payment": "5000000"]
            ],
        ]
    }

    func address(_ home: Home, _ role: KeyRole) throws -> Address {
        guard let key = try home.keystore().keys[role] else {
            throw KeystoreError.malformed("no \(role.rawValue) key")
        }
        return Address(key)
    }

    /// Every eighth robot, as long as a shop lends rent for its channel: it does so for some 85 in an hour.
    static func paysFromChannels(_ number: Int) -> Bool { number % 8 == 1 && number < 640 }

    /// Of a robot that pays each purchase on the chain, or from a channel that it opens.
    func configuration(fromChannels: Bool) throws -> AgentConfiguration {
        let providers = try Self.shops.map { shop -> JSON in
            let identity = try self.home(of: shop).keystore().keys[.identity]
            return [
                "url": .string("http://\(shop.name)"),
                "identity": .string(Base58.encode(identity?.bytes ?? [])),
            ]
        }
        let places = (0..<self.errands).map { $0.isMultiple(of: 2) ? Self.there : Self.here }
        let readings = Int(self.interval / .seconds(1)) * Self.readingsPerSecond
        var configuration: JSON = [
            "network": "devnet", "rpc": "http://chain/", "providers": .array(providers),
            "passphrase_file": .string(self.passphraseFile.string),
            "broker": ["host": "localhost", "client_id": "robot"],
            "devices": .string(self.folder.appending("devices").string),
            "report": ["topic": "owner", "readings": ["meter-1/energy"]],
            "behaviours": [
                "archive": [
                    "readings": JSON(readings), "days": 1, "challenges": 1, "batches": JSON(self.batches),
                ],
                "errand": [
                    "base": "base-1", "plug": "plug-1", "map": .string(self.map.string),
                    "module": .string(self.sources.routeJob.string), "goals": .array(places),
                    "pause_seconds": JSON(Int(self.interval * 1.6 / .seconds(1))), "units": 1_000_000,
                ],
            ],
        ]
        if fromChannels { configuration["channels"] = ["deposit": "0.02"] }
        return try AgentConfiguration(JSONField(configuration), in: self.folder)
    }

    func configuration(of shop: ShopPrices) throws -> NodeConfiguration {
        try NodeConfiguration(
            JSONField([
                "name": .string(shop.name), "network": "devnet", "rpc": "http://chain/",
                // Nobody listens there: customers come over the web of this process.
                "listen": ["host": "localhost", "port": 0],
                "asset": [
                    "mint": .string(try Treasury.mint(of: self.treasuryEntropy).description),
                    "symbol": .string(Treasury.symbol), "decimals": JSON(Treasury.decimals),
                ],
                "storage": [
                    "per_mebibyte_day": 1, "minimum": JSON(shop.storage), "maximum_bytes": 262_144,
                ],
                "compute": [
                    "per_million_units": 1, "minimum": JSON(shop.compute), "maximum_units": 1_000_000,
                ],
                "channels": ["withdraw_delay": 3_600, "claim_seconds": 60],
                "passphrase_file": .string(self.passphraseFile.string),
            ]), in: self.folder)
    }
}
