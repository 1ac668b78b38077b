package import Encoding

/// A place in a JSON payload. Source: RFC 6901.
package struct Pointer: Sendable, Hashable {
    /// Reference tokens, unescaped.
    package let tokens: [String]

    /// The deepest pointer that is accepted.
    package static let tokenLimit = 16

    /// The whole document.
    package static let whole = Pointer(tokens: [])

    private init(tokens: [String]) { self.tokens = tokens }

    /// - Returns: nil when `text` is not a pointer or deeper than ``tokenLimit``.
    package init?(_ text: String) {
        guard !text.isEmpty else {
            self.tokens = []
            return
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.first?.isEmpty == true, parts.count - 1 <= Self.tokenLimit else { return nil }
        var tokens: [String] = []
        for part in parts.dropFirst() {
            guard let token = Self.unescape(part) else { return nil }
            tokens.append(token)
        }
        self.tokens = tokens
    }

    /// What stands there; nil when nothing does.
    package func value(in document: JSON) -> JSON? {
        var current = document
        for token in self.tokens {
            switch current {
            case .object(let object):
                guard let next = object[token] else { return nil }
                current = next
            case .array(let elements):
                guard let index = Int(token), String(index) == token, elements.indices.contains(index) else {
                    return nil
                }
                current = elements[index]
            default: return nil
            }
        }
        return current
    }

    /// Puts `value` there and makes the objects on the way: how a simulated device builds its payload.
    package func set(_ value: JSON, in document: inout JSON) { Self.set(value, self.tokens[...], &document) }

    private static func set(_ value: JSON, _ tokens: ArraySlice<String>, _ document: inout JSON) {
        guard let token = tokens.first else {
            document = value
            return
        }
        if case .object = document {} else { document = [:] }
        var inner = document[token] ?? [:]
        Self.set(value, tokens.dropFirst(), &inner)
        document[token] = inner
    }

    private static func unescape(_ part: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(part.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "~") else {
                bytes.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "0"): bytes.append(UInt8(ascii: "~"))
            case UInt8(ascii: "1"): bytes.append(UInt8(ascii: "/"))
            default: return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
