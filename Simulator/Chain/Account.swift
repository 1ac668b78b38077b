package import Solana

/// An account of the simulated chain.
package struct Account: Sendable, Hashable {
    /// The balance.
    package var lamports: UInt64
    /// The only program that may take lamports or change data.
    package var owner: Address
    /// The owner's own encoding.
    package var data: [UInt8]
    /// Whether it is a program.
    package var executable: Bool

    package init(
        lamports: UInt64 = 0, owner: Address = .systemProgram, data: [UInt8] = [], executable: Bool = false
    ) {
        self.lamports = lamports
        self.owner = owner
        self.data = data
        self.executable = executable
    }
}

/// What storage costs: an account keeps a deposit for two years of rent, or nothing at all.
package enum Rent {
    /// The deposit for `space` bytes of data, in lamports. Source: (128 + space) * 3,480 a byte-year * 2
    /// years.
    package static func minimumBalance(space: Int) -> UInt64 { (128 + UInt64(space)) * 6_960 }

    /// Whether a transaction may leave an account so: empty, or with its whole deposit.
    static func allows(_ account: Account) -> Bool {
        account.lamports == 0 || account.lamports >= self.minimumBalance(space: account.data.count)
    }
}
