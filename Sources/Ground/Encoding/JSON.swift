/// A JSON value (RFC 8259) as we read and sign it: names keep their bytes and their order, integers stay
/// exact.
public enum JSON: Sendable {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits 64 bits.
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object(Object)

    /// The members of an object in their order; no two have the same name.
    public struct Object: Sendable {
        public private(set) var members: [(name: String, value: JSON)] = []

        public init() {}

        /// The member called `name`, compared byte for byte: Swift's own `==` would take "é" for "e" +
        /// accent.
        public subscript(name: String) -> JSON? {
            get { self.members.first { sameBytes($0.name, name) }?.value }
            set {
                let index = self.members.firstIndex { sameBytes($0.name, name) }
                switch (index, newValue) {
                case (let index?, let value?): self.members[index].value = value
                case (let index?, nil): self.members.remove(at: index)
                case (nil, let value?): self.members.append((name, value))
                case (nil, nil): break
                }
            }
        }

        /// Appends without looking for an equal name: for readers that have checked.
        mutating func append(unchecked name: String, _ value: JSON) { self.members.append((name, value)) }
    }
}

extension JSON: Equatable {
    /// Equal as data: member order does not matter, string bytes do, and 1000 is 1e3.
    public static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.integer(let integer), .number(let number)), (.number(let number), .integer(let integer)):
            // ECMAScript writes large numbers as whole ones that only round to them.
            Double(integer) == number
        case (.string(let left), .string(let right)): sameBytes(left, right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.members.count == right.members.count
                && left.members.allSatisfy { right[$0.name] == $0.value }
        default: false
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(nilLiteral: ()) { self = .null }

    public init(dictionaryLiteral elements: (String, JSON)...) {
        var object = Object()
        for (name, value) in elements { object[name] = value }
        self = .object(object)
    }
}

extension JSON {
    /// The integer as JSON; a value beyond 64 signed bits becomes a decimal string, as every API we speak to
    /// does.
    public init(_ value: some BinaryInteger) {
        self = Int64(exactly: value).map { .integer($0) } ?? .string(String(value))
    }

    /// `value`, or null.
    public init(_ value: String?) { self = value.map { .string($0) } ?? .null }

    /// The member called `name`; nil when there is none or this is not an object.
    public subscript(name: String) -> JSON? {
        get { if case .object(let object) = self { object[name] } else { nil } }
        set {
            guard case .object(var object) = self else { return }
            object[name] = newValue
            self = .object(object)
        }
    }

    /// What kind of value this is, in JSON's words.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
