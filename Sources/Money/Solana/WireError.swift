public import Encoding

/// Why bytes are not a transaction that this module accepts, or why a message cannot be built.
public enum WireError: Error, Equatable, CustomStringConvertible {
    /// The bytes end too early, go on after the end, or are not in the one form that encoding gives.
    case bytes(DecodingError)
    /// Larger than a packet.
    case tooLarge(bytes: Int, limit: Int)
    /// A message version that is not in use: versions count from 0, legacy is none.
    case unsupportedVersion(Int)
    /// The header's counts contradict each other or the number of keys.
    case header(signatures: Int, readonlySigned: Int, readonlyUnsigned: Int, keys: Int)
    /// The number of signatures is not the number of required ones.
    case signatureCount(found: Int, required: Int)
    /// An instruction names an account that the message does not have, or the fee payer as its program.
    case accountIndex(Int, count: Int)
    /// An account index has 8 bits.
    case tooManyAccounts(Int)
    /// An address-table lookup that loads nothing.
    case emptyLookup
    /// The transaction asks for no signature of this address.
    case notASigner(Address)
    /// The signature of this address does not verify.
    case forged(Address)

    /// One line for people.
    public var description: String {
        switch self {
        case .bytes(let error): error.description
        case .tooLarge(let bytes, let limit): "\(bytes) bytes, a transaction has at most \(limit)"
        case .unsupportedVersion(let version): "message version \(version) is not supported"
        case .header(let signatures, let signed, let unsigned, let keys):
            "a header: \(signatures) signers of \(keys) keys; readonly \(signed) and \(unsigned)"
        case .signatureCount(let found, let required): "\(found) signatures, \(required) are required"
        case .accountIndex(let index, let count): "account \(index) of \(count) is not allowed here"
        case .tooManyAccounts(let count): "\(count) accounts, a message has at most 256"
        case .emptyLookup: "an address-table lookup without accounts"
        case .notASigner(let address): "\(address) does not sign this transaction"
        case .forged(let address): "the signature of \(address) does not verify"
        }
    }
}
