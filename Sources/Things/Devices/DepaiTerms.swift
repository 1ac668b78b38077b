internal import Encoding

/// Which `depai:` terms may stand where. A misspelt one must not be silently ignored.
enum DepaiTerms {
    static let ofThing: Set<String> = [
        "depai:name", "depai:availability", "depai:limits", "depai:profile", "depai:query",
        "depai:notes", "depai:keep",
    ]
    static let ofAffordance: Set<String> = ["depai:limits", "depai:keep"]
    static let ofForm: Set<String> = [
        "depai:pointer", "depai:when", "depai:map", "depai:scale", "depai:offset", "depai:merge",
        "depai:body", "depai:ack", "depai:fallback", "depai:rendered", "depai:empty",
    ]

    /// Refuses a `depai:` term that is unknown or stands at the wrong place.
    static func check(_ root: JSONField) throws(JSONError) { try self.check(root, path: []) }

    private static func check(_ field: JSONField, path: [String]) throws(JSONError) {
        switch field.value {
        case .object?:
            let allowed = self.allowed(at: path)
            for (name, member) in try field.members() {
                if name.hasPrefix("depai:") {
                    guard allowed.contains(name) else { throw member.fault(self.reason(name)) }
                    // The readers of these terms refuse unknown members themselves.
                    continue
                }
                try self.check(member, path: path + [name])
            }
        case .array?:
            for (index, element) in try field.elements().enumerated() {
                try self.check(element, path: path + [String(index)])
            }
        default: break
        }
    }

    private static func allowed(at path: [String]) -> Set<String> {
        if path.isEmpty { return self.ofThing }
        guard ["properties", "actions", "events"].contains(path[0]) else { return [] }
        if path.count == 2 {
            return path[0] == "actions" ? self.ofAffordance.subtracting(["depai:keep"]) : self.ofAffordance
        }
        return path.count == 4 && path[2] == "forms" ? self.ofForm : []
    }

    private static func reason(_ name: String) -> String {
        let known = self.ofThing.union(self.ofForm).contains(name)
        return known ? "the term \(name) does not belong here" : "unknown term \(name)"
    }
}
