internal import ChainNodes
import Database
package import Encoding
import Glibc
package import Ledger
package import Market
package import Node
package import Payments
package import Rails
package import SimulatedChain
package import Sodium
package import Solana
internal import Statements
package import Storage
package import SystemPackage
import TestSupport
package import Wallet
package import World

/// A buyer and a seller with wallets of their own, a chain between them, and money: everything real but the
/// wires.
package struct TestMarket: Sendable {
    package static let rpcURL = "http://rpc/"
    package static let nodeURL = "http://node-a"
    /// What the robot has at first, in atomic units.
    package static let money: UInt64 = 1_000_000
    /// What the node's sponsor has at first, in lamports.
    package static let lamports: UInt64 = 1_000_000_000

    package let folder: FilePath
    package let cluster: Cluster
    package let timeline: ChainTimeline
    package let web: MemoryWeb
    package let rpc: RPCClient
    package let mint: Address
    /// Of the mint.
    package let tokenProgram: Address
    package let robot: Keystore
    package let node: Keystore
    package let robotWallet: UnlockedWallet
    package let nodeWallet: UnlockedWallet

    package var network: Network { .devnet }
    package var asset: Asset {
        Asset(id: SolanaNames.token(self.mint, on: .devnet), symbol: "USD", decimals: 6)
    }
    package var sol: Asset { SolanaNames.sol(on: .devnet) }
    package var payTo: Address { Address(self.nodeWallet.publicKey(.payment)) }
    package var payer: Address { Address(self.robotWallet.publicKey(.payment)) }
    package var sponsor: Address { Address(self.nodeWallet.publicKey(.sponsor)) }

    /// Makes the market in a folder of its own, which is removed afterwards.
    package static func with(
        tokenProgram: Address = .tokenProgram, _ body: (TestMarket) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let market = try await TestMarket(folder: folder, tokenProgram: tokenProgram)
        // The shop asks the chain through the same web: otherwise neither would ever end.
        defer { market.web.change { $0.shop = nil } }
        try await body(market)
    }

    private init(folder: FilePath, tokenProgram: Address) async throws {
        self.tokenProgram = tokenProgram
        self.folder = folder
        self.cluster = try Cluster()
        self.timeline = ChainTimeline(cluster: self.cluster)
        self.web = MemoryWeb(cluster: self.cluster)
        self.rpc = RPCClient(url: Self.rpcURL, web: self.web)
        (self.robot, self.robotWallet) = try Self.robot.get()
        (self.node, self.nodeWallet) = try Self.node.get()
        self.mint = Address(try key(4).publicKey)
        try await self.cluster.withBank { [robotWallet, nodeWallet] bank in
            try Self.found(
                &bank, robot: Address(robotWallet.publicKey(.payment)), node: nodeWallet, tokenProgram)
        }
        await self.cluster.tick(40)
    }

    /// Made once: Argon2id costs more than everything else here together.
    private static let robot = Result { try Self.wallet(seed: 0x21) }
    private static let node = Result { try Self.wallet(seed: 0x42) }

    private static func wallet(seed: UInt8) throws -> (Keystore, UnlockedWallet) {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let path = folder.appending("keystore.json")
        let entropy = try SecretBytes(count: 16) { $0.copyBytes(from: [UInt8](repeating: seed, count: 16)) }
        let passphrase = try SecretBytes(count: 4) { $0.copyBytes(from: "test".utf8) }
        let keystore = try Keystore.create(
            at: path, seed: WalletSeed(words: Mnemonic(entropy: entropy)), passphrase: passphrase,
            cost: .least,
            entropy: CountingEntropy())
        return (keystore, try keystore.unlock(passphrase: passphrase))
    }

    /// A treasury (1) makes a mint (4), gives the robot tokens and the node's sponsor lamports.
    private static func found(
        _ bank: inout Bank, robot: Address, node: UnlockedWallet, _ program: Address
    ) throws {
        let (treasury, mint) = (Address(try key(1).publicKey), Address(try key(4).publicKey))
        let payTo = Address(node.publicKey(.payment))
        for (lamports, address) in [
            (10_000_000_000, treasury), (Self.lamports, Address(node.publicKey(.sponsor))),
        ] {
            guard bank.airdrop(lamports, to: address) != nil else {
                throw ChainNodeError.notFound(account: "\(address)")
            }
        }
        let tokens = Address.associatedToken(owner: robot, mint: mint, tokenProgram: program)
        let message = try TransactionMessage.build(
            version: .zero, feePayer: treasury,
            instructions: [
                .createAccount(
                    payer: treasury, account: mint, lamports: Rent.minimumBalance(space: 82), space: 82,
                    owner: program),
                .initializeMint2(mint: mint, decimals: 6, authority: treasury, tokenProgram: program),
                .createAssociatedTokenIdempotent(
                    payer: treasury, owner: robot, mint: mint, tokenProgram: program),
                .createAssociatedTokenIdempotent(
                    payer: treasury, owner: payTo, mint: mint, tokenProgram: program),
                .mintTo(
                    mint: mint, account: tokens, authority: treasury, amount: Self.money,
                    tokenProgram: program),
            ],
            recentBlockhash: bank.latestBlockhash(.processed).blockhash)
        var transaction = try Transaction(message)
        try transaction.sign(with: key(1))
        try transaction.sign(with: key(4))
        let entry = try bank.execute(transaction)
        guard entry.failure == nil else { throw ChainNodeError.notFound(account: "\(mint)") }
    }

    // MARK: Policies and ledgers

    private func policy(_ keystore: Keystore, _ rules: JSON) throws -> [UInt8] {
        var document = rules
        document["schema"] = .string(Policy.schema)
        document["wallet"] = .string(keystore.address)
        document["owner"] = .string(Base58.encode(try key(11).publicKey.bytes))
        document["seq"] = 1
        document["mode"] = "active"
        return try Policy.sign(document, with: key(11))
    }

    private func open(
        _ keystore: Keystore, _ wallet: UnlockedWallet, _ name: String, _ rules: JSON,
        observer: @escaping @Sendable (JournalEntry) -> Void
    ) async throws -> PaymentLedger {
        let ledger = try PaymentLedger(
            path: self.folder.appending(name), wallet: wallet.publicKey(.payment),
            signers: [wallet.publicKey(.sponsor), wallet.publicKey(.voucher)],
            owner: key(11).publicKey, timeline: self.timeline, observer: observer)
        if await ledger.policyInForce == nil { try await ledger.apply(policy: self.policy(keystore, rules)) }
        return ledger
    }

    /// Opens the robot's ledger: the first time with a policy that pays the node up to 50,000 an order, and
    /// its money.
    /// - Parameter knowsMoney: false for one that has yet to find it on the chain.
    package func robotLedger(
        file: String = "robot.db", knowsMoney: Bool = true,
        observer: @escaping @Sendable (JournalEntry) -> Void = { _ in },
        change: (inout JSON) -> Void = { _ in }
    ) async throws -> PaymentLedger {
        var rules: JSON = [
            "assets": [["asset": .string(self.asset.id), "symbol": "USD", "decimals": 6]],
            "payees": [
                [
                    "id": "node-a", "account": .string(SolanaNames.account(self.payTo, on: self.network)),
                    "purposes": ["storage", "compute", "channel"],
                ]
            ],
            "limits": [
                [
                    "id": "all", "asset": .string(self.asset.id), "per_payment": "50000",
                    "window_seconds": 3600, "sum": "100000",
                ],
                [
                    "id": "escrow", "asset": .string(self.asset.id), "purpose": "channel",
                    "per_payment": "100000",
                ],
            ],
        ]
        change(&rules)
        let ledger = try await self.open(self.robot, self.robotWallet, file, rules, observer: observer)
        if knowsMoney { try await ledger.deposit(Self.money, asset: self.asset, reference: "first") }
        return ledger
    }

    /// Copies the robot's money file as it lies on the disk at this moment: what a power cut would leave.
    package func imageOfRobotLedger(named copy: String) throws {
        for end in ["", "-wal"] {
            try DurableFile.write(
                try DurableFile.read(self.folder.appending("robot.db" + end)),
                to: self.folder.appending(copy + end))
        }
    }

    /// Copies a file of the market's folder as it lies there; one that is not there is nothing.
    package func copy(_ name: String, to other: String) throws {
        let path = self.folder.appending(name)
        guard DurableFile.exists(path) else { return }
        try DurableFile.write(try DurableFile.read(path), to: self.folder.appending(other))
    }

    /// Opens the node's ledger: it spends lamports on fees only.
    package func nodeLedger(feeCap: String = "20000") async throws -> PaymentLedger {
        let ledger = try await self.open(
            self.node, self.nodeWallet, "node.db",
            [
                "assets": [["asset": .string(self.sol.id), "symbol": "SOL", "decimals": 9]],
                "payees": [["id": "network", "account": "network", "purposes": ["fee"]]],
                "limits": [
                    [
                        "id": "fees", "purpose": "fee", "asset": .string(self.sol.id),
                        "per_payment": .string(feeCap),
                    ]
                ],
            ], observer: { _ in })
        try await ledger.deposit(Self.lamports, asset: self.sol, reference: "first")
        return ledger
    }

    // MARK: The two sides

    package func facilitator(_ ledger: PaymentLedger) -> Facilitator {
        Facilitator(
            ledger: ledger, wallet: self.nodeWallet, rpc: self.rpc, network: self.network,
            timeline: self.timeline)
    }

    package var offer: Offer {
        Offer(
            name: "node a", identity: self.nodeWallet.publicKey(.identity),
            accepts: [
                Offer.Acceptance(
                    network: self.network.chainID, asset: self.mint.description,
                    payTo: self.payTo.description, decimals: nil)
            ],
            storage: Offer.StoragePrice(
                perMebibyteDay: 100, minimum: 1_000, maximumBytes: StoredObject.byteLimit),
            compute: Offer.ComputePrice(
                perMillionUnits: 50, minimum: 200, maximumUnits: 100_000_000, unitRule: "depai-units/2"))
    }

    /// Opens the shop on its home, as after a start, and connects it.
    @discardableResult
    package func openShop(
        channels: ChannelSales? = nil, feeCap: String? = nil, also rails: [any SellingRail] = [],
        timeline: (any Timeline)? = nil,
        onFault: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> (shop: Shop, ledger: PaymentLedger) {
        // A channel's rent is the sponsor's, until it ends.
        let ledger = try await self.nodeLedger(
            feeCap: feeCap ?? (channels == nil ? "20000" : "5000000"))
        let rail = SolanaSelling(
            facilitator: self.facilitator(ledger), wallet: self.nodeWallet, asset: self.asset,
            mint: self.mint, tokenProgram: self.tokenProgram, channels: channels,
            sellingFrom: Offer.leastPrice(self.offer.storage, self.offer.compute))
        let shop = try Shop(
            offer: self.offer, home: self.folder.appending("node"), ledger: ledger, wallet: self.nodeWallet,
            rails: [rail] + rails, timeline: timeline ?? self.timeline, onFault: onFault)
        self.web.change { $0.shop = shop }
        return (shop, ledger)
    }

    package func buyer(
        _ ledger: PaymentLedger, rpc: RPCClient? = nil, witnesses: [RPCClient] = [],
        web: (any Web)? = nil, facilitator: Facilitator? = nil, sponsor: Sponsor? = nil
    ) -> Buyer {
        Buyer(
            ledger: ledger, wallet: self.robotWallet, rpc: rpc ?? self.rpc, witnesses: witnesses,
            network: self.network, web: web ?? self.web, timeline: self.timeline,
            entropy: CountingEntropy(), facilitator: facilitator, sponsor: sponsor)
    }

    package var provider: Provider {
        Provider(url: Self.nodeURL, identity: self.nodeWallet.publicKey(.identity))
    }

    package func object(_ text: String = "a map") throws -> StoredObject {
        try StoredObject(Array(text.utf8))
    }

    /// Ten days of storage for 1,000 units.
    package func order(
        _ text: String = "a map", ceiling: UInt64 = 1_000, tries: Int = 6,
        channel: Order.ChannelUse = .existing
    ) throws -> Order {
        StorageClient.order(
            try self.object(text), days: 10, at: self.provider, name: "node a", ceiling: ceiling,
            tries: tries, channel: channel)
    }

    /// An answer 402 to `order` with prices of a test's own, signed by the node: what a seller with its key
    /// could ask.
    package func quote(_ accepts: [JSON], for order: Order) async throws -> WebResponse {
        let resource = String(order.request.url.dropFirst(Self.nodeURL.count))
        let terms = try accepts.map { try PaymentRequirements(facilitator: JSONField($0)) }
        var offers: [SignedOffer] = []
        for terms in terms {
            let offer = try OfferReceipt.offer(of: terms, for: resource, at: self.timeline.now)
            offers.append(SignedOffer(try await self.nodeWallet.jws(offer).text))
        }
        let header = PaymentRequired(resource: resource, accepts: terms, offers: offers).header
        return WebResponse(status: 402, headers: [Header(X402.requiredHeader, header)], body: [])
    }

    // MARK: What the chain shows

    package func tokenAccount(of owner: Address) -> Address {
        .associatedToken(owner: owner, mint: self.mint, tokenProgram: self.tokenProgram)
    }

    package func tokens(of owner: Address) async throws -> UInt64 {
        let account = self.tokenAccount(of: owner)
        return try await self.cluster.withBank { bank in
            try bank.accounts[account].map { try TokenAccount(decoding: $0.data, owner: $0.owner).amount }
                ?? 0
        }
    }

    /// How many transfers of the robot the chain executed, failed ones included.
    package func transfers() async -> [Bank.Entry] {
        let account = self.tokenAccount(of: self.payer)
        return await self.cluster.withBank { bank in Array(bank.history(of: account).dropLast()) }
    }
}

/// The key whose seed is `byte` 32 times.
package func key(_ byte: UInt8) throws -> SigningKey {
    try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) })
}

