public import Encoding

/// One extension of a Token-2022 mint or account: a type and its bytes.
/// Source: spl-token-2022, `ExtensionType`; type u16, length u16, value, from byte 166 on.
public struct TokenExtension: Sendable, Hashable, CustomStringConvertible {
    public let type: UInt16

    private static let names = [
        1: "TransferFeeConfig", 2: "TransferFeeAmount", 3: "MintCloseAuthority",
        4: "ConfidentialTransferMint",
        5: "ConfidentialTransferAccount", 6: "DefaultAccountState", 7: "ImmutableOwner", 8: "MemoTransfer",
        9: "NonTransferable", 10: "InterestBearingConfig", 11: "CpiGuard", 12: "PermanentDelegate",
        13: "NonTransferableAccount", 14: "TransferHook", 15: "TransferHookAccount",
        16: "ConfidentialTransferFeeConfig", 17: "ConfidentialTransferFeeAmount", 18: "MetadataPointer",
        19: "TokenMetadata", 20: "GroupPointer", 21: "TokenGroup", 22: "GroupMemberPointer",
        23: "TokenGroupMember", 24: "ConfidentialMintBurn", 25: "ScaledUiAmount", 26: "Pausable",
        27: "PausableAccount", 28: "PermissionedBurn",
    ]

    public init(type: UInt16) { self.type = type }

    /// The name in the program's source.
    public var description: String { Self.names[Int(self.type)] ?? "extension \(self.type)" }

    /// Whether a mint that has it moves just what a transfer says, to whom it says, for ever: names,
    /// groups, and who may close the mint once there are no tokens. Everything else can take a fee, need more
    /// accounts, stop a transfer or take the tokens back.
    public var leavesTransfersAlone: Bool {
        switch self.type {
        case 3, 18...23: true
        default: false
        }
    }

    /// Where the kind of account is said, after the longest account without extensions.
    static let kindOffset = TokenAccount.byteCount

    /// Splits account data into the part that SPL Token knows and the extensions.
    /// - Parameters:
    ///   - byteCount: of that part.
    ///   - kind: 1 for a mint, 2 for an account.
    static func split(
        _ data: [UInt8], byteCount: Int, kind: UInt8
    ) throws(DecodingError) -> (base: [UInt8], extensions: [TokenExtension]) {
        let base = Array(data.prefix(byteCount))
        guard data.count > byteCount else { return (base, []) }
        guard data.count > self.kindOffset, data[self.kindOffset] == kind,
            data[byteCount..<self.kindOffset].allSatisfy({ $0 == 0 })
        else { throw .notCanonical }
        var reader = ByteReader(data)
        _ = try reader.take(self.kindOffset + 1)
        var extensions: [TokenExtension] = []
        var left = data.count - self.kindOffset - 1
        // What is left over is room for extensions that are not there.
        while left >= 4 {
            let type = try reader.little(UInt16.self)
            guard type != 0 else { break }
            let length = Int(try reader.little(UInt16.self))
            guard length <= left - 4 else { throw .length(length) }
            _ = try reader.take(length)
            left -= 4 + length
            extensions.append(TokenExtension(type: type))
        }
        return (base, extensions)
    }
}

/// A mint of SPL Token or Token-2022, and what Token-2022 adds to it.
public struct TokenMint: Sendable, Hashable {
    public let tokenProgram: Address
    public let mint: Mint
    public let extensions: [TokenExtension]

    /// Reads an account that `owner` owns.
    /// - Throws: `DecodingError.notCanonical` when that is neither of the two programs, or the data no mint.
    public init(decoding data: [UInt8], owner: Address) throws(DecodingError) {
        switch owner {
        case .tokenProgram:
            self.mint = try Mint(decoding: data)
            self.extensions = []
        case .token2022Program:
            let (base, extensions) = try TokenExtension.split(data, byteCount: Mint.byteCount, kind: 1)
            self.mint = try Mint(decoding: base)
            self.extensions = extensions
        default: throw .notCanonical
        }
        self.tokenProgram = owner
    }

    /// The first extension that can change what a payee receives.
    public var unsafeExtension: TokenExtension? { self.extensions.first { !$0.leavesTransfersAlone } }
}

extension TokenAccount {
    /// Bytes of an associated account of Token-2022 whose mint has no extensions: it says that its owner
    /// never changes.
    public static let immutableOwnerByteCount = 170

    /// Reads an account that the token program `owner` owns, whatever extensions it has.
    public init(decoding data: [UInt8], owner: Address) throws(DecodingError) {
        switch owner {
        case .tokenProgram: try self.init(decoding: data)
        case .token2022Program:
            try self.init(
                decoding: try TokenExtension.split(data, byteCount: Self.byteCount, kind: 2).base)
        default: throw .notCanonical
        }
    }
}
