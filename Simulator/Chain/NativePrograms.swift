import Encoding
import Solana

/// The system program: creates accounts and moves lamports. Other calls are refused as invalid data.
struct SystemProgram: Program {
    /// The largest account, in bytes.
    static let spaceLimit: UInt64 = 10 << 20

    func run(_ call: Call, in execution: inout Execution) throws(InstructionFailure) {
        try execution.consume(150)
        var reader = ByteReader(call.data)
        let request: Request
        do throws(DecodingError) { request = try Request(&reader) } catch {
            throw .named(.invalidInstructionData)
        }
        let accounts = try call.accounts(request.accountCount, orElse: .missingAccount)
        switch request {
        case .create(let lamports, let space, let owner):
            try self.create(accounts[1], space: space, owner: owner, call, &execution)
            try self.transfer(lamports, from: accounts[0], to: accounts[1], call, &execution)
        case .assign(let owner):
            guard execution.state(of: accounts[0]).owner != owner else { return }
            guard accounts[0].isSigner else { throw .named(.missingRequiredSignature) }
            try execution.assign(accounts[0], to: owner, by: call)
        case .transfer(let lamports):
            try self.transfer(lamports, from: accounts[0], to: accounts[1], call, &execution)
        case .allocate(let space):
            try self.allocate(accounts[0], space: space, call, &execution)
        }
    }

    private enum Request {
        case create(lamports: UInt64, space: UInt64, owner: Address)
        case assign(owner: Address)
        case transfer(lamports: UInt64)
        case allocate(space: UInt64)

        /// Further bytes are ignored, as the real program does.
        init(_ reader: inout ByteReader) throws(DecodingError) {
            switch try reader.little(UInt32.self) {
            case 0:
                self = .create(
                    lamports: try reader.little(), space: try reader.little(),
                    owner: try Address(bytes: reader.take(32)))
            case 1: self = .assign(owner: try Address(bytes: reader.take(32)))
            case 2: self = .transfer(lamports: try reader.little())
            case 8: self = .allocate(space: try reader.little())
            default: throw .notCanonical
            }
        }

        var accountCount: Int {
            switch self {
            case .create, .transfer: 2
            case .assign, .allocate: 1
            }
        }
    }

    private func create(
        _ account: Call.Account, space: UInt64, owner: Address, _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        guard execution.state(of: account).lamports == 0 else { throw .custom(0) }
        try self.allocate(account, space: space, call, &execution)
        try execution.assign(account, to: owner, by: call)
    }

    private func allocate(
        _ account: Call.Account, space: UInt64, _ call: Call, _ execution: inout Execution
    ) throws(InstructionFailure) {
        guard account.isSigner else { throw .named(.missingRequiredSignature) }
        let state = execution.state(of: account)
        guard state.data.isEmpty, state.owner == .systemProgram else { throw .custom(0) }
        guard space <= Self.spaceLimit else { throw .custom(3) }
        try execution.write([UInt8](repeating: 0, count: Int(space)), to: account, by: call)
    }

    private func transfer(
        _ lamports: UInt64, from source: Call.Account, to destination: Call.Account, _ call: Call,
        _ execution: inout Execution
    ) throws(InstructionFailure) {
        guard source.isSigner else { throw .named(.missingRequiredSignature) }
        let state = execution.state(of: source)
        guard state.data.isEmpty else { throw .named(.invalidArgument) }
        guard state.lamports >= lamports else {
            execution.log("Transfer: insufficient lamports \(state.lamports), need \(lamports)")
            throw .custom(1)
        }
        try execution.debit(lamports, from: source, by: call)
        try execution.credit(lamports, to: destination)
    }
}

/// The compute budget program. Its instructions were read before the transaction ran, see `ComputeBudget`.
struct ComputeBudgetProgram: Program {
    func run(_ call: Call, in execution: inout Execution) throws(InstructionFailure) {
        try execution.consume(150)
    }
}

/// SPL Memo: the data must be UTF-8 and every account a signer.
struct MemoProgram: Program {
    func run(_ call: Call, in execution: inout Execution) throws(InstructionFailure) {
        // Measured in solders 0.29.0 for memos up to 64 bytes; a signer costs a line of log.
        try execution.consume(287 + 226 * UInt64(call.accounts.count))
        guard call.accounts.allSatisfy(\.isSigner) else { throw .named(.missingRequiredSignature) }
        // The deployed program aborts here; its older version said InvalidInstructionData.
        guard let text = String(validating: call.data, as: UTF8.self) else {
            throw .named(.programFailedToComplete)
        }
        for account in call.accounts { execution.log("Program log: Signed by \(account.address)") }
        execution.log("Program log: Memo (len \(call.data.count)): \"\(text)\"")
    }
}
