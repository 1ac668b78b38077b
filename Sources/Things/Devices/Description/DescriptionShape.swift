internal import Encoding

/// What may stand in a place of a description: a small schema, written down as values, for documents whose
/// unknown members are allowed everywhere.
indirect enum Shape: Sendable {
    case anything
    case text
    case truth
    case number
    case positive
    /// A whole number that is not negative.
    case count
    /// One of these words; `prefixed` takes any word with a prefix of a vocabulary of its own as well.
    case word([String], prefixed: Bool = false)
    /// `type` in descriptions of Things: anything but the word that makes a Thing Model.
    case thingType
    case languageTag
    case list(of: Shape, atLeast: Int = 0, unique: Bool = false)
    /// An object whose members all have one shape.
    case map(of: Shape, atLeast: Int = 0)
    case object([String: Shape], required: [String] = [])
    /// One alone, or a list of them.
    case oneOrMore(Shape, atLeast: Int = 0)
    /// An affordance that is a data schema itself.
    case property([String: Shape])
    /// A data schema: refers to itself.
    case dataSchema
    /// Decided by the member `scheme`.
    case securityScheme
}

/// Holds a document against shapes and remembers every place that does not fit.
struct ShapeChecker {
    /// A Thing Model: a placeholder `{{NAME}}` may stand for any value, and nothing but names is required.
    let isModel: Bool
    private(set) var faults: [ThingError] = []

    /// As many are worth reading at once.
    static let faultLimit = 100

    init(isModel: Bool) { self.isModel = isModel }

    mutating func note(_ place: JSONField, _ reason: String) {
        guard self.faults.count < Self.faultLimit else { return }
        self.faults.append(ThingError(pointer: place.pointer, reason: reason))
    }

    mutating func note(_ fault: ThingError) { self.faults.append(fault) }

    mutating func check(_ place: JSONField, _ shape: Shape) {
        guard let value = place.value else { return }
        // In a Thing Model a placeholder stands for a value of any shape: W3C Thing Description 1.1, section
        // "Placeholder", has one for an object.
        if self.isModel, case .string(let text) = value, Self.isPlaceholder(text) { return }
        switch shape {
        case .anything: break
        case .text: self.expect(place, "a string") { if case .string = $0 { true } else { false } }
        case .truth: self.expect(place, "true or false") { if case .bool = $0 { true } else { false } }
        case .number: self.expect(place, "a number") { $0.double != nil }
        case .positive: self.expect(place, "a number above zero") { $0.double.map { $0 > 0 } ?? false }
        case .count:
            self.expect(place, "a whole number, not negative") { value in
                value.double.map { $0 >= 0 && $0 == $0.rounded() } ?? false
            }
        case .word(let words, let prefixed):
            self.expect(place, "one of \(words.joined(separator: ", "))") { value in
                guard case .string(let word) = value else { return false }
                return words.contains { sameBytes($0, word) }
                    || prefixed && word.utf8.dropFirst().contains(UInt8(ascii: ":"))
            }
        case .thingType:
            let isModel = self.isModel
            self.expect(place, "a type, and no Thing Model") { value in
                guard case .string(let word) = value else { return false }
                return isModel || !sameBytes(word, DescriptionChecker.modelType)
            }
        case .languageTag:
            self.expect(place, "a language tag (BCP 47)") { value in
                if case .string(let tag) = value { Self.isLanguageTag(tag) } else { false }
            }
        case .list(let element, let atLeast, let unique):
            self.checkList(place, element, atLeast: atLeast, unique: unique)
        case .map(let member, let atLeast): self.checkMap(place, member, atLeast: atLeast)
        case .object(let members, let required): self.checkObject(place, members, required)
        case .property(let members):
            self.checkObject(place, members, ["forms"])
            self.checkValues(place)
        case .oneOrMore(let one, let atLeast):
            if case .array = value {
                self.checkList(place, one, atLeast: atLeast, unique: false)
            } else {
                self.check(place, one)
            }
        case .dataSchema:
            self.checkObject(place, DescriptionShapes.dataSchema, [])
            self.checkValues(place)
        case .securityScheme: self.checkSecurityScheme(place)
        }
    }

    private mutating func expect(_ place: JSONField, _ what: String, _ fits: (JSON) -> Bool) {
        guard let value = place.value, !fits(value) else { return }
        let found = if case .string(let text) = value { "\"\(text.prefix(40))\"" } else { value.kind }
        self.note(place, "\(what) is expected, not \(found)")
    }

