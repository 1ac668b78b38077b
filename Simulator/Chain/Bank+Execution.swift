import Encoding
package import Solana

extension Bank {
    /// What a transaction would do now.
    package struct Outcome: Sendable {
        /// Why it fails; nil when it does what it says.
        package let failure: TransactionFailure?
        /// What programs said.
        package let logs: [String]
        /// Compute units used.
        package let units: UInt64
        /// What the fee payer pays.
        package let fee: UInt64
        /// The accounts afterwards; only the fee is paid when it failed.
        let accounts: [(address: Address, account: Account)]
    }

    /// Executes in the current slot. A transaction that fails while running is recorded with its failure and
    /// pays.
    /// - Parameter verifying: whether the signatures have yet to be checked.
    /// - Throws: Why it was not taken into the block: no record, no fee.
    @discardableResult
    package mutating func execute(
        _ transaction: Transaction, verifying: Bool = true
    ) throws(TransactionFailure) -> Entry {
        let outcome = try self.outcome(of: transaction, verifying: verifying)
        guard let id = transaction.id else { throw .signatureFailure }
        let keys = transaction.message.keys
        let before = keys.map { self.accounts[$0]?.lamports ?? 0 }
        for (address, account) in outcome.accounts {
            // An account without lamports is gone, data and all.
            self.accounts[address] = account.lamports == 0 ? nil : account
        }
        self.burntFees += outcome.fee
        let entry = Entry(
            id: id, slot: self.slot, kind: .transaction(transaction.bytes), failure: outcome.failure,
            fee: outcome.fee, units: outcome.units, logs: outcome.logs,
            balances: (before, keys.map { self.accounts[$0]?.lamports ?? 0 }))
        self.record(entry, naming: keys)
        return entry
    }

    /// What would happen to a transaction, as a node's preflight says.
    package func simulate(
        _ transaction: Transaction, verifying: Bool, replacingBlockhash: Bool = false
    ) -> Outcome {
        do throws(TransactionFailure) {
            return try self.outcome(
                of: transaction, verifying: verifying, ignoringBlockhash: replacingBlockhash)
        } catch {
            return Outcome(failure: error, logs: [], units: 0, fee: 0, accounts: [])
        }
    }

    /// - Throws: Why the transaction cannot be part of a block at all.
    private func outcome(
        of transaction: Transaction, verifying: Bool, ignoringBlockhash: Bool = false
    ) throws(TransactionFailure) -> Outcome {
        let message = transaction.message
        if verifying {
            guard transaction.missingSigners.isEmpty else { throw .signatureFailure }
            do throws(WireError) { try transaction.verifySignatures() } catch { throw .signatureFailure }
        }
        guard Set(message.keys).count == message.keys.count else { throw .accountLoadedTwice }
        guard message.lookups.isEmpty else { throw .addressLookupTableNotFound }
        guard ignoringBlockhash || self.isValid(message.recentBlockhash) else { throw .blockhashNotFound }
        let budget = try ComputeBudget(message)
        if let id = transaction.id, self.positions[id] != nil { throw .alreadyProcessed }

        let fee = budget.fee(signatures: message.requiredSignatures + Self.precompiled(message))
        let payer = try self.feePayer(message.feePayer, paying: fee)
        for instruction in message.instructions {
            // The network takes such a transaction and its fee since SIMD-0082; here it is refused, as by
            // LiteSVM.
            let program = message.keys[Int(instruction.program)]
            guard self.genesis.programs[program] != nil else { throw .invalidProgramForExecution }
        }
        var accounts = message.keys.map { self.accounts[$0] ?? Account() }
        accounts[0] = payer
        let writable = self.writable(message)
        var execution = Execution(
            message, accounts: accounts, programs: self.genesis.programs, unitLimit: budget.unitLimit,
            slot: self.slot, unixSeconds: self.unixSeconds(at: self.slot))
        var failure: TransactionFailure?
        for index in message.instructions.indices where failure == nil {
            do throws(InstructionFailure) { try execution.run(instruction: index, writable: writable) } catch
            {
                failure = .instruction(index: UInt8(truncatingIfNeeded: index), error)
            }
        }
        failure = failure ?? self.rentFailure(execution.accounts, writable: writable)
        let changed = failure == nil ? execution.accounts : [payer]
        return Outcome(
            failure: failure, logs: execution.logs, units: execution.units, fee: fee,
            accounts: Array(zip(message.keys, changed)))
    }

    /// Signatures that a precompile checks; each costs like one of the transaction's own.
    private static func precompiled(_ message: TransactionMessage) -> Int {
        message.instructions.reduce(0) { sum, instruction in
            let isOne = message.keys[Int(instruction.program)] == .ed25519Program
            return sum + (isOne ? Int(instruction.data.first ?? 0) : 0)
        }
    }

    /// The fee payer's account without the fee.
    private func feePayer(_ address: Address, paying fee: UInt64) throws(TransactionFailure) -> Account {
        guard var payer = self.accounts[address] else { throw .accountNotFound }
        guard payer.owner == .systemProgram, payer.data.isEmpty else { throw .invalidAccountForFee }
        guard payer.lamports >= fee else { throw .insufficientFundsForFee }
        payer.lamports -= fee
        guard Rent.allows(payer) else { throw .insufficientFundsForRent(accountIndex: 0) }
        return payer
    }

    /// What the transaction may write: what its header says, less what nobody may write.
    private func writable(_ message: TransactionMessage) -> [Bool] {
        let called = Set(message.instructions.map { Int($0.program) })
        return message.keys.indices.map { index in
            let key = message.keys[index]
            return message.isWritable(index) && !called.contains(index) && !Programs.native.contains(key)
                && !Programs.sysvars.contains(key)
        }
    }

    private func rentFailure(_ accounts: [Account], writable: [Bool]) -> TransactionFailure? {
        let poor = accounts.indices.first { writable[$0] && !Rent.allows(accounts[$0]) }
        return poor.map { .insufficientFundsForRent(accountIndex: UInt8(truncatingIfNeeded: $0)) }
    }
}
