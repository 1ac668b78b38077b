/// An account as an instruction names it.
public struct AccountMeta: Sendable, Hashable {
    /// The account.
    public var address: Address
    /// Whether the transaction needs a signature of this address.
    public var isSigner: Bool
    /// Whether the program may change the account.
    public var isWritable: Bool

    public init(_ address: Address, signer: Bool = false, writable: Bool = false) {
        self.address = address
        self.isSigner = signer
        self.isWritable = writable
    }
}

/// A call of a program, before it is packed into a message.
public struct Instruction: Sendable, Hashable {
    /// The program that is called.
    public var program: Address
    /// The accounts in the order in which the program expects them.
    public var accounts: [AccountMeta]
    /// The program's own encoding of what to do.
    public var data: [UInt8]

    public init(program: Address, accounts: [AccountMeta], data: [UInt8]) {
        self.program = program
        self.accounts = accounts
        self.data = data
    }
}

/// A call of a program inside a message: accounts are indexes into the message's keys.
public struct CompiledInstruction: Sendable, Hashable {
    /// Index of the program among the keys.
    public let program: UInt8
    /// Indexes of the accounts among the keys, looked-up ones after the static ones.
    public let accounts: [UInt8]
    /// The program's own encoding of what to do.
    public let data: [UInt8]

    public init(program: UInt8, accounts: [UInt8], data: [UInt8]) {
        self.program = program
        self.accounts = accounts
        self.data = data
    }
}

/// Accounts that a version 0 message takes from an on-chain table.
public struct AddressTableLookup: Sendable, Hashable {
    /// The table.
    public let table: Address
    /// Indexes into the table of accounts that may be changed.
    public let writable: [UInt8]
    /// Indexes into the table of accounts that are only read.
    public let readonly: [UInt8]

    public init(table: Address, writable: [UInt8], readonly: [UInt8]) {
        self.table = table
        self.writable = writable
        self.readonly = readonly
    }
}
