/// MQTT topic names and filters. Source: MQTT 3.1.1, section 4.7.
package enum TopicFilter {
    /// The longest topic or filter that is accepted, in bytes. MQTT allows 65,535; nobody needs them.
    package static let byteLimit = 1_024

    /// Whether something can be published under `name`.
    package static func isTopic(_ name: String) -> Bool {
        self.hasGoodBytes(name) && !name.utf8.contains { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") }
    }

    /// Whether one can subscribe to `filter`: `+` stands for one whole level, `#` for the rest at the end.
    package static func isFilter(_ filter: String) -> Bool {
        guard self.hasGoodBytes(filter) else { return false }
        let levels = filter.split(separator: "/", omittingEmptySubsequences: false)
        return levels.enumerated().allSatisfy { index, level in
            if level == "+" { return true }
            if level == "#" { return index == levels.count - 1 }
            return !level.utf8.contains { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") }
        }
    }

    /// Whether a message under `topic` is for a subscriber of `filter`.
    package static func matches(_ topic: String, filter: String) -> Bool {
        let names = topic.split(separator: "/", omittingEmptySubsequences: false)
        let levels = filter.split(separator: "/", omittingEmptySubsequences: false)
        // Wildcards at the front do not see the broker's own topics.
        if topic.hasPrefix("$"), let first = levels.first, first == "#" || first == "+" { return false }
        for (index, level) in levels.enumerated() {
            if level == "#" { return true }
            guard index < names.count, level == "+" || level == names[index] else { return false }
        }
        return levels.count == names.count
    }

    private static func hasGoodBytes(_ text: String) -> Bool {
        (1...self.byteLimit).contains(text.utf8.count) && !text.utf8.contains { $0 < 0x20 || $0 == 0x7f }
    }
}
