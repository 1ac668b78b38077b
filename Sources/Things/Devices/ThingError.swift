internal import Encoding

/// Why a Thing Description cannot be used: the place and what is wrong there.
public struct ThingError: Error, Equatable, CustomStringConvertible {
    /// RFC 6901 pointer into the description; empty for the whole document.
    public let pointer: String
    public let reason: String

    public init(pointer: String, reason: String) {
        self.pointer = pointer
        self.reason = reason
    }

    /// The reader's error in our words.
    init(_ error: JSONError) {
        switch error {
        case .mismatch(let pointer, let expected, let found):
            self.init(pointer: pointer, reason: "expected \(expected), found \(found)")
        case .value(let pointer, let reason): self.init(pointer: pointer, reason: reason)
        default: self.init(pointer: "", reason: error.description)
        }
    }

    public var description: String {
        "\(self.pointer.isEmpty ? "the description" : self.pointer): \(self.reason)"
    }
}
