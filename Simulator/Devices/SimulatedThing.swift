public import Devices
public import Encoding
public import World

/// Why a model file cannot be simulated.
public enum SimulationError: Error, Equatable, CustomStringConvertible {
    /// Something in the model file; `pointer` is an RFC 6901 pointer.
    case model(pointer: String, reason: String)
    /// The description lacks what the model needs, or has what no server can serve.
    case description(String)

    public var description: String {
        switch self {
        case .model(let pointer, let reason): "model \(pointer): \(reason)"
        case .description(let reason): "description: \(reason)"
        }
    }
}

/// A device that is not there: its description, its physical model, and the seed of its noise.
public struct SimulatedThing: Sendable {
    public let thing: Thing
    let server: ThingServer
    let model: any DeviceModel

    /// - Parameters:
    ///   - model: the content of a `*.sim.yaml` file.
    ///   - seed: the same seed gives the same noise.
    public init(thing: Thing, model: JSON, seed: UInt64) throws(SimulationError) {
        self.thing = thing
        self.server = try ThingServer(thing)
        do throws(JSONError) {
            self.model = try Self.model(JSONField(model), seed: seed)
        } catch {
            switch error {
            case .value(let pointer, let reason): throw .model(pointer: pointer, reason: reason)
            case .mismatch(let pointer, let expected, let found):
                throw .model(pointer: pointer, reason: "expected \(expected), found \(found)")
            default: throw .model(pointer: "", reason: error.description)
            }
        }
        for name in self.model.properties where !thing.properties.contains(where: { $0.name == name }) {
            throw .description("\(thing.name) has no property \"\(name)\"")
        }
    }

    /// What the broker publishes when the device vanishes: for the connection of a simulated device.
    public var will: Message? { self.server.availability(isOnline: false) }

    private static func model(_ field: JSONField, seed: UInt64) throws(JSONError) -> any DeviceModel {
        switch try field["kind"].string() {
        case "ambient": try AmbientModel(field, seed: seed)
        case "meter": try MeterModel(field, seed: seed)
        case "actuator": try ActuatorModel(field)
        case "toggle": try ToggleModel(field)
        case "mobile-base": try BaseModel(field)
        default: throw field["kind"].fault("no such model")
        }
    }
}
