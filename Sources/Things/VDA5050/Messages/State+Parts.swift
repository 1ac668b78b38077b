internal import Encoding

/// Source: VDA 5050 2.1.0 section 6.10.6.
package struct Map: WireRecord {
    package var mapId = ""
    package var mapVersion = ""
    package var descriptor: String?
    package var status = MapStatus.enabled

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("mapId", &self.mapId)
        try codec.member("mapVersion", &self.mapVersion)
        try codec.member(WireName(two: "mapDescription", three: "mapDescriptor"), &self.descriptor)
        try codec.member("mapStatus", &self.status)
    }
}

/// Source: VDA 5050 3.0.0, state.
package struct ZoneSet: WireRecord {
    package var zoneSetId = ""
    package var mapId = ""
    package var status = MapStatus.enabled

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("zoneSetId", &self.zoneSetId)
        try codec.member("mapId", &self.mapId)
        try codec.member("zoneSetStatus", &self.status)
    }
}

/// Source: VDA 5050 3.0.0, state.
package struct PlannedPath: WireRecord {
    package var trajectory = Trajectory()
    package var traversedNodes: [String]?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("trajectory", &self.trajectory)
        try codec.member("traversedNodes", &self.traversedNodes)
    }
}

/// Source: VDA 5050 3.0.0, state.
package struct IntermediatePath: WireRecord {
    package var polyline: [Waypoint] = []

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("polyline", &self.polyline)
    }
}

/// Where the robot will be at what time. Source: VDA 5050 3.0.0, state.
package struct Waypoint: WireRecord {
    package var x = 0.0
    package var y = 0.0
    package var theta: Double?
    package var eta = WireTime(milliseconds: 0)

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("x", &self.x)
        try codec.member("y", &self.y)
        try codec.number("theta", &self.theta, in: WireRange.turn)
        try codec.member("eta", &self.eta)
    }
}

/// What the robot carries. Source: VDA 5050 2.1.0 section 6.10.6.
package struct Load: WireRecord {
    package var loadId: String?
    package var loadType: String?
    package var loadPosition: String?
    package var boundingBox: BoundingBox?
    package var dimensions: LoadDimensions?
    /// In kilograms.
    package var weight: Double?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("loadId", &self.loadId)
        try codec.member("loadType", &self.loadType)
        try codec.member("loadPosition", &self.loadPosition)
        try codec.member("boundingBoxReference", &self.boundingBox)
        try codec.member("loadDimensions", &self.dimensions)
        try codec.number("weight", &self.weight, in: WireRange.natural)
    }
}

/// Source: VDA 5050 2.1.0 section 6.10.6.
package struct BoundingBox: WireRecord {
    package var x = 0.0
    package var y = 0.0
    package var z = 0.0
    package var theta: Double?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("x", &self.x)
        try codec.member("y", &self.y)
        try codec.member("z", &self.z)
        try codec.member("theta", &self.theta)
    }
}

/// In metres. Source: VDA 5050 2.1.0 section 6.10.6.
package struct LoadDimensions: WireRecord {
    package var length = 0.0
    package var width = 0.0
    package var height: Double?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("length", &self.length)
        try codec.member("width", &self.width)
        try codec.member("height", &self.height)
        guard codec.dialect == .three else { return }
        try codec.natural("length", self.length)
        try codec.natural("width", self.width)
        try codec.natural("height", self.height)
    }
}

/// Source: VDA 5050 3.0.0, state.
package struct ZoneRequest: WireRecord {
    package var requestId = ""
    package var type = ZoneRequestType.access
    package var zoneId = ""
    package var zoneSetId = ""
    package var status = RequestStatus.requested
    package var trajectory: Trajectory?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("requestId", &self.requestId)
        try codec.member("requestType", &self.type)
        try codec.member("zoneId", &self.zoneId)
        try codec.member("zoneSetId", &self.zoneSetId)
        try codec.member("requestStatus", &self.status)
        try codec.member("trajectory", &self.trajectory)
    }
}

/// Source: VDA 5050 3.0.0, state.
package struct EdgeRequest: WireRecord {
    package var requestId = ""
    package var type = EdgeRequestType.corridor
    package var edgeId = ""
    package var sequenceId: UInt32 = 0
    package var status = RequestStatus.requested

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("requestId", &self.requestId)
        try codec.member("requestType", &self.type)
        try codec.member("edgeId", &self.edgeId)
        try codec.member("sequenceId", &self.sequenceId)
        try codec.member("requestStatus", &self.status)
    }
}
