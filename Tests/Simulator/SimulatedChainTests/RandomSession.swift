import Encoding
import SimulatedChain
import Solana
import TestSupport

/// A market day out of one seed: transfers of lamports and tokens, most of them right, many wrong in one
/// detail.
struct RandomSession {
    var scene: Scene
    private var random: Seeded
    /// Owners; the last ones begin with nothing.
    private let owners: [UInt8] = [1, 2, 3, 21, 22, 23, 24]
    private(set) var refused: [TransactionFailure] = []

    init(seed: UInt64, tokenProgram: Address = .tokenProgram) throws {
        self.random = Seeded(seed)
        self.scene = try Scene(Genesis(seed: seed), tokenProgram: tokenProgram)
        _ = self.scene.bank.airdrop(5_000_000_000, to: try address(3))
        _ = self.scene.bank.airdrop(2_000_000, to: try address(21))
        _ = self.scene.bank.airdrop(900_000, to: try address(22))
    }

    mutating func step() async throws {
        // Many steps are long work without a wait: others, who have one, come between.
        await Task.yield()
        if Int.random(in: 0..<3, using: &self.random) == 0 { self.scene.bank.tick() }
        let payer = self.owner()
        var signers = [payer]
        var instructions: [Instruction] = []
        if self.chance(30) {
            // Too low already for the first native instruction: what deployed programs use on the way to an
            // error is not modelled, so limits in between would end in other errors than those of the real
            // runtime.
            instructions.append(.setComputeUnitLimit(self.chance(5) ? 100 : 200_000))
        }
        if self.chance(30) {
            instructions.append(
                .setComputeUnitPrice(microLamports: .random(in: 0...2_000_000, using: &self.random)))
        }
        for _ in 0..<Int.random(in: 1...3, using: &self.random) {
            let (instruction, signer) = try self.instruction(payer: payer)
            instructions.append(instruction)
            if let signer, !signers.contains(signer) { signers.append(signer) }
        }
        if self.chance(50) {
            instructions.append(.memo("note \(UInt32.random(in: 0...999, using: &self.random))"))
        }
        let message = try TransactionMessage.build(
            version: self.chance(50) ? .zero : .legacy, feePayer: address(payer), instructions: instructions,
            recentBlockhash: self.scene.blockhash)
        var transaction = try Transaction(message)
        for signer in signers where transaction.requiredSigners.contains(try address(signer)) {
            try transaction.sign(with: key(signer))
        }
        do { try self.scene.bank.execute(transaction) } catch { self.refused.append(error) }
    }

    private mutating func instruction(payer: UInt8) throws -> (Instruction, signer: UInt8?) {
        let (from, to) = (self.owner(), self.owner())
        let mint = try address(Scene.mint)
        switch Int.random(in: 0..<10, using: &self.random) {
        case 0..<3:
            let lamports = UInt64.random(
                in: 0...(self.chance(20) ? 20_000_000_000 : 3_000_000), using: &self.random)
            let target = self.chance(15) ? try self.scene.tokens(to) : try address(to)
            return (.transfer(from: try address(from), to: target, lamports: lamports), from)
        case 3:
            let owner = try address(to)
            var create = Instruction.createAssociatedTokenIdempotent(
                payer: try address(payer), owner: owner, mint: self.chance(10) ? .devnetUSDC : mint,
                tokenProgram: self.scene.tokenProgram)
            if self.chance(20) { create.data = [] }
            return (create, nil)
        case 4:
            let authority = self.chance(70) ? Scene.sponsor : from
            return (
                .mintTo(
                    mint: mint, account: try self.scene.tokens(to), authority: try address(authority),
                    amount: .random(in: 0...(self.chance(10) ? .max : 1_000_000), using: &self.random),
                    tokenProgram: self.scene.tokenProgram),
                authority
            )
        default: return (try self.tokenTransfer(from: from, to: to), from)
        }
    }

    /// One detail in four is wrong.
    private mutating func tokenTransfer(from: UInt8, to: UInt8) throws -> Instruction {
        let (payer, payee, mint) = (try address(from), try address(to), try address(Scene.mint))
        var transfer = TokenTransfer(
            from: payer, to: payee, mint: mint, amount: .random(in: 0...3_000_000, using: &self.random),
            decimals: 6, tokenProgram: self.scene.tokenProgram)
        if self.chance(6) { transfer.decimals = UInt8.random(in: 0...9, using: &self.random) }
        if self.chance(6) { transfer.amount = .random(in: 0 ... .max, using: &self.random) }
        if self.chance(4) { transfer.mint = .devnetUSDC }
        if self.chance(4) { transfer.destination = payee }
        if self.chance(4) { transfer.source = try self.scene.tokens(self.owner()) }
        var instruction = Instruction.transferChecked(transfer)
        if self.chance(3) { instruction.data.removeLast() }
        if self.chance(3) { instruction.accounts.removeLast() }
        if self.chance(3) { instruction.accounts[2].isWritable = false }
        if self.chance(2) { instruction.data[0] = 200 }
        return instruction
    }

    private mutating func owner() -> UInt8 {
        // Mostly those who have something.
        self.owners[Int.random(in: 0..<(self.chance(85) ? 3 : self.owners.count), using: &self.random)]
    }

    private mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self.random) < percent
    }
}
