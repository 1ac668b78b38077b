package import Solana

/// One transaction while it runs: its accounts, what they may be, what was used and said.
package struct Execution: Sendable {
    /// How deep programs may call programs, the transaction's own call included.
    static let depthLimit = 5

    /// What is executed, for programs that look at the other instructions.
    package let message: TransactionMessage
    /// The slot in which it runs.
    package let slot: UInt64
    /// Seconds since 1970 in that slot.
    package let unixSeconds: Int64
    /// Compute units used.
    package private(set) var units: UInt64 = 0
    /// What programs said.
    package private(set) var logs: [String] = []
    let unitLimit: UInt64
    private let programs: [Address: any Program]
    private(set) var accounts: [Account]

    init(
        _ message: TransactionMessage, accounts: [Account], programs: [Address: any Program],
        unitLimit: UInt64, slot: UInt64, unixSeconds: Int64
    ) {
        self.message = message
        self.accounts = accounts
        self.programs = programs
        self.unitLimit = unitLimit
        self.slot = slot
        self.unixSeconds = unixSeconds
    }

    /// Runs instruction `index` of the message.
    mutating func run(instruction index: Int, writable: [Bool]) throws(InstructionFailure) {
        let instruction = self.message.instructions[index]
        let call = Call(
            program: self.message.keys[Int(instruction.program)],
            accounts: instruction.accounts.map { key in
                Call.Account(
                    address: self.message.keys[Int(key)], isSigner: self.message.isSigner(Int(key)),
                    isWritable: writable[Int(key)], index: Int(key))
            },
            data: instruction.data, depth: 1, instruction: index)
        try self.run(call)
    }

    private mutating func run(_ call: Call) throws(InstructionFailure) {
        guard let program = self.programs[call.program] else { throw .named(.missingAccount) }
        self.log("Program \(call.program) invoke [\(call.depth)]")
        do throws(InstructionFailure) {
            try program.run(call, in: &self)
        } catch {
            self.log("Program \(call.program) failed: \(error.text)")
            throw error
        }
        self.log("Program \(call.program) success")
    }

    /// Lets the running program call another one. `seeds` are those of addresses that the running program
    /// signs for.
    package mutating func invoke(
        _ instruction: Instruction, from caller: Call, seeds: [[[UInt8]]] = []
    ) throws(InstructionFailure) {
        guard caller.depth < Self.depthLimit else { throw .named(.callDepth) }
        let signed = seeds.compactMap { Address.programSigned(seeds: $0, program: caller.program) }
        var accounts: [Call.Account] = []
        for meta in instruction.accounts {
            // An account that the caller was given twice has the sum of its rights.
            let given = caller.accounts.filter { $0.address == meta.address }
            guard let first = given.first else { throw .named(.missingAccount) }
            guard !meta.isWritable || given.contains(where: \.isWritable),
                !meta.isSigner || given.contains(where: \.isSigner) || signed.contains(meta.address)
            else { throw .named(.privilegeEscalation) }
            accounts.append(
                Call.Account(
                    address: meta.address, isSigner: meta.isSigner, isWritable: meta.isWritable,
                    index: first.index))
        }
        guard caller.accounts.contains(where: { $0.address == instruction.program }) else {
            throw .named(.missingAccount)
        }
        try self.run(
            Call(
                program: instruction.program, accounts: accounts, data: instruction.data,
                depth: caller.depth + 1,
                instruction: caller.instruction))
    }

    // MARK: For programs

    /// The account as it stands now.
    package func state(of account: Call.Account) -> Account { self.accounts[account.index] }

    /// Uses compute units.
    package mutating func consume(_ units: UInt64) throws(InstructionFailure) {
        guard self.units + units <= self.unitLimit else {
            self.units = self.unitLimit
            throw .named(.computationalBudgetExceeded)
        }
        self.units += units
    }

    /// Adds a line to the logs.
    package mutating func log(_ line: String) { self.logs.append(line) }

    /// Gives lamports to any account that this call may write.
    package mutating func credit(_ lamports: UInt64, to account: Call.Account) throws(InstructionFailure) {
        guard account.isWritable else { throw .named(.readonlyLamportChange) }
        let (sum, overflow) = self.accounts[account.index].lamports.addingReportingOverflow(lamports)
        guard !overflow else { throw .named(.arithmeticOverflow) }
        self.accounts[account.index].lamports = sum
    }

    /// Takes lamports from an account of the running program.
    package mutating func debit(
        _ lamports: UInt64, from account: Call.Account, by call: Call
    ) throws(InstructionFailure) {
        let state = self.accounts[account.index]
        guard state.owner == call.program || lamports == 0 else { throw .named(.externalAccountLamportSpend) }
        guard account.isWritable else { throw .named(.readonlyLamportChange) }
        guard state.lamports >= lamports else { throw .named(.arithmeticOverflow) }
        self.accounts[account.index].lamports = state.lamports - lamports
    }

    /// Replaces the data of an account of the running program. Writing what is there is allowed to everybody.
    package mutating func write(
        _ data: [UInt8], to account: Call.Account, by call: Call
    ) throws(InstructionFailure) {
        guard self.accounts[account.index].data != data else { return }
        guard account.isWritable else { throw .named(.readonlyDataModified) }
        guard self.accounts[account.index].owner == call.program else {
            throw .named(.externalAccountDataModified)
        }
        self.accounts[account.index].data = data
    }

    /// Hands an account of the running program to another one.
    package mutating func assign(
        _ account: Call.Account, to owner: Address, by call: Call
    ) throws(InstructionFailure) {
        let state = self.accounts[account.index]
        guard state.owner != owner else { return }
        guard state.owner == call.program, account.isWritable, state.data.allSatisfy({ $0 == 0 }) else {
            throw .named(.modifiedProgramId)
        }
        self.accounts[account.index].owner = owner
    }
}

extension Address {
    /// The address of exactly these seeds, the bump being the last one; nil when it is on the curve.
    fileprivate static func programSigned(seeds: [[UInt8]], program: Address) -> Address? {
        guard let bump = seeds.last, bump.count == 1 else { return nil }
        guard let derived = Self.programDerived(seeds: seeds.dropLast(), program: program) else { return nil }
        return derived.bump == bump[0] ? derived.address : nil
    }
}
