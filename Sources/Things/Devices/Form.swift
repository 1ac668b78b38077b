package import Encoding
package import World

/// `depai:when`, `okWhen`: the payload has this value at this place.
package struct Condition: Sendable, Equatable {
    package let pointer: Pointer
    package let equals: JSON

    package func holds(in document: JSON) -> Bool {
        self.pointer.value(in: document).map { $0.isSameValue(as: self.equals) } ?? false
    }
}

/// A form that is listened to: a property's value or an event.
package struct ReportForm: Sendable {
    package let filter: String
    package let quality: DeliveryQuality
    /// The device keeps its last value at the broker.
    package let retain: Bool
    package let format: WireFormat
    package let pointer: Pointer
    package let when: [Condition]
    /// `depai:merge` is "overlay": an absent key is unchanged, null is gone.
    package let isOverlay: Bool
    /// `depai:fallback`: another value falls back to this one by itself.
    package let fallback: Fallback?

    /// What a value becomes when nothing more is heard: motion that ends without a message.
    package struct Fallback: Sendable, Equatable {
        package let value: JSON
        package let after: Duration
    }

    func hasSamePlace(as other: ReportForm) -> Bool {
        (self.filter, self.pointer) == (other.filter, other.pointer) && self.when == other.when
    }

    /// What a payload says about the value.
    package enum Report: Sendable, Equatable {
        case value(JSON)
        /// Members to lay over the known value.
        case changes(JSON)
        case gone
        /// `depai:when` says that it is about something else, or an overlay that leaves this value alone.
        case nothing
    }

    /// Reads one payload.
    package func report(_ payload: [UInt8], schema: DataSchema?) throws(PayloadError) -> Report {
        // Nothing is how a kept topic is cleared.
        if payload.isEmpty { return .gone }
        let document = try self.format.document(payload)
        guard self.when.allSatisfy({ $0.holds(in: document) }) else { return .nothing }
        guard let wire = self.pointer.value(in: document) else {
            if self.isOverlay { return .nothing }
            throw .missing
        }
        if self.format.isRendered, self.format.saysNothing(wire, schema: schema) { return .gone }
        if self.isOverlay {
            if case .null = wire { return .gone }
            // Only the merged object can be held against the schema.
            if case .object = wire, !self.format.isRendered { return .changes(wire) }
        }
        return .value(try self.format.value(ofWire: wire, schema: schema))
    }
}

/// How one learns that a command was executed.
package struct Acknowledgement: Sendable {
    /// What counts as proof.
    package enum Kind: String, Sendable, CaseIterable {
        /// The broker has it; nothing is known about the device.
        case puback
        /// The property reports the value that was written.
        case echo
        /// The device answers on a topic of its own.
        case reply
    }

    package let kind: Kind
    /// For `reply`, and for an echo elsewhere than on the property's own form. A level `$self` is our own
    /// name.
    package let filter: String?
    /// Where a reply repeats the command's id.
    package let idPointer: Pointer?
    /// A reply counts as success only if all hold; one that is neither success nor error is progress.
    package let okWhen: [Condition]
    /// Something other than null there means that the command failed.
    package let errorPointer: Pointer?
    package let valuePointer: Pointer?
    /// For `echo`: values that are commands and no states, such as STOP. No device reports them; the broker's
    /// word is all the proof there is.
    package let commands: [JSON]
    package let timeout: Duration

    /// Whether the device will report `value` when it has obeyed.
    func expectsEcho(of value: JSON) -> Bool {
        self.kind == .echo && !self.commands.contains { $0.isSameValue(as: value) }
    }

    /// Waited for when the description says nothing.
    package static let standardTimeout: Duration = .seconds(5)
    /// The longest `timeoutMs`.
    package static let timeoutLimitMs = 600_000

    /// What a reply says.
    package enum Verdict: Sendable, Equatable {
        case done(JSON?)
        case failed(JSON)
        case progress
    }

    package func verdict(_ document: JSON) -> Verdict {
        if let error = self.errorPointer?.value(in: document), error != .null { return .failed(error) }
        guard self.okWhen.allSatisfy({ $0.holds(in: document) }) else { return .progress }
        return .done(self.valuePointer.flatMap { $0.value(in: document) })
    }
}

/// A form that is published to: a write or an action.
package struct CommandForm: Sendable {
    package let topic: String
    package let quality: DeliveryQuality
    package let retain: Bool
    package let format: WireFormat
    package let body: BodyTemplate?
    package let acknowledgement: Acknowledgement

    /// The payload of one command.
    /// - Parameter value: what is written, or the action's input.
    package func payload(_ value: JSON, identifier: String, ownName: String) throws(PayloadError) -> [UInt8] {
        let wire = try self.format.wire(of: value)
        var payload: [UInt8] = []
        if let body = self.body {
            let filled = body.filled(.init(value: wire, identifier: identifier, ownName: ownName)) ?? .null
            payload = Array((self.format.isText ? filled.plainText : filled.text).utf8)
        } else if value != .null || !self.format.map.isEmpty {
            payload = self.format.payload(wire)
        }
        guard payload.count <= WireFormat.payloadLimit else {
            throw .tooLarge(limit: WireFormat.payloadLimit)
        }
        return payload
    }
}

/// `depai:limits`: what the owner lets an agent do.
public struct DeviceLimits: Sendable, Hashable {
    /// Allowed numbers, within the data schema's.
    public let range: ClosedRange<Double>?
    /// Publications to the device in any 60 seconds, repetitions included.
    public let perMinute: Int?
    /// When anything may be sent at all.
    public let hours: DayHours?

    /// No limits.
    static let none = DeviceLimits(range: nil, perMinute: nil, hours: nil)
    /// The largest `perMinute`.
    static let perMinuteLimit = 6_000

    /// As a description has them; nil where nothing is limited.
    package var json: JSON? {
        guard self != .none else { return nil }
        var json: JSON = [:]
        if let range = self.range {
            json["range"] = ["min": .number(range.lowerBound), "max": .number(range.upperBound)]
        }
        if let perMinute = self.perMinute { json["perMinute"] = JSON(perMinute) }
        if let hours = self.hours { json["hours"] = .string("\(hours)") }
        return json
    }
}
