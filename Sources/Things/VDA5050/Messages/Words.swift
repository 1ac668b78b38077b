package import Encoding

/// What may happen beside an action. Source: VDA 5050 2.1.0 section 6.12.
package enum BlockingType: String, WireWord {
    /// Other actions and driving.
    case none = "NONE"
    /// Other actions, no driving.
    case soft = "SOFT"
    /// Driving, no other action; since 3.0.0.
    case single = "SINGLE"
    /// Nothing.
    case hard = "HARD"

    /// - Throws: `JSONError` for a word that the version does not know.
    package init(_ field: JSONField, _ version: Version) throws(JSONError) {
        self = try Self.read(field, version.dialect)
    }

    func word(_ dialect: WireDialect) -> String? {
        self == .single && dialect == .two ? nil : self.rawValue
    }

    /// Whether the robot must stand.
    var forbidsDriving: Bool { self == .soft || self == .hard }
    /// Whether no other action may run.
    var isExclusive: Bool { self == .single || self == .hard }
}

/// How far an action came. Source: VDA 5050 2.1.0 section 6.11.
package enum ActionStatus: String, WireWord {
    case waiting = "WAITING"
    case initializing = "INITIALIZING"
    case running = "RUNNING"
    case paused = "PAUSED"
    /// Failed, but a `retry` may be sent; since 3.0.0.
    case retriable = "RETRIABLE"
    case finished = "FINISHED"
    case failed = "FAILED"

    /// The text of 2.1.0 has PAUSED, its published schema forgot it: we do not write it there, and accept
    /// it.
    func word(_ dialect: WireDialect) -> String? {
        (self == .paused || self == .retriable) && dialect == .two ? nil : self.rawValue
    }

    static func alias(_ text: String, _ dialect: WireDialect) -> ActionStatus? {
        text == "PAUSED" ? .paused : nil
    }

    /// Whether it has ended.
    package var isFinal: Bool { self == .finished || self == .failed }

    /// The moves that the standard allows. Source: VDA 5050 3.0.0, action states.
    func mayBecome(_ next: ActionStatus) -> Bool {
        switch self {
        case .waiting: [.initializing, .running, .failed, .finished].contains(next)
        case .initializing: [.paused, .running, .failed].contains(next)
        case .paused: [.initializing, .running, .failed].contains(next)
        case .running: [.paused, .retriable, .failed, .finished].contains(next)
        case .retriable: [.initializing, .running, .failed, .finished].contains(next)
        case .finished, .failed: false
        }
    }
}

/// Who leads the robot. Source: VDA 5050 2.1.0 section 6.10.6.
package enum OperatingMode: String, WireWord {
    case startup = "STARTUP"
    case automatic = "AUTOMATIC"
    case semiautomatic = "SEMIAUTOMATIC"
    case intervened = "INTERVENED"
    case manual = "MANUAL"
    case service = "SERVICE"
    case teachIn = "TEACH_IN"

    func word(_ dialect: WireDialect) -> String? {
        guard dialect == .two else { return self.rawValue }
        return switch self {
        case .startup, .intervened: nil
        case .teachIn: "TEACHIN"
        default: self.rawValue
        }
    }

    /// Whether the fleet leads: only then orders are taken.
    package var takesOrders: Bool { self == .automatic || self == .semiautomatic }
    /// Whether a robot that comes into it forgets its order. Source: VDA 5050 3.0.0, operating modes.
    var clearsOrder: Bool { !self.takesOrders && self != .intervened }
}

/// How bad an error is. Source: VDA 5050 2.1.0 section 6.10.5.
package enum ErrorLevel: String, WireWord {
    case warning = "WARNING"
    case urgent = "URGENT"
    case critical = "CRITICAL"
    case fatal = "FATAL"

    func word(_ dialect: WireDialect) -> String? {
        (self == .urgent || self == .critical) && dialect == .two ? nil : self.rawValue
    }
}

/// Source: VDA 5050 2.1.0 section 6.10.6.
package enum InformationLevel: String, WireWord { case info = "INFO", debug = "DEBUG" }

/// Source: VDA 5050 2.1.0 section 6.10.6.
package enum EmergencyStop: String, WireWord {
    case automaticallyAcknowledged = "AUTOACK"
    case manual = "MANUAL"
    case remote = "REMOTE"
    case none = "NONE"

    func word(_ dialect: WireDialect) -> String? {
        self == .automaticallyAcknowledged && dialect == .three ? nil : self.rawValue
    }
}

/// Source: VDA 5050 2.1.0 section 6.14.
package enum ConnectionState: String, WireWord {
    case online = "ONLINE"
    case offline = "OFFLINE"
    case hibernating = "HIBERNATING"
    case broken = "CONNECTION_BROKEN"

    func word(_ dialect: WireDialect) -> String? {
        guard dialect == .two else { return self.rawValue }
        return switch self {
        case .hibernating: nil
        case .broken: "CONNECTIONBROKEN"
        default: self.rawValue
        }
    }
}

/// Source: VDA 5050 2.1.0 section 6.10.6.
package enum MapStatus: String, WireWord { case enabled = "ENABLED", disabled = "DISABLED" }

/// Source: VDA 5050 2.1.0 section 6.7.
package enum OrientationType: String, WireWord { case global = "GLOBAL", tangential = "TANGENTIAL" }

/// Source: VDA 5050 2.1.0 section 6.7.
package enum CorridorReference: String, WireWord {
    case kinematicCenter = "KINEMATIC_CENTER"
    case contour = "CONTOUR"

    func word(_ dialect: WireDialect) -> String? {
        self == .kinematicCenter && dialect == .two ? "KINEMATICCENTER" : self.rawValue
    }
}

/// Source: VDA 5050 3.0.0, order.
package enum ReleaseLoss: String, WireWord { case stop = "STOP", returning = "RETURN" }

/// Source: VDA 5050 3.0.0, state.
package enum ZoneRequestType: String, WireWord { case access = "ACCESS", replanning = "REPLANNING" }

/// Source: VDA 5050 3.0.0, state.
package enum EdgeRequestType: String, WireWord { case corridor = "CORRIDOR" }

/// Source: VDA 5050 3.0.0, state.
package enum RequestStatus: String, WireWord {
    case requested = "REQUESTED", granted = "GRANTED", revoked = "REVOKED", expired = "EXPIRED"
}
