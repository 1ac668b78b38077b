internal import Encoding

/// An order or an update of one. Source: VDA 5050 2.1.0 sections 6.6 and 6.7.
package struct Order: WireMessage {
    package var header = Header()
    package var orderId = ""
    package var orderUpdateId: UInt32 = 0
    package var orderDescription: String?
    package var zoneSetId: String?
    package var nodes: [Node] = []
    package var edges: [Edge] = []
    static let topic = Topic.order

    package init() {}

    package init(_ orderId: String, update: UInt32 = 0, nodes: [Node], edges: [Edge]) {
        self.orderId = orderId
        self.orderUpdateId = update
        self.nodes = nodes
        self.edges = edges
    }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try self.header.pass(&codec)
        try codec.member("orderId", &self.orderId)
        try codec.member("orderUpdateId", &self.orderUpdateId)
        try codec.member(WireName(two: nil, three: "orderDescription"), &self.orderDescription)
        try codec.member(WireName(two: "zoneSetId", three: nil), &self.zoneSetId)
        try codec.member("nodes", &self.nodes)
        try codec.member("edges", &self.edges)
        if codec.isReading, codec.dialect == .three { self.nameEnds() }
    }

    /// 3.0.0 leaves to the sequence what 2.1.0 says at each edge.
    private mutating func nameEnds() {
        let names = Dictionary(
            self.nodes.map { (UInt64($0.sequenceId), $0.nodeId) }, uniquingKeysWith: { first, _ in first }
        )
        for index in self.edges.indices {
            let place = UInt64(self.edges[index].sequenceId)
            self.edges[index].startNodeId = place == 0 ? nil : names[place - 1]
            self.edges[index].endNodeId = names[place + 1]
        }
    }
}

/// A place to be passed. Source: VDA 5050 2.1.0 section 6.7.
package struct Node: WireRecord {
    package var nodeId = ""
    package var sequenceId: UInt32 = 0
    package var descriptor: String?
    package var released = false
    package var position: NodePosition?
    package var actions: [Action] = []

    package init() {}

    package init(
        _ nodeId: String, sequenceId: UInt32, released: Bool = true, position: NodePosition? = nil,
        actions: [Action] = []
    ) {
        self.nodeId = nodeId
        self.sequenceId = sequenceId
        self.released = released
        self.position = position
        self.actions = actions
    }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("nodeId", &self.nodeId)
        try codec.member("sequenceId", &self.sequenceId)
        try codec.member(WireName(two: "nodeDescription", three: "nodeDescriptor"), &self.descriptor)
        try codec.member("released", &self.released)
        try codec.member("nodePosition", &self.position)
        try codec.member("actions", &self.actions)
    }
}

/// Where a node lies, in metres and radians. Source: VDA 5050 2.1.0 section 6.7.
package struct NodePosition: WireRecord {
    package var x = 0.0
    package var y = 0.0
    package var theta: Double?
    package var allowedDeviation: Ellipse?
    package var allowedDeviationTheta: Double?
    package var mapId = ""
    package var mapDescription: String?

    package init() {}

    package init(x: Double, y: Double, theta: Double? = nil, mapId: String) {
        self.x = x
        self.y = y
        self.theta = theta
        self.mapId = mapId
    }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("x", &self.x)
        try codec.member("y", &self.y)
        try codec.number("theta", &self.theta, in: WireRange.turn)
        try codec.member("allowedDeviationXY", &self.allowedDeviation)
        let range = codec.dialect == .two ? -3.141592654...3.141592654 : 0...3.141592654
        try codec.number("allowedDeviationTheta", &self.allowedDeviationTheta, in: range)
        try codec.member("mapId", &self.mapId)
        try codec.member(WireName(two: "mapDescription", three: nil), &self.mapDescription)
    }
}

/// How far off a node counts as passed: an ellipse in 3.0.0, a radius in 2.1.0.
package struct Ellipse: WireValue, Equatable {
    package var a = 0.0
    package var b = 0.0
    package var theta = 0.0

    package init(a: Double, b: Double, theta: Double) {
        self.a = a
        self.b = b
        self.theta = theta
    }

    static func read(_ field: JSONField, _ dialect: WireDialect) throws(JSONError) -> Ellipse {
        if dialect == .two {
            let radius = try field.number()
            guard radius >= 0 else { throw field.fault("must not be negative") }
            return Ellipse(a: radius, b: radius, theta: 0)
        }
        let result = Ellipse(
            a: try field["a"].number(), b: try field["b"].number(), theta: try field["theta"].number())
        guard result.a >= 0, result.b >= 0, abs(result.theta) <= 1.570796327 else {
            throw field.fault("is no ellipse")
        }
        return result
    }

    func written(_ dialect: WireDialect, at pointer: String) throws(JSONError) -> JSON {
        guard self.a >= 0, self.b >= 0, abs(self.theta) <= 1.570796327 else {
            throw .value(pointer: pointer, reason: "is no ellipse")
        }
        guard dialect == .two else {
            return ["a": .number(self.a), "b": .number(self.b), "theta": .number(self.theta)]
        }
        guard self.a == self.b, self.theta == 0 else {
            throw .value(pointer: pointer, reason: "this version has a radius, no ellipse")
        }
        return .number(self.a)
    }
}

