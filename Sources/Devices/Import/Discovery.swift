public import Encoding
public import World

/// A convention by which devices describe themselves in messages that the broker keeps.
public enum DiscoveryConvention: String, Sendable, CaseIterable {
    case zigbee2mqtt
    case tasmota
    case homeassistant
    case homie
    /// ESPHome announces its entities by Home Assistant's convention.
    case esphome

    /// What has to be listened to.
    ///
    /// - Parameter base: the first level, where an owner changed it; nil for the convention's own.
    public func filters(base: String?) -> [String] {
        switch self {
        case .zigbee2mqtt: ["\(base ?? "zigbee2mqtt")/bridge/devices"]
        case .tasmota: ["\(base ?? "tasmota")/discovery/#"]
        case .homeassistant: ["\(base ?? "homeassistant")/#"]
        case .homie: ["\(base ?? "homie")/5/+/$description"]
        case .esphome: ["\(base ?? "homeassistant")/#", "esphome/discover/#"]
        }
    }

    /// Makes Thing Descriptions of what was heard. Each thing is valid by ``DescriptionChecker``, or is not
    /// there and said so.
    ///
    /// - Parameters:
    ///   - messages: the newest of each topic.
    ///   - broker: `host:port`, for the addresses in the descriptions.
    public func things(
        from messages: [Message], base: String?, broker: String
    ) -> (things: [DiscoveredThing], skipped: [String]) {
        var importer = DiscoveryReader(broker: broker)
        switch self {
        case .zigbee2mqtt: importer.readZigbee2MQTT(messages, base: base ?? "zigbee2mqtt")
        case .tasmota: importer.readTasmota(messages, base: base ?? "tasmota")
        case .homeassistant: importer.readHomeAssistant(messages, base: base ?? "homeassistant") { _ in true }
        case .esphome: importer.readESPHome(messages, base: base ?? "homeassistant")
        case .homie: importer.readHomie(messages, base: base ?? "homie")
        }
        return importer.finished()
    }
}

/// A device as it described itself.
public struct DiscoveredThing: Sendable {
    /// Its `depai:name`; good as a file's name.
    public let name: String
    public let description: JSON
    /// What of it could not be described, in words.
    public let notes: [String]
}

/// Collects what the conventions say.
struct DiscoveryReader {
    let broker: String
    private var drafts: [ThingDraft] = []
    private(set) var skipped: [String] = []

    /// The most devices that are described at once.
    static let thingLimit = DeviceHub.thingLimit

    init(broker: String) { self.broker = broker }

    mutating func skip(_ what: String, _ reason: String) {
        guard self.skipped.count < Self.thingLimit else { return }
        self.skipped.append("\(what): \(reason)")
    }

    /// The document in a message; nil, and said so, when it is none.
    mutating func document(_ message: Message) -> JSONField? {
        // Nothing clears the topic.
        guard !message.payload.isEmpty else { return nil }
        do {
            return JSONField(try JSON.read(message.payload, limits: .init(bytes: 4 << 20, depth: 32)))
        } catch {
            self.skip(message.topic, "\(error)")
            return nil
        }
    }

    mutating func add(_ draft: ThingDraft) {
        guard self.drafts.count < Self.thingLimit else {
            return self.skip(draft.title, "more than \(Self.thingLimit) devices")
        }
        self.drafts.append(draft)
    }

    func finished() -> (things: [DiscoveredThing], skipped: [String]) {
        var things: [DiscoveredThing] = []
        var skipped = self.skipped
        var names: Set<String> = []
        for draft in self.drafts {
            guard !draft.isEmpty else {
                skipped.append("\(draft.title): says nothing that can be described")
                continue
            }
            var draft = draft
            var number = 2
            while !names.insert(draft.name).inserted {
                draft.name = "\(draft.plainName)-\(number)"
                number += 1
            }
            let description = draft.description(broker: self.broker)
            if let fault = DescriptionChecker.faults(in: description).first {
                skipped.append("\(draft.title): \(fault)")
            } else {
                things.append(
                    DiscoveredThing(name: draft.name, description: description, notes: draft.notes))
            }
        }
        return (things, skipped)
    }
}
