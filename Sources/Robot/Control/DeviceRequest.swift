public import Encoding

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
    package static let names: Set<String> = ["devices", "device", "readings", "write", "invoke"]

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
    package func named(by issuer: String) -> DeviceRequest {
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