/// A way between two nodes. Source: VDA 5050 2.1.0 section 6.7.
package struct Edge: WireRecord {
    package var edgeId = ""
    package var sequenceId: UInt32 = 0
    package var descriptor: String?
    package var released = false
    /// Follows from the sequence where the version (3.0.0) does not carry it.
    package var startNodeId: String?
    package var endNodeId: String?
    package var maximumSpeed: Double?
    package var maximumHeight: Double?
    package var minimumHeight: Double?
    package var orientation: Double?
    package var orientationType: OrientationType?
    package var direction: String?
    package var rotationAllowed: Bool?
    package var reachOrientationBeforeEntering: Bool?
    package var maximumRotationSpeed: Double?
    package var length: Double?
    package var trajectory: Trajectory?
    package var corridor: Corridor?
    package var actions: [Action] = []

    package init() {}

    package init(
        _ edgeId: String, sequenceId: UInt32, released: Bool = true, from start: String, to end: String,
        actions: [Action] = []
    ) {
        self.edgeId = edgeId
        self.sequenceId = sequenceId
        self.released = released
        self.startNodeId = start
        self.endNodeId = end
        self.actions = actions
    }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("edgeId", &self.edgeId)
        try codec.member("sequenceId", &self.sequenceId)
        try codec.member(WireName(two: "edgeDescription", three: "edgeDescriptor"), &self.descriptor)
        try codec.member("released", &self.released)
        if codec.dialect != .three {
            try codec.member("startNodeId", &self.startNodeId, required: .two)
            try codec.member("endNodeId", &self.endNodeId, required: .two)
        }
        try codec.member(WireName(two: "maxSpeed", three: "maximumSpeed"), &self.maximumSpeed)
        try codec.member(
            WireName(two: "maxHeight", three: "maximumMobileRobotHeight"), &self.maximumHeight)
        try codec.member(
            WireName(two: "minHeight", three: "minimumLoadHandlingDeviceHeight"), &self.minimumHeight)
        try codec.number("orientation", &self.orientation, in: WireRange.turn)
        try codec.member("orientationType", &self.orientationType)
        try codec.member("direction", &self.direction)
        try codec.member(WireName(two: "rotationAllowed", three: nil), &self.rotationAllowed)
        try codec.member(
            WireName(two: nil, three: "reachOrientationBeforeEntering"),
            &self.reachOrientationBeforeEntering)
        try codec.member("maxRotationSpeed", &self.maximumRotationSpeed)
        try codec.member("length", &self.length)
        try codec.member("trajectory", &self.trajectory)
        try codec.member("corridor", &self.corridor)
        try codec.member("actions", &self.actions)
    }
}

/// A NURBS curve. Source: VDA 5050 2.1.0 section 6.7.
package struct Trajectory: WireRecord {
    package var degree: UInt32?
    package var knotVector: [Double]?
    package var controlPoints: [ControlPoint] = []

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("degree", &self.degree, required: .two)
        if self.degree == 0 { throw codec.fault("degree", "must be 1 or more") }
        try codec.member("knotVector", &self.knotVector, required: .two)
        if let knots = self.knotVector, !knots.allSatisfy((0...1).contains) {
            throw codec.fault("knotVector", "must be 0 to 1")
        }
        try codec.member("controlPoints", &self.controlPoints)
    }
}

/// Source: VDA 5050 2.1.0 section 6.7.
package struct ControlPoint: WireRecord {
    package var x = 0.0
    package var y = 0.0
    package var weight: Double?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("x", &self.x)
        try codec.member("y", &self.y)
        try codec.member("weight", &self.weight)
        if codec.dialect == .two { try codec.natural("weight", self.weight) }
    }
}

/// How far a robot may leave an edge. Source: VDA 5050 2.1.0 section 6.7.
package struct Corridor: WireRecord {
    package var leftWidth = 0.0
    package var rightWidth = 0.0
    package var reference: CorridorReference?
    package var releaseRequired: Bool?
    package var releaseLoss: ReleaseLoss?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.number("leftWidth", &self.leftWidth, in: WireRange.natural)
        try codec.number("rightWidth", &self.rightWidth, in: WireRange.natural)
        try codec.member(
            WireName(two: "corridorRefPoint", three: "corridorReferencePoint"), &self.reference)
        try codec.member(WireName(two: nil, three: "releaseRequired"), &self.releaseRequired)
        try codec.member(WireName(two: nil, three: "releaseLossBehavior"), &self.releaseLoss)
    }
}

/// Ranges that several messages bound their numbers by.
enum WireRange {
    /// A whole turn, in radians, as the schemas bound it.
    static let turn = -3.14159265359...3.14159265359
    /// Numbers that are not negative.
    static let natural = 0...Double.greatestFiniteMagnitude
}
