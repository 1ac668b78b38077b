package import Encoding

/// Source: VDA 5050 2.1.0 section 6.15.
package struct ProtocolFeatures: WireRecord {
    package var optionalParameters: [OptionalParameter] = []
    package var actions: [ActionFact] = []

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("optionalParameters", &self.optionalParameters)
        try codec.member(WireName(two: "agvActions", three: "mobileRobotActions"), &self.actions)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package enum Support: String, WireWord { case supported = "SUPPORTED", required = "REQUIRED" }

/// Source: VDA 5050 2.1.0 section 6.15.
package struct OptionalParameter: WireRecord {
    package var parameter = ""
    package var support = Support.supported
    package var description: String?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("parameter", &self.parameter)
        try codec.member("support", &self.support)
        try codec.member("description", &self.description)
    }
}

/// Where an action may stand. Source: VDA 5050 2.1.0 section 6.15.
package enum ActionScope: String, WireWord {
    case instant = "INSTANT", node = "NODE", edge = "EDGE", zone = "ZONE"

    func word(_ dialect: WireDialect) -> String? {
        self == .zone && dialect == .two ? nil : self.rawValue
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package enum ValueType: String, WireWord {
    case bool = "BOOL", number = "NUMBER", integer = "INTEGER", float = "FLOAT", string = "STRING"
    case object = "OBJECT", array = "ARRAY"

    func word(_ dialect: WireDialect) -> String? {
        self == .float && dialect == .three ? nil : self.rawValue
    }
}

/// An action that the robot knows. Source: VDA 5050 2.1.0 section 6.15.
package struct ActionFact: WireRecord {
    package var actionType = ""
    package var description: String?
    package var scopes: [ActionScope] = []
    package var parameters: [ParameterFact]?
    package var result: String?
    package var blockingTypes: [BlockingType]?
    /// 3.0.0 needs both.
    package var pauseAllowed: Bool?
    package var cancelAllowed: Bool?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("actionType", &self.actionType)
        try codec.member("actionDescription", &self.description)
        try codec.member("actionScopes", &self.scopes)
        try codec.member("actionParameters", &self.parameters)
        try codec.member(WireName(two: "resultDescription", three: "actionResult"), &self.result)
        // 2.1.0's schema holds the whole array against the words, which no array can be: it is not
        // written there.
        if codec.isReading || codec.dialect != .two {
            try codec.member("blockingTypes", &self.blockingTypes)
        }
        try codec.member(
            WireName(two: nil, three: "pauseAllowed"), &self.pauseAllowed, required: .three)
        try codec.member(
            WireName(two: nil, three: "cancelAllowed"), &self.cancelAllowed, required: .three)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct ParameterFact: WireRecord {
    package var key = ""
    package var type = ValueType.string
    package var description: String?
    package var isOptional: Bool?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("key", &self.key)
        try codec.member("valueDataType", &self.type)
        try codec.member("description", &self.description)
        try codec.member("isOptional", &self.isOptional)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct Geometry: WireRecord {
    package var wheels: [Wheel]?
    package var envelopes2d: [Envelope2D]?
    package var envelopes3d: [Envelope3D]?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("wheelDefinitions", &self.wheels)
        try codec.member("envelopes2d", &self.envelopes2d)
        try codec.member("envelopes3d", &self.envelopes3d)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct Wheel: WireRecord {
    package var type = "DRIVE"
    package var isActiveDriven = false
    package var isActiveSteered = false
    package var position = WheelPosition()
    package var diameter = 0.0
    package var width = 0.0
    package var centerDisplacement: Double?
    package var constraints: String?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.text("type", &self.type, two: ["DRIVE", "CASTER", "FIXED", "MECANUM"], three: nil)
        try codec.member("isActiveDriven", &self.isActiveDriven)
        try codec.member("isActiveSteered", &self.isActiveSteered)
        try codec.member("position", &self.position)
        try codec.member("diameter", &self.diameter)
        try codec.member("width", &self.width)
        try codec.member("centerDisplacement", &self.centerDisplacement)
        try codec.member("constraints", &self.constraints)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct WheelPosition: WireRecord {
    package var x = 0.0
    package var y = 0.0
    package var theta: Double?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("x", &self.x)
        try codec.member("y", &self.y)
        try codec.member("theta", &self.theta)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct Envelope2D: WireRecord {
    package var name = ""
    package var vertices: [Vertex] = []
    package var description: String?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member(WireName(two: "set", three: "envelope2dId"), &self.name)
        try codec.member(WireName(two: "polygonPoints", three: "vertices"), &self.vertices)
        try codec.member("description", &self.description)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct Vertex: WireRecord {
    package var x = 0.0
    package var y = 0.0

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("x", &self.x)
        try codec.member("y", &self.y)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct Envelope3D: WireRecord {
    package var name = ""
    package var format = ""
    package var data: JSON?
    package var url: String?
    /// 2.1.0's schema has a whole number here, which describes nothing: it is neither read nor written.
    package var description: String?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member(WireName(two: "set", three: "envelope3dId"), &self.name)
        try codec.member("format", &self.format)
        try codec.member("data", &self.data)
        if let data = self.data, data.kind != "object" { throw codec.fault("data", "must be an object") }
        try codec.member("url", &self.url)
        try codec.member(WireName(two: nil, three: "description"), &self.description)
    }
}

/// Source: VDA 5050 2.1.0 section 6.15.
package struct LoadSpecification: WireRecord {
    package var positions: [String]?
    package var sets: [LoadSet]?

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("loadPositions", &self.positions)
        try codec.member("loadSets", &self.sets)
    }
}
