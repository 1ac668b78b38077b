/// A place in a JSON document: reads what stands there or says which place lacks what.
///
///     let offer = JSONField(document)
///     let payee = try offer["accepts"][0]["payTo"].string()
public struct JSONField: Sendable {
    /// Nil when the document has nothing here.
    public let value: JSON?
    /// RFC 6901 pointer of the place.
    public let pointer: String

    public init(_ value: JSON) {
        self.value = value
        self.pointer = ""
    }

    private init(value: JSON?, pointer: String) {
        self.value = value
        self.pointer = pointer
    }

    public subscript(name: String) -> JSONField {
        JSONField(value: self.value?[name], pointer: "\(self.pointer)/\(Self.escape(name))")
    }

    public subscript(index: Int) -> JSONField {
        var element: JSON?
        if case .array(let elements)? = self.value, elements.indices.contains(index) {
            element = elements[index]
        }
        return JSONField(value: element, pointer: "\(self.pointer)/\(index)")
    }

    /// Whether something other than null stands here.
    public var exists: Bool { self.value != nil && self.value != .null }

    /// This place, or nil when there is nothing: for optional members.
    public var ifPresent: JSONField? { self.exists ? self : nil }

    public func string() throws(JSONError) -> String {
        guard case .string(let text)? = self.value else { throw self.mismatch("a string") }
        return text
    }

    public func bool() throws(JSONError) -> Bool {
        guard case .bool(let flag)? = self.value else { throw self.mismatch("true or false") }
        return flag
    }

    /// A whole number that fits `Value`.
    public func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(JSONError) -> Value
    {
        guard case .integer(let integer)? = self.value else { throw self.mismatch("a whole number") }
        guard let value = Value(exactly: integer) else { throw self.fault("\(integer) is out of range") }
        return value
    }

    /// A whole number in `range`.
    public func integer<Value: FixedWidthInteger>(
        in range: ClosedRange<Value>
    ) throws(JSONError) -> Value {
        let value: Value = try self.integer()
        guard range.contains(value) else {
            throw self.fault("\(value) is not \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// An unsigned whole number written as a decimal string, as payment formats do: digits only, no leading
    /// zero.
    public func decimal() throws(JSONError) -> UInt64 {
        let text = try self.string()
        guard let value = UInt64(text), String(value) == text else {
            throw self.fault("\"\(text.prefix(40))\" is not a whole number in decimal digits")
        }
        return value
    }

    public func number() throws(JSONError) -> Double {
        switch self.value {
        case .integer(let integer)?: return Double(integer)
        case .number(let number)?: return number
        default: throw self.mismatch("a number")
        }
    }

    public func elements() throws(JSONError) -> [JSONField] {
        guard case .array(let elements)? = self.value else { throw self.mismatch("an array") }
        return elements.enumerated().map { JSONField(value: $1, pointer: "\(self.pointer)/\($0)") }
    }

    public func members() throws(JSONError) -> [(name: String, field: JSONField)] {
        guard case .object(let object)? = self.value else { throw self.mismatch("an object") }
        return object.members.map {
            ($0.name, JSONField(value: $0.value, pointer: "\(self.pointer)/\(Self.escape($0.name))"))
        }
    }

    /// Refuses an object with a member that is not in `names`: a misspelt option must not be silently
    /// ignored.
    public func only(_ names: Set<String>) throws(JSONError) {
        for (name, field) in try self.members() where !names.contains(where: { sameBytes($0, name) }) {
            throw field.fault("unknown member")
        }
    }

    /// An error at this place.
    public func fault(_ reason: String) -> JSONError { .value(pointer: self.pointer, reason: reason) }

    private func mismatch(_ expected: String) -> JSONError {
        .mismatch(pointer: self.pointer, expected: expected, found: self.value?.kind ?? "nothing")
    }

    /// The longest name in a pointer, in characters: it is for people, and may be a stranger's.
    private static let nameLimit = 80

    private static func escape(_ name: String) -> String {
        let name = name.plain(limit: self.nameLimit)
        guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else {
            return name
        }
        return name.reduce(into: "") { $0 += $1 == "~" ? "~0" : $1 == "/" ? "~1" : String($1) }
    }
}
