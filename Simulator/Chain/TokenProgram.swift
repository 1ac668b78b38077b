import Encoding
import Solana

/// SPL Token, or Token-2022 without extensions of the mint, as far as payments need them: mints, accounts,
/// minting, checked transfers. Other calls are refused as invalid instructions, and those that would give a
/// mint an extension say its name. The order of the checks is that of the deployed programs, because it
/// decides which error a wrong transaction gets; compared with solders 0.29.0.
struct TokenProgram: Program {
    /// Which of the two.
    let address: Address

    init(_ address: Address) { self.address = address }

    private var isExtended: Bool { self.address == .token2022Program }

    /// Calls that are known here.
    private static let calls: Set<UInt8> = [7, 9, 12, 18, 20, 22]
    /// Calls of Token-2022 that give a mint an extension, or set one up.
    private static let extensionCalls: [UInt8: String] = [
        25: "MintCloseAuthority", 26: "TransferFeeConfig", 27: "ConfidentialTransferMint",
        28: "DefaultAccountState", 32: "NonTransferable", 33: "InterestBearingConfig",
        35: "PermanentDelegate", 36: "TransferHook", 37: "ConfidentialTransferFeeConfig",
        39: "MetadataPointer", 40: "GroupPointer", 41: "GroupMemberPointer", 42: "ConfidentialMintBurn",
        43: "ScaledUiAmount", 44: "Pausable",
    ]

    /// The program's numbers.
    private enum Code {
        static let notRentExempt: UInt32 = 0
        static let insufficientFunds: UInt32 = 1
        static let invalidMint: UInt32 = 2
        static let mintMismatch: UInt32 = 3
        static let ownerMismatch: UInt32 = 4
        static let fixedSupply: UInt32 = 5
        static let notEmpty: UInt32 = 11
        static let alreadyInUse: UInt32 = 6
        static let invalidInstruction: UInt32 = 12
        static let overflow: UInt32 = 14
        static let accountFrozen: UInt32 = 17
        static let decimalsMismatch: UInt32 = 18
    }

    private enum Request {
        case mintTo(amount: UInt64)
        case closeAccount
        case transferChecked(amount: UInt64, decimals: UInt8)
        case initializeAccount3(owner: Address)
        case initializeImmutableOwner
        case initializeMint2(decimals: UInt8, authority: Address, freezeAuthority: Address?)

        init(_ reader: inout ByteReader) throws(DecodingError) {
            switch try reader.byte() {
            case 7: self = .mintTo(amount: try reader.little())
            case 9: self = .closeAccount
            case 12: self = .transferChecked(amount: try reader.little(), decimals: try reader.byte())
            case 18: self = .initializeAccount3(owner: try Address(bytes: reader.take(32)))
            case 22: self = .initializeImmutableOwner
            case 20:
                let decimals = try reader.byte()
                let authority = try Address(bytes: reader.take(32))
                switch try reader.byte() {
                case 0:
                    self = .initializeMint2(decimals: decimals, authority: authority, freezeAuthority: nil)
                case 1:
                    self = .initializeMint2(
                        decimals: decimals, authority: authority,
                        freezeAuthority: try Address(bytes: reader.take(32)))
                default: throw .notCanonical
                }
            default: throw .notCanonical
            }
        }
    }

    func run(_ call: Call, in execution: inout Execution) throws(InstructionFailure) {
        var reader = ByteReader(call.data)
        let request: Request
        do throws(DecodingError) { request = try Request(&reader) } catch {
            if self.isExtended, let name = Self.extensionCalls[call.data.first ?? 0] {
                execution.log("Program log: the extension \(name) is not simulated")
            }
            // Token-2022 tells a call that is cut short from one that it does not know.
            guard self.isExtended, Self.calls.contains(call.data.first ?? 0) else {
                throw .custom(Code.invalidInstruction)
            }
            throw .named(.invalidInstructionData)
        }
        switch request {
        case .mintTo(let amount): try self.mintTo(amount, call, &execution)
        case .closeAccount: try self.closeAccount(call, &execution)
        case .transferChecked(let amount, let decimals): try self.transfer(amount, decimals, call, &execution)
        case .initializeAccount3(let owner): try self.initializeAccount(owner, call, &execution)
        case .initializeImmutableOwner: try self.initializeImmutableOwner(call, &execution)
        case .initializeMint2(let decimals, let authority, let freezeAuthority):
            let mint = Mint(
                authority: authority, supply: 0, decimals: decimals, freezeAuthority: freezeAuthority)
            try self.initializeMint(mint, call, &execution)
        }
    }

