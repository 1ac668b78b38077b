import Encoding

/// What an instruction in a message does, read from its bytes alone.
///
/// This is what a wallet compares with a quote before it signs, so it shares no code with the constructors of
/// `Instruction`, and it recognises only the one exact form of each call: no further accounts, no further
/// bytes. Everything else is ``unrecognized(program:)`` and not to be signed.
public enum InstructionContent: Sendable, Hashable {
    /// The most units that the transaction may use.
    case setComputeUnitLimit(UInt32)
    /// What a unit of the limit costs the fee payer, in millionths of a lamport.
    case setComputeUnitPrice(UInt64)
    /// A new account with `space` zero bytes for the program `owner`.
    case createAccount(payer: Address, account: Address, lamports: UInt64, space: UInt64, owner: Address)
    /// Lamports move.
    case transfer(from: Address, to: Address, lamports: UInt64)
    /// A new account becomes a mint.
    case initializeMint2(
        tokenProgram: Address, mint: Address, decimals: UInt8, authority: Address, freezeAuthority: Address?)
    /// A new account becomes a token account.
    case initializeAccount3(tokenProgram: Address, account: Address, mint: Address, owner: Address)
    /// New tokens.
    case mintTo(tokenProgram: Address, mint: Address, account: Address, authority: Address, amount: UInt64)
    /// Tokens move. One authority; transfers of multisignature owners are not recognised.
    case transferChecked(TokenTransfer)
    /// A token account at its derived address. Whether the address is the right one is not checked here.
    case createAssociatedToken(
        payer: Address, account: Address, owner: Address, mint: Address, tokenProgram: Address,
        idempotent: Bool)
    /// Text; every account of the call signs.
    case memo(text: String, signers: [Address])
    /// A new payment channel. Whether its accounts are the derived ones is not checked here.
    case openChannel(ChannelOpening)
    /// More escrow for a payment channel.
    case topUpChannel(
        payer: Address, channel: Address, source: Address, escrow: Address, mint: Address,
        tokenProgram: Address,
        amount: UInt64)
    /// The payer of a channel wants out.
    case requestCloseOfChannel(payer: Address, channel: Address)
    /// Another program, another call, or a form that we never write. Nil when the program is looked up in a
    /// table.
    case unrecognized(program: Address?)

    /// Reads `instruction` of `message`.
    public init(decoding instruction: CompiledInstruction, in message: TransactionMessage) {
        let program =
            message.keys.indices.contains(Int(instruction.program))
            ? message.keys[Int(instruction.program)] : nil
        self = .unrecognized(program: program)
        guard let program, let roles = Roles(instruction.accounts, in: message) else { return }
        let content = try? Self.content(of: program, roles: roles, data: instruction.data)
        if let content = content ?? nil { self = content }
    }

    /// The contents of all instructions of `message` in their order.
    public static func contents(of message: TransactionMessage) -> [InstructionContent] {
        message.instructions.map { InstructionContent(decoding: $0, in: message) }
    }

    /// The accounts of one call with the rights that the message gives them.
    private struct Roles {
        let addresses: [Address]
        let signs: [Bool]
        let writes: [Bool]

        /// Nil when an account stands in a table: its address is not in the signed bytes.
        init?(_ indexes: [UInt8], in message: TransactionMessage) {
            guard indexes.allSatisfy({ $0 < message.keys.count }) else { return nil }
            self.addresses = indexes.map { message.keys[Int($0)] }
            self.signs = indexes.map { message.isSigner(Int($0)) }
            self.writes = indexes.map { message.isWritable(Int($0)) }
        }

        /// Whether there are as many accounts as letters and each has at least the rights of its letter:
        /// `x` signs and is written, `s` signs, `w` is written, `r` is read.
        func fit(_ pattern: StaticString) -> Bool {
            let letters = Array(String(describing: pattern).utf8)
            guard letters.count == self.addresses.count else { return false }
            return letters.indices.allSatisfy { index in
                switch letters[index] {
                case UInt8(ascii: "x"): self.signs[index] && self.writes[index]
                case UInt8(ascii: "s"): self.signs[index]
                case UInt8(ascii: "w"): self.writes[index]
                default: true
                }
            }
        }
    }

    private static func content(
        of program: Address, roles: Roles, data: [UInt8]
    ) throws(DecodingError) -> InstructionContent? {
        switch program {
        case .computeBudgetProgram: return try self.computeBudget(roles, ByteReader(data))
        case .systemProgram: return try self.system(roles, ByteReader(data))
        case .tokenProgram, .token2022Program: return try self.token(program, roles, ByteReader(data))
        case .associatedTokenProgram:
            guard roles.fit("xwrrrr"), data.isEmpty || data == [0] || data == [1] else { return nil }
            let at = roles.addresses
            guard at[4] == .systemProgram else { return nil }
            return .createAssociatedToken(
                payer: at[0], account: at[1], owner: at[2], mint: at[3], tokenProgram: at[5],
                idempotent: data == [1])
        case .memoProgram:
            guard roles.signs.allSatisfy({ $0 }), let text = String(validating: data, as: UTF8.self) else {
                return nil
            }
            return .memo(text: text, signers: roles.addresses)
        case .paymentChannelsProgram: return try self.channel(roles, ByteReader(data))
        default: return nil
        }
    }

