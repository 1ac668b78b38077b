internal import Devices
public import Encoding
internal import Sodium
internal import World

/// What may be asked of the devices of a running robot, as one JSON object.
///
///     {"ask": "devices"} | {"ask": "device", "thing": NAME} | {"ask": "readings", "after": MARK}
///     | {"ask": "write", "thing": NAME, "property": NAME, "value": …, "id": ID}
///     | {"ask": "invoke", "thing": NAME, "action": NAME, "input": …, "id": ID}
public enum DeviceRequest: Sendable, Equatable {
    case list
    case show(thing: String)
    /// What was heard since a mark; without one only the mark of now.
    case readings(after: UInt64?)
    /// - id: names the command; the same id again is the same command.
    case write(JSON, property: String, thing: String, id: String)
    case invoke(String, thing: String, input: JSON, id: String)

    /// What names the command; nil for a question.
    public var id: String? {
        switch self {
        case .list, .show, .readings: nil
        case .write(_, _, _, let id), .invoke(_, _, _, let id): id
        }
    }

    /// The words after `ask`.
    static let names: Set<String> = ["devices", "device", "readings", "write", "invoke"]

    public init(_ root: JSONField) throws(JSONError) {
        switch try root["ask"].string() {
        case "devices":
            try root.only(["ask"])
            self = .list
        case "device":
            try root.only(["ask", "thing"])
            self = .show(thing: try root["thing"].string())
        case "readings":
            try root.only(["ask", "after"])
            self = .readings(after: try root["after"].ifPresent?.integer())
        case "write":
            try root.only(["ask", "thing", "property", "value", "id"])
            self = .write(
                root["value"].value ?? .null, property: try root["property"].string(),
                thing: try root["thing"].string(), id: try root["id"].string())
        case "invoke":
            try root.only(["ask", "thing", "action", "input", "id"])
            self = .invoke(
                try root["action"].string(), thing: try root["thing"].string(),
                input: root["input"].value ?? .null, id: try root["id"].string())
        default: throw root["ask"].fault("one of \(Self.names.sorted())")
        }
    }

    public var json: JSON {
        switch self {
        case .list: ["ask": "devices"]
        case .show(let thing): ["ask": "device", "thing": .string(thing)]
        case .readings(let mark): ["ask": "readings", "after": mark.map { JSON($0) } ?? .null]
        case .write(let value, let property, let thing, let id):
            [
                "ask": "write", "thing": .string(thing), "property": .string(property), "value": value,
                "id": .string(id),
            ]
        case .invoke(let action, let thing, let input, let id):
            [
                "ask": "invoke", "thing": .string(thing), "action": .string(action), "input": input,
                "id": .string(id),
            ]
        }
    }
}

extension DeviceRequest {
    /// The same under a name that no other issuer can use.
    func named(by issuer: String) -> DeviceRequest {
        switch self {
        case .list, .show, .readings: self
        case .write(let value, let property, let thing, let id):
            .write(value, property: property, thing: thing, id: Self.name(id, issuer))
        case .invoke(let action, let thing, let input, let id):
            .invoke(action, thing: thing, input: input, id: Self.name(id, issuer))
        }
    }

    /// Once: who gives the whole name, as an answer says it, means the same command.
    private static func name(_ id: String, _ issuer: String) -> String {
        id.hasPrefix("\(issuer)/") ? id : "\(issuer)/\(id)"
    }
}

/// Answers questions about the devices, with an object that has a `schema`, or `{"refusal": …, "rule": …}`.
struct DeviceDesk: Sendable {
    let hub: DeviceHub

    func answer(_ root: JSONField) async -> JSON {
        do {
            return try await self.perform(try DeviceRequest(root))
        } catch {
            return Self.refusal(error)
        }
    }

    /// A signed one, from outside: the same, while it lives. Afterwards the outcome can still be asked for.
    func answer(_ order: DeviceOrder, at now: Timestamp) async -> JSON {
        let request = order.request.named(by: Base58.encode(order.issuer.bytes))
        do {
            do throws(DeviceOrderError) {
                try order.check(at: now)
            } catch {
                guard case .expired = error, let known = try await self.outcome(of: request) else {
                    throw error
                }
                return known
            }
            return try await self.perform(request)
        } catch {
            return Self.refusal(error)
        }
    }

