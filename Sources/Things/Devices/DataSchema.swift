public import Encoding

/// What a value may be: the data schema of a Thing Description as far as it is checked here (`type`, `const`,
/// `enum`, `minimum`, `maximum` and the exclusive two, `multipleOf`, lengths, `items`, `properties`,
/// `required`, `oneOf`). `pattern`, `format` and contents are not checked.
public struct DataSchema: Sendable {
    /// JSON's types, with whole numbers apart.
    public enum Kind: String, Sendable {
        case boolean, integer, number, string, object, array, null
    }

    /// Nil when the description does not say.
    public let kind: Kind?
    /// As the description has it: `Cel`, `W`, `percent`.
    public let unit: String?
    let constant: JSON?
    let choices: [JSON]?
    let minimum: Double?
    let maximum: Double?
    let exclusiveMinimum: Double?
    let exclusiveMaximum: Double?
    let multipleOf: Double?
    let lengths: ClosedRange<Int>
    let counts: ClosedRange<Int>
    /// One schema for all elements, or one each.
    let items: [DataSchema]
    let itemsAreTuple: Bool
    let members: [(name: String, schema: DataSchema)]
    let required: [String]
    let oneOf: [DataSchema]

    /// The schema as the description has it, without what only titles it and says where it is spoken.
    package let document: JSON

    /// The schema that allows everything.
    init(_ field: JSONField) throws(JSONError) {
        self.document = Self.bare(field.value)
        let name = try field["type"].ifPresent?.string()
        self.kind = name.flatMap(Kind.init(rawValue:))
        if name != nil, self.kind == nil { throw field["type"].fault("no such type") }
        self.unit = try field["unit"].ifPresent?.string()
        self.constant = field["const"].value
        self.choices = try field["enum"].ifPresent?.elements().compactMap(\.value)
        self.minimum = try field["minimum"].ifPresent?.number()
        self.maximum = try field["maximum"].ifPresent?.number()
        self.exclusiveMinimum = try field["exclusiveMinimum"].ifPresent?.number()
        self.exclusiveMaximum = try field["exclusiveMaximum"].ifPresent?.number()
        self.multipleOf = try field["multipleOf"].ifPresent?.number()
        if let step = self.multipleOf, step <= 0 { throw field["multipleOf"].fault("must be above zero") }
        self.lengths = try Self.range(field["minLength"], field["maxLength"])
        self.counts = try Self.range(field["minItems"], field["maxItems"])
        (self.items, self.itemsAreTuple) = try Self.items(field["items"])
        var members: [(name: String, schema: DataSchema)] = []
        for (name, member) in try field["properties"].ifPresent?.members() ?? [] {
            members.append((name, try DataSchema(member)))
        }
        self.members = members
        var required: [String] = []
        for element in try field["required"].ifPresent?.elements() ?? [] {
            required.append(try element.string())
        }
        self.required = required
        var oneOf: [DataSchema] = []
        for element in try field["oneOf"].ifPresent?.elements() ?? [] {
            oneOf.append(try DataSchema(element))
        }
        self.oneOf = oneOf
    }

    private static func bare(_ value: JSON?) -> JSON {
        guard case .object(let object)? = value else { return [:] }
        var result = JSON.Object()
        for (name, member) in object.members where Self.shownMembers.contains(name) { result[name] = member }
        return .object(result)
    }

    private static let shownMembers: Set<String> = [
        "type", "unit", "const", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "items", "properties", "required",
        "oneOf",
    ]

    private static func range(_ low: JSONField, _ high: JSONField) throws(JSONError) -> ClosedRange<Int> {
        let minimum = try low.ifPresent?.integer(Int.self) ?? 0
        let maximum = try high.ifPresent?.integer(Int.self) ?? Int.max
        guard minimum <= maximum else { throw low.fault("larger than the maximum") }
        return minimum...maximum
    }

    private static func items(_ field: JSONField) throws(JSONError) -> ([DataSchema], Bool) {
        guard field.exists else { return ([], false) }
        guard case .array? = field.value else { return ([try DataSchema(field)], false) }
        var schemas: [DataSchema] = []
        for element in try field.elements() { schemas.append(try DataSchema(element)) }
        return (schemas, true)
    }

    /// What is wrong with `value`; nil when it fits.
    public func fault(in value: JSON) -> String? { self.fault(in: value, at: "") }

    private func fault(in value: JSON, at pointer: String) -> String? {
        let place = pointer.isEmpty ? "the value" : pointer
        if let kind = self.kind, !Self.isKind(kind, value) {
            let values = self.choices.map { ": allowed are \(Self.shown($0))" }
            return "\(place) is not of type \(kind.rawValue)"
                + (values ?? (kind == .boolean ? " (true or false)" : ""))
        }
        if let constant = self.constant, !constant.isSameValue(as: value) {
            return "\(place) is not \(Self.shown(constant))"
        }
        if let choices = self.choices, !choices.contains(where: { $0.isSameValue(as: value) }) {
            return "\(place) is not one of the allowed values: \(Self.shown(choices))"
        }
        if !self.oneOf.isEmpty, self.oneOf.count(where: { $0.fault(in: value, at: pointer) == nil }) != 1 {
            return "\(place) does not fit exactly one of the alternatives"
        }
        switch value {
        case .integer(let integer): return self.fault(inNumber: Double(integer), place)
        case .number(let number): return self.fault(inNumber: number, place)
        case .string(let text):
            return self.lengths.contains(text.unicodeScalars.count) ? nil : "\(place) has the wrong length"
        case .array(let elements): return self.fault(inElements: elements, at: pointer, place)
        case .object(let object): return self.fault(inMembers: object, at: pointer, place)
        case .null, .bool: return nil
        }
    }

    private static func shown(_ value: JSON) -> String { String(value.text.prefix(64)) }

    /// As many as fit a line that is read.
    private static func shown(_ values: [JSON]) -> String {
        let words = values.prefix(24).map(self.shown).joined(separator: ", ")
        return values.count > 24 ? words + ", ..." : words
    }

    /// The value, where only one is allowed.
    var onlyValue: JSON? { self.constant ?? (self.choices?.count == 1 ? self.choices?.first : nil) }

    /// Whether only some values are allowed at all.
    var isClosed: Bool { self.choices != nil || self.constant != nil }

    private func fault(inNumber number: Double, _ place: String) -> String? {
        if let limit = self.minimum, number < limit { return "\(place) is below \(limit)" }
        if let limit = self.maximum, number > limit { return "\(place) is above \(limit)" }
        if let limit = self.exclusiveMinimum, number <= limit { return "\(place) is not above \(limit)" }
        if let limit = self.exclusiveMaximum, number >= limit { return "\(place) is not below \(limit)" }
        if let step = self.multipleOf {
            let quotient = number / step
            if (quotient - quotient.rounded()).magnitude > 1e-9 {
                return "\(place) is not a multiple of \(step)"
            }
        }
        return nil
    }

    private func fault(inElements elements: [JSON], at pointer: String, _ place: String) -> String? {
        guard self.counts.contains(elements.count) else { return "\(place) has the wrong number of elements" }
        for (index, element) in elements.enumerated() {
            guard
                let schema = self.itemsAreTuple
                    ? (index < self.items.count ? self.items[index] : nil) : self.items.first
            else { continue }
            if let fault = schema.fault(in: element, at: "\(pointer)/\(index)") { return fault }
        }
        return nil
    }

    private func fault(inMembers object: JSON.Object, at pointer: String, _ place: String) -> String? {
        for name in self.required where object[name] == nil { return "\(place) lacks \"\(name)\"" }
        for (name, schema) in self.members {
            if let member = object[name], let fault = schema.fault(in: member, at: "\(pointer)/\(name)") {
                return fault
            }
        }
        return nil
    }

    static func isKind(_ kind: Kind, _ value: JSON) -> Bool {
        switch (kind, value) {
        case (.boolean, .bool), (.integer, .integer), (.number, .integer), (.number, .number),
            (.string, .string),
            (.object, .object), (.array, .array), (.null, .null):
            true
        case (.integer, .number(let number)): number == number.rounded() && number.magnitude < 9.0e15
        default: false
        }
    }
}

extension JSON {
    /// Equal as a device means it: 1 and 1.0 are one value, and so are numbers that differ by the rounding of
    /// a scale.
    package func isSameValue(as other: JSON) -> Bool {
        switch (self, other) {
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { $0.isSameValue(as: $1) }
        case (.object(let left), .object(let right)):
            return left.members.count == right.members.count
                && left.members.allSatisfy { member in
                    right[member.name].map { $0.isSameValue(as: member.value) } ?? false
                }
        default:
            guard let left = self.double, let right = other.double else { return self == other }
            return (left - right).magnitude <= 1e-9 * max(1, left.magnitude, right.magnitude)
        }
    }

    /// Whether a device that was told `written` and now reports this has obeyed: an object may have more
    /// members than were written, and a number may have gone through single precision.
    func isEcho(of written: JSON) -> Bool {
        switch (self, written) {
        case (.object(let reported), .object(let members)):
            return members.members.allSatisfy { member in
                reported[member.name].map { $0.isEcho(of: member.value) } ?? false
            }
        case (.array(let reported), .array(let elements)):
            return reported.count == elements.count
                && zip(reported, elements).allSatisfy { $0.isEcho(of: $1) }
        default:
            guard let left = self.double, let right = written.double else { return self == written }
            return (left - right).magnitude <= 1e-6 * max(1, left.magnitude, right.magnitude)
        }
    }

    /// The number, when this is one.
    package var double: Double? {
        switch self {
        case .integer(let integer): Double(integer)
        case .number(let number): number
        default: nil
        }
    }

    /// As a text payload has it: a string without quotes, anything else as JSON.
    package var plainText: String { if case .string(let text) = self { text } else { self.text } }
}
