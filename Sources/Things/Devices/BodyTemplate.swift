package import Encoding

/// `depai:body`: what is published, with holes. A string that is exactly a hole is replaced by the JSON that
/// belongs there: `$value`, `$input`, `$input/x` (RFC 6901 below the input), `$id`, `$self`. `$$` starts a
/// literal `$`.
package indirect enum BodyTemplate: Sendable {
    case value
    case identifier
    case ownName
    case input(Pointer)
    case literal(JSON)
    case object([(name: String, body: BodyTemplate)])
    case array([BodyTemplate])
    /// For text payloads: holes inside a text.
    case text([BodyTemplate])

    /// What goes into the holes.
    package struct Filling: Sendable {
        /// The wire value of a write, or the input of an action.
        package var value: JSON
        package var identifier: String
        package var ownName: String

        package init(value: JSON = .null, identifier: String = "", ownName: String = "") {
            self.value = value
            self.identifier = identifier
            self.ownName = ownName
        }
    }

    init(_ field: JSONField, isText: Bool) throws(JSONError) {
        switch field.value {
        case .string(let text)? where isText: self = .text(Self.pieces(of: text))
        case .string(let text)?: self = try Self.hole(text, field)
        case .object?:
            var members: [(name: String, body: BodyTemplate)] = []
            for (name, member) in try field.members() {
                members.append((name, try BodyTemplate(member, isText: false)))
            }
            self = .object(members)
        case .array?:
            var elements: [BodyTemplate] = []
            for element in try field.elements() { elements.append(try BodyTemplate(element, isText: false)) }
            self = .array(elements)
        case let literal?: self = .literal(literal)
        case nil: throw field.fault("a template is missing")
        }
    }

    private static func hole(_ text: String, _ field: JSONField) throws(JSONError) -> BodyTemplate {
        switch text {
        case "$value": return .value
        case "$id": return .identifier
        case "$self": return .ownName
        case _ where text.hasPrefix("$$"): return .literal(.string(String(text.dropFirst())))
        case _ where text == "$input" || text.hasPrefix("$input/"):
            guard let pointer = Pointer(String(text.dropFirst(6))) else {
                throw field.fault("not an RFC 6901 pointer")
            }
            return .input(pointer)
        case _ where text.hasPrefix("$"): throw field.fault("no such hole; write $$ for a literal $")
        default: return .literal(.string(text))
        }
    }

    /// Splits `SET $value` into its pieces; only `$value`, `$id` and `$self` are holes in a text.
    private static func pieces(of text: String) -> [BodyTemplate] {
        let holes: [(name: String, body: BodyTemplate)] = [
            ("$value", .value), ("$id", .identifier), ("$self", .ownName),
        ]
        var pieces: [BodyTemplate] = []
        var literal = ""
        var rest = text[...]
        while !rest.isEmpty {
            if let hole = holes.first(where: { rest.hasPrefix($0.name) }) {
                if !literal.isEmpty { pieces.append(.literal(.string(literal))) }
                literal = ""
                pieces.append(hole.body)
                rest = rest.dropFirst(hole.name.count)
            } else {
                literal.append(rest.removeFirst())
            }
        }
        return literal.isEmpty ? pieces : pieces + [.literal(.string(literal))]
    }

    /// The body; nil where an input has nothing for a hole (such a member is left out).
    package func filled(_ filling: Filling) -> JSON? {
        switch self {
        case .value: return filling.value
        case .identifier: return .string(filling.identifier)
        case .ownName: return .string(filling.ownName)
        case .input(let pointer): return pointer.value(in: filling.value)
        case .literal(let literal): return literal
        case .object(let members):
            var object = JSON.Object()
            for (name, body) in members { object[name] = body.filled(filling) }
            return .object(object)
        case .array(let elements): return .array(elements.map { $0.filled(filling) ?? .null })
        case .text(let pieces): return .string(pieces.map { $0.filled(filling)?.plainText ?? "" }.joined())
        }
    }

    /// The way back, for a simulated device: takes out of `body` what stands in the holes.
    /// - Returns: whether the body has the template's shape.
    package func read(_ body: JSON, into filling: inout Filling) -> Bool {
        switch (self, body) {
        case (.value, let value):
            filling.value = value
            return true
        case (.identifier, .string(let text)):
            filling.identifier = text
            return true
        case (.ownName, .string(let text)):
            filling.ownName = text
            return true
        case (.input(let pointer), let value):
            pointer.set(value, in: &filling.value)
            return true
        case (.literal(let literal), let value): return literal.isSameValue(as: value)
        case (.object(let members), .object(let object)):
            for (name, template) in members {
                guard let value = object[name] else { continue }
                guard template.read(value, into: &filling) else { return false }
            }
            return true
        case (.array(let templates), .array(let elements)):
            guard templates.count == elements.count else { return false }
            for (template, element) in zip(templates, elements) {
                guard template.read(element, into: &filling) else { return false }
            }
            return true
        default: return false
        }
    }

    /// Whether the receiver can tell commands apart.
    var carriesIdentifier: Bool {
        switch self {
        case .identifier: true
        case .object(let members): members.contains { $0.body.carriesIdentifier }
        case .array(let elements), .text(let elements): elements.contains { $0.carriesIdentifier }
        default: false
        }
    }

    /// Whether any hole takes what is sent: a write without one would always send the same.
    var carriesValue: Bool {
        switch self {
        case .value, .input: true
        case .object(let members): members.contains { $0.body.carriesValue }
        case .array(let elements), .text(let elements): elements.contains { $0.carriesValue }
        default: false
        }
    }
}
