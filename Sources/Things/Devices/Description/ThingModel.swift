package import Encoding

/// A Thing Model, of which instances are made. Source: W3C Thing Description 1.1, section "Thing Models".
package enum ThingModel {
    /// The placeholders of a model, in the order in which they are met.
    package static func placeholders(of model: JSON) -> [String] {
        var names: [String] = []
        func collect(_ text: String) {
            for name in self.names(in: text) where !names.contains(name) { names.append(name) }
        }
        func walk(_ json: JSON) {
            switch json {
            case .string(let text): collect(text)
            case .array(let elements): elements.forEach(walk)
            case .object(let object): for (_, value) in object.members { walk(value) }
            default: break
            }
        }
        walk(model)
        return names
    }

    /// The Thing Description that a model becomes with these values for its placeholders. One that stands
    /// alone may stand for a value of any shape: the value is read as JSON where it is some.
    package static func instance(of model: JSON, filling values: [String: String]) -> JSON {
        var thing = self.filled(model, values)
        thing["tm:optional"] = nil
        thing["tm:required"] = nil
        switch thing["@type"] {
        case .array(let types)?:
            let left = types.filter { $0 != .string(DescriptionChecker.modelType) }
            thing["@type"] = left.isEmpty ? nil : .array(left)
        case .string(DescriptionChecker.modelType)?: thing["@type"] = nil
        default: break
        }
        return thing
    }

    private static func filled(_ json: JSON, _ values: [String: String]) -> JSON {
        switch json {
        case .string(let text): return self.filled(text, values)
        case .array(let elements): return .array(elements.map { self.filled($0, values) })
        case .object(let object):
            var result = JSON.Object()
            for (name, value) in object.members { result[name] = self.filled(value, values) }
            return .object(result)
        default: return json
        }
    }

    private static func filled(_ text: String, _ values: [String: String]) -> JSON {
        let names = self.names(in: text)
        if names.count == 1, let value = values[names[0]], sameBytes(text, "{{\(names[0])}}") {
            let read = try? JSON.read(value, limits: .init(bytes: 64 << 10, depth: 32))
            if case .object? = read { return read ?? .string(value) }
            if case .array? = read { return read ?? .string(value) }
            return .string(value)
        }
        var result = text
        for name in names {
            if let value = values[name] { result = result.writing(value, for: "{{\(name)}}") }
        }
        return .string(result)
    }

    private static func names(in text: String) -> [String] {
        var names: [String] = []
        var rest = Substring(text)
        while let start = rest.firstPlace(of: "{{") {
            guard let end = rest[start.upperBound...].firstPlace(of: "}}") else { break }
            names.append(String(rest[start.upperBound..<end.lowerBound]))
            rest = rest[end.upperBound...]
        }
        return names
    }
}
