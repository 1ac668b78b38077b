internal import Encoding

/// What a robot is and can. Source: VDA 5050 2.1.0 section 6.15.
package struct Factsheet: WireMessage {
    package var header = Header()
    package var type = TypeSpecification()
    package var physical = PhysicalParameters()
    package var limits = ProtocolLimits()
    package var features = ProtocolFeatures()
    package var geometry = Geometry()
    package var load = LoadSpecification()
    package var configuration: Configuration?
    static let topic = Topic.factsheet

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try self.passHeader(&codec)
        if codec.dialect == .three { try codec.natural("headerId", Double(self.header.headerId)) }
        try codec.member("typeSpecification", &self.type)
        try codec.member("physicalParameters", &self.physical)
        try codec.member("protocolLimits", &self.limits)
        try codec.member("protocolFeatures", &self.features)
        try codec.member(WireName(two: "agvGeometry", three: "mobileRobotGeometry"), &self.geometry)
        try codec.member("loadSpecification", &self.load)
        try codec.member(
            WireName(two: "vehicleConfig", three: "mobileRobotConfiguration"), &self.configuration)
    }

    /// 2.1.0 requires neither number nor time here.
    private mutating func passHeader(_ codec: inout WireCodec) throws(JSONError) {
        guard codec.isReading, codec.dialect == .two else { return try self.header.pass(&codec) }
        try self.header.pass(&codec, isOptional: true)
        try codec.member("version", &self.header.version)
        try codec.member("manufacturer", &self.header.manufacturer)
        try codec.member("serialNumber", &self.header.serialNumber)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct TypeSpecification: WireRecord {
    package var seriesName = ""
    package var seriesDescription: String?
    package var kinematics = "DIFF"
    package var robotClass = "CARRIER"
    /// In kilograms.
    package var maximumLoadMass = 0.0
    package var localizationTypes: [String] = []
    package var navigationTypes: [String] = []
    package var supportedZones: [String]?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("seriesName", &self.seriesName)
        try codec.member("seriesDescription", &self.seriesDescription)
        try codec.text(
            WireName(two: "agvKinematic", three: "mobileRobotKinematics"), &self.kinematics,
            two: ["DIFF", "OMNI", "THREEWHEEL"], three: nil)
        try codec.text(
            WireName(two: "agvClass", three: "mobileRobotClass"), &self.robotClass,
            two: ["FORKLIFT", "CONVEYOR", "TUGGER", "CARRIER"], three: nil)
        try codec.number(
            WireName(two: "maxLoadMass", three: "maximumLoadMass"), &self.maximumLoadMass,
            in: WireRange.natural)
        try codec.member("localizationTypes", &self.localizationTypes)
        try codec.member("navigationTypes", &self.navigationTypes)
        try codec.member(WireName(two: nil, three: "supportedZones"), &self.supportedZones)
        if codec.dialect == .two {
            try codec.words("localizationTypes", self.localizationTypes, Self.localizations)
            try codec.words("navigationTypes", self.navigationTypes, Self.navigations)
        }
        if codec.dialect == .three {
            try codec.words("supportedZones", self.supportedZones ?? [], Self.zones)
        }
    }

    private static let localizations = ["NATURAL", "REFLECTOR", "RFID", "DMC", "SPOT", "GRID"]
    private static let navigations = ["PHYSICAL_LINE_GUIDED", "VIRTUAL_LINE_GUIDED", "AUTONOMOUS"]
    private static let zones = [
        "BLOCKED", "LINE_GUIDED", "RELEASE", "COORDINATED_REPLANNING", "SPEED_LIMIT", "ACTION",
        "PRIORITY", "PENALTY", "DIRECTED", "BIDIRECTED",
    ]
}

/// In metres and seconds. Source: VDA 5050 2.1.0 section 6.15.
package struct PhysicalParameters: WireRecord {
    package var minimumSpeed = 0.0
    package var maximumSpeed = 0.0
    package var minimumAngularSpeed: Double?
    package var maximumAngularSpeed: Double?
    package var maximumAcceleration = 0.0
    package var maximumDeceleration = 0.0
    /// 3.0.0 needs it.
    package var minimumHeight: Double?
    package var maximumHeight = 0.0
    package var width = 0.0
    package var length = 0.0

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member(WireName(two: "speedMin", three: "minimumSpeed"), &self.minimumSpeed)
        try codec.member(WireName(two: "speedMax", three: "maximumSpeed"), &self.maximumSpeed)
        try codec.member(WireName(two: nil, three: "minimumAngularSpeed"), &self.minimumAngularSpeed)
        try codec.member(WireName(two: nil, three: "maximumAngularSpeed"), &self.maximumAngularSpeed)
        try codec.member(
            WireName(two: "accelerationMax", three: "maximumAcceleration"), &self.maximumAcceleration)
        try codec.member(
            WireName(two: "decelerationMax", three: "maximumDeceleration"), &self.maximumDeceleration)
        try codec.member(
            WireName(two: "heightMin", three: "minimumHeight"), &self.minimumHeight, required: .three)
        try codec.member(WireName(two: "heightMax", three: "maximumHeight"), &self.maximumHeight)
        try codec.member("width", &self.width)
        try codec.member("length", &self.length)
        guard codec.dialect == .three else { return }
        try codec.natural("minimumSpeed", self.minimumSpeed)
        try codec.natural("maximumSpeed", self.maximumSpeed)
        try codec.natural("minimumAngularSpeed", self.minimumAngularSpeed)
        try codec.natural("maximumAngularSpeed", self.maximumAngularSpeed)
        try codec.natural("maximumAcceleration", self.maximumAcceleration)
    }
}

