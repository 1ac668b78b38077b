public import Encoding
public import Sodium

/// A cumulative promise of a payment channel: "up to so much of the deposit is the payee's". 50 bytes, signed
/// as they are (solana-foundation/payment-channels, `VoucherArgs`).
///
/// `0x56 0x01 | channel 32 | cumulative u64 LE | expires i64 LE`
public struct ChannelVoucher: Sendable, Hashable {
    /// The signed bytes begin so: nothing else that a wallet signs does.
    public static let magic: [UInt8] = [0x56, 0x01]
    public static let byteCount = 50

    public let channel: Address
    /// Everything that was promised since the channel was opened, in atomic units.
    public let cumulative: UInt64
    /// Seconds since 1970; 0 for never, which is all that x402 allows.
    public let expiresAt: Int64

    public init(channel: Address, cumulative: UInt64, expiresAt: Int64 = 0) {
        self.channel = channel
        self.cumulative = cumulative
        self.expiresAt = expiresAt
    }

    /// Reads the signed bytes.
    public init(decoding bytes: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(bytes)
        guard try reader.take(2) == Self.magic else { throw .notCanonical }
        self.channel = try Address(bytes: reader.take(Address.byteCount))
        self.cumulative = try reader.little()
        self.expiresAt = Int64(bitPattern: try reader.little(UInt64.self))
        try reader.end()
    }

    /// What is signed.
    public var bytes: [UInt8] {
        var bytes = Self.magic + self.channel.bytes
        bytes.append(little: self.cumulative)
        bytes.append(little: UInt64(bitPattern: self.expiresAt))
        return bytes
    }

    /// The call of the Ed25519 precompile that shows this voucher to the program. Stands directly before
    /// the call that uses it.
    public func proof(signer: PublicKey, signature: Signature) -> Instruction {
        Instruction(
            program: .ed25519Program, accounts: [],
            data: Self.proofHeader + signer.bytes + signature.bytes + self.bytes)
    }

    /// One signature: its place, the key's, the message's and its length, all in this very instruction.
    static let proofHeader: [UInt8] = {
        var header: [UInt8] = [1, 0]
        for number: UInt16 in [48, 0xFFFF, 16, 0xFFFF, 112, UInt16(Self.byteCount), 0xFFFF] {
            header.append(little: number)
        }
        return header
    }()

    /// What ``proof(signer:signature:)`` says, read from its bytes; nil for anything of another shape.
    public static func read(
        proof data: [UInt8]
    ) -> (voucher: ChannelVoucher, signer: PublicKey, signature: Signature)? {
        let head = self.proofHeader.count
        guard data.count == head + 32 + 64 + self.byteCount, Array(data[..<head]) == self.proofHeader,
            let signer = try? PublicKey(Array(data[head..<head + 32])),
            let signature = try? Signature(Array(data[head + 32..<head + 96])),
            let voucher = try? ChannelVoucher(decoding: Array(data[(head + 96)...]))
        else { return nil }
        return (voucher, signer, signature)
    }
}

/// What names a payment channel: the seeds of its address.
public struct ChannelSeeds: Sendable, Hashable {
    /// Whose tokens are escrowed.
    public let payer: Address
    /// Who may seal the channel. Not the payer; in x402 the facilitator, with no share of the money.
    public let payee: Address
    public let mint: Address
    /// The key that signs vouchers.
    public let voucherSigner: Address
    public let salt: UInt64
    /// A recent slot at the time of opening, so that an address is never used twice.
    public let openSlot: UInt64

    /// The program takes an `openSlot` that is at most so many slots old.
    public static let openSlotWindow: UInt64 = 1_500

    public init(
        payer: Address, payee: Address, mint: Address, voucherSigner: Address, salt: UInt64, openSlot: UInt64
    ) {
        self.payer = payer
        self.payee = payee
        self.mint = mint
        self.voucherSigner = voucherSigner
        self.salt = salt
        self.openSlot = openSlot
    }

    /// The seeds as the program hashes them.
    public var bytes: [[UInt8]] {
        var salt: [UInt8] = []
        salt.append(little: self.salt)
        var slot: [UInt8] = []
        slot.append(little: self.openSlot)
        return [
            Array("channel".utf8), self.payer.bytes, self.payee.bytes, self.mint.bytes,
            self.voucherSigner.bytes, salt, slot,
        ]
    }

    /// The channel's address and its bump; nil where no bump gives one (never seen, 1 in 2^256).
    public var derived: (address: Address, bump: UInt8)? {
        Address.programDerived(seeds: self.bytes, program: .paymentChannelsProgram)
    }
}

/// Who gets what is settled: shares in hundredths of a percent. What is left is the payee's.
public struct ChannelShare: Sendable, Hashable {
    public let recipient: Address
    public let basisPoints: UInt16

    public init(recipient: Address, basisPoints: UInt16) {
        self.recipient = recipient
        self.basisPoints = basisPoints
    }

    /// Everything for one.
    public static func all(to recipient: Address) -> [ChannelShare] {
        [ChannelShare(recipient: recipient, basisPoints: 10_000)]
    }

    /// A list of shares as instructions carry it and as its hash covers it: count u32 LE, then each.
    public static func bytes(_ shares: [ChannelShare]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(little: UInt32(shares.count))
        for share in shares {
            bytes += share.recipient.bytes
            bytes.append(little: share.basisPoints)
        }
        return bytes
    }

    /// What a channel's account keeps of the list.
    public static func hash(_ shares: [ChannelShare]) -> [UInt8] { SHA256.digest(of: self.bytes(shares)) }
}

/// What opens a payment channel, as a message says it.
public struct ChannelOpening: Sendable, Hashable {
    public let seeds: ChannelSeeds
    /// Who pays for the accounts and gets the rent back.
    public let rentPayer: Address
    public let channel: Address
    /// Token account that the deposit comes from.
    public let source: Address
    /// Token account that holds it.
    public let escrow: Address
    public let tokenProgram: Address
    /// Atomic units.
    public let deposit: UInt64
    /// Seconds.
    public let grace: UInt32
    public let shares: [ChannelShare]

    public init(
        seeds: ChannelSeeds, rentPayer: Address, channel: Address, source: Address, escrow: Address,
        tokenProgram: Address, deposit: UInt64, grace: UInt32, shares: [ChannelShare]
    ) {
        self.seeds = seeds
        self.rentPayer = rentPayer
        self.channel = channel
        self.source = source
        self.escrow = escrow
        self.tokenProgram = tokenProgram
        self.deposit = deposit
        self.grace = grace
        self.shares = shares
    }
}