    // MARK: Calls

    private func initializeMint(
        _ mint: Mint, _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        try execution.consume(215)
        execution.log("Program log: Instruction: InitializeMint2")
        let account = try call.accounts(1)[0]
        let state = execution.state(of: account)
        guard let old = try? Mint(decoding: state.data) else { throw .named(.invalidAccountData) }
        guard !old.isInitialized else { throw .custom(Code.alreadyInUse) }
        guard state.lamports >= Rent.minimumBalance(space: Mint.byteCount) else {
            throw .custom(Code.notRentExempt)
        }
        try execution.write(mint.bytes, to: account, by: call)
    }

    private func initializeAccount(
        _ owner: Address, _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        try execution.consume(250)
        execution.log("Program log: Instruction: InitializeAccount3")
        let accounts = try call.accounts(2)
        let state = execution.state(of: accounts[0])
        let tail = state.data.dropFirst(TokenAccount.byteCount)
        guard let old = try? TokenAccount(decoding: Array(state.data.prefix(TokenAccount.byteCount))),
            tail.isEmpty
                || self.address == .token2022Program && Array(tail.dropFirst()) == Self.immutableOwner
        else { throw .named(.invalidAccountData) }
        guard old.state == .uninitialized else { throw .custom(Code.alreadyInUse) }
        guard state.lamports >= Rent.minimumBalance(space: state.data.count) else {
            throw .custom(Code.notRentExempt)
        }
        try Self.checkMint(execution.state(of: accounts[1]), of: self.address)
        let account = TokenAccount(mint: accounts[1].address, owner: owner)
        // Before the extensions stands what kind of account has them.
        try execution.write(
            account.bytes + (tail.isEmpty ? [] : [2] + tail.dropFirst()), to: accounts[0], by: call)
    }

    /// The extension as it stands in an account: type 7, no bytes.
    private static let immutableOwner: [UInt8] = [7, 0, 0, 0]

    /// Of SPL Token this does nothing.
    private func initializeImmutableOwner(
        _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        execution.log("Program log: Instruction: InitializeImmutableOwner")
        let account = try call.accounts(1)[0]
        let data = execution.state(of: account).data
        guard self.isExtended else { return }
        guard data.count == TokenAccount.immutableOwnerByteCount, data.allSatisfy({ $0 == 0 }) else {
            throw .named(.invalidAccountData)
        }
        let start = TokenAccount.byteCount + 1
        try execution.write(data[..<start] + Self.immutableOwner, to: account, by: call)
    }

    /// Whether an account is a mint that new token accounts may refer to.
    static func checkMint(_ state: Account, of program: Address) throws(InstructionFailure) {
        guard state.owner == program else { throw .named(.incorrectProgramId) }
        guard let mint = try? Mint(decoding: state.data), mint.isInitialized else {
            throw .custom(Code.invalidMint)
        }
    }

    private func mintTo(_ amount: UInt64, _ call: Call, _ execution: inout Execution)
        throws(InstructionFailure)
    {
        try execution.consume(119)
        execution.log("Program log: Instruction: MintTo")
        let accounts = try call.accounts(3)
        var destination = try self.tokenAccount(accounts[1], execution)
        guard destination.state != .frozen else { throw .custom(Code.accountFrozen) }
        guard destination.mint == accounts[0].address else { throw .custom(Code.mintMismatch) }
        var mint = try self.mint(accounts[0], execution)
        guard let authority = mint.authority else { throw .custom(Code.fixedSupply) }
        try self.checkAuthority(accounts[2], is: authority)
        let (supply, overflow) = mint.supply.addingReportingOverflow(amount)
        guard !overflow else { throw .custom(Code.overflow) }
        mint.supply = supply
        destination.amount += amount  // no account has more than the supply
        try execution.write(mint.bytes, to: accounts[0], by: call)
        try self.write(destination, to: accounts[1], by: call, &execution)
    }