/// What the robot can take. Source: VDA 5050 2.1.0 section 6.15.
package struct ProtocolLimits: WireRecord {
    package var strings = StringLengths()
    package var arrays = ArrayLengths()
    package var timing = Timing()

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member(WireName(two: "maxStringLens", three: "maximumStringLengths"), &self.strings)
        try codec.member(WireName(two: "maxArrayLens", three: "maximumArrayLengths"), &self.arrays)
        try codec.member("timing", &self.timing)
    }
}

/// In characters; nil where there is no limit. Source: VDA 5050 2.1.0 section 6.15.
package struct StringLengths: WireRecord {
    package var message: UInt32?
    package var topicSerial: UInt32?
    package var topicElement: UInt32?
    package var identifier: UInt32?
    package var isNumericalOnly: Bool?
    /// 2.1.0 only.
    package var enumeration: UInt32?
    package var loadId: UInt32?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member(WireName(two: "msgLen", three: "maximumMessageLength"), &self.message)
        try codec.member(
            WireName(two: "topicSerialLen", three: "maximumTopicSerialLength"), &self.topicSerial)
        try codec.member(
            WireName(two: "topicElemLen", three: "maximumTopicElementLength"), &self.topicElement)
        try codec.member(WireName(two: "idLen", three: "maximumIdLength"), &self.identifier)
        try codec.member("idNumericalOnly", &self.isNumericalOnly)
        try codec.member(WireName(two: "enumLen", three: nil), &self.enumeration)
        try codec.member(WireName(two: "loadIdLen", three: "maximumLoadIdLength"), &self.loadId)
    }
}

/// How many elements the arrays of messages may have. Source: VDA 5050 2.1.0 section 6.15.
package struct ArrayLengths: WireRecord {
    /// By the standard's own dotted name, e.g. `order.nodes`.
    package var lengths: [String: UInt32] = [:]

    package init() {}

    static let names = [
        "order.nodes", "order.edges", "node.actions", "edge.actions", "actions.actionsParameters",
        "instantActions", "trajectory.knotVector", "trajectory.controlPoints", "state.nodeStates",
        "state.edgeStates", "state.loads", "state.actionStates", "state.errors", "state.information",
        "error.errorReferences", "information.infoReferences",
    ]
    static let namesOfThree = ["zoneSet.zones", "state.instantActionStates", "state.zoneActionStates"]

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        for name in Self.names + Self.namesOfThree {
            let isNew = Self.namesOfThree.contains(name)
            try codec.member(WireName(two: isNew ? nil : name, three: name), &self.lengths[name])
        }
    }
}

/// In seconds. Source: VDA 5050 2.1.0 section 6.15.
package struct Timing: WireRecord {
    package var minimumOrderInterval = 0.0
    package var minimumStateInterval = 0.0
    package var defaultStateInterval: Double?
    package var visualizationInterval: Double?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member(
            WireName(two: "minOrderInterval", three: "minimumOrderInterval"), &self.minimumOrderInterval)
        try codec.member(
            WireName(two: "minStateInterval", three: "minimumStateInterval"), &self.minimumStateInterval)
        try codec.member("defaultStateInterval", &self.defaultStateInterval)
        try codec.member("visualizationInterval", &self.visualizationInterval)
        guard codec.dialect == .three else { return }
        try codec.natural("minimumOrderInterval", self.minimumOrderInterval)
        try codec.natural("minimumStateInterval", self.minimumStateInterval)
        try codec.natural("defaultStateInterval", self.defaultStateInterval)
        try codec.natural("visualizationInterval", self.visualizationInterval)
    }
}

extension WireCodec {
    /// Refuses a negative number in a version that forbids it.
    func natural(_ member: String, _ value: Double?) throws(JSONError) {
        if let value, value < 0 { throw self.fault(member, "must not be negative") }
    }

    /// Refuses a word that is not in the list.
    func words(_ member: String, _ values: [String], _ allowed: [String]) throws(JSONError) {
        for (index, value) in values.enumerated() where !allowed.contains(value) {
            throw self.fault("\(member)/\(index)", "\"\(value.prefix(40))\" is not one of its words")
        }
    }
}
