/// A JSON text that keeps its own bytes: a part of it can be handed back exactly as it came. Numbers beyond
/// 64 bits, `1e3` and escapes change when a value is read and written anew; who has to echo something must
/// not do that.
package struct JSONSource: Sendable {
    private let bytes: [UInt8]
    private let range: Range<Int>
    /// The same, read.
    package let value: JSON

    /// - Throws: `JSONError` where `JSON.read` refuses the text: everything below counts on it.
    package init(_ bytes: [UInt8], limits: JSON.Limits = JSON.Limits()) throws(JSONError) {
        let value = try JSON.read(bytes, limits: limits)
        var scanner = Scanner(bytes: bytes, offset: 0)
        scanner.skipSpace()
        let start = scanner.offset
        scanner.skipValue()
        self.init(bytes: bytes, range: start..<scanner.offset, value: value)
    }

    private init(bytes: [UInt8], range: Range<Int>, value: JSON) {
        self.bytes = bytes
        self.range = range
        self.value = value
    }

    /// As it stands there.
    package var text: String { String(decoding: self.bytes[self.range], as: UTF8.self) }

    /// The members of an object in their order; empty for anything else.
    package var members: [(name: String, source: JSONSource)] {
        guard case .object(let object) = self.value else { return [] }
        return zip(object.members, self.parts(haveNames: true)).map { member, part in
            (member.name, JSONSource(bytes: self.bytes, range: part, value: member.value))
        }
    }

    /// The elements of an array; empty for anything else.
    package var elements: [JSONSource] {
        guard case .array(let values) = self.value else { return [] }
        return zip(values, self.parts(haveNames: false)).map { value, part in
            JSONSource(bytes: self.bytes, range: part, value: value)
        }
    }

    /// The member called `name`, byte for byte.
    package subscript(name: String) -> JSONSource? {
        self.members.first { sameBytes($0.name, name) }?.source
    }

    /// Where the values of an object or an array stand.
    private func parts(haveNames: Bool) -> [Range<Int>] {
        var scanner = Scanner(bytes: self.bytes, offset: self.range.lowerBound + 1)
        var parts: [Range<Int>] = []
        scanner.skipSpace()
        // The last byte closes.
        while scanner.offset < self.range.upperBound - 1 {
            if haveNames {
                scanner.skipValue()
                scanner.skipSpace()
                scanner.offset += 1
                scanner.skipSpace()
            }
            let start = scanner.offset
            scanner.skipValue()
            parts.append(start..<scanner.offset)
            scanner.skipSpace()
            if scanner.offset < self.range.upperBound - 1 { scanner.offset += 1 }
            scanner.skipSpace()
        }
        return parts
    }

    /// Walks over a text that is known to be right.
    private struct Scanner {
        let bytes: [UInt8]
        var offset: Int

        private var byte: UInt8? { self.offset < self.bytes.count ? self.bytes[self.offset] : nil }

        mutating func skipSpace() {
            while let byte, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { self.offset += 1 }
        }

        mutating func skipValue() {
            var depth = 0
            repeat {
                switch self.byte {
                case nil: return
                case UInt8(ascii: "\""): self.skipString()
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    depth += 1
                    self.offset += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    self.offset += 1
                case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x0a, 0x0d, 0x09: self.offset += 1
                default: self.skipWord()
                }
            } while depth > 0
        }

        private mutating func skipString() {
            self.offset += 1
            while let byte, byte != UInt8(ascii: "\"") {
                self.offset += byte == UInt8(ascii: "\\") ? 2 : 1
            }
            self.offset += 1
        }

        /// A number, or true, false, null.
        private mutating func skipWord() {
            while let byte, !Self.ends.contains(byte) { self.offset += 1 }
        }

        private static let ends: Set<UInt8> = [
            UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "}"), UInt8(ascii: "]"), 0x20, 0x0a, 0x0d,
            0x09,
        ]
    }
}
