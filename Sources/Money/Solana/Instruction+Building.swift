import Encoding

/// The instructions that we build. What we sign is read back by `InstructionContent`, which shares nothing
/// with these.
extension Instruction {
    // MARK: System

    /// Makes `account` with `space` zero bytes for the program `owner`; both addresses sign.
    public static func createAccount(
        payer: Address, account: Address, lamports: UInt64, space: UInt64, owner: Address
    ) -> Instruction {
        var data: [UInt8] = []
        data.append(little: UInt32(0))
        data.append(little: lamports)
        data.append(little: space)
        return Instruction(
            program: .systemProgram,
            accounts: [
                AccountMeta(payer, signer: true, writable: true),
                AccountMeta(account, signer: true, writable: true),
            ],
            data: data + owner.bytes)
    }

    /// Moves lamports.
    public static func transfer(from: Address, to: Address, lamports: UInt64) -> Instruction {
        var data: [UInt8] = []
        data.append(little: UInt32(2))
        data.append(little: lamports)
        return Instruction(
            program: .systemProgram,
            accounts: [AccountMeta(from, signer: true, writable: true), AccountMeta(to, writable: true)],
            data: data)
    }

    // MARK: Token

    /// Makes a new 82-byte account of the token program a mint.
    public static func initializeMint2(
        mint: Address, decimals: UInt8, authority: Address, freezeAuthority: Address? = nil,
        tokenProgram: Address = .tokenProgram
    ) -> Instruction {
        let freeze: [UInt8] = freezeAuthority.map { [1] + $0.bytes } ?? [0]
        return Instruction(
            program: tokenProgram, accounts: [AccountMeta(mint, writable: true)],
            data: [20, decimals] + authority.bytes + freeze)
    }

    /// Makes a new 165-byte account of the token program a token account.
    public static func initializeAccount3(
        account: Address, mint: Address, owner: Address, tokenProgram: Address = .tokenProgram
    ) -> Instruction {
        Instruction(
            program: tokenProgram, accounts: [AccountMeta(account, writable: true), AccountMeta(mint)],
            data: [18] + owner.bytes)
    }

    /// Makes new tokens.
    public static func mintTo(
        mint: Address, account: Address, authority: Address, amount: UInt64,
        tokenProgram: Address = .tokenProgram
    ) -> Instruction {
        var data: [UInt8] = [7]
        data.append(little: amount)
        return Instruction(
            program: tokenProgram,
            accounts: [
                AccountMeta(mint, writable: true), AccountMeta(account, writable: true),
                AccountMeta(authority, signer: true),
            ],
            data: data)
    }

    /// Moves tokens between token accounts; the chain checks mint and decimals.
    public static func transferChecked(_ transfer: TokenTransfer) -> Instruction {
        var data: [UInt8] = [12]
        data.append(little: transfer.amount)
        data.append(transfer.decimals)
        return Instruction(
            program: transfer.tokenProgram,
            accounts: [
                AccountMeta(transfer.source, writable: true), AccountMeta(transfer.mint),
                AccountMeta(transfer.destination, writable: true),
                AccountMeta(transfer.authority, signer: true),
            ],
            data: data)
    }

    /// Removes an empty token account; its lamports go to `destination`.
    public static func closeTokenAccount(
        _ account: Address, destination: Address, owner: Address, tokenProgram: Address = .tokenProgram
    ) -> Instruction {
        Instruction(
            program: tokenProgram,
            accounts: [
                AccountMeta(account, writable: true), AccountMeta(destination, writable: true),
                AccountMeta(owner, signer: true),
            ], data: [9])
    }

    /// Makes the associated token account of `owner`, or does nothing when it is there already.
    public static func createAssociatedTokenIdempotent(
        payer: Address, owner: Address, mint: Address, tokenProgram: Address = .tokenProgram
    ) -> Instruction {
        let account = Address.associatedToken(owner: owner, mint: mint, tokenProgram: tokenProgram)
        return Instruction(
            program: .associatedTokenProgram,
            accounts: [
                AccountMeta(payer, signer: true, writable: true), AccountMeta(account, writable: true),
                AccountMeta(owner), AccountMeta(mint), AccountMeta(.systemProgram), AccountMeta(tokenProgram),
            ],
            data: [1])
    }

    // MARK: Memo and compute budget

    /// Text that the chain keeps; each of `signers` must sign the transaction.
    public static func memo(_ text: String, signers: [Address] = []) -> Instruction {
        Instruction(
            program: .memoProgram, accounts: signers.map { AccountMeta($0, signer: true) },
            data: Array(text.utf8))
    }

    /// The most compute units that the transaction may use.
    public static func setComputeUnitLimit(_ units: UInt32) -> Instruction {
        var data: [UInt8] = [2]
        data.append(little: units)
        return Instruction(program: .computeBudgetProgram, accounts: [], data: data)
    }

    /// What the fee payer adds for each unit of the limit, in millionths of a lamport.
    public static func setComputeUnitPrice(microLamports: UInt64) -> Instruction {
        var data: [UInt8] = [3]
        data.append(little: microLamports)
        return Instruction(program: .computeBudgetProgram, accounts: [], data: data)
    }
}

/// A `TransferChecked` of SPL Token or Token-2022.
public struct TokenTransfer: Sendable, Hashable {
    /// Token account that pays.
    public var source: Address
    /// What is paid.
    public var mint: Address
    /// Token account that receives.
    public var destination: Address
    /// Owner or delegate of `source`; signs.
    public var authority: Address
    /// In atomic units.
    public var amount: UInt64
    /// Of the mint; a wrong number makes the chain refuse.
    public var decimals: UInt8
    /// SPL Token or Token-2022.
    public var tokenProgram: Address

    public init(
        source: Address, mint: Address, destination: Address, authority: Address, amount: UInt64,
        decimals: UInt8,
        tokenProgram: Address = .tokenProgram
    ) {
        self.source = source
        self.mint = mint
        self.destination = destination
        self.authority = authority
        self.amount = amount
        self.decimals = decimals
        self.tokenProgram = tokenProgram
    }

    /// Between the associated token accounts of two owners.
    public init(
        from owner: Address, to payee: Address, mint: Address, amount: UInt64, decimals: UInt8,
        tokenProgram: Address = .tokenProgram
    ) {
        self.init(
            source: .associatedToken(owner: owner, mint: mint, tokenProgram: tokenProgram), mint: mint,
            destination: .associatedToken(owner: payee, mint: mint, tokenProgram: tokenProgram),
            authority: owner,
            amount: amount, decimals: decimals, tokenProgram: tokenProgram)
    }
}