extension TestMarket {
    /// The robot's payment key, for forging payments that no wallet would sign.
    package static func robotKey() throws -> SigningKey { try self.derived(0x21, Chain.solana.path()) }

    /// The key of the node's sponsor, for the same use.
    package static func sponsorKey() throws -> SigningKey {
        try self.derived(0x42, Chain.solana.path(account: 1))
    }

    private static func derived(_ byte: UInt8, _ path: DerivationPath) throws -> SigningKey {
        let entropy = try SecretBytes(count: 16) { $0.copyBytes(from: [UInt8](repeating: byte, count: 16)) }
        return try SigningKey(seed: path.key(below: Mnemonic(entropy: entropy).seed()))
    }
}

// MARK: Trouble

extension TestMarket {
    /// Puts a file where a folder should be, so that nothing can be written below it.
    package func obstruct(_ folder: FilePath) throws {
        guard rename(folder.string, folder.string + ".away") == 0 else { throw Errno(rawValue: errno) }
        try DurableFile.write([], to: folder)
    }

    /// Takes the file away again.
    package func clear(_ folder: FilePath) throws {
        guard unlink(folder.string) == 0, rename(folder.string + ".away", folder.string) == 0 else {
            throw Errno(rawValue: errno)
        }
    }

    /// Replaces a file behind the node's back.
    package func overwrite(_ file: FilePath, with bytes: [UInt8]) throws {
        try DurableFile.write(bytes, to: file)
    }

    /// Moves all tokens of the robot away behind its ledger's back.
    package func drainRobot() async throws {
        try await self.cluster.withBank { [payer, payTo, sponsor, mint] bank in
            let account = Address.associatedToken(owner: payer, mint: mint)
            let amount = try bank.accounts[account].map { try TokenAccount(decoding: $0.data).amount } ?? 0
            let message = try TransactionMessage.build(
                version: .zero, feePayer: sponsor,
                instructions: [
                    .transferChecked(
                        TokenTransfer(from: payer, to: payTo, mint: mint, amount: amount, decimals: 6))
                ], recentBlockhash: bank.latestBlockhash(.processed).blockhash)
            var transaction = try Transaction(message)
            try transaction.sign(with: Self.robotKey())
            try transaction.sign(with: Self.sponsorKey())
            _ = try bank.execute(transaction)
        }
    }
}