    private func perform(_ request: DeviceRequest) async throws -> JSON {
        switch request {
        case .list:
            let twins = await self.hub.twins()
            return [
                "schema": "depai.devices/1",
                "devices": .array(await self.things(twins).map { Self.json($0, $1) }),
            ]
        case .show(let name):
            let twin = try await self.hub.knownTwin(name)
            var json = await self.things([twin]).first.map { Self.json($0, $1) } ?? .null
            json["schema"] = "depai.device/1"
            json["faults"] = .array(
                await self.hub.faults().filter { $0.thing == twin.id }.map { fault in
                    [
                        "affordance": .string(fault.affordance), "filter": .string(fault.filter),
                        "reason": .string(fault.reason), "count": JSON(fault.count),
                    ]
                })
            return json
        case .readings(let mark): return Self.json(await self.hub.news(after: mark), await self.hub.twins())
        case .write(let value, let property, let thing, let id):
            return Self.json(try await self.hub.write(value, to: property, of: thing, id: id))
        case .invoke(let action, let thing, let input, let id):
            return Self.json(try await self.hub.invoke(action, of: thing, input: input, id: id))
        }
    }

    /// How a command ended, if it is known here, has ended, and is this one.
    private func outcome(of request: DeviceRequest) async throws -> JSON? {
        let (affordance, input, id): (String, JSON, String)
        switch request {
        case .list, .show, .readings: return nil
        case .write(let value, let property, _, let name): (affordance, input, id) = (property, value, name)
        case .invoke(let action, _, let value, let name): (affordance, input, id) = (action, value, name)
        }
        guard let record = try await self.hub.record(id), record.state.isFinal,
            record.affordance == affordance, record.input == input
        else { return nil }
        return Self.json(record)
    }

    /// The longest refusal, in characters: a caller's own words are in it.
    private static let refusalLimit = 400

    /// What is not done, and by whose rule.
    static func refusal(_ error: any Error) -> JSON {
        var json: JSON = ["refusal": .string("\(error)".plain(limit: Self.refusalLimit))]
        // The owner's limits, as opposed to a slip of the caller.
        switch error {
        case DeviceError.outOfRange, DeviceError.tooOften, DeviceError.outOfHours:
            json["rule"] = "depai:limits"
        case is DeviceOrderError: json["rule"] = "order"
        default: break
        }
        return json
    }

    private func things(_ twins: [Twin]) async -> [(Thing, Twin)] {
        let descriptions = await self.hub.descriptions
        return twins.compactMap { twin in
            descriptions.first { $0.id == twin.id }.map { ($0, twin) }
        }
    }

    private static func json(_ thing: Thing, _ twin: Twin) -> JSON {
        [
            "id": .string(twin.id), "name": .string(twin.name), "title": .string(twin.title),
            "availability": .string(twin.availability.rawValue),
            "properties": .array(thing.properties.map { self.json($0, twin) }),
            "actions": .array(
                thing.actions.map { action in
                    [
                        "name": .string(action.name), "idempotent": .bool(action.isIdempotent),
                        "input": action.input?.document ?? .null, "limits": action.limits.json ?? .null,
                    ]
                }),
            "events": .array(thing.events.map { .string($0.name) }),
            "limits": thing.limits.json ?? .null, "notes": .array(thing.notes.map { .string($0) }),
        ]
    }

    private static func json(_ property: Thing.Property, _ twin: Twin) -> JSON {
        var json: JSON = [
            "name": .string(property.name), "type": JSON(property.schema.kind?.rawValue),
            "unit": JSON(property.schema.unit), "writable": .bool(property.isWritable),
            "allowed": property.schema.document, "limits": property.limits.json ?? .null,
        ]
        if let reported = twin.reported[property.name] {
            json["reported"] = [
                "value": reported.value, "version": JSON(reported.version),
                "at": .integer(reported.at.milliseconds), "clock": .string(reported.at.quality.rawValue),
            ]
        }
        if let desired = twin.desired[property.name] {
            json["desired"] = [
                "value": desired.value, "version": JSON(desired.version),
                "at": .integer(desired.at.milliseconds), "command": .string(desired.command),
            ]
        }
        return json
    }

    private static func json(_ news: DeviceHub.News, _ twins: [Twin]) -> JSON {
        let names = Dictionary(twins.map { ($0.id, $0.name) }) { first, _ in first }
        return [
            "schema": "depai.device-readings/1", "mark": JSON(news.mark), "lost": JSON(news.lost),
            "readings": .array(
                news.readings.map { reading, isEvent in
                    var json = reading.json
                    json["device"] = .string(names[reading.thing] ?? reading.thing)
                    json["event"] = .bool(isEvent)
                    return json
                }),
            "availability": .array(
                twins.map {
                    [
                        "device": .string($0.name), "id": .string($0.id),
                        "availability": .string($0.availability.rawValue),
                    ]
                }),
        ]
    }

    private static func json(_ record: CommandRecord) -> JSON {
        [
            "schema": "depai.command/1", "id": .string(record.id), "thing": .string(record.thing),
            "affordance": .string(record.affordance), "input": record.input,
            "state": .string(record.state.rawValue), "result": record.result ?? .null,
            "at": .integer(record.at.milliseconds),
        ]
    }
}
