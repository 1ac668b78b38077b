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
        case .zigbee2mqtt:
            ["devices", "groups"].map { "\(base ?? "zigbee2mqtt")/bridge/\($0)" }
        case .tasmota: ["\(base ?? "tasmota")/discovery/#"]
        case .homeassistant: ["\(base ?? "homeassistant")/#"]
        case .homie: DiscoveryReader.homieFilters(base: base ?? "homie")
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
        case .homeassistant: importer.readHomeAssistant(messages, base: base ?? "homeassistant")
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
    /// The description's `id`: the same whatever the device is called.
    public let id: String
    public let description: JSON
    /// What of it could not be described, in words.
    public let notes: [String]

    /// The same device under another name.
    func named(_ name: String) -> DiscoveredThing {
        var description = self.description
        description["depai:name"] = .string(name)
        return DiscoveredThing(name: name, id: self.id, description: description, notes: self.notes)
    }
}

/// Collects what the conventions say.
struct DiscoveryReader {
    let broker: String
    private var drafts: [ThingDraft] = []
    private(set) var skipped: [String] = []

    /// The most devices that are described at once.
    static let thingLimit = DeviceHub.thingLimit
    /// The longest announcement, in bytes: a list of all devices of a large house is one.
    static let announcementLimit = 32 << 20

    init(broker: String) { self.broker = broker }

    mutating func skip(_ what: String, _ reason: String) {
        guard self.skipped.count < Self.thingLimit else { return }
        self.skipped.append(ThingDraft.line("\(what): \(reason)"))
    }

    /// The document in a message; nil, and said so, when it is none.
    mutating func document(_ message: Message) -> JSONField? {
        // Nothing clears the topic.
        guard !message.payload.isEmpty else { return nil }
        do {
            return JSONField(
                try JSON.read(message.payload, limits: .init(bytes: Self.announcementLimit, depth: 32)))
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
        let names = self.names()
        var ids: Set<ExactText> = []
        for (draft, name) in zip(self.drafts, names) {
            guard !draft.isEmpty else {
                let kinds = draft.notes.isEmpty ? "" : " (\(draft.notes.joined(separator: "; ")))"
                skipped.append("\(draft.title): says nothing that can be described\(kinds)")
                continue
            }
            guard ids.insert(ExactText(draft.id)).inserted else {
                skipped.append("\(draft.title): another device has the id \(draft.id)")
                continue
            }
            var draft = draft
            draft.name = name
            var description = draft.description(broker: self.broker)
            var fault = DescriptionChecker.faults(in: description).first
            while let known = fault, draft.drop(known), !draft.isEmpty {
                description = draft.description(broker: self.broker)
                fault = DescriptionChecker.faults(in: description).first
            }
            if let fault {
                skipped.append("\(draft.title): \(fault)")
            } else {
                things.append(
                    DiscoveredThing(
                        name: draft.name, id: "urn:depai:\(draft.source):\(draft.id)",
                        description: description, notes: draft.notes))
            }
        }
        return (things, Array(skipped.prefix(Self.thingLimit)))
    }

    /// A name for each draft that no other has, whatever the order in which they were met: of those that
    /// share one, the lowest id keeps it, and the others carry theirs.
    private func names() -> [String] {
        var names = self.drafts.map(\.plainName)
        var taken: Set<String> = []
        let order = self.drafts.indices.sorted {
            (ExactText(self.drafts[$0].id), $0) < (ExactText(self.drafts[$1].id), $1)
        }
        for index in order {
            var name = self.drafts[index].plainName
            if taken.contains(name.lowercased()) { name = self.drafts[index].longName }
            let long = name
            var number = 2
            while !taken.insert(name.lowercased()).inserted {
                name = "\(long)-\(number)"
                number += 1
            }
            names[index] = name
        }
        return names
    }
}
