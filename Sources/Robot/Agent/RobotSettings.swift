internal import Devices
internal import Encoding
internal import Home
internal import SystemPackage
internal import VDA5050
public import World

/// The section `vda5050`: as which robot of which fleet this one takes orders, and what of it drives.
///
///     vda5050:
///       version: 2.1.0
///       interface: uagv
///       manufacturer: acme
///       serial: r1
///       broker: {host: fleet.local, client_id: acme-r1}
///       base: base-1          # a thing with `pose`, `battery` and `follow`
///       map: hall-2
///       cell: 0.5             # metres from cell to cell
///       actions:
///         - {type: lampOn, thing: plug-1, write: power, value: true}
///         - {type: scan, thing: camera-1, invoke: scan}
public struct RobotSettings: Sendable {
    let identity: Identity
    /// The fleet's broker: a connection of its own, for the last will is part of the protocol.
    public let broker: BrokerAddress
    let vehicle: ThingVehicle.Settings

    init(_ root: JSONField, in folder: FilePath) throws {
        try root.only([
            "version", "interface", "manufacturer", "serial", "broker", "base", "map", "cell", "stride",
            "actions",
        ])
        guard let version = Version(rawValue: try root["version"].string()) else {
            throw root["version"].fault("one of \(Version.allCases.map(\.rawValue))")
        }
        let identity = Identity(
            version: version, interface: try root["interface"].string(),
            manufacturer: try root["manufacturer"].string(), serialNumber: try root["serial"].string())
        guard let identity else { throw root["serial"].fault("these names make no topic") }
        self.identity = identity
        self.broker = try BrokerAddress(settings: root["broker"], in: folder)
        guard self.broker.will == nil, self.broker.birth == nil else {
            throw root["broker"].fault("birth and will are the protocol's")
        }
        let cell = try root["cell"].number()
        guard (0.01...100).contains(cell) else { throw root["cell"].fault("must be 0.01 to 100 metres") }
        let stride = try root["stride"].ifPresent?.integer(Int.self) ?? 4
        guard (1...64).contains(stride) else { throw root["stride"].fault("must be 1 to 64 cells") }
        self.vehicle = ThingVehicle.Settings(
            base: try root["base"].string(), map: try root["map"].string(), cell: cell, stride: stride,
            actions: try (root["actions"].ifPresent?.elements() ?? []).map(Self.action))
    }

    private static func action(_ field: JSONField) throws(JSONError) -> ThingVehicle.Binding {
        try field.only(["type", "thing", "write", "value", "invoke", "input"])
        let what: ThingVehicle.Binding.What
        if field["invoke"].exists {
            guard !field["write"].exists else { throw field["write"].fault("one of write and invoke") }
            what = .invoke(try field["invoke"].string(), input: field["input"].value ?? .null)
        } else {
            what = .write(try field["write"].string(), value: field["value"].value ?? .null)
        }
        return ThingVehicle.Binding(
            type: try field["type"].string(), thing: try field["thing"].string(), what: what)
    }

    /// What the fleet's broker says when the robot vanishes.
    public func will(at now: Timestamp) throws -> Message {
        try VehicleLink.will(self.identity, at: now)
    }
}
