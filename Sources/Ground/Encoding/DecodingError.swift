/// Why a text or a byte string does not decode.
public enum DecodingError: Error, Equatable, CustomStringConvertible {
    /// A character outside the alphabet; offset in UTF-8 bytes.
    case character(offset: Int)
    /// A length that no encoding has.
    case length(Int)
    /// It decodes, but encoding the result gives another text: two texts for one value are refused.
    case notCanonical
    /// The bytes end too early; offset in bytes.
    case truncated(offset: Int)
    /// Something follows the end; offset in bytes.
    case trailing(offset: Int)

    public var description: String {
        switch self {
        case .character(let offset): "character \(offset + 1) is not in the alphabet"
        case .length(let length): "no encoding has the length \(length)"
        case .notCanonical: "the text is not the canonical form of its value"
        case .truncated(let offset): "the bytes end at \(offset), more are needed"
        case .trailing(let offset): "unexpected bytes from \(offset) on"
        }
    }
}
