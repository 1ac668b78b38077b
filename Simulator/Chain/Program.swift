package import Solana

/// A program of the simulated chain.
package protocol Program: Sendable {
    /// Executes one call. What it changed is undone when any instruction of the transaction fails.
    func run(_ call: Call, in execution: inout Execution) throws(InstructionFailure)
}

/// One call of a program, from a transaction or from another program.
package struct Call: Sendable {
    /// An account with the rights that it has in this call.
    package struct Account: Sendable {
        /// Which one.
        package let address: Address
        /// Whether it signed, or the calling program signs for it.
        package let isSigner: Bool
        /// Whether this call may change it.
        package let isWritable: Bool
        /// Place in the transaction's accounts.
        let index: Int
    }

    /// The program that runs.
    package let program: Address
    /// In the program's order; the same account may appear twice.
    package let accounts: [Account]
    /// The program's own encoding of what to do.
    package let data: [UInt8]
    /// 1 for the transaction's own instructions.
    let depth: Int
    /// Index of the transaction's instruction that led here.
    package let instruction: Int

    /// The first `count` accounts.
    func accounts(
        _ count: Int, orElse name: InstructionFailure.Name = .notEnoughAccountKeys
    ) throws(InstructionFailure) -> [Account] {
        guard self.accounts.count >= count else { throw .named(name) }
        return self.accounts
    }
}

/// The programs that a fresh chain has.
package enum Programs {
    /// System, both token programs, associated token, memo, compute budget, signatures, payment channels.
    package static let builtIn: [Address: any Program] = [
        .systemProgram: SystemProgram(),
        .tokenProgram: TokenProgram(.tokenProgram),
        .token2022Program: TokenProgram(.token2022Program),
        .associatedTokenProgram: AssociatedTokenProgram(),
        .memoProgram: MemoProgram(),
        .computeBudgetProgram: ComputeBudgetProgram(),
        .ed25519Program: Ed25519Program(),
        .paymentChannelsProgram: PaymentChannelsProgram(),
    ]

    /// Part of the validator itself: cheap by default, and their accounts are never written.
    static let native: Set<Address> = [.systemProgram, .computeBudgetProgram, .nativeLoader, .ed25519Program]
    /// System variables, never written by a transaction.
    static let sysvars: [Address] = [
        .clockSysvar, .rentSysvar, .instructionsSysvar, .recentBlockhashesSysvar,
    ]
}
