internal import Encoding

/// A kind of load that the robot can take. Source: VDA 5050 2.1.0 section 6.15.
package struct LoadSet: WireRecord {
    package var setName = ""
    package var loadType = ""
    package var positions: [String]?
    package var boundingBox: BoundingBox?
    package var dimensions: LoadDimensions?
    package var maximumWeight: Double?
    package var minimumHeight: Double?
    package var maximumHeight: Double?
    package var minimumDepth: Double?
    package var maximumDepth: Double?
    package var minimumTilt: Double?
    package var maximumTilt: Double?
    package var maximumSpeed: Double?
    package var maximumAcceleration: Double?
    package var maximumDeceleration: Double?
    package var pickTime: Double?
    package var dropTime: Double?
    package var description: String?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("setName", &self.setName)
        try codec.member("loadType", &self.loadType)
        try codec.member("loadPositions", &self.positions)
        try codec.member("boundingBoxReference", &self.boundingBox)
        try codec.member("loadDimensions", &self.dimensions)
        try codec.member(WireName(two: "maxWeight", three: "maximumWeight"), &self.maximumWeight)
        try self.passHandling(&codec)
        try codec.member(WireName(two: "agvSpeedLimit", three: "maximumSpeed"), &self.maximumSpeed)
        try codec.member(
            WireName(two: "agvAccelerationLimit", three: "maximumAcceleration"),
            &self.maximumAcceleration)
        try codec.member(
            WireName(two: "agvDecelerationLimit", three: "maximumDeceleration"),
            &self.maximumDeceleration)
        try codec.member("pickTime", &self.pickTime)
        try codec.member("dropTime", &self.dropTime)
        try codec.member("description", &self.description)
        guard codec.dialect == .three else { return }
        for (name, value) in [
            ("maximumWeight", self.maximumWeight), ("minimumLoadhandlingHeight", self.minimumHeight),
            ("maximumLoadhandlingHeight", self.maximumHeight), ("maximumSpeed", self.maximumSpeed),
            ("maximumAcceleration", self.maximumAcceleration), ("pickTime", self.pickTime),
            ("dropTime", self.dropTime),
        ] { try codec.natural(name, value) }
    }

    private mutating func passHandling(_ codec: inout WireCodec) throws(JSONError) {
        func name(_ end: String) -> (minimum: WireName, maximum: WireName) {
            (
                WireName(two: "minLoadhandling\(end)", three: "minimumLoadhandling\(end)"),
                WireName(two: "maxLoadhandling\(end)", three: "maximumLoadhandling\(end)")
            )
        }
        try codec.member(name("Height").minimum, &self.minimumHeight)
        try codec.member(name("Height").maximum, &self.maximumHeight)
        try codec.member(name("Depth").minimum, &self.minimumDepth)
        try codec.member(name("Depth").maximum, &self.maximumDepth)
        try codec.member(name("Tilt").minimum, &self.minimumTilt)
        try codec.member(name("Tilt").maximum, &self.maximumTilt)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct Configuration: WireRecord {
    package var versions: [VersionFact]?
    package var network: Network?
    package var charging: Charging?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("versions", &self.versions)
        try codec.member("network", &self.network)
        try codec.member(WireName(two: nil, three: "batteryCharging"), &self.charging)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct VersionFact: WireRecord {
    package var key = ""
    package var value = ""

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("key", &self.key)
        try codec.member("value", &self.value)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct Network: WireRecord {
    package var dnsServers: [String]?
    package var ntpServers: [String]?
    package var localAddress: String?
    package var netmask: String?
    package var defaultGateway: String?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("dnsServers", &self.dnsServers)
        try codec.member("ntpServers", &self.ntpServers)
        try codec.member("localIpAddress", &self.localAddress)
        try codec.member("netmask", &self.netmask)
        try codec.member("defaultGateway", &self.defaultGateway)
    }
}

/// In percent and seconds. Source: VDA 5050 3.0.0, factsheet.
package struct Charging: WireRecord {
    package var criticalLow: Double?
    package var minimumDesired: Double?
    package var maximumDesired: Double?
    package var minimumTime: Double?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.number("criticalLowChargingLevel", &self.criticalLow, in: 0...100)
        try codec.number("minimumDesiredChargingLevel", &self.minimumDesired, in: 0...100)
        try codec.number("maximumDesiredChargingLevel", &self.maximumDesired, in: 0...100)
        try codec.number("minimumChargingTime", &self.minimumTime, in: WireRange.natural)
    }
}
