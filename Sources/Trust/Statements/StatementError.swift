internal import Encoding

/// Why something signed does not count.
public enum StatementError: Error, Equatable, CustomStringConvertible {
    /// It does not have the form of a signed message, or more in it than it needs.
    case form(String)
    /// Signed with something else than Ed25519, or not at all.
    case algorithm(String)
    case kind(expected: String, found: String)
    /// No name of a sound Ed25519 key stands where the signer is named.
    case key(String)
    /// Signed by somebody, but not by whom it should be.
    case signer(expected: String, found: String)
    case signature(of: String)
    /// What was signed says something else than its kind says.
    case members(String)

    /// What is wrong with its form; nil where the matter is who signed, and how.
    public var malformation: String? {
        switch self {
        case .form(let reason), .members(let reason): reason
        case .algorithm, .kind, .key, .signer, .signature: nil
        }
    }

    /// For programs.
    public var rule: String {
        switch self {
        case .form: "form"
        case .algorithm: "algorithm"
        case .kind: "kind"
        case .key: "key"
        case .signer: "signer"
        case .signature: "signature"
        case .members: "members"
        }
    }

    public var description: String {
        switch self {
        case .form(let reason): "it has not the form of a signed message: \(reason)"
        case .algorithm(let name): "it is signed with \"\(name)\", and only Ed25519 counts"
        case .kind(let expected, let found): "it is \"\(found)\" instead of \(expected)"
        case .key(let name): "\"\(name)\" is no sound Ed25519 key"
        case .signer(let expected, let found): "it is signed by \(found) instead of \(expected)"
        case .signature(let signer): "it is not what \(signer) signed"
        case .members(let reason): "it says something else than its kind: \(reason)"
        }
    }
}

extension JSON {
    /// Reads what is said to be signed.
    static func statement(_ bytes: [UInt8], within limits: Limits) throws(StatementError) -> JSON {
        do {
            return try JSON.read(bytes, limits: limits)
        } catch {
            throw .form("\(error)")
        }
    }
}
