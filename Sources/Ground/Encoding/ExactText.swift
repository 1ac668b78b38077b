/// A name that came from outside: the same as another when its bytes are the same.
///
/// Swift's `String` calls U+00C5 and U+212B equal, and the Kelvin sign a K; the world that gives out these
/// names (JSON, topics, file names, addresses, exports) does not.
public struct ExactText: Sendable, Hashable, Comparable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let text: String

    public init(_ text: String) { self.text = text }
    public init(stringLiteral value: String) { self.text = value }

    public var description: String { self.text }

    public static func == (left: Self, right: Self) -> Bool { sameBytes(left.text, right.text) }

    /// By bytes, which for UTF-8 is the order of the scalars.
    public static func < (left: Self, right: Self) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        for byte in self.text.utf8 { hasher.combine(byte) }
        hasher.combine(UInt8(0xff))
    }
}

/// Whether two strings are the same bytes.
package func sameBytes(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }
