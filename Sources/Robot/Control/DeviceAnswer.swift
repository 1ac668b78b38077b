package import Devices
package import Encoding
internal import World

/// What is answered about devices: an object with a `schema`, or `{"refusal": …, "rule": …}`.
package enum DeviceAnswer {
    /// All devices.
    package static func list(_ devices: [(thing: Thing, twin: Twin)]) -> JSON {
        [
            "schema": "depai.devices/1",
            "devices": .array(devices.map { self.json($0.thing, $0.twin) }),
        ]
    }

    /// One device, and what of its messages was wrong.
    package static func show(_ thing: Thing, _ twin: Twin, _ faults: [DeviceFault]) -> JSON {
        var json = self.json(thing, twin)
        json["schema"] = "depai.device/1"
        json["faults"] = .array(
            faults.map { fault in
                [
                    "affordance": .string(fault.affordance), "filter": .string(fault.filter),
                    "reason": .string(fault.reason), "count": JSON(fault.count),
                ]
            })
        return json
    }

    /// The longest refusal, in characters: a caller's own words are in it.
    private static let refusalLimit = 400

    /// What is not done, and by whose rule.
    package static func refusal(_ error: any Error) -> JSON {
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

    package static func readings(_ news: DeviceHub.News, _ twins: [Twin]) -> JSON {
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

    package static func command(_ record: CommandRecord) -> JSON {
        [
            "schema": "depai.command/1", "id": .string(record.id), "thing": .string(record.thing),
            "affordance": .string(record.affordance), "input": record.input,
            "state": .string(record.state.rawValue), "result": record.result ?? .null,
            "at": .integer(record.at.milliseconds),
        ]
    }
}