    private mutating func checkList(_ place: JSONField, _ element: Shape, atLeast: Int, unique: Bool) {
        guard case .array(let elements)? = place.value else {
            return self.note(place, "an array is expected, not \(place.value?.kind ?? "nothing")")
        }
        if elements.count < atLeast { self.note(place, "needs \(atLeast) or more") }
        if unique {
            for (index, value) in elements.enumerated() where elements[..<index].contains(value) {
                self.note(place[index], "stands there twice")
            }
        }
        for index in elements.indices { self.check(place[index], element) }
    }

    private mutating func checkMap(_ place: JSONField, _ member: Shape, atLeast: Int) {
        guard let members = try? place.members() else {
            return self.note(place, "an object is expected, not \(place.value?.kind ?? "nothing")")
        }
        if members.count < atLeast { self.note(place, "needs \(atLeast) or more members") }
        for (name, field) in members {
            self.checkName(name, field)
            self.check(field, member)
        }
    }

    private mutating func checkObject(_ place: JSONField, _ shapes: [String: Shape], _ required: [String]) {
        guard let members = try? place.members() else {
            return self.note(place, "an object is expected, not \(place.value?.kind ?? "nothing")")
        }
        if !self.isModel {
            for name in required where place[name].value == nil { self.note(place, "lacks \"\(name)\"") }
        }
        for (name, field) in members {
            self.checkName(name, field)
            if let shape = shapes[name] { self.check(field, shape) }
        }
    }

    /// Whether the values that a data schema names are of its own type: else no value can ever be valid.
    private mutating func checkValues(_ place: JSONField) {
        guard case .string(let name)? = place["type"].value, let kind = DataSchema.Kind(rawValue: name)
        else { return }
        let named = [place["const"]] + ((try? place["enum"].elements()) ?? [])
        for field in named {
            guard let value = field.value, !DataSchema.isKind(kind, value) else { continue }
            if self.isModel, case .string(let text) = value, Self.isPlaceholder(text) { continue }
            self.note(field, "is not of type \(name)")
        }
        for (low, high) in [
            ("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"),
        ] {
            guard let least = place[low].value?.double, let most = place[high].value?.double, least > most
            else { continue }
            self.note(place[low], "is above \(high)")
        }
    }

    /// A placeholder stands for a value, never for a name.
    private mutating func checkName(_ name: String, _ field: JSONField) {
        if self.isModel, Self.isPlaceholder(name) { self.note(field, "a placeholder cannot be a name") }
    }

    private mutating func checkSecurityScheme(_ place: JSONField) {
        guard case .object? = place.value else {
            return self.note(place, "an object is expected, not \(place.value?.kind ?? "nothing")")
        }
        let schemes = DescriptionShapes.securitySchemes
        let base = DescriptionShapes.securityBase(schemes.keys.sorted())
        self.check(place, .object(base, required: ["scheme"]))
        guard case .string(let scheme)? = place["scheme"].value, let shape = schemes[scheme] else { return }
        self.check(place, shape)
        if scheme == "auto", place["name"].value != nil {
            self.note(place["name"], "has no place in the scheme auto")
        }
        if scheme == "combo", place["oneOf"].exists == place["allOf"].exists {
            self.note(place, "a combo has either oneOf or allOf")
        }
    }

    static func isPlaceholder(_ text: String) -> Bool {
        guard let start = text.firstPlace(of: "{{")?.upperBound,
            let end = text[start...].firstPlace(of: "}}")?.lowerBound
        else { return false }
        let name = text[start..<end].unicodeScalars
        return !name.isEmpty && name.allSatisfy { (0x20...0x7e).contains($0.value) }
    }

    /// The form that BCP 47 gives: subtags of 1 to 8 letters and digits, the first of 2 to 8 letters, or `x`
    /// or `i`.
    static func isLanguageTag(_ tag: String) -> Bool {
        let parts = tag.split(separator: "-", omittingEmptySubsequences: false)
        guard let first = parts.first?.utf8, !first.isEmpty else { return false }
        func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5a).contains(byte & 0xdf) }
        let isPrivate = first.count == 1 && parts.count > 1 && "xXiI".utf8.contains(first[first.startIndex])
        guard isPrivate || (2...8).contains(first.count) && first.allSatisfy(isLetter) else { return false }
        return parts.dropFirst().allSatisfy { part in
            (1...8).contains(part.utf8.count)
                && part.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
        }
    }
}
