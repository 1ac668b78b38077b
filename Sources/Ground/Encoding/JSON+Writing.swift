extension JSON {
    /// The compact text, members in their order.
    public var text: String {
        var writer = Writer(canonical: false)
        writer.write(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The compact text for a terminal or a log: what steers one stands there escaped.
    package var lineText: String {
        var writer = Writer(canonical: false, plain: true)
        writer.write(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Indented by two spaces, for people: what steers a terminal stands there escaped.
    public var prettyText: String {
        var writer = Writer(canonical: false, indented: true, plain: true)
        writer.write(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The canonical bytes of RFC 8785: names in UTF-16 order, numbers as ECMAScript prints them. What is
    /// signed.
    /// - Throws: `JSONError.notCanonical` for an integer beyond 2^53 or a number that is not finite.
    public func canonicalBytes() throws(JSONError) -> [UInt8] {
        try self.checkNumbers(at: "")
        var writer = Writer(canonical: true)
        writer.write(self)
        return writer.bytes
    }

    /// The same with every number that has no canonical text written as one: integers beyond 2^53 in decimal
    /// digits. For what strangers said and we pass on under our name.
    public var signable: JSON {
        switch self {
        case .integer(let value) where value.magnitude > 1 << 53: .string(String(value))
        case .number(let value) where !value.isFinite: .string(String(value))
        case .array(let elements): .array(elements.map(\.signable))
        case .object(let object):
            .object(
                object.members.reduce(into: Object()) { $0.append(unchecked: $1.name, $1.value.signable) })
        default: self
        }
    }

    private func checkNumbers(at pointer: String) throws(JSONError) {
        switch self {
        case .integer(let value) where value.magnitude > 1 << 53: throw .notCanonical(pointer: pointer)
        case .number(let value) where !value.isFinite: throw .notCanonical(pointer: pointer)
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                try element.checkNumbers(at: "\(pointer)/\(index)")
            }
        case .object(let object):
            for (name, value) in object.members { try value.checkNumbers(at: "\(pointer)/\(name)") }
        default: break
        }
    }

    private struct Writer {
        let canonical: Bool
        var indented = false
        /// Whether what steers a terminal is escaped, besides what has to be.
        var plain = false
        var depth = 0
        var bytes: [UInt8] = []

        mutating func line() {
            guard self.indented else { return }
            self.bytes.append(UInt8(ascii: "\n"))
            self.bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * self.depth))
        }

        mutating func write(_ value: JSON) {
            switch value {
            case .null: self.bytes.append(contentsOf: "null".utf8)
            case .bool(let flag): self.bytes.append(contentsOf: (flag ? "true" : "false").utf8)
            case .integer(let integer): self.bytes.append(contentsOf: String(integer).utf8)
            case .number(let number): self.bytes.append(contentsOf: ecmaScriptText(number).utf8)
            case .string(let string): self.write(string)
            case .array(let elements):
                self.list("[", "]", elements) { writer, element in writer.write(element) }
            case .object(let object):
                let members =
                    !self.canonical
                    ? object.members
                    : object.members.sorted { $0.name.utf16.lexicographicallyPrecedes($1.name.utf16) }
                self.list("{", "}", members) { writer, member in
                    writer.write(member.name)
                    writer.bytes.append(contentsOf: (writer.indented ? ": " : ":").utf8)
                    writer.write(member.value)
                }
            }
        }

        mutating func list<Element>(
            _ open: String, _ close: String, _ elements: [Element], each: (inout Writer, Element) -> Void
        ) {
            self.bytes.append(contentsOf: open.utf8)
            self.depth += 1
            for (index, element) in elements.enumerated() {
                if index > 0 { self.bytes.append(UInt8(ascii: ",")) }
                self.line()
                each(&self, element)
            }
            self.depth -= 1
            if !elements.isEmpty { self.line() }
            self.bytes.append(contentsOf: close.utf8)
        }

        mutating func write(_ string: String) {
            guard !self.plain else { return self.write(plainly: string) }
            self.bytes.append(UInt8(ascii: "\""))
            self.write(escaping: string.utf8)
            self.bytes.append(UInt8(ascii: "\""))
        }

        private mutating func write(plainly string: String) {
            self.bytes.append(UInt8(ascii: "\""))
            for scalar in string.unicodeScalars {
                guard scalar.value >= 0x7f, scalar.steers else {
                    self.write(escaping: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                    continue
                }
                for unit in String(Character(scalar)).utf16 {
                    self.bytes.append(contentsOf: "\\u".utf8)
                    self.bytes.append(contentsOf: Hex.encode([UInt8(unit >> 8), UInt8(unit & 0xff)]).utf8)
                }
            }
            self.bytes.append(UInt8(ascii: "\""))
        }

        private mutating func write(escaping units: some Sequence<UInt8>) {
            for byte in units {
                switch byte {
                case UInt8(ascii: "\""): self.bytes.append(contentsOf: "\\\"".utf8)
                case UInt8(ascii: "\\"): self.bytes.append(contentsOf: "\\\\".utf8)
                case 0x08: self.bytes.append(contentsOf: "\\b".utf8)
                case 0x0c: self.bytes.append(contentsOf: "\\f".utf8)
                case 0x0a: self.bytes.append(contentsOf: "\\n".utf8)
                case 0x0d: self.bytes.append(contentsOf: "\\r".utf8)
                case 0x09: self.bytes.append(contentsOf: "\\t".utf8)
                case 0..<0x20: self.bytes.append(contentsOf: "\\u00\(Hex.encode([byte]))".utf8)
                default: self.bytes.append(byte)
                }
            }
        }
    }
}

/// A double as ECMAScript's `Number::toString` prints it (ECMA-262 6.1.6.1.20). Swift finds the same shortest
/// digits but lays them out differently (`1e+16`, `1.0`, `1e-06`).
func ecmaScriptText(_ number: Double) -> String {
    guard number != 0 else { return "0" }
    let parts = number.magnitude.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".")
    var digits = Array(mantissa.joined().utf8)
    var point = mantissa[0].utf8.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
    digits.removeFirst(leading)
    point -= leading
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    let text = String(decoding: digits, as: UTF8.self)
    let sign = number < 0 ? "-" : ""
    func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }
    if point >= digits.count, point <= 21 { return sign + text + zeros(point - digits.count) }
    if point > 0, point <= 21 { return sign + text.prefix(point) + "." + text.dropFirst(point) }
    if point > -6, point <= 0 { return sign + "0." + zeros(-point) + text }
    let exponent = point - 1
    let fraction = digits.count > 1 ? "." + text.dropFirst() : ""
    return sign + text.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+") + String(exponent.magnitude)
}
