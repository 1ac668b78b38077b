import Encoding
import SimulatedChain
import Sodium
import Solana
import Testing

/// A channel of the scene's robot (2) with the sponsor (1) in the payee's seat; everything settled is the
/// node's (3). Vouchers are signed by key 5.
struct ChannelScene {
    var scene: Scene
    let seeds: ChannelSeeds
    let channel: Address
    let shares: [ChannelShare]
    static let voucherKey: UInt8 = 5
    static let deposit: UInt64 = 10_000
    static let grace: UInt32 = 900

    init(salt: UInt64 = 7) throws {
        self.scene = try Scene()
        self.seeds = ChannelSeeds(
            payer: try address(Scene.robot), payee: try address(Scene.sponsor), mint: try address(Scene.mint),
            voucherSigner: try address(Self.voucherKey), salt: salt, openSlot: self.scene.bank.slot)
        self.channel = try #require(self.seeds.derived).address
        self.shares = ChannelShare.all(to: try address(Scene.node))
    }

    func opening(deposit: UInt64 = Self.deposit, grace: UInt32 = Self.grace) -> Instruction {
        .openChannel(
            self.channel, self.seeds, deposit: deposit, grace: grace, shares: self.shares,
            rentPayer: self.seeds.payee)
    }

    @discardableResult
    mutating func run(_ instructions: [Instruction], signers: [UInt8] = [Scene.sponsor]) throws -> Bank.Entry
    {
        try self.scene.run(instructions, signers: signers)
    }

    mutating func open() throws {
        let entry = try self.run([self.opening()], signers: [Scene.sponsor, Scene.robot])
        #expect(entry.failure == nil)
    }

    /// Voucher and the call that uses it.
    func shown(
        _ cumulative: UInt64, signedBy byte: UInt8 = Self.voucherKey, expiresAt: Int64 = 0,
        channel: Address? = nil, then call: Instruction? = nil
    ) throws -> [Instruction] {
        let voucher = ChannelVoucher(
            channel: channel ?? self.channel, cumulative: cumulative, expiresAt: expiresAt)
        let signer = try key(byte)
        return [
            voucher.proof(signer: signer.publicKey, signature: try signer.signature(over: voucher.bytes)),
            call ?? .settleChannel(self.channel),
        ]
    }

    var distribution: Instruction {
        .distributeChannel(self.channel, self.seeds, shares: self.shares, rentPayer: self.seeds.payee)
    }

    var state: ChannelAccount? {
        self.scene.bank.accounts[self.channel].flatMap { try? ChannelAccount(decoding: $0.data) }
    }

    var escrow: UInt64? {
        let account = Address.associatedToken(owner: self.channel, mint: self.seeds.mint)
        return self.scene.bank.accounts[account].flatMap { try? TokenAccount(decoding: $0.data).amount }
    }
}

@Suite struct PaymentChannelsTests {
    @Test func `the program's own address is the published one`() {
        let derived = Address.programDerived(
            seeds: [Array("event_authority".utf8)], program: .paymentChannelsProgram)
        #expect(derived?.address == .paymentChannelsEventAuthority)
        #expect(derived?.bump == 249)
    }

    @Test func `an account is read back as it was written`() throws {
        var it = try ChannelScene()
        try it.open()
        let account = try #require(it.state)
        #expect(account.bytes == it.scene.bank.accounts[it.channel]?.data)
        #expect(account.bytes.count == 256)
        #expect(account.seeds == it.seeds)
        #expect(Array(account.bytes[ChannelAccount.payerOffset..<120]) == it.seeds.payer.bytes)
        #expect((account.deposit, account.settled, account.status) == (10_000, 0, .open))
        #expect(it.escrow == 10_000)
        #expect(try it.scene.tokenAmount(Scene.robot) == 999_990_000)
    }

