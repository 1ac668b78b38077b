internal import Encoding

/// The short forms of member names that Home Assistant's discovery allows (its "MQTT discovery" page), as
/// far as they are read here.
enum HomeAssistantNames {
    private static let short: [String: String] = [
        "avty": "availability", "avty_t": "availability_topic", "pl_avail": "payload_available",
        "pl_not_avail": "payload_not_available", "stat_t": "state_topic", "cmd_t": "command_topic",
        "val_tpl": "value_template", "cmd_tpl": "command_template", "pl_on": "payload_on",
        "pl_off": "payload_off", "pl_prs": "payload_press", "stat_on": "state_on", "stat_off": "state_off",
        "unit_of_meas": "unit_of_measurement", "dev_cla": "device_class", "stat_cla": "state_class",
        "uniq_id": "unique_id", "obj_id": "object_id", "dev": "device", "ids": "identifiers",
        "mf": "manufacturer", "mdl": "model", "sw": "sw_version", "cmps": "components", "p": "platform",
        "o": "origin", "ops": "options", "bri_cmd_t": "brightness_command_topic",
        "bri_stat_t": "brightness_state_topic", "bri_scl": "brightness_scale", "t": "topic",
        "schema": "schema", "ret": "retain", "opt": "optimistic",
    ]

    /// The document with all names in full, and `~` in topics replaced by what it stands for.
    static func full(_ json: JSON) -> JSON { self.expanded(json, base: nil) }

    private static func expanded(_ json: JSON, base: String?) -> JSON {
        switch json {
        case .object(let object):
            var base = base
            if case .string(let text)? = object["~"] { base = text }
            var result = JSON.Object()
            for (name, value) in object.members where name != "~" {
                let full = self.short[name] ?? name
                var value = self.expanded(value, base: base)
                if full.hasSuffix("topic"), case .string(let topic) = value, let base {
                    if topic.hasPrefix("~") { value = .string(base + topic.dropFirst()) }
                    if topic.hasSuffix("~") { value = .string(topic.dropLast() + base) }
                }
                result[full] = value
            }
            return .object(result)
        case .array(let elements): return .array(elements.map { self.expanded($0, base: base) })
        default: return json
        }
    }

    /// Where in a JSON payload the simple templates look: `{{ value_json.a.b }}`, `{{ value_json['a'] }}`,
    /// also with a filter for a number behind. Empty for `{{ value }}` and for no template; nil for all
    /// others, which are programs.
    static func pointer(_ template: String?) -> String? {
        guard let template else { return "" }
        var text = Substring(template)
        guard text.hasPrefix("{{"), text.hasSuffix("}}") else { return nil }
        text = text.dropFirst(2).dropLast(2)
        let parts = text.split(separator: "|", omittingEmptySubsequences: false)
        let filters = parts.dropFirst().map { $0.filter { !$0.isWhitespace } }
        // These change the type, which the schema says, or fill a gap, which is left a gap.
        guard filters.allSatisfy({ $0 == "float" || $0 == "int" || $0.hasPrefix("default(") }) else {
            return nil
        }
        guard var path = parts.first else { return nil }
        while path.first?.isWhitespace == true { path.removeFirst() }
        while path.last?.isWhitespace == true { path.removeLast() }
        if path == "value" { return "" }
        guard path.hasPrefix("value_json") else { return nil }
        return self.pointer(path: path.dropFirst("value_json".count))
    }

    /// `.a.b` and `['a'][0]` as an RFC 6901 pointer.
    private static func pointer(path: Substring) -> String? {
        var rest = path
        var pointer = ""
        while let first = rest.first {
            var token: Substring
            if first == "." {
                rest = rest.dropFirst()
                token = rest.prefix { $0 != "." && $0 != "[" }
                rest = rest.dropFirst(token.count)
                guard
                    token.unicodeScalars.allSatisfy({ $0.properties.isAlphabetic || $0 == "_" || $0.isDigit })
                else { return nil }
            } else if first == "[", let end = rest.firstIndex(of: "]") {
                token = rest[rest.index(after: rest.startIndex)..<end]
                rest = rest[rest.index(after: end)...]
                if let quote = token.first, quote == "'" || quote == "\"" {
                    guard token.count >= 2, token.last == quote else { return nil }
                    token = token.dropFirst().dropLast()
                }
            } else {
                return nil
            }
            guard !token.isEmpty else { return nil }
            pointer += "/" + token.writing("~0", for: "~").writing("~1", for: "/")
        }
        return pointer
    }
}

extension Unicode.Scalar {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }
}
