internal import Encoding
internal import Messaging
internal import World

/// `depai:query`: a message after which the device says its values. Sent when we begin to follow it and when
/// it comes back; it changes nothing, and the owner's limits hold for it.
package struct Query: Sendable, Equatable {
    package let topic: String
    private let body: BodyTemplate
    private let isText: Bool
    /// The payload as the description has it.
    private let template: JSON

    /// The most questions of one thing.
    static let limit = 8

    /// Reads `[{"topic": T, "payload": P}]`; a payload that is a text is sent as it is.
    static func all(_ field: JSONField) throws(JSONError) -> [Query] {
        let elements = try field.ifPresent?.elements() ?? []
        guard elements.count <= Self.limit else { throw field.fault("more than \(Self.limit)") }
        var queries: [Query] = []
        for element in elements {
            try element.only(["topic", "payload"])
            let topic = try element["topic"].string()
            guard TopicFilter.isTopic(topic) else { throw element["topic"].fault("not an MQTT topic") }
            guard !topic.holds("{{") else { throw element["topic"].fault("a placeholder is not filled") }
            let isText = if case .string? = element["payload"].value { true } else { false }
            queries.append(
                Query(
                    topic: topic, body: try BodyTemplate(element["payload"], isText: isText), isText: isText,
                    template: element["payload"].value ?? .null))
        }
        return queries
    }

    package static func == (left: Query, right: Query) -> Bool {
        sameBytes(left.topic, right.topic) && left.template == right.template
    }

    func payload(identifier: String, ownName: String) -> [UInt8] {
        let filled = self.body.filled(.init(identifier: identifier, ownName: ownName)) ?? .null
        return Array((self.isText ? filled.plainText : filled.text).utf8)
    }
}