    @Test func `settled money goes to the recipient, the rest back, the rent to who paid it`() throws {
        var it = try ChannelScene()
        let sponsor = try address(Scene.sponsor)
        let before = it.scene.bank.accounts[sponsor]?.lamports ?? 0
        var fees: UInt64 = 0
        fees += try it.run([it.opening()], signers: [Scene.sponsor, Scene.robot]).fee
        let settling = try it.run(it.shown(3_000))
        #expect(settling.failure == nil)
        #expect(settling.fee == 10_000)  // the precompile's signature costs like one of the transaction's
        fees += settling.fee
        #expect(it.state?.settled == 3_000)
        fees += try it.run([it.distribution]).fee
        #expect(try it.scene.tokenAmount(Scene.node) == 3_000)
        #expect(it.escrow == 7_000)
        let closing = try it.run(
            it.shown(
                4_500, then: .settleAndSealChannel(it.channel, payee: it.seeds.payee, withVoucher: true))
                + [it.distribution])
        #expect(closing.failure == nil)
        fees += closing.fee
        #expect(try it.scene.tokenAmount(Scene.node) == 4_500)
        #expect(try it.scene.tokenAmount(Scene.robot) == 1_000_000_000 - 4_500)
        #expect(it.escrow == nil)
        #expect(it.state?.status == .distributed)
        let reclaim = Instruction.reclaimChannel(it.channel, rentPayer: sponsor)
        let early = try it.run([reclaim])
        #expect(early.failure == .instruction(index: 0, .custom(2003)))
        fees += early.fee
        for _ in 0...ChannelSeeds.openSlotWindow { it.scene.bank.tick() }
        fees += try it.run([reclaim]).fee
        #expect(it.scene.bank.accounts[it.channel] == nil)
        #expect(it.scene.bank.accounts[sponsor]?.lamports == before - fees)
    }

