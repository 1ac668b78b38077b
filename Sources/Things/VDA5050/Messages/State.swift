internal import Encoding

/// What a robot says of itself. Source: VDA 5050 2.1.0 section 6.10.
package struct State: WireMessage {
    package var header = Header()
    package var maps: [Map]?
    package var zoneSets: [ZoneSet]?
    package var orderId = ""
    package var orderUpdateId: UInt32 = 0
    package var zoneSetId: String?
    package var lastNodeId = ""
    package var lastNodeSequenceId: UInt32 = 0
    package var nodeStates: [NodeState] = []
    package var edgeStates: [EdgeState] = []
    package var plannedPath: PlannedPath?
    package var intermediatePath: IntermediatePath?
    package var position: Position?
    package var velocity: Velocity?
    package var loads: [Load]?
    package var driving = false
    package var paused: Bool?
    package var newBaseRequest: Bool?
    package var zoneRequests: [ZoneRequest]?
    package var edgeRequests: [EdgeRequest]?
    package var distanceSinceLastNode: Double?
    package var actionStates: [ActionState] = []
    /// A list of its own in 3.0.0; 2.1.0 has them at the end of `actionStates`, where the reader leaves
    /// them.
    package var instantActionStates: [ActionState] = []
    package var zoneActionStates: [ActionState]?
    package var power = Power()
    package var operatingMode = OperatingMode.automatic
    package var errors: [Fault] = []
    package var information: [Information]?
    package var safety = Safety()
    static let topic = Topic.state

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try self.header.pass(&codec)
        try codec.member("maps", &self.maps)
        try codec.member(WireName(two: nil, three: "zoneSets"), &self.zoneSets)
        try self.passOrder(&codec)
        try codec.member(WireName(two: "agvPosition", three: "mobileRobotPosition"), &self.position)
        try codec.member("velocity", &self.velocity)
        try codec.member("loads", &self.loads)
        try codec.member("driving", &self.driving)
        try codec.member("paused", &self.paused)
        try codec.member("newBaseRequest", &self.newBaseRequest)
        try codec.member(WireName(two: nil, three: "zoneRequests"), &self.zoneRequests)
        try codec.member(WireName(two: nil, three: "edgeRequests"), &self.edgeRequests)
        try codec.member("distanceSinceLastNode", &self.distanceSinceLastNode)
        try self.passActions(&codec)
        try codec.member(WireName(two: "batteryState", three: "powerSupply"), &self.power)
        try codec.member("operatingMode", &self.operatingMode)
        try codec.member("errors", &self.errors)
        try codec.member("information", &self.information)
        try codec.member("safetyState", &self.safety)
    }

    private mutating func passOrder(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("orderId", &self.orderId)
        try codec.member("orderUpdateId", &self.orderUpdateId)
        try codec.member(WireName(two: "zoneSetId", three: nil), &self.zoneSetId)
        try codec.member("lastNodeId", &self.lastNodeId)
        try codec.member("lastNodeSequenceId", &self.lastNodeSequenceId)
        try codec.member("nodeStates", &self.nodeStates)
        try codec.member("edgeStates", &self.edgeStates)
        try codec.member(WireName(two: nil, three: "plannedPath"), &self.plannedPath)
        try codec.member(WireName(two: nil, three: "intermediatePath"), &self.intermediatePath)
    }

    private mutating func passActions(_ codec: inout WireCodec) throws(JSONError) {
        if codec.dialect == .two, !codec.isReading {
            var all = self.actionStates + self.instantActionStates
            try codec.member("actionStates", &all)
        } else {
            try codec.member("actionStates", &self.actionStates)
            try codec.member(WireName(two: nil, three: "instantActionStates"), &self.instantActionStates)
        }
        try codec.member(WireName(two: nil, three: "zoneActionStates"), &self.zoneActionStates)
    }

    /// The state of an action, wherever it stands.
    package func action(_ id: String) -> ActionState? {
        self.actionStates.first { $0.actionId == id }
            ?? self.instantActionStates.first { $0.actionId == id }
    }
}

/// A node that is still to be passed. Source: VDA 5050 2.1.0 section 6.10.6.
package struct NodeState: WireRecord {
    package var nodeId = ""
    package var sequenceId: UInt32 = 0
    package var descriptor: String?
    package var released = false
    package var position: NodeStatePosition?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("nodeId", &self.nodeId)
        try codec.member("sequenceId", &self.sequenceId)
        try codec.member(WireName(two: "nodeDescription", three: "nodeDescriptor"), &self.descriptor)
        try codec.member("released", &self.released)
        try codec.member("nodePosition", &self.position)
    }
}

/// Source: VDA 5050 2.1.0 section 6.10.6.
package struct NodeStatePosition: WireRecord {
    package var x = 0.0
    package var y = 0.0
    package var theta: Double?
    package var mapId = ""

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("x", &self.x)
        try codec.member("y", &self.y)
        if codec.dialect == .three {
            try codec.number("theta", &self.theta, in: WireRange.turn)
        } else {
            try codec.member("theta", &self.theta)
        }
        try codec.member("mapId", &self.mapId)
    }
}

