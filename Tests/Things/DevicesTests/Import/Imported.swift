import Encoding
import Messaging
import Testing
import World

@testable import Devices

/// What a convention makes of announcements.
struct Imported {
    let things: [(thing: Thing, notes: [String])]
    let skipped: [String]

    /// - Parameter messages: topics and documents; a text is a payload as it is.
    init(_ convention: DiscoveryConvention, _ messages: [(String, JSON)]) throws {
        let found = convention.things(
            from: messages.map { topic, json in
                Message(topic: topic, payload: Array(json.plainText.utf8), retained: true)
            }, base: nil, broker: "localhost:1883")
        self.things = try found.things.map { (try Thing(description: $0.description), $0.notes) }
        self.skipped = found.skipped
        for found in found.things { #expect(DescriptionChecker.faults(in: found.description) == []) }
    }

    func thing(_ name: String) throws -> Thing {
        try #require(self.things.first { $0.thing.name == name }?.thing, "\(self.things.map(\.thing.name))")
    }

    func notes(_ name: String) throws -> [String] {
        try #require(self.things.first { $0.thing.name == name }?.notes)
    }
}

extension Thing {
    func property(_ name: String) throws -> Property {
        try #require(self.properties.first { $0.name == name }, "\(self.properties.map(\.name))")
    }

    /// What a property's reports make of a message; nil when none listens there.
    func read(_ property: String, _ topic: String, _ payload: String) throws -> ReportForm.Report? {
        let property = try self.property(property)
        return try property.reports.first { TopicFilter.matches(topic, filter: $0.filter) }?
            .report(Array(payload.utf8), schema: property.schema)
    }

    /// What is sent for a value.
    func sent(_ value: JSON, to property: String) throws -> String {
        let write = try #require(try self.property(property).write)
        return String(decoding: try write.payload(value, identifier: "", ownName: ""), as: UTF8.self)
    }

    /// What an action sends, and where.
    func sent(by action: String, _ input: JSON = .null) throws -> String {
        let invoke = try #require(
            self.actions.first { $0.name == action }?.invoke, "\(self.actions.map(\.name))")
        let payload = try invoke.payload(input, identifier: "", ownName: "")
        return "\(invoke.topic) \(String(decoding: payload, as: UTF8.self))"
    }
}

/// One entity of one device, as Home Assistant's discovery announces it.
extension Imported {
    static func device(_ name: String = "D") -> JSON {
        ["ids": [.string(name)], "name": .string(name)]
    }

    static func entity(_ component: String, _ config: JSON, _ id: String = "e") -> (String, JSON) {
        var config = config
        if config["dev"] == nil, config["device"] == nil { config["dev"] = self.device() }
        return ("homeassistant/\(component)/\(id)/config", config)
    }
}
