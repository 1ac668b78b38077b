extension TransactionMessage {
    /// Packs `instructions` into a message without address tables.
    ///
    /// Accounts stand in four groups: writable signers (the fee payer first), readonly signers, writable,
    /// readonly; inside a group in the order of their bytes, as the Solana SDK sorts them. An account that is
    /// named twice gets the sum of its rights.
    /// - Throws: `WireError.tooManyAccounts`, or `tooLarge` when the message alone fills more than a packet.
    public static func build(
        version: Version, feePayer: Address, instructions: [Instruction], recentBlockhash: Blockhash
    ) throws(WireError) -> TransactionMessage {
        var rights: [Address: (signer: Bool, writable: Bool)] = [:]
        for instruction in instructions {
            for meta in instruction.accounts {
                let old = rights[meta.address] ?? (false, false)
                rights[meta.address] = (old.signer || meta.isSigner, old.writable || meta.isWritable)
            }
            rights[instruction.program] = rights[instruction.program] ?? (false, false)
        }
        rights[feePayer] = nil
        func group(signer: Bool, writable: Bool) -> [Address] {
            rights.filter { $0.value == (signer, writable) }.keys.sorted()
        }
        let signedWritable = [feePayer] + group(signer: true, writable: true)
        let signedReadonly = group(signer: true, writable: false)
        let unsignedWritable = group(signer: false, writable: true)
        let unsignedReadonly = group(signer: false, writable: false)
        let keys = signedWritable + signedReadonly + unsignedWritable + unsignedReadonly
        guard keys.count <= 256 else { throw .tooManyAccounts(keys.count) }

        var indexes: [Address: UInt8] = [:]
        for (index, key) in keys.enumerated() { indexes[key] = UInt8(truncatingIfNeeded: index) }
        func index(_ address: Address) -> UInt8 {
            guard let index = indexes[address] else {
                preconditionFailure("every named account was collected")
            }
            return index
        }
        let size = instructions.reduce(36 + 32 * keys.count) { $0 + $1.accounts.count + $1.data.count + 3 }
        guard size <= Transaction.byteLimit else {
            throw .tooLarge(bytes: size, limit: Transaction.byteLimit)
        }
        return try TransactionMessage(
            version: version,
            header: (
                signedWritable.count + signedReadonly.count, signedReadonly.count, unsignedReadonly.count
            ),
            keys: keys, recentBlockhash: recentBlockhash,
            instructions: instructions.map { instruction in
                CompiledInstruction(
                    program: index(instruction.program),
                    accounts: instruction.accounts.map { index($0.address) }, data: instruction.data)
            },
            lookups: [])
    }
}
