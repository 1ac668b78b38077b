import Encoding
import SimulatedChain
import Sodium
import Solana
import Testing

@Suite struct BankTests {
    @Test func `a sponsored payment moves tokens and costs only the sponsor`() throws {
        var scene = try Scene()
        let (sponsor, robot) = (try address(Scene.sponsor), try address(Scene.robot))
        let before = (scene.bank.accounts[sponsor]?.lamports ?? 0, scene.bank.accounts[robot]?.lamports)
        let entry = try scene.run(scene.payment(1_500), signers: [Scene.sponsor, Scene.robot])
        #expect(entry.failure == nil)
        #expect(entry.fee == 10_000 + 300)  // two signatures, 60,000 units at 5,000 millionths
        // 692, as solders 0.29.0 counts with a memo of 32 bytes.
        #expect(entry.units == 150 + 150 + 105 + 287)
        #expect(scene.bank.accounts[sponsor]?.lamports == before.0 - entry.fee)
        #expect(scene.bank.accounts[robot]?.lamports == before.1)
        #expect(try scene.tokenAmount(Scene.robot) == 999_998_500)
        #expect(try scene.tokenAmount(Scene.node) == 1_500)
        #expect(entry.logs.contains(#"Program log: Memo (len 5): "job 1""#))
    }

    @Test func `a failed transaction pays its fee and changes nothing else`() throws {
        var scene = try Scene()
        let sponsor = try address(Scene.sponsor)
        // The transfer of lamports before the overdraft is undone.
        let instructions: [Instruction] = try [
            .transfer(from: sponsor, to: address(Scene.robot), lamports: 1_000_000),
            .transferChecked(
                TokenTransfer(
                    from: address(Scene.robot), to: address(Scene.node), mint: address(Scene.mint),
                    amount: 2_000_000_000, decimals: 6)),
        ]
        let before = scene.bank.accounts
        let entry = try scene.run(instructions, signers: [Scene.sponsor, Scene.robot])
        #expect(entry.failure == .instruction(index: 1, .custom(1)))
        #expect(entry.failure?.json.text == #"{"InstructionError":[1,{"Custom":1}]}"#)
        var expected = before
        expected[sponsor]?.lamports -= 10_000
        #expect(scene.bank.accounts == expected)
    }

