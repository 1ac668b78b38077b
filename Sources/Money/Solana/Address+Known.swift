/// Addresses that are the same on every Solana network.
extension Address {
    /// Creates accounts and moves lamports.
    public static let systemProgram = Address(known: "11111111111111111111111111111111")
    /// SPL Token.
    public static let tokenProgram = Address(known: "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
    /// SPL Token-2022: the same transfer instruction, accounts with extensions.
    public static let token2022Program = Address(known: "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
    /// Makes token accounts at derived addresses.
    public static let associatedTokenProgram = Address(known: "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
    /// Memo: text in a transaction.
    public static let memoProgram = Address(known: "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
    /// Sets the compute limit and the price of a unit.
    public static let computeBudgetProgram = Address(known: "ComputeBudget111111111111111111111111111111")
    /// Verifies Ed25519 signatures that stand in instruction data.
    public static let ed25519Program = Address(known: "Ed25519SigVerify111111111111111111111111111")
    /// Owner of the native programs.
    public static let nativeLoader = Address(known: "NativeLoader1111111111111111111111111111111")
    /// Owner of most deployed programs.
    public static let bpfLoader = Address(known: "BPFLoader2111111111111111111111111111111111")
    /// Owner of the system variables.
    public static let sysvarOwner = Address(known: "Sysvar1111111111111111111111111111111111111")
    /// System variable: slot and time.
    public static let clockSysvar = Address(known: "SysvarC1ock11111111111111111111111111111111")
    /// System variable: price of storage.
    public static let rentSysvar = Address(known: "SysvarRent111111111111111111111111111111111")
    /// System variable: the instructions of the running transaction.
    public static let instructionsSysvar = Address(known: "Sysvar1nstructions1111111111111111111111111")
    /// System variable: recent blockhashes, for durable nonces.
    public static let recentBlockhashesSysvar = Address(known: "SysvarRecentB1ockHashes11111111111111111111")
    /// Payment channels on mainnet (solana-foundation/payment-channels).
    public static let paymentChannelsProgram = Address(known: "CHNLxYvVA28MJP9PrFuDXccuoGXAx7jBacfLEkahyGsX")
    /// Whose token account gets what a channel's recipient cannot receive.
    public static let paymentChannelsTreasury = Address(
        known: "Cs2zdfUNonRdRGsiZUQQLdTxzxVvJZmgiX2mpLYKuEqP")
    /// Says what the payment-channels program did: its derived address of "event_authority".
    public static let paymentChannelsEventAuthority = Address(
        known: "75c2huVzDW1Eq4kD86by5392sjdJzuAT195XNgP2f2tX")
    /// USDC on mainnet, 6 decimals.
    public static let mainnetUSDC = Address(known: "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
    /// USDC on devnet, 6 decimals.
    public static let devnetUSDC = Address(known: "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU")
}
