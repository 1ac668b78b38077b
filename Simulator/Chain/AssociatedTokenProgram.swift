import Solana

/// Makes the token account of an owner and a mint at its derived address.
struct AssociatedTokenProgram: Program {
    /// The account belongs to somebody else.
    private static let invalidOwner: UInt32 = 0

    func run(_ call: Call, in execution: inout Execution) throws(InstructionFailure) {
        // Rough figures of solders 0.29.0: reading, then 1,500 for each bump that was tried.
        try execution.consume(1_842)
        guard call.data.isEmpty || call.data == [0] || call.data == [1] else {
            throw .named(.invalidInstructionData)
        }
        let idempotent = call.data == [1]
        execution.log("Program log: \(idempotent ? "CreateIdempotent" : "Create")")
        let accounts = try call.accounts(6)
        let (payer, account, owner, mint, tokenProgram) = (
            accounts[0], accounts[1], accounts[2], accounts[3], accounts[5]
        )
        let seeds = [owner.address.bytes, tokenProgram.address.bytes, mint.address.bytes]
        guard let derived = Address.programDerived(seeds: seeds, program: call.program),
            derived.address == account.address
        else { throw .named(.invalidSeeds) }
        try execution.consume(1_500 * (256 - UInt64(derived.bump)))

        let state = execution.state(of: account)
        if idempotent, state.owner == tokenProgram.address {
            guard let existing = try? TokenAccount(decoding: state.data, owner: state.owner) else {
                throw .named(.invalidAccountData)
            }
            guard existing.owner == owner.address else { throw .custom(Self.invalidOwner) }
            guard existing.mint == mint.address else { throw .named(.invalidAccountData) }
            return
        }
        guard state.owner == .systemProgram else { throw .named(.illegalOwner) }
        let program = tokenProgram.address
        guard program == .tokenProgram || program == .token2022Program else {
            throw .named(.incorrectProgramId)
        }
        try TokenProgram.checkMint(execution.state(of: mint), of: program)
        try execution.consume(9_000)
        try self.create(
            account, of: program, payer: payer, seeds: seeds + [[derived.bump]], call, &execution)
        if program == .token2022Program {
            let target = [AccountMeta(account.address, writable: true)]
            try execution.invoke(Instruction(program: program, accounts: target, data: [22]), from: call)
        }
        try execution.invoke(
            .initializeAccount3(
                account: account.address, mint: mint.address, owner: owner.address, tokenProgram: program),
            from: call)
    }

    /// Somebody may have sent lamports to the address before; then the account cannot be created, but filled
    /// up.
    private func create(
        _ account: Call.Account, of program: Address, payer: Call.Account, seeds: [[UInt8]], _ call: Call,
        _ execution: inout Execution
    ) throws(InstructionFailure) {
        let space =
            program == .token2022Program ? TokenAccount.immutableOwnerByteCount : TokenAccount.byteCount
        let deposit = Rent.minimumBalance(space: space)
        let present = execution.state(of: account).lamports
        guard present > 0 else {
            try execution.invoke(
                .createAccount(
                    payer: payer.address, account: account.address, lamports: deposit,
                    space: UInt64(space), owner: program),
                from: call, seeds: [seeds])
            return
        }
        if present < deposit {
            try execution.invoke(
                .transfer(from: payer.address, to: account.address, lamports: deposit - present), from: call)
        }
        let target = [AccountMeta(account.address, signer: true, writable: true)]
        var allocate: [UInt8] = [8, 0, 0, 0]
        allocate += [UInt8(space), 0, 0, 0, 0, 0, 0, 0]
        try execution.invoke(
            Instruction(program: .systemProgram, accounts: target, data: allocate), from: call, seeds: [seeds]
        )
        try execution.invoke(
            Instruction(
                program: .systemProgram, accounts: target, data: [1, 0, 0, 0] + program.bytes),
            from: call, seeds: [seeds])
    }
}
