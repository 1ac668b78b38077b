internal import Encoding

/// In whose words a message is read or written: a version's, or ours for the disk, which has all members.
enum WireDialect: Sendable {
    case two, three, stored
}

/// A member's name in both versions; nil where a version has no such member.
struct WireName: ExpressibleByStringLiteral {
    let two: String?
    let three: String?

    init(two: String?, three: String?) {
        self.two = two
        self.three = three
    }

    init(stringLiteral value: String) { self.init(two: value, three: value) }

    func text(_ dialect: WireDialect) -> String? {
        switch dialect {
        case .two: self.two
        case .three: self.three
        case .stored: self.three ?? self.two
        }
    }

    /// For a fault that is about a version without this member.
    var anyText: String { self.three ?? self.two ?? "" }
}

/// What can stand in a message.
protocol WireValue: Sendable {
    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> Self
    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON
}

/// One pass over a message's members that reads or writes them: the two directions cannot differ.
///
/// Unknown members are tolerated and not kept; a known member with a wrong value is a fault with its RFC 6901
/// place. A value that a version cannot say is a fault of the writer, never left out in silence.
struct WireCodec {
    let dialect: WireDialect
    private let source: JSONField?
    private let pointer: String
    private(set) var object = JSON.Object()

    init(reading field: JSONField, _ dialect: WireDialect) {
        self.source = field
        self.pointer = field.pointer
        self.dialect = dialect
    }

    init(writingAt pointer: String, _ dialect: WireDialect) {
        self.source = nil
        self.pointer = pointer
        self.dialect = dialect
    }

    var isReading: Bool { self.source != nil }

    /// A fault at this object.
    func fault(_ member: String, _ reason: String) -> JSONError {
        .value(pointer: "\(self.pointer)/\(member)", reason: reason)
    }

    /// A member that must be there, in the versions that have it.
    mutating func member<Value: WireValue>(_ name: WireName, _ value: inout Value) throws(JSONError) {
        guard let text = name.text(self.dialect) else { return }
        if let source = self.source {
            value = try Value.read(source[text], self.dialect)
        } else {
            self.object[text] = try value.written(self.dialect, at: "\(self.pointer)/\(text)")
        }
    }

    /// A member that may be there, and must in the version `required`.
    mutating func member<Value: WireValue>(
        _ name: WireName, _ value: inout Value?, required: WireDialect? = nil
    ) throws(JSONError) {
        guard let text = name.text(self.dialect) else {
            if !self.isReading, value != nil {
                throw self.fault(name.anyText, "this version cannot say it")
            }
            return
        }
        if let source = self.source {
            let field = source[text]
            // Null is no value of any member; leaving it out is the way to say nothing.
            guard field.value != nil || required == self.dialect else { return value = nil }
            value = try Value.read(field, self.dialect)
        } else if let value {
            self.object[text] = try value.written(self.dialect, at: "\(self.pointer)/\(text)")
        } else if required == self.dialect {
            throw self.fault(text, "this version needs it")
        }
    }

    /// A number within bounds.
    mutating func number(
        _ name: WireName, _ value: inout Double, in range: ClosedRange<Double>
    ) throws(JSONError) {
        try self.member(name, &value)
        try self.check(name, value, range)
    }

    mutating func number(
        _ name: WireName, _ value: inout Double?, in range: ClosedRange<Double>
    ) throws(JSONError) {
        try self.member(name, &value)
        if let value { try self.check(name, value, range) }
    }

    private func check(_ name: WireName, _ value: Double, _ range: ClosedRange<Double>) throws(JSONError) {
        guard self.dialect != .stored, let text = name.text(self.dialect), !range.contains(value) else {
            return
        }
        throw self.fault(text, "must be \(range.lowerBound) to \(range.upperBound)")
    }

    /// A text that a version restricts to some words; nil leaves it free.
    mutating func text(
        _ name: WireName, _ value: inout String, two: Set<String>?, three: Set<String>?
    ) throws(JSONError) {
        try self.member(name, &value)
        let allowed: Set<String>? =
            switch self.dialect {
            case .two: two
            case .three: three
            case .stored: nil
            }
        if let allowed, !allowed.contains(value) {
            throw self.fault(name.anyText, "\"\(value.prefix(40))\" is not one of its words")
        }
    }
}

/// An object in a message. `pass` names every member once.
protocol WireRecord: WireValue, Equatable {
    init()
    mutating func pass(_ codec: inout WireCodec) throws(JSONError)
}

extension WireRecord {
    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> Self {
        guard case .object? = field.value else {
            throw .mismatch(
                pointer: field.pointer, expected: "an object", found: field.value?.kind ?? "nothing")
        }
        var codec = WireCodec(reading: field, dialect)
        var record = Self()
        try record.pass(&codec)
        return record
    }

    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON {
        var codec = WireCodec(writingAt: pointer, dialect)
        var copy = self
        try copy.pass(&codec)
        return .object(codec.object)
    }
}

/// One of a few words.
protocol WireWord: WireValue, CaseIterable, RawRepresentable<String> {
    /// The word in a version; nil where it has none.
    func word(_ dialect: WireDialect) -> String?
    /// A word that the reader accepts beyond those that are written.
    static func alias(_ text: String, _ dialect: WireDialect) -> Self?
}

extension WireWord {
    func word(_ dialect: WireDialect) -> String? { self.rawValue }
    static func alias(_ text: String, _ dialect: WireDialect) -> Self? { nil }

    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> Self {
        let text = try field.string()
        if let value = Self.allCases.first(where: { $0.word(dialect) == text }) { return value }
        guard let value = Self.alias(text, dialect) else {
            throw field.fault("\"\(text.prefix(40))\" is not one of its words")
        }
        return value
    }

    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON {
        guard let word = self.word(dialect) else {
            throw .value(pointer: pointer, reason: "this version has no word for \(self.rawValue)")
        }
        return .string(word)
    }
}

extension String: WireValue {
    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> String {
        try field.string()
    }
    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON { .string(self) }
}

extension Bool: WireValue {
    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> Bool {
        try field.bool()
    }
    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON { .bool(self) }
}

extension JSONField {
    /// A whole number that fits `Value`; `1.0` is one, as JSON Schema has it.
    func whole<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(JSONError) -> Value {
        guard case .number(let number)? = self.value else { return try self.integer() }
        guard let value = Value(exactly: number) else {
            throw self.fault("\(number) is no whole number that fits")
        }
        return value
    }
}

extension Int64: WireValue {
    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> Int64 {
        try field.whole()
    }
    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON { .integer(self) }
}

extension UInt32: WireValue {
    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> UInt32 {
        try field.whole()
    }
    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON {
        .integer(Int64(self))
    }
}

extension Double: WireValue {
    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> Double {
        try field.number()
    }
    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON {
        guard self.isFinite else { throw .value(pointer: pointer, reason: "is not a finite number") }
        return .number(self)
    }
}

extension Array: WireValue where Element: WireValue {
    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> [Element] {
        var result: [Element] = []
        for element in try field.elements() { result.append(try Element.read(element, dialect)) }
        return result
    }

    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON {
        var result: [JSON] = []
        for (index, element) in self.enumerated() {
            result.append(try element.written(dialect, at: "\(pointer)/\(index)"))
        }
        return .array(result)
    }
}