    @Test func `a voucher is refused by the published rules in their order`() throws {
        var it = try ChannelScene()
        try it.open()
        func failure(_ instructions: [Instruction]) throws -> TransactionFailure? {
            try it.run(instructions).failure
        }
        let last = UInt8(1)
        #expect(try failure([.settleChannel(it.channel)]) == .instruction(index: 0, .custom(230)))
        #expect(
            try failure(it.shown(1_000, channel: it.seeds.payer)) == .instruction(index: last, .custom(232)))
        #expect(try failure(it.shown(1_000, expiresAt: 1)) == .instruction(index: last, .custom(233)))
        #expect(try failure(it.shown(10_001)) == .instruction(index: last, .custom(235)))
        #expect(try failure(it.shown(0)) == .instruction(index: last, .custom(234)))
        #expect(
            try failure(it.shown(1_000, signedBy: Scene.robot)) == .instruction(index: last, .custom(237)))
        var forged = try it.shown(1_000)
        forged[0].data[60] ^= 1
        #expect(try failure(forged) == .instruction(index: 0, .custom(2)))
        var other = try it.shown(1_000)
        other[0].data += [0]
        #expect(try failure(other) == .instruction(index: last, .custom(231)))
        #expect(try failure(it.shown(10_000)) == nil)
        #expect(try failure(it.shown(10_000)) == .instruction(index: last, .custom(234)))
        let sealing = Instruction.settleAndSealChannel(it.channel, payee: it.seeds.payer, withVoucher: false)
        let byPayer = try it.run([sealing], signers: [Scene.sponsor, Scene.robot])
        #expect(byPayer.failure == .instruction(index: 0, .custom(6)))
    }

    @Test func `a payer who is left alone gets the rest after the grace period`() throws {
        var it = try ChannelScene()
        try it.open()
        let close = Instruction.requestCloseOfChannel(it.channel, payer: it.seeds.payer)
        #expect(try it.run([close], signers: [Scene.sponsor, Scene.robot]).failure == nil)
        #expect(it.state?.status == .closing)
        #expect(try it.run(it.shown(1_000)).failure == .instruction(index: 1, .custom(2)))
        let seal = Instruction.sealChannel(it.channel)
        #expect(try it.run([seal]).failure == .instruction(index: 0, .custom(2201)))
        // 900 seconds in slots of 400 milliseconds.
        for _ in 0..<2_250 { it.scene.bank.tick() }
        #expect(try it.run([seal]).failure == nil)
        let withdrawal = Instruction.withdrawFromChannel(
            it.channel, payer: it.seeds.payer, mint: it.seeds.mint)
        #expect(try it.run([withdrawal], signers: [Scene.sponsor, Scene.robot]).failure == nil)
        let again = try it.run([withdrawal], signers: [Scene.sponsor, Scene.robot])
        #expect(again.failure == .instruction(index: 0, .custom(2300)))
        #expect(try it.scene.tokenAmount(Scene.robot) == 1_000_000_000)
        #expect(try it.run([it.distribution]).failure == nil)
        #expect(it.state == nil)
        #expect(it.escrow == nil)
    }

    @Test func `the payee's last voucher counts within the grace period`() throws {
        var it = try ChannelScene()
        try it.open()
        let close = Instruction.requestCloseOfChannel(it.channel, payer: it.seeds.payer)
        #expect(try it.run([close], signers: [Scene.sponsor, Scene.robot]).failure == nil)
        let sealing = Instruction.settleAndSealChannel(it.channel, payee: it.seeds.payee, withVoucher: true)
        #expect(try it.run(it.shown(2_500, then: sealing) + [it.distribution]).failure == nil)
        #expect(try it.scene.tokenAmount(Scene.node) == 2_500)
        #expect(try it.scene.tokenAmount(Scene.robot) == 1_000_000_000 - 2_500)
    }

    @Test func `what cannot be opened is refused`() throws {
        var it = try ChannelScene()
        func failure(_ instruction: Instruction) throws -> TransactionFailure? {
            try it.run([instruction], signers: [Scene.sponsor, Scene.robot]).failure
        }
        #expect(try failure(it.opening(deposit: 0)) == .instruction(index: 0, .custom(200)))
        #expect(try failure(it.opening(grace: 0)) == .instruction(index: 0, .custom(201)))
        #expect(try failure(it.opening(deposit: 2_000_000_000)) == .instruction(index: 0, .custom(1)))
        var moved = it.opening()
        moved.accounts[5].address = try address(9)
        #expect(try failure(moved) == .instruction(index: 0, .custom(2000)))
        for _ in 0...ChannelSeeds.openSlotWindow { it.scene.bank.tick() }
        #expect(try failure(it.opening()) == .instruction(index: 0, .custom(2003)))
    }

    @Test func `a top-up adds to the escrow`() throws {
        var it = try ChannelScene()
        try it.open()
        let more = Instruction.topUpChannel(
            it.channel, payer: it.seeds.payer, mint: it.seeds.mint, amount: 500)
        #expect(try it.run([more], signers: [Scene.sponsor, Scene.robot]).failure == nil)
        #expect(it.state?.deposit == 10_500)
        #expect(it.escrow == 10_500)
    }

    @Test func `the wallet's reader sees what the builder wrote`() throws {
        let it = try ChannelScene()
        let message = try TransactionMessage.build(
            version: .zero, feePayer: it.seeds.payee,
            instructions: [
                it.opening(),
                .topUpChannel(it.channel, payer: it.seeds.payer, mint: it.seeds.mint, amount: 5),
                .requestCloseOfChannel(it.channel, payer: it.seeds.payer),
            ], recentBlockhash: it.scene.bank.latestBlockhash(.processed).blockhash)
        let contents = InstructionContent.contents(of: message)
        guard case .openChannel(let opening) = contents[0] else {
            Issue.record("\(contents[0])")
            return
        }
        #expect(opening.seeds == it.seeds)
        #expect(opening.deposit == ChannelScene.deposit)
        #expect(opening.shares == it.shares)
        #expect(contents[2] == .requestCloseOfChannel(payer: it.seeds.payer, channel: it.channel))
        guard case .topUpChannel(_, it.channel, _, _, _, _, 5) = contents[1] else {
            Issue.record("\(contents[1])")
            return
        }
    }
}