/// An edge that is still to be passed. Source: VDA 5050 2.1.0 section 6.10.6.
package struct EdgeState: WireRecord {
    package var edgeId = ""
    package var sequenceId: UInt32 = 0
    package var descriptor: String?
    package var released = false
    package var trajectory: Trajectory?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("edgeId", &self.edgeId)
        try codec.member("sequenceId", &self.sequenceId)
        try codec.member(WireName(two: "edgeDescription", three: "edgeDescriptor"), &self.descriptor)
        try codec.member("released", &self.released)
        try codec.member("trajectory", &self.trajectory)
    }
}

/// Where the robot is, in metres and radians. Source: VDA 5050 2.1.0 section 6.10.6.
package struct Position: WireRecord {
    package var x = 0.0
    package var y = 0.0
    package var theta = 0.0
    package var mapId = ""
    package var mapDescription: String?
    /// `positionInitialized` in 2.1.0.
    package var isLocalized = false
    package var localizationScore: Double?
    package var deviationRange: Double?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("x", &self.x)
        try codec.member("y", &self.y)
        try codec.member("theta", &self.theta)
        try codec.member("mapId", &self.mapId)
        try codec.member(WireName(two: "mapDescription", three: nil), &self.mapDescription)
        try codec.member(WireName(two: "positionInitialized", three: "localized"), &self.isLocalized)
        try codec.number("localizationScore", &self.localizationScore, in: 0...1)
        try codec.member("deviationRange", &self.deviationRange)
        guard codec.dialect == .three else { return }
        guard WireRange.turn.contains(self.theta) else { throw codec.fault("theta", "is no angle") }
        guard self.deviationRange ?? 0 >= 0 else {
            throw codec.fault("deviationRange", "must not be negative")
        }
    }
}

/// In metres and radians per second. Source: VDA 5050 2.1.0 section 6.10.6.
package struct Velocity: WireRecord {
    package var vx: Double?
    package var vy: Double?
    package var omega: Double?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("vx", &self.vx)
        try codec.member("vy", &self.vy)
        try codec.member("omega", &self.omega)
    }
}

/// `batteryState` in 2.1.0. Source: VDA 5050 2.1.0 section 6.10.6.
package struct Power: WireRecord {
    /// In percent.
    package var stateOfCharge = 0.0
    package var voltage: Double?
    package var current: Double?
    package var health: Double?
    package var isCharging = false
    /// In metres.
    package var range: Double?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member(WireName(two: "batteryCharge", three: "stateOfCharge"), &self.stateOfCharge)
        try codec.member("batteryVoltage", &self.voltage)
        try codec.member(WireName(two: nil, three: "batteryCurrent"), &self.current)
        try codec.number("batteryHealth", &self.health, in: 0...100)
        try codec.member("charging", &self.isCharging)
        try codec.number(WireName(two: "reach", three: "range"), &self.range, in: WireRange.natural)
        if codec.dialect == .three, !(0...100).contains(self.stateOfCharge) {
            throw codec.fault("stateOfCharge", "must be 0 to 100")
        }
    }
}

/// `error` of the standard. Source: VDA 5050 2.1.0 section 6.10.5.
package struct Fault: WireRecord {
    package var errorType = ""
    package var references: [Reference]?
    package var description: String?
    package var descriptionTranslations: [Translation]?
    package var hint: String?
    package var hintTranslations: [Translation]?
    package var level = ErrorLevel.warning

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("errorType", &self.errorType)
        try codec.member("errorReferences", &self.references)
        try codec.member("errorDescription", &self.description)
        try codec.member(
            WireName(two: nil, three: "errorDescriptionTranslations"), &self.descriptionTranslations)
        try codec.member("errorHint", &self.hint)
        try codec.member(WireName(two: nil, three: "errorHintTranslations"), &self.hintTranslations)
        try codec.member("errorLevel", &self.level)
    }

    /// Whether it names this.
    package func refers(to key: String, _ value: String) -> Bool {
        self.references?.contains { $0.key == key && $0.value == value } ?? false
    }
}

/// Source: VDA 5050 2.1.0 section 7.1.
package struct Reference: WireRecord {
    package var key = ""
    package var value = ""

    package init() {}

    package init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("referenceKey", &self.key)
        try codec.member("referenceValue", &self.value)
    }
}

/// Source: VDA 5050 3.0.0, state.
package struct Translation: WireRecord {
    package var key = ""
    package var value = ""

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("translationKey", &self.key)
        try codec.member("translationValue", &self.value)
    }
}

/// Source: VDA 5050 2.1.0 section 6.10.4.
package struct Information: WireRecord {
    package var infoType = ""
    package var references: [Reference]?
    package var descriptor: String?
    package var level = InformationLevel.info

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("infoType", &self.infoType)
        try codec.member("infoReferences", &self.references)
        try codec.member(WireName(two: "infoDescription", three: "infoDescriptor"), &self.descriptor)
        try codec.member("infoLevel", &self.level)
    }
}

/// Source: VDA 5050 2.1.0 section 6.10.6.
package struct Safety: WireRecord {
    package var emergencyStop = EmergencyStop.none
    package var fieldViolation = false

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member(WireName(two: "eStop", three: "activeEmergencyStop"), &self.emergencyStop)
        try codec.member("fieldViolation", &self.fieldViolation)
    }
}
