public import Encoding

/// A token mint: 82 bytes of account data.
public struct Mint: Sendable, Hashable {
    /// Bytes of a mint of SPL Token.
    public static let byteCount = 82

    /// Who may make new tokens; nil when the supply is fixed.
    public var authority: Address?
    /// All tokens, in atomic units.
    public var supply: UInt64
    /// Digits after the point.
    public var decimals: UInt8
    /// False in a fresh account.
    public var isInitialized: Bool
    /// Who may freeze token accounts.
    public var freezeAuthority: Address?

    public init(
        authority: Address?, supply: UInt64, decimals: UInt8, isInitialized: Bool = true,
        freezeAuthority: Address? = nil
    ) {
        self.authority = authority
        self.supply = supply
        self.decimals = decimals
        self.isInitialized = isInitialized
        self.freezeAuthority = freezeAuthority
    }

    /// Reads account data of exactly 82 bytes. The caller checks that the token program owns the account.
    public init(decoding bytes: [UInt8]) throws(DecodingError) {
        guard bytes.count == Self.byteCount else { throw .length(bytes.count) }
        var reader = ByteReader(bytes)
        self.authority = try reader.optionalAddress()
        self.supply = try reader.little()
        self.decimals = try reader.byte()
        self.isInitialized = try reader.flag()
        self.freezeAuthority = try reader.optionalAddress()
    }

    /// The 82 bytes.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(optional: self.authority)
        bytes.append(little: self.supply)
        bytes += [self.decimals, self.isInitialized ? 1 : 0]
        bytes.append(optional: self.freezeAuthority)
        return bytes
    }
}

/// A token account: 165 bytes of account data.
public struct TokenAccount: Sendable, Hashable {
    /// Bytes of a token account of SPL Token.
    public static let byteCount = 165

    /// What the account may do.
    public enum State: UInt8, Sendable, Hashable {
        /// A fresh account of the token program.
        case uninitialized = 0
        /// In use.
        case initialized = 1
        /// Nothing moves until the freeze authority says so.
        case frozen = 2
    }

    /// Which token.
    public var mint: Address
    /// Who may move the tokens.
    public var owner: Address
    /// In atomic units.
    public var amount: UInt64
    /// Who else may move up to `delegatedAmount`.
    public var delegate: Address?
    /// Whether tokens may move.
    public var state: State
    /// Lamports that are not tokens, for wrapped SOL.
    public var nativeReserve: UInt64?
    /// What the delegate may still move.
    public var delegatedAmount: UInt64
    /// Who may close the account besides its owner.
    public var closeAuthority: Address?

    /// An initialised account without delegate.
    public init(mint: Address, owner: Address, amount: UInt64 = 0) {
        self.mint = mint
        self.owner = owner
        self.amount = amount
        self.state = .initialized
        self.delegatedAmount = 0
    }

    /// Reads account data of exactly 165 bytes. The caller checks that the token program owns the account.
    public init(decoding bytes: [UInt8]) throws(DecodingError) {
        guard bytes.count == Self.byteCount else { throw .length(bytes.count) }
        var reader = ByteReader(bytes)
        self.mint = try Address(bytes: reader.take(Address.byteCount))
        self.owner = try Address(bytes: reader.take(Address.byteCount))
        self.amount = try reader.little()
        self.delegate = try reader.optionalAddress()
        guard let state = State(rawValue: try reader.byte()) else { throw .notCanonical }
        self.state = state
        let isNative = try reader.optionTag()
        let reserve = try reader.little(UInt64.self)
        self.nativeReserve = isNative ? reserve : nil
        self.delegatedAmount = try reader.little()
        self.closeAuthority = try reader.optionalAddress()
    }

    /// The 165 bytes.
    public var bytes: [UInt8] {
        var bytes = self.mint.bytes + self.owner.bytes
        bytes.append(little: self.amount)
        bytes.append(optional: self.delegate)
        bytes.append(self.state.rawValue)
        bytes.append(little: UInt32(self.nativeReserve == nil ? 0 : 1))
        bytes.append(little: self.nativeReserve ?? 0)
        bytes.append(little: self.delegatedAmount)
        bytes.append(optional: self.closeAuthority)
        return bytes
    }
}

extension ByteReader {
    /// A 4-byte tag of 0 or 1, as account layouts write options.
    fileprivate mutating func optionTag() throws(DecodingError) -> Bool {
        switch try self.little(UInt32.self) {
        case 0: false
        case 1: true
        default: throw .notCanonical
        }
    }

    fileprivate mutating func flag() throws(DecodingError) -> Bool {
        switch try self.byte() {
        case 0: false
        case 1: true
        default: throw .notCanonical
        }
    }

    /// A tag and 32 bytes; without a tag the bytes are whatever an earlier value left there.
    fileprivate mutating func optionalAddress() throws(DecodingError) -> Address? {
        let present = try self.optionTag()
        let address = try Address(bytes: self.take(Address.byteCount))
        return present ? address : nil
    }
}

extension [UInt8] {
    fileprivate mutating func append(optional address: Address?) {
        self.append(little: UInt32(address == nil ? 0 : 1))
        self += address?.bytes ?? [UInt8](repeating: 0, count: Address.byteCount)
    }
}
