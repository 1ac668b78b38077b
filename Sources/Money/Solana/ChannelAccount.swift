public import Encoding

/// The account of a payment channel, 256 bytes (solana-foundation/payment-channels, `Channel`).
public struct ChannelAccount: Sendable, Hashable {
    public static let byteCount = 256
    /// Where the payer stands: for finding all channels of a wallet.
    public static let payerOffset = 88

    public enum Status: UInt8, Sendable {
        case open = 0
        /// No voucher counts any more.
        case sealed = 1
        /// The payer wants out; the payee has the grace period for its last voucher.
        case closing = 2
        /// Everything is paid out; only rent is left.
        case distributed = 3
    }

    public let bump: UInt8
    public var status: Status
    public let salt: UInt64
    /// Atomic units in escrow, paid out ones included.
    public var deposit: UInt64
    /// The highest voucher that was shown.
    public var settled: UInt64
    /// What of it was paid out.
    public var paidOut: UInt64
    /// Seconds since 1970; 0 while nobody asked to close.
    public var closingSince: Int64
    /// Seconds since 1970; 0 while the payer took nothing back.
    public var withdrawnAt: Int64
    /// Seconds.
    public let grace: UInt32
    public let distributionHash: [UInt8]
    public let payer: Address
    public let payee: Address
    public let voucherSigner: Address
    public let mint: Address
    /// Who gets the rent back.
    public let rentPayer: Address
    public let openSlot: UInt64

    /// First byte of a channel.
    private static let discriminator: UInt8 = 1
    private static let version: UInt8 = 1

    /// A new channel.
    public init(
        seeds: ChannelSeeds, bump: UInt8, deposit: UInt64, grace: UInt32, shares: [ChannelShare],
        rentPayer: Address
    ) {
        self.bump = bump
        self.status = .open
        self.salt = seeds.salt
        self.deposit = deposit
        self.settled = 0
        self.paidOut = 0
        self.closingSince = 0
        self.withdrawnAt = 0
        self.grace = grace
        self.distributionHash = ChannelShare.hash(shares)
        self.payer = seeds.payer
        self.payee = seeds.payee
        self.voucherSigner = seeds.voucherSigner
        self.mint = seeds.mint
        self.rentPayer = rentPayer
        self.openSlot = seeds.openSlot
    }

    /// Reads an account's data.
    public init(decoding data: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(data)
        guard data.count == Self.byteCount, try reader.byte() == Self.discriminator,
            try reader.byte() == Self.version
        else { throw .notCanonical }
        self.bump = try reader.byte()
        guard let status = Status(rawValue: try reader.byte()) else { throw .notCanonical }
        self.status = status
        self.salt = try reader.little()
        self.deposit = try reader.little()
        self.settled = try reader.little()
        self.paidOut = try reader.little()
        self.closingSince = Int64(bitPattern: try reader.little(UInt64.self))
        self.withdrawnAt = Int64(bitPattern: try reader.little(UInt64.self))
        self.grace = try reader.little()
        self.distributionHash = try Array(reader.take(32))
        self.payer = try Address(bytes: reader.take(Address.byteCount))
        self.payee = try Address(bytes: reader.take(Address.byteCount))
        self.voucherSigner = try Address(bytes: reader.take(Address.byteCount))
        self.mint = try Address(bytes: reader.take(Address.byteCount))
        self.rentPayer = try Address(bytes: reader.take(Address.byteCount))
        self.openSlot = try reader.little()
    }

    public var bytes: [UInt8] {
        var bytes = [Self.discriminator, Self.version, self.bump, self.status.rawValue]
        for number in [self.salt, self.deposit, self.settled, self.paidOut] { bytes.append(little: number) }
        for moment in [self.closingSince, self.withdrawnAt] {
            bytes.append(little: UInt64(bitPattern: moment))
        }
        bytes.append(little: self.grace)
        bytes += self.distributionHash
        for address in [self.payer, self.payee, self.voucherSigner, self.mint, self.rentPayer] {
            bytes += address.bytes
        }
        bytes.append(little: self.openSlot)
        return bytes
    }

    /// From when on anybody may seal a closing channel, in seconds since 1970; at most the year 9999.
    public var closesAt: Int64 {
        let (end, overflow) = self.closingSince.addingReportingOverflow(Int64(self.grace))
        return overflow ? 253_402_300_799 : min(end, 253_402_300_799)
    }

    public var seeds: ChannelSeeds {
        ChannelSeeds(
            payer: self.payer, payee: self.payee, mint: self.mint, voucherSigner: self.voucherSigner,
            salt: self.salt, openSlot: self.openSlot)
    }
}