    private func closeAccount(_ call: Call, _ execution: inout Execution) throws(InstructionFailure) {
        try execution.consume(120)
        execution.log("Program log: Instruction: CloseAccount")
        let accounts = try call.accounts(3)
        let account = try self.tokenAccount(accounts[0], execution)
        guard account.amount == 0 else { throw .custom(Code.notEmpty) }
        try self.checkAuthority(accounts[2], is: account.owner)
        let lamports = execution.state(of: accounts[0]).lamports
        try execution.debit(lamports, from: accounts[0], by: call)
        try execution.credit(lamports, to: accounts[1])
        try execution.write([], to: accounts[0], by: call)
    }

    private func transfer(
        _ amount: UInt64, _ decimals: UInt8, _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        let accounts = try call.accounts(4)
        let toItself = accounts[0].address == accounts[2].address
        try execution.consume(toItself ? 158 : 105)
        execution.log("Program log: Instruction: TransferChecked")
        var source = try self.tokenAccount(accounts[0], execution)
        var destination = toItself ? source : try self.tokenAccount(accounts[2], execution)
        guard source.state != .frozen, destination.state != .frozen else { throw .custom(Code.accountFrozen) }
        guard source.amount >= amount else {
            execution.log("Program log: Error: insufficient funds")
            throw .custom(Code.insufficientFunds)
        }
        try self.checkOwner(accounts[1], execution)
        guard source.mint == destination.mint, source.mint == accounts[1].address else {
            throw .custom(Code.mintMismatch)
        }
        guard try self.mint(accounts[1], execution).decimals == decimals else {
            throw .custom(Code.decimalsMismatch)
        }
        try self.checkAuthority(accounts[3], is: source.owner)
        guard !toItself, amount > 0 else { return }
        source.amount -= amount
        destination.amount += amount  // two accounts of one mint: never more than its supply
        try self.write(source, to: accounts[0], by: call, &execution)
        try self.write(destination, to: accounts[2], by: call, &execution)
    }

    /// Leaves the extensions as they are.
    private func write(
        _ account: TokenAccount, to place: Call.Account, by call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        let tail = execution.state(of: place).data.dropFirst(TokenAccount.byteCount)
        try execution.write(account.bytes + tail, to: place, by: call)
    }

    // MARK: Reading accounts

    /// Token-2022 asks first whose an account is, SPL Token leaves that to the runtime.
    private func checkOwner(
        _ account: Call.Account, _ execution: Execution
    ) throws(InstructionFailure) {
        guard !self.isExtended || execution.state(of: account).owner == self.address else {
            throw .named(.incorrectProgramId)
        }
    }

    private func tokenAccount(
        _ account: Call.Account, _ execution: Execution
    ) throws(InstructionFailure) -> TokenAccount {
        try self.checkOwner(account, execution)
        guard
            let state = try? TokenAccount(decoding: execution.state(of: account).data, owner: self.address)
        else {
            throw .named(.invalidAccountData)
        }
        guard state.state != .uninitialized else { throw .named(.uninitializedAccount) }
        return state
    }

    private func mint(_ account: Call.Account, _ execution: Execution) throws(InstructionFailure) -> Mint {
        try self.checkOwner(account, execution)
        guard let mint = try? Mint(decoding: execution.state(of: account).data) else {
            throw .named(.invalidAccountData)
        }
        guard mint.isInitialized else { throw .named(.uninitializedAccount) }
        return mint
    }

    private func checkAuthority(_ account: Call.Account, is authority: Address) throws(InstructionFailure) {
        guard account.address == authority else { throw .custom(Code.ownerMismatch) }
        guard account.isSigner else { throw .named(.missingRequiredSignature) }
    }
}
