package import Encoding
internal import Messaging

/// What every message begins with. Source: VDA 5050 2.1.0 section 6.4.
package struct Header: Sendable, Equatable {
    /// Counts the messages of one topic.
    package var headerId: Int64 = 0
    package var timestamp = WireTime(milliseconds: 0)
    /// As the sender wrote it, e.g. `2.1.0`.
    package var version = ""
    package var manufacturer = ""
    package var serialNumber = ""

    package init() {}

    package init(_ identity: Identity, headerId: Int64, at timestamp: WireTime) {
        self.headerId = headerId
        self.timestamp = timestamp
        self.version = identity.version.rawValue
        self.manufacturer = identity.manufacturer
        self.serialNumber = identity.serialNumber
    }

    /// - Parameter isOptional: 2.1.0 lets senders of visualization leave it out; it is always written.
    mutating func pass(_ codec: inout WireCodec, isOptional: Bool = false) throws(JSONError) {
        guard isOptional, codec.isReading else {
            try codec.member("headerId", &self.headerId)
            try codec.member("timestamp", &self.timestamp)
            try codec.member("version", &self.version)
            try codec.member("manufacturer", &self.manufacturer)
            return try codec.member("serialNumber", &self.serialNumber)
        }
        var number: Int64?
        var timestamp: WireTime?
        var version: String?
        var manufacturer: String?
        var serialNumber: String?
        try codec.member("headerId", &number)
        try codec.member("timestamp", &timestamp)
        try codec.member("version", &version)
        try codec.member("manufacturer", &manufacturer)
        try codec.member("serialNumber", &serialNumber)
        self.headerId = number ?? 0
        self.timestamp = timestamp ?? WireTime(milliseconds: 0)
        self.version = version ?? ""
        self.manufacturer = manufacturer ?? ""
        self.serialNumber = serialNumber ?? ""
    }
}

/// A message of VDA 5050. The version is given when it is read or written: one type stands behind both.
protocol WireMessage: WireRecord {
    static var topic: Topic { get }
    var header: Header { get set }
}

extension WireMessage {
    /// Reads a payload.
    /// - Throws: `JSONError` with the place of the first fault.
    init(payload: [UInt8], _ version: Version) throws(JSONError) {
        let document = try JSON.read(
            payload, limits: JSON.Limits(bytes: Inbox.payloadLimit, depth: WireCodec.depthLimit))
        self = try Self.read(JSONField(document), version.dialect)
    }

    init(_ document: JSON, _ version: Version) throws(JSONError) {
        self = try Self.read(JSONField(document), version.dialect)
    }

    /// - Throws: `JSONError` for a value that the version cannot say.
    func json(_ version: Version) throws(JSONError) -> JSON {
        try self.written(version.dialect, at: "")
    }
}

extension WireCodec {
    /// The deepest payload that is read.
    static let depthLimit = 32
}

extension Topic {
    /// What a message on this topic says, without what its version does not know: read, and said again.
    /// - Throws: `JSONError` with the place of the first fault.
    package func normalized(_ document: JSON, _ version: Version) throws(JSONError) -> JSON {
        switch self {
        case .order: try Order(document, version).json(version)
        case .instantActions: try InstantActions(document, version).json(version)
        case .state: try State(document, version).json(version)
        case .connection: try Connection(document, version).json(version)
        case .factsheet: try Factsheet(document, version).json(version)
        case .visualization: try Visualization(document, version).json(version)
        }
    }
}

/// Source: VDA 5050 2.1.0 section 6.14.
package struct Connection: WireMessage {
    package var header = Header()
    package var connectionState = ConnectionState.online
    static let topic = Topic.connection

    package init() {}

    package init(_ header: Header, _ state: ConnectionState) {
        self.header = header
        self.connectionState = state
    }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try self.header.pass(&codec)
        try codec.member("connectionState", &self.connectionState)
    }
}

/// Source: VDA 5050 2.1.0 section 6.13.
package struct Visualization: WireMessage {
    package var header = Header()
    /// 3.0.0: the state that this belongs to.
    package var referenceStateHeaderId: Int64?
    package var plannedPath: PlannedPath?
    package var intermediatePath: IntermediatePath?
    package var position: Position?
    package var velocity: Velocity?
    static let topic = Topic.visualization

    package init() {}

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try self.header.pass(&codec, isOptional: codec.dialect == .two)
        try codec.member(
            WireName(two: nil, three: "referenceStateHeaderId"), &self.referenceStateHeaderId,
            required: .three)
        try codec.member(WireName(two: nil, three: "plannedPath"), &self.plannedPath)
        try codec.member(WireName(two: nil, three: "intermediatePath"), &self.intermediatePath)
        try codec.member(WireName(two: "agvPosition", three: "mobileRobotPosition"), &self.position)
        try codec.member("velocity", &self.velocity)
    }
}
