/// Why a text is not the JSON that was expected.
public enum JSONError: Error, Equatable, CustomStringConvertible {
    /// Not JSON; offset in bytes.
    case syntax(offset: Int, reason: String)
    /// Larger than the reader's limit, in bytes.
    case tooLarge(limit: Int)
    /// A value is missing or of another kind. `pointer` is an RFC 6901 pointer.
    case mismatch(pointer: String, expected: String, found: String)
    /// A value has the right kind but not an allowed content.
    case value(pointer: String, reason: String)
    /// RFC 8785 has no text for this number.
    case notCanonical(pointer: String)

    public var description: String {
        switch self {
        case .syntax(let offset, let reason): "not JSON at byte \(offset): \(reason)"
        case .tooLarge(let limit): "JSON larger than \(limit) bytes"
        case .mismatch(let pointer, let expected, let found):
            "\(pointer.isEmpty ? "the document" : pointer): expected \(expected), found \(found)"
        case .value(let pointer, let reason): "\(pointer.isEmpty ? "the document" : pointer): \(reason)"
        case .notCanonical(let pointer): "\(pointer): a number that cannot be written canonically"
        }
    }
}
