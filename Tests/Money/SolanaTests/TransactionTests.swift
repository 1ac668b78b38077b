import Encoding
import Sodium
import Solana
import TestSupport
import Testing

/// The x402 payment of ``Golden/legacy``: sponsor 11, robot 12, node 14.
func payment(_ version: TransactionMessage.Version, memo: String = "job 7f3a: 1 kWh") throws
    -> TransactionMessage
{
    try TransactionMessage.build(
        version: version, feePayer: address(11),
        instructions: [
            .setComputeUnitLimit(60_000), .setComputeUnitPrice(microLamports: 5_000),
            .transferChecked(
                TokenTransfer(
                    from: address(12), to: address(14), mint: .devnetUSDC, amount: 1_500, decimals: 6)),
            .memo(memo),
        ],
        recentBlockhash: Blockhash(bytes: Array(1...32)))
}

@Suite struct TransactionTests {
    @Test(arguments: [TransactionMessage.Version.legacy, .zero])
    func `a sponsored payment equals the bytes of solders`(version: TransactionMessage.Version) throws {
        var transaction = try Transaction(payment(version))
        #expect(transaction.id == nil)
        #expect(transaction.missingSigners == [try address(11), try address(12)])
        try transaction.sign(with: key(12))
        #expect(transaction.missingSigners == [try address(11)])
        #expect(transaction.bytes[1..<65].allSatisfy { $0 == 0 })
        try transaction.sign(with: key(11))
        #expect(Hex.encode(transaction.bytes) == (version == .legacy ? Golden.legacy : Golden.versionZero))
        #expect(transaction.id == (version == .legacy ? Golden.legacyID : Golden.versionZeroID))
        try transaction.verifySignatures()
        let decoded = try Transaction(decoding: transaction.bytes)
        #expect(decoded == transaction)
        #expect(decoded.message.version == version)
    }

    @Test func `a transaction with three signers and every instruction equals the bytes of solders`() throws {
        let (payer, robot, node, mint) = (try address(11), try address(12), try address(14), try address(15))
        let message = try TransactionMessage.build(
            version: .zero, feePayer: payer,
            instructions: [
                .createAccount(
                    payer: payer, account: mint, lamports: 1_461_600, space: 82, owner: .tokenProgram),
                .initializeMint2(mint: mint, decimals: 6, authority: robot, freezeAuthority: node),
                .createAssociatedTokenIdempotent(payer: payer, owner: robot, mint: mint),
                .mintTo(
                    mint: mint, account: .associatedToken(owner: robot, mint: mint), authority: robot,
                    amount: 1_000_000_000),
                .transfer(from: payer, to: node, lamports: 890_880),
                .memo("hé", signers: [robot]),
            ],
            recentBlockhash: Blockhash(bytes: Array(1...32)))
        var transaction = try Transaction(message)
        for byte in [11, 12, 15] as [UInt8] { try transaction.sign(with: key(byte)) }
        #expect(Hex.encode(transaction.bytes) == Golden.setup)
    }

    @Test func `only a signer can sign, and only rightly`() throws {
        var transaction = try Transaction(payment(.legacy))
        #expect(throws: WireError.notASigner(try address(14))) { try transaction.sign(with: key(14)) }
        let other = try key(12).signature(over: [1, 2, 3])
        #expect(throws: WireError.forged(try address(12))) { try transaction.place(other, of: address(12)) }

        var bytes = try Hex.decode(Golden.legacy)
        bytes[70] ^= 1
        let tampered = try Transaction(decoding: bytes)
        #expect(throws: WireError.forged(try address(12))) { try tampered.verifySignatures() }
        #expect(tampered.signature(of: try address(14)) == nil)
    }

    @Test func `an account that is named twice has all its rights once`() throws {
        let (one, two) = (try address(1), try address(2))
        let instruction = Instruction(
            program: .memoProgram,
            accounts: [
                AccountMeta(two), AccountMeta(two, writable: true), AccountMeta(two, signer: true),
                AccountMeta(one),
            ],
            data: [])
        let message = try TransactionMessage.build(
            version: .legacy, feePayer: one, instructions: [instruction, .memo("x")],
            recentBlockhash: Blockhash(bytes: Array(1...32)))
        #expect(message.keys == [one, two, .memoProgram])
        #expect(
            message.requiredSignatures == 2 && message.readonlySigned == 0 && message.readonlyUnsigned == 1)
        #expect(message.instructions[0].accounts == [1, 1, 1, 0])
    }

    @Test func `a transaction beyond a packet is refused`() throws {
        #expect(throws: WireError.self) { try payment(.zero, memo: String(repeating: "x", count: 2_000)) }
        // The golden memo's 15 bytes go; a longer one needs one more byte for its length.
        let fits = Transaction.byteLimit - Golden.versionZero.utf8.count / 2 + 14
        #expect(
            try Transaction(payment(.zero, memo: String(repeating: "x", count: fits))).bytes.count == 1_232)
        #expect(throws: WireError.tooLarge(bytes: 1_233, limit: 1_232)) {
            try Transaction(payment(.zero, memo: String(repeating: "x", count: fits + 1)))
        }
        #expect(throws: WireError.tooLarge(bytes: 1_233, limit: 1_232)) {
            try Transaction(decoding: [UInt8](repeating: 1, count: 1_233))
        }
    }
}