    @Test func `token errors have the program's numbers`() throws {
        var scene = try Scene()
        let (robot, node, mint) = (try address(Scene.robot), try address(Scene.node), try address(Scene.mint))
        let good = TokenTransfer(from: robot, to: node, mint: mint, amount: 5, decimals: 6)
        func failure(_ change: (inout TokenTransfer) -> Void) throws -> TransactionFailure? {
            var transfer = good
            change(&transfer)
            return try scene.run([.transferChecked(transfer)], signers: [Scene.sponsor, Scene.robot]).failure
        }
        #expect(try failure { _ in } == nil)
        #expect(try failure { $0.decimals = 7 } == .instruction(index: 0, .custom(18)))
        #expect(try failure { $0.amount = .max } == .instruction(index: 0, .custom(1)))
        #expect(try failure { $0.mint = .devnetUSDC } == .instruction(index: 0, .custom(3)))
        // The node's own tokens, moved by the robot: to itself, and none at all.
        #expect(try failure { $0.source = $0.destination } == .instruction(index: 0, .custom(4)))
        #expect(
            try failure {
                $0.source = $0.destination; $0.amount = 0
            } == .instruction(index: 0, .custom(4)))
        #expect(try failure { $0.destination = node } == .instruction(index: 0, .named(.invalidAccountData)))
        #expect(
            try failure { $0.destination = .associatedToken(owner: .systemProgram, mint: mint) }
                == .instruction(index: 0, .named(.invalidAccountData)))
    }

    @Test func `only the mint's authority makes tokens`() throws {
        var scene = try Scene()
        let (mint, account) = (try address(Scene.mint), try scene.tokens(Scene.robot))
        let forged = try scene.run(
            [.mintTo(mint: mint, account: account, authority: address(Scene.robot), amount: 1)],
            signers: [Scene.robot])
        #expect(forged.failure == .instruction(index: 0, .custom(4)))
        let tooMany = try scene.run(
            [.mintTo(mint: mint, account: account, authority: address(Scene.sponsor), amount: .max)],
            signers: [Scene.sponsor])
        #expect(tooMany.failure == .instruction(index: 0, .custom(14)))
        let again = try scene.run(
            [.initializeMint2(mint: mint, decimals: 0, authority: address(Scene.robot))],
            signers: [Scene.robot])
        #expect(again.failure == .instruction(index: 0, .custom(6)))
    }

    @Test func `a transaction lands once`() throws {
        var scene = try Scene()
        let payment = try transaction(
            scene.payment(5), signers: [Scene.sponsor, Scene.robot], blockhash: scene.blockhash)
        try scene.bank.execute(payment)
        #expect(throws: TransactionFailure.alreadyProcessed) { try scene.bank.execute(payment) }
        #expect(scene.bank.simulate(payment, verifying: true).failure == .alreadyProcessed)
        #expect(try scene.tokenAmount(Scene.node) == 5)
    }

    @Test func `a blockhash serves for 150 blocks`() throws {
        var scene = try Scene()
        let latest = scene.bank.latestBlockhash(.processed)
        let transactions = try [1, 2].map {
            try transaction(
                scene.payment($0), signers: [Scene.sponsor, Scene.robot], blockhash: latest.blockhash)
        }
        while scene.bank.blockHeight < latest.lastValidBlockHeight { scene.bank.tick() }
        #expect(try scene.bank.execute(transactions[0]).failure == nil)
        scene.bank.tick()
        #expect(throws: TransactionFailure.blockhashNotFound) { try scene.bank.execute(transactions[1]) }
        #expect(!scene.bank.isValid(latest.blockhash))
        let unknown = try transaction(
            scene.payment(3), signers: [Scene.sponsor, Scene.robot],
            blockhash: Blockhash(bytes: Array(1...32)))
        #expect(throws: TransactionFailure.blockhashNotFound) { try scene.bank.execute(unknown) }
    }

    @Test func `missing and wrong signatures are refused`() throws {
        var scene = try Scene()
        let unsigned = try transaction(
            scene.payment(5), signers: [Scene.robot], blockhash: scene.blockhash,
            payer: address(Scene.sponsor))
        #expect(throws: TransactionFailure.signatureFailure) { try scene.bank.execute(unsigned) }
        #expect(scene.bank.simulate(unsigned, verifying: false).failure == nil)
        var bytes = try transaction(
            scene.payment(5), signers: [Scene.sponsor, Scene.robot], blockhash: scene.blockhash
        ).bytes
        bytes[100] ^= 1
        let forged = try Transaction(decoding: bytes)
        #expect(throws: TransactionFailure.signatureFailure) { try scene.bank.execute(forged) }
    }

    @Test func `the fee payer must exist, pay and stay rent-exempt`() throws {
        var scene = try Scene()
        let poor: UInt8 = 9
        func attempt(_ lamports: UInt64?) throws -> Bank.Entry {
            if let lamports { #expect(scene.bank.airdrop(lamports, to: try address(poor)) != nil) }
            scene.bank.tick()
            return try scene.bank.execute(
                transaction([.memo("x")], signers: [poor], blockhash: scene.blockhash))
        }
        #expect(throws: TransactionFailure.accountNotFound) { try attempt(nil) }
        #expect(scene.bank.airdrop(1_000, to: try address(poor)) == nil)
        #expect(throws: TransactionFailure.insufficientFundsForRent(accountIndex: 0)) { try attempt(890_880) }
        #expect(try attempt(5_000).failure == nil)
        let rich = try scene.run(
            [.transfer(from: address(Scene.sponsor), to: address(8), lamports: 1_000)],
            signers: [Scene.sponsor])
        #expect(rich.failure == .insufficientFundsForRent(accountIndex: 1))
        let priced = try transaction(
            [.setComputeUnitPrice(microLamports: .max), .memo("x")], signers: [Scene.robot],
            blockhash: scene.blockhash)
        #expect(throws: TransactionFailure.insufficientFundsForFee) { try scene.bank.execute(priced) }
    }

    @Test func `compute limits are kept and paid for`() throws {
        var scene = try Scene()
        let short = try scene.run([.setComputeUnitLimit(436), .memo("x")], signers: [Scene.robot])
        #expect(short.failure == .instruction(index: 1, .named(.computationalBudgetExceeded)))
        #expect(short.units == 436)
        // Without a limit each native instruction counts 3,000 units and every other one 200,000.
        let unlimited = try scene.run(
            [.setComputeUnitPrice(microLamports: 1_000_000), .memo("x")], signers: [Scene.robot])
        #expect(unlimited.fee == 5_000 + 203_000)
        let twice = try transaction(
            [.setComputeUnitLimit(1_000), .setComputeUnitLimit(1_000)], signers: [Scene.robot],
            blockhash: scene.blockhash)
        #expect(throws: TransactionFailure.duplicateInstruction(1)) { try scene.bank.execute(twice) }
    }

    @Test func `a token account is made once and only at its address`() throws {
        var scene = try Scene()
        let (sponsor, mint) = (try address(Scene.sponsor), try address(Scene.mint))
        var create = Instruction.createAssociatedTokenIdempotent(
            payer: sponsor, owner: try address(Scene.node), mint: mint)
        #expect(try scene.run([create], signers: [Scene.sponsor]).failure == nil)
        create.data = []
        #expect(
            try scene.run([create], signers: [Scene.sponsor]).failure
                == .instruction(index: 0, .named(.illegalOwner)))
        create.accounts[1].address = try address(20)
        #expect(
            try scene.run([create], signers: [Scene.sponsor]).failure
                == .instruction(index: 0, .named(.invalidSeeds)))
        let noMint = Instruction.createAssociatedTokenIdempotent(
            payer: sponsor, owner: try address(Scene.node), mint: .devnetUSDC)
        #expect(
            try scene.run([noMint], signers: [Scene.sponsor]).failure
                == .instruction(index: 0, .named(.incorrectProgramId)))
        // Lamports that were sent to the address before are completed, not lost.
        let robotless = Address.associatedToken(owner: try address(30), mint: mint)
        #expect(
            try scene.run(
                [.transfer(from: sponsor, to: robotless, lamports: 1_000_000)], signers: [Scene.sponsor]
            ).failure == nil)
        let late = try scene.run(
            [.createAssociatedTokenIdempotent(payer: sponsor, owner: address(30), mint: mint)],
            signers: [Scene.sponsor])
        #expect(late.failure == nil)
        #expect(scene.bank.accounts[robotless]?.lamports == Rent.minimumBalance(space: 165))
    }

    @Test func `commitment grows with the slots`() throws {
        var scene = try Scene()
        let entry = try scene.run(scene.payment(5), signers: [Scene.sponsor, Scene.robot])
        #expect(scene.bank.commitment(of: entry) == .processed)
        scene.bank.tick()
        #expect(scene.bank.commitment(of: entry) == .confirmed)
        for _ in 0..<29 { scene.bank.tick() }
        #expect(scene.bank.commitment(of: entry) == .confirmed)
        scene.bank.tick()
        #expect(scene.bank.commitment(of: entry) == .finalized)
    }

    @Test func `equal genesis and equal calls give equal chains`() throws {
        #expect(try Scene().bank.transcript() == Scene().bank.transcript())
        let other = try Scene(Genesis(seed: 2)).bank
        #expect(try other.transcript() != Scene().bank.transcript())
    }

    @Test func `a mint with an extension is refused by the extension's name`() throws {
        var scene = try Scene(tokenProgram: .token2022Program)
        let mint = try address(Scene.mint)
        // TransferFeeExtension, InitializeTransferFeeConfig.
        let fee = Instruction(
            program: .token2022Program, accounts: [AccountMeta(mint, writable: true)], data: [26, 0])
        let entry = try scene.run([fee], signers: [Scene.sponsor])
        #expect(entry.failure == .instruction(index: 0, .custom(12)))
        #expect(entry.logs.contains("Program log: the extension TransferFeeConfig is not simulated"))
        let data = try #require(scene.bank.accounts[scene.tokens(Scene.robot)]).data
        #expect(data.count == 170 && Array(data[165...]) == [2, 7, 0, 0, 0])
    }
}