    private static func computeBudget(
        _ roles: Roles, _ reader: consuming ByteReader
    ) throws(DecodingError) -> InstructionContent? {
        var reader = reader
        let content: InstructionContent
        switch try reader.byte() {
        case 2: content = .setComputeUnitLimit(try reader.little())
        case 3: content = .setComputeUnitPrice(try reader.little())
        default: return nil
        }
        try reader.end()
        return roles.addresses.isEmpty ? content : nil
    }

    private static func system(
        _ roles: Roles, _ reader: consuming ByteReader
    ) throws(DecodingError) -> InstructionContent? {
        var reader = reader
        let at = roles.addresses
        switch try reader.little(UInt32.self) {
        case 0 where roles.fit("xx"):
            let (lamports, space) = (try reader.little(UInt64.self), try reader.little(UInt64.self))
            let owner = try Address(bytes: reader.take(Address.byteCount))
            try reader.end()
            return .createAccount(
                payer: at[0], account: at[1], lamports: lamports, space: space, owner: owner)
        case 2 where roles.fit("xw"):
            let lamports = try reader.little(UInt64.self)
            try reader.end()
            return .transfer(from: at[0], to: at[1], lamports: lamports)
        default: return nil
        }
    }

    private static func channel(
        _ roles: Roles, _ reader: consuming ByteReader
    ) throws(DecodingError) -> InstructionContent? {
        var reader = reader
        let at = roles.addresses
        let content: InstructionContent
        switch try reader.byte() {
        case 1 where roles.fit("xxrrrwwwrrrrrr"):
            let fixed: [Address] = [.systemProgram, .rentSysvar, .associatedTokenProgram]
            guard Array(at[9...11]) == fixed, at[12] == .paymentChannelsEventAuthority,
                at[13] == .paymentChannelsProgram
            else { return nil }
            let salt = try reader.little(UInt64.self)
            let deposit = try reader.little(UInt64.self)
            let grace = try reader.little(UInt32.self)
            let openSlot = try reader.little(UInt64.self)
            let count = try reader.little(UInt32.self)
            // More do not fit into a transaction.
            guard count <= 32 else { return nil }
            var shares: [ChannelShare] = []
            for _ in 0..<count {
                let recipient = try Address(bytes: reader.take(Address.byteCount))
                shares.append(ChannelShare(recipient: recipient, basisPoints: try reader.little()))
            }
            content = .openChannel(
                ChannelOpening(
                    seeds: ChannelSeeds(
                        payer: at[0], payee: at[2], mint: at[3], voucherSigner: at[4], salt: salt,
                        openSlot: openSlot),
                    rentPayer: at[1], channel: at[5], source: at[6], escrow: at[7], tokenProgram: at[8],
                    deposit: deposit, grace: grace, shares: shares))
        case 3 where roles.fit("xwwwrr"):
            content = .topUpChannel(
                payer: at[0], channel: at[1], source: at[2], escrow: at[3], mint: at[4],
                tokenProgram: at[5], amount: try reader.little())
        case 5 where roles.fit("sw"): content = .requestCloseOfChannel(payer: at[0], channel: at[1])
        default: return nil
        }
        try reader.end()
        return content
    }

    private static func token(
        _ program: Address, _ roles: Roles, _ reader: consuming ByteReader
    ) throws(DecodingError) -> InstructionContent? {
        var reader = reader
        let at = roles.addresses
        let content: InstructionContent
        switch try reader.byte() {
        case 7 where roles.fit("wws"):
            content = .mintTo(
                tokenProgram: program, mint: at[0], account: at[1], authority: at[2],
                amount: try reader.little())
        case 12 where roles.fit("wrws"):
            content = .transferChecked(
                TokenTransfer(
                    source: at[0], mint: at[1], destination: at[2], authority: at[3],
                    amount: try reader.little(),
                    decimals: try reader.byte(), tokenProgram: program))
        case 18 where roles.fit("wr"):
            content = .initializeAccount3(
                tokenProgram: program, account: at[0], mint: at[1],
                owner: try Address(bytes: reader.take(Address.byteCount)))
        case 20 where roles.fit("w"):
            let decimals = try reader.byte()
            let authority = try Address(bytes: reader.take(Address.byteCount))
            let flag = try reader.byte()
            guard flag <= 1 else { return nil }
            content = .initializeMint2(
                tokenProgram: program, mint: at[0], decimals: decimals, authority: authority,
                freezeAuthority: flag == 1 ? try Address(bytes: reader.take(Address.byteCount)) : nil)
        default: return nil
        }
        try reader.end()
        return content
    }
}
