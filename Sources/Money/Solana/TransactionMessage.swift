import Encoding

/// What the signers of a transaction sign: who pays, which accounts, which calls, until when.
///
/// Every value of this type is well formed: it came through the strict decoder or through the builder.
public struct TransactionMessage: Sendable, Hashable {
    /// The two encodings in use.
    public enum Version: Sendable, Hashable {
        /// Without a version byte.
        case legacy
        /// Version 0: may look accounts up in tables.
        case zero
    }

    /// Legacy or version 0.
    public let version: Version
    /// How many of the first keys must sign.
    public let requiredSignatures: Int
    /// How many of the signing keys, from their end, are only read.
    public let readonlySigned: Int
    /// How many of the other keys, from their end, are only read.
    public let readonlyUnsigned: Int
    /// The static accounts; the first one pays the fee.
    public let keys: [Address]
    /// The block after which the transaction dies, or a durable nonce.
    public let recentBlockhash: Blockhash
    /// The calls, executed in order, all or none.
    public let instructions: [CompiledInstruction]
    /// Accounts from tables; empty in legacy messages.
    public let lookups: [AddressTableLookup]

    /// Checks what the wire cannot express by itself, as the network's own `sanitize` does.
    init(
        version: Version, header: (required: Int, readonlySigned: Int, readonlyUnsigned: Int),
        keys: [Address],
        recentBlockhash: Blockhash, instructions: [CompiledInstruction], lookups: [AddressTableLookup]
    ) throws(WireError) {
        guard header.required > header.readonlySigned, header.required + header.readonlyUnsigned <= keys.count
        else {
            throw .header(
                signatures: header.required, readonlySigned: header.readonlySigned,
                readonlyUnsigned: header.readonlyUnsigned, keys: keys.count)
        }
        guard lookups.allSatisfy({ !$0.writable.isEmpty || !$0.readonly.isEmpty }) else { throw .emptyLookup }
        let total = keys.count + lookups.reduce(0) { $0 + $1.writable.count + $1.readonly.count }
        guard total <= 256 else { throw .tooManyAccounts(total) }
        for instruction in instructions {
            // The fee payer is no program, and programs are never looked up.
            guard instruction.program > 0, instruction.program < keys.count else {
                throw .accountIndex(Int(instruction.program), count: keys.count)
            }
            if let index = instruction.accounts.first(where: { $0 >= total }) {
                throw .accountIndex(Int(index), count: total)
            }
        }
        self.version = version
        self.requiredSignatures = header.required
        self.readonlySigned = header.readonlySigned
        self.readonlyUnsigned = header.readonlyUnsigned
        self.keys = keys
        self.recentBlockhash = recentBlockhash
        self.instructions = instructions
        self.lookups = lookups
    }

    /// The account that pays the fee.
    public var feePayer: Address { self.keys[0] }

    /// The addresses that must sign, in the order of their signatures.
    public var requiredSigners: [Address] { Array(self.keys.prefix(self.requiredSignatures)) }

    /// Whether the static key at `index` may be changed, as the header says.
    public func isWritable(_ index: Int) -> Bool {
        index < self.requiredSignatures
            ? index < self.requiredSignatures - self.readonlySigned
            : index < self.keys.count - self.readonlyUnsigned
    }

    /// The program that an instruction calls.
    public func program(of instruction: CompiledInstruction) -> Address {
        self.keys[Int(instruction.program)]
    }

    /// The accounts that an instruction names in the message itself; those from tables are left out, since
    /// their addresses are not in the signed bytes.
    public func staticAccounts(of instruction: CompiledInstruction) -> [Address] {
        instruction.accounts.filter { Int($0) < self.keys.count }.map { self.keys[Int($0)] }
    }

    /// Whether the key at `index` signs.
    public func isSigner(_ index: Int) -> Bool { index < self.requiredSignatures }
}

extension TransactionMessage {
    /// The bytes that are signed: for version 0 including the leading 0x80.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = self.version == .zero ? [0x80] : []
        for count in [self.requiredSignatures, self.readonlySigned, self.readonlyUnsigned] {
            // It came from a byte, or counts a part of what fits into a packet.
            bytes.append(UInt8(truncatingIfNeeded: count))
        }
        bytes.append(shortLength: self.keys.count)
        for key in self.keys { bytes += key.bytes }
        bytes += self.recentBlockhash.bytes
        bytes.append(shortLength: self.instructions.count)
        for instruction in self.instructions {
            bytes.append(instruction.program)
            bytes.append(shortLength: instruction.accounts.count)
            bytes += instruction.accounts
            bytes.append(shortLength: instruction.data.count)
            bytes += instruction.data
        }
        guard self.version == .zero else { return bytes }
        bytes.append(shortLength: self.lookups.count)
        for lookup in self.lookups {
            bytes += lookup.table.bytes
            bytes.append(shortLength: lookup.writable.count)
            bytes += lookup.writable
            bytes.append(shortLength: lookup.readonly.count)
            bytes += lookup.readonly
        }
        return bytes
    }

    /// Reads a whole message; anything that encoding would write differently is refused.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Transaction.byteLimit else {
            throw .tooLarge(bytes: bytes.count, limit: Transaction.byteLimit)
        }
        var version = Version.legacy
        if let first = bytes.first, first & 0x80 != 0 {
            guard first == 0x80 else { throw .unsupportedVersion(Int(first & 0x7f)) }
            version = .zero
        }
        var reader = ByteReader(version == .zero ? Array(bytes.dropFirst()) : bytes)
        let parts: Parts
        do throws(DecodingError) {
            parts = try Parts(from: &reader, version: version)
            try reader.end()
        } catch {
            throw .bytes(error)
        }
        try self.init(
            version: version, header: parts.header, keys: parts.keys, recentBlockhash: parts.blockhash,
            instructions: parts.instructions, lookups: parts.lookups)
    }

    /// The fields as they stand on the wire, not yet checked against each other.
    private struct Parts {
        let header: (required: Int, readonlySigned: Int, readonlyUnsigned: Int)
        let keys: [Address]
        let blockhash: Blockhash
        let instructions: [CompiledInstruction]
        let lookups: [AddressTableLookup]

        init(from reader: inout ByteReader, version: Version) throws(DecodingError) {
            self.header = (Int(try reader.byte()), Int(try reader.byte()), Int(try reader.byte()))
            // Counts are foreign: each element is read before the next is believed, so memory follows the
            // bytes.
            var keys: [Address] = []
            for _ in 0..<(try ShortVector.decode(from: &reader)) {
                keys.append(try Address(bytes: reader.take(32)))
            }
            self.keys = keys
            self.blockhash = try Blockhash(bytes: reader.take(32))
            var instructions: [CompiledInstruction] = []
            for _ in 0..<(try ShortVector.decode(from: &reader)) {
                instructions.append(
                    CompiledInstruction(
                        program: try reader.byte(), accounts: try Self.counted(&reader),
                        data: try Self.counted(&reader)))
            }
            self.instructions = instructions
            var lookups: [AddressTableLookup] = []
            for _ in 0..<(version == .zero ? try ShortVector.decode(from: &reader) : 0) {
                lookups.append(
                    AddressTableLookup(
                        table: try Address(bytes: reader.take(32)), writable: try Self.counted(&reader),
                        readonly: try Self.counted(&reader)))
            }
            self.lookups = lookups
        }

        private static func counted(_ reader: inout ByteReader) throws(DecodingError) -> [UInt8] {
            try reader.take(Int(try ShortVector.decode(from: &reader)))
        }
    }
}
