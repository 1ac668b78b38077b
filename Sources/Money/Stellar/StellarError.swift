public import Encoding

/// Why bytes are not what this module reads, or not what they should pay.
public enum StellarError: Error, Equatable, CustomStringConvertible {
    /// The bytes end too early, go on after the end, or are not in the one form that encoding gives.
    case bytes(DecodingError)
    /// Longer than anything of its kind.
    case tooLarge(bytes: Int, limit: Int)
    /// A kind of `what` that is not accepted here.
    case kind(UInt32, of: String)
    /// More of `what` than is accepted here.
    case count(UInt32, of: String)
    /// Values inside values beyond what anybody pays with.
    case tooDeep
    /// A network that this module does not know.
    case unknownNetwork
    /// An authorization of something other than one transfer of tokens.
    case notATransfer(String)
    /// An amount that is not 1 to 2⁶⁴ - 1 atomic units.
    case amount(Int128)
    /// The signature of this account is missing or does not verify.
    case forged(StellarAddress)
    /// An envelope of another shape than the one that x402 carries.
    case shape(String)

    /// One line for people.
    public var description: String {
        switch self {
        case .bytes(let error): error.description
        case .tooLarge(let bytes, let limit): "\(bytes) bytes, at most \(limit) are read"
        case .kind(let tag, let what): "\(what) of kind \(tag) is not accepted"
        case .count(let count, let what): "\(count) \(what) are not accepted"
        case .tooDeep: "values lie too deep in each other"
        case .unknownNetwork: "an unknown network"
        case .notATransfer(let reason): "no plain transfer: \(reason)"
        case .amount(let amount): "\(amount) is no amount of a payment"
        case .forged(let address): "the signature of \(address) is missing or does not verify"
        case .shape(let reason): "not a payment's envelope: \(reason)"
        }
    }
}
