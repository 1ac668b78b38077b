import Encoding
import SimulatedChain
import Sodium
import Solana
import Testing
import World

/// The key whose seed is `byte` 32 times.
func key(_ byte: UInt8) throws -> SigningKey {
    try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) })
}

func address(_ byte: UInt8) throws -> Address { Address(try key(byte).publicKey) }

/// A web with one host: the cluster.
struct MemoryWeb: Web {
    let cluster: Cluster

    func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        WebResponse(status: 200, headers: [], body: await self.cluster.respond(to: request.body))
    }
}

/// Packs and signs; the first signer pays.
func transaction(
    _ instructions: [Instruction], signers: [UInt8], blockhash: Blockhash, payer: Address? = nil,
    version: TransactionMessage.Version = .zero
) throws -> Transaction {
    let message = try TransactionMessage.build(
        version: version, feePayer: payer ?? address(signers[0]), instructions: instructions,
        recentBlockhash: blockhash)
    var transaction = try Transaction(message)
    for signer in signers { try transaction.sign(with: key(signer)) }
    return transaction
}

/// A chain with a sponsor (1), a robot (2), a node (3) and a dollar with 6 decimals (mint 4, made by the
/// sponsor).
struct Scene {
    static let sponsor: UInt8 = 1, robot: UInt8 = 2, node: UInt8 = 3, mint: UInt8 = 4
    var bank: Bank
    /// Of the dollar.
    let tokenProgram: Address

    /// Sponsor and robot have 10 SOL each, the robot 1,000 dollars; the node has an empty token account.
    init(_ genesis: Genesis = Genesis(), tokenProgram: Address = .tokenProgram) throws {
        self.tokenProgram = tokenProgram
        self.bank = try Bank(genesis)
        let (sponsor, mint) = (try address(Self.sponsor), try address(Self.mint))
        for byte in [Self.sponsor, Self.robot] {
            #expect(self.bank.airdrop(10_000_000_000, to: try address(byte)) != nil)
        }
        try self.run(
            [
                .createAccount(
                    payer: sponsor, account: mint, lamports: Rent.minimumBalance(space: 82), space: 82,
                    owner: tokenProgram),
                .initializeMint2(mint: mint, decimals: 6, authority: sponsor, tokenProgram: tokenProgram),
            ], signers: [Self.sponsor, Self.mint])
        for owner in [Self.robot, Self.node] {
            try self.run(
                [
                    .createAssociatedTokenIdempotent(
                        payer: sponsor, owner: address(owner), mint: mint, tokenProgram: tokenProgram)
                ],
                signers: [Self.sponsor])
        }
        try self.run(
            [
                .mintTo(
                    mint: mint, account: self.tokens(Self.robot), authority: sponsor, amount: 1_000_000_000,
                    tokenProgram: tokenProgram)
            ],
            signers: [Self.sponsor])
    }

    /// The token account of an owner.
    func tokens(_ owner: UInt8) throws -> Address {
        .associatedToken(
            owner: try address(owner), mint: try address(Self.mint), tokenProgram: self.tokenProgram)
    }

    var blockhash: Blockhash { self.bank.latestBlockhash(.processed).blockhash }

    /// Executes at once; each run gets a block of its own, so that equal calls are different transactions.
    @discardableResult
    mutating func run(_ instructions: [Instruction], signers: [UInt8]) throws -> Bank.Entry {
        self.bank.tick()
        return try self.bank.execute(
            transaction(instructions, signers: signers, blockhash: self.blockhash))
    }

    /// The instructions of a sponsored payment of the robot to the node.
    func payment(_ amount: UInt64, decimals: UInt8 = 6, memo: String = "job 1") throws -> [Instruction] {
        [
            .setComputeUnitLimit(60_000), .setComputeUnitPrice(microLamports: 5_000),
            .transferChecked(
                TokenTransfer(
                    from: try address(Self.robot), to: try address(Self.node), mint: try address(Self.mint),
                    amount: amount, decimals: decimals, tokenProgram: self.tokenProgram)),
            .memo(memo),
        ]
    }

    func tokenAmount(_ owner: UInt8) throws -> UInt64? {
        try self.bank.accounts[self.tokens(owner)].map {
            try TokenAccount(decoding: $0.data, owner: $0.owner).amount
        }
    }
}
