internal import Encoding
public import Sodium
internal import Statements

/// The forms that one Ed25519 key's address takes. The Substrate chains share the payment key and differ in a
/// prefix; the others have a path of their own below the same mnemonic.
public enum Chain: String, Sendable, Hashable, CaseIterable {
    case solana
    case autonomys
    /// Any Substrate chain without a prefix of its own (42).
    case substrate
    case peaq
    case robonomics
    case near
    case stellar
    case sui
    /// No chain: the identity key as a `did:key`.
    case did

    /// An account number that no hardened path has.
    public struct AccountOutOfRange: Error, Equatable, CustomStringConvertible {
        public let account: UInt32
        public var description: String { "account \(self.account) is too large; the last one is 2147483647" }
    }

    /// Where account `account` lies below the mnemonic: the paths that the chains' own wallets use.
    /// - Throws: ``AccountOutOfRange`` from 2³¹ on, where a hardened step would wrap around.
    public func path(account: UInt32 = 0) throws(AccountOutOfRange) -> DerivationPath {
        guard account < 1 << 31 else { throw AccountOutOfRange(account: account) }
        return switch self {
        case .solana, .autonomys, .substrate, .peaq, .robonomics:
            DerivationPath(steps: [44, 501, account, 0])
        case .near: DerivationPath(steps: [44, 397, account])
        case .stellar: DerivationPath(steps: [44, 148, account])
        case .sui: DerivationPath(steps: [44, 784, account, 0, 0])
        case .did: .identity(uri: "depai://identity", index: account)
        }
    }

    /// The address of `key` as the chain writes it.
    public func address(of key: PublicKey) -> String {
        switch self {
        case .solana: Base58.encode(key.bytes)
        case .autonomys: SS58.encode(key, prefix: 6_094)
        case .substrate: SS58.encode(key, prefix: 42)
        case .peaq: SS58.encode(key, prefix: 1_221)
        case .robonomics: SS58.encode(key, prefix: 32)
        // The implicit account: the key itself.
        case .near: Hex.encode(key.bytes)
        case .stellar: StrKey.account.encode(key.bytes)
        // Flag 0 names the scheme Ed25519.
        case .sui: "0x" + Hex.encode(BLAKE2b.digest(of: [0] + key.bytes))
        case .did: DIDKey.text(of: key)
        }
    }

    /// The role whose stored key has account 0 of this chain; nil where only the mnemonic leads to it.
    public var storedRole: KeyRole? {
        switch self {
        case .solana, .autonomys, .substrate, .peaq, .robonomics: .payment
        case .did: .identity
        case .near: .near
        case .stellar: .stellar
        case .sui: .sui
        }
    }
}

/// Substrate's address format: prefix, key and two bytes of BLAKE2b-512, in base58
/// (https://docs.polkadot.com, "SS58"; prefixes by the ss58-registry).
public enum SS58 {
    private static let domain = Array("SS58PRE".utf8)

    /// - Parameter prefix: 0 to 16383 without the reserved 46 and 47.
    public static func encode(_ key: PublicKey, prefix: UInt16) -> String {
        precondition(prefix < 1 << 14 && prefix != 46 && prefix != 47, "a prefix that SS58 has")
        let head: [UInt8] =
            prefix < 64
            ? [UInt8(prefix)]
            : [
                UInt8((prefix & 0xfc) >> 2) | 0x40,
                UInt8(prefix >> 8) | UInt8((prefix & 3) << 6),
            ]
        let body = head + key.bytes
        let check = BLAKE2b.digest(of: self.domain + body, length: 64)
        return Base58.encode(body + check[..<2])
    }
}
