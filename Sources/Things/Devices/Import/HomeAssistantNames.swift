internal import Encoding
internal import Messaging

/// Writes out what Home Assistant's discovery lets announcers shorten: member names, and the common beginning
/// of topics, `~`. What strangers announce must not grow without bound by it.
struct HomeAssistantNames {
    /// What may still be added by `~`, in bytes.
    private var room = Self.roomLimit

    /// The most bytes that `~` adds to all messages together.
    static let roomLimit = 8 << 20
    /// The most members of one entity or device.
    static let memberLimit = 256

    /// The announcement with all names in full, and `~` in topics replaced by what it stands for.
    mutating func full(_ root: JSONField) throws(JSONError) -> JSON {
        let base = try Self.base(root)
        var result = try self.entity(root, base: base)
        if let components = result["components"].map({ JSONField($0) })?.ifPresent {
            var full = JSON.Object()
            for (name, component) in try Self.members(components) {
                full[name] = try self.entity(component, base: try Self.base(component) ?? base)
            }
            result["components"] = .object(full)
        }
        return result
    }

    private mutating func entity(_ field: JSONField, base: String?) throws(JSONError) -> JSON {
        var result = JSON.Object()
        for (name, member) in try Self.members(field) where name != "~" {
            let full = HomeAssistantShortNames.ofEntity[name] ?? name
            switch full {
            case "device": result[full] = try Self.renamed(member, HomeAssistantShortNames.ofDevice)
            case "origin": result[full] = try Self.renamed(member, HomeAssistantShortNames.ofOrigin)
            case "availability": result[full] = try self.availability(member, base: base)
            default: result[full] = try self.topic(member, full, base)
            }
        }
        return .object(result)
    }

    private mutating func availability(_ field: JSONField, base: String?) throws(JSONError) -> JSON {
        guard case .array(let list)? = field.value else {
            guard case .object? = field.value else { return field.value ?? .null }
            return .array([try self.entity(field, base: base)])
        }
        guard list.count <= AvailabilityForm.placeLimit else {
            throw field.fault("more than \(AvailabilityForm.placeLimit) places")
        }
        var places: [JSON] = []
        for element in try field.elements() { places.append(try self.entity(element, base: base)) }
        return .array(places)
    }

    /// A member as it is, or a topic with what `~` at its beginning or end stands for.
    private mutating func topic(_ field: JSONField, _ name: String, _ base: String?) throws(JSONError) -> JSON
    {
        guard let value = field.value else { return .null }
        guard let base, name.hasSuffix("topic"), case .string(var topic) = value else { return value }
        let before = topic.utf8.count
        if topic.hasPrefix("~") { topic = base + topic.dropFirst() }
        if topic.hasSuffix("~") { topic = topic.dropLast() + base }
        guard topic.utf8.count <= TopicFilter.byteLimit else {
            throw field.fault("with ~ it is longer than \(TopicFilter.byteLimit) bytes")
        }
        self.room -= max(0, topic.utf8.count - before)
        guard self.room >= 0 else { throw field.fault("what ~ stands for grows too long in all") }
        return .string(topic)
    }

    private static func base(_ field: JSONField) throws(JSONError) -> String? {
        guard case .string(let text)? = field["~"].value else { return nil }
        guard text.utf8.count <= TopicFilter.byteLimit else {
            throw field["~"].fault("longer than \(TopicFilter.byteLimit) bytes")
        }
        return text
    }

    private static func renamed(_ field: JSONField, _ names: [String: String]) throws(JSONError) -> JSON {
        guard case .object? = field.value else { return field.value ?? .null }
        var result = JSON.Object()
        for (name, member) in try self.members(field) { result[names[name] ?? name] = member.value }
        return .object(result)
    }

    private static func members(_ field: JSONField) throws(JSONError) -> [(name: String, field: JSONField)] {
        let members = try field.members()
        guard members.count <= self.memberLimit else {
            throw field.fault("more than \(self.memberLimit) members")
        }
        return members
    }
}
