import Encoding
import Solana
import Testing

@Suite struct InstructionContentTests {
    private func message(_ instructions: [Instruction], payer: Address? = nil) throws -> TransactionMessage {
        try TransactionMessage.build(
            version: .zero, feePayer: payer ?? address(11), instructions: instructions,
            recentBlockhash: Blockhash(bytes: Array(1...32)))
    }

    private func content(_ instruction: Instruction) throws -> InstructionContent {
        try InstructionContent.contents(of: self.message([instruction]))[0]
    }

    @Test func `the payment reads as what was asked for`() throws {
        let message = try Transaction(decoding: Hex.decode(Golden.versionZero)).message
        let transfer = TokenTransfer(
            from: try address(12), to: try address(14), mint: .devnetUSDC, amount: 1_500, decimals: 6)
        #expect(
            InstructionContent.contents(of: message) == [
                .setComputeUnitLimit(60_000), .setComputeUnitPrice(5_000), .transferChecked(transfer),
                .memo(text: "job 7f3a: 1 kWh", signers: []),
            ])
    }

    @Test func `the set-up reads as what was asked for`() throws {
        let message = try Transaction(decoding: Hex.decode(Golden.setup)).message
        let (payer, robot, node, mint) = (try address(11), try address(12), try address(14), try address(15))
        let account = Address.associatedToken(owner: robot, mint: mint)
        #expect(
            InstructionContent.contents(of: message) == [
                .createAccount(
                    payer: payer, account: mint, lamports: 1_461_600, space: 82, owner: .tokenProgram),
                .initializeMint2(
                    tokenProgram: .tokenProgram, mint: mint, decimals: 6, authority: robot,
                    freezeAuthority: node),
                .createAssociatedToken(
                    payer: payer, account: account, owner: robot, mint: mint, tokenProgram: .tokenProgram,
                    idempotent: true),
                .mintTo(
                    tokenProgram: .tokenProgram, mint: mint, account: account, authority: robot,
                    amount: 1_000_000_000),
                .transfer(from: payer, to: node, lamports: 890_880),
                .memo(text: "hé", signers: [robot]),
            ])
    }

    @Test func `anything but the one exact form is not recognised`() throws {
        let (one, two) = (try address(1), try address(2))
        let transfer = Instruction.transferChecked(
            TokenTransfer(from: one, to: two, mint: .devnetUSDC, amount: 1, decimals: 6))
        var variants: [Instruction] = []
        var variant = transfer
        variant.data.append(0)  // further bytes
        variants.append(variant)
        variant = transfer
        variant.data.removeLast()
        variants.append(variant)
        variant = transfer
        variant.accounts.append(AccountMeta(two))  // a further account would make the owner a multisignature
        variants.append(variant)
        variant = transfer
        variant.accounts[3].isSigner = false
        variants.append(variant)
        variant = transfer
        variant.data[0] = 3  // unchecked transfer
        variants.append(variant)
        variant = .initializeMint2(mint: two, decimals: 6, authority: one)
        variant.data[34] = 2  // an option is 0 or 1
        variants.append(variant)
        variants.append(Instruction(program: .memoProgram, accounts: [], data: [0xff]))
        variants.append(Instruction(program: .memoProgram, accounts: [AccountMeta(two)], data: []))
        variant = .createAssociatedTokenIdempotent(payer: one, owner: two, mint: .devnetUSDC)
        variant.data = [2]
        variants.append(variant)
        variants.append(Instruction(program: .systemProgram, accounts: [], data: [4, 0, 0, 0]))
        variants.append(Instruction(program: .computeBudgetProgram, accounts: [], data: [2, 1]))
        variants.append(Instruction(program: .paymentChannelsProgram, accounts: [], data: [1]))
        for (index, variant) in variants.enumerated() {
            #expect(try self.content(variant) == .unrecognized(program: variant.program), "variant \(index)")
        }
    }

    @Test func `accounts from a table are not recognised`() throws {
        let (one, two) = (try address(1), try address(2))
        var bytes = try self.message([.transfer(from: one, to: two, lamports: 5)]).bytes
        bytes.removeLast()
        bytes += [1] + (try address(3)).bytes + [1, 0, 0]
        // The recipient's index now points into the table, which the signed bytes do not show.
        let index = bytes.count - 36 - 12 - 2
        bytes[index] = 4
        let message = try TransactionMessage(decoding: bytes)
        #expect(message.instructions[0].accounts == [1, 4])
        #expect(InstructionContent.contents(of: message) == [.unrecognized(program: .systemProgram)])
    }
}