@Suite struct HostileTransactionTests {
    /// Replaces bytes of the version 0 message: 129 bytes of signatures stand before it.
    private func changed(_ offset: Int, _ byte: UInt8) throws -> [UInt8] {
        var bytes = try Hex.decode(Golden.versionZero)
        bytes[129 + offset] = byte
        return bytes
    }

    @Test func `bytes that encoding would not make are refused`() throws {
        let good = try Hex.decode(Golden.versionZero)
        #expect(throws: WireError.bytes(.trailing(offset: good.count - 130))) {
            try Transaction(decoding: good + [0])
        }
        #expect(throws: WireError.self) { try Transaction(decoding: [0x82, 0x00] + good.dropFirst()) }
        #expect(throws: WireError.self) { try Transaction(decoding: []) }
    }

    @Test func `other versions are named`() throws {
        #expect(throws: WireError.unsupportedVersion(1)) { try Transaction(decoding: self.changed(0, 0x81)) }
        #expect(throws: WireError.unsupportedVersion(127)) {
            try Transaction(decoding: self.changed(0, 0xff))
        }
        #expect(throws: WireError.unsupportedVersion(1)) { try Transaction(decoding: [0x81, 1, 0, 2]) }
    }

    @Test func `headers that contradict themselves are refused`() throws {
        let headers =
            [(1, 0), (1, 1), (1, 3), (1, 255), (2, 2), (2, 3), (2, 255), (3, 7), (3, 255)] as [(Int, UInt8)]
        for (offset, byte) in headers {
            #expect(throws: WireError.self) { try Transaction(decoding: self.changed(offset, byte)) }
        }
        #expect(throws: WireError.signatureCount(found: 2, required: 1)) {
            var bytes = try self.changed(1, 1)
            bytes[129 + 2] = 0
            return try Transaction(decoding: bytes)
        }
    }

    @Test func `indexes beyond the accounts are refused`() throws {
        let instructions = 1 + 3 + 1 + 8 * 32 + 32  // version, header, count, keys, blockhash
        #expect(throws: WireError.accountIndex(8, count: 8)) {
            try Transaction(decoding: self.changed(instructions + 1, 8))
        }
        #expect(throws: WireError.accountIndex(0, count: 8)) {
            try Transaction(decoding: self.changed(instructions + 1, 0))
        }
        let transferAccounts = instructions + 1 + 8 + 12 + 2
        #expect(throws: WireError.accountIndex(200, count: 8)) {
            try Transaction(decoding: self.changed(transferAccounts, 200))
        }
    }

    @Test func `address-table lookups are read and counted`() throws {
        var bytes = try Hex.decode(Golden.versionZero)
        bytes.removeLast()
        let table = try address(9)
        let withLookup = bytes + [1] + table.bytes + [2, 0, 1, 1, 5]
        let transaction = try Transaction(decoding: withLookup)
        #expect(
            transaction.message.lookups == [
                AddressTableLookup(table: table, writable: [0, 1], readonly: [5])
            ])
        #expect(transaction.message.bytes == transaction.messageBytes)
        #expect(throws: WireError.emptyLookup) {
            try Transaction(decoding: bytes + [1] + table.bytes + [0, 0])
        }
    }

    @Test func `no truncation is a transaction`() throws {
        for golden in [Golden.legacy, Golden.versionZero, Golden.setup] {
            let bytes = try Hex.decode(golden)
            for count in bytes.indices {
                #expect(throws: WireError.self) { try Transaction(decoding: Array(bytes.prefix(count))) }
            }
        }
    }

    @Test(arguments: [20_261 as UInt64, 7, 99])
    func `mutated bytes are refused or read back as they are`(seed: UInt64) throws {
        var random = Seeded(seed)
        let originals = try [Golden.legacy, Golden.versionZero, Golden.setup].map { try Hex.decode($0) }
        var accepted = 0
        for round in 0..<2_000 {
            var bytes = originals[round % 3]
            for _ in 0...Int.random(in: 0...4, using: &random) {
                let at = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0...3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
                case 2: bytes.remove(at: at)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
                }
            }
            guard let transaction = try? Transaction(decoding: bytes) else { continue }
            accepted += 1
            #expect(transaction.bytes == bytes, "seed \(seed), round \(round)")
            #expect(transaction.message.bytes == transaction.messageBytes, "seed \(seed), round \(round)")
            _ = InstructionContent.contents(of: transaction.message)
            _ = try? transaction.verifySignatures()
        }
        #expect(accepted > 100, "seed \(seed)")
    }
}
