/// What drives: the runtime's own base or a simulated one. The order machine decides, this acts.
package protocol Vehicle: Sendable {
    /// What it can do; stays the same while it runs.
    var abilities: Abilities { get }
    /// What it says from now on, in its order, its condition first; a new listener takes the place of the
    /// one before. Everything that was begun is ended here.
    func listen() async -> AsyncStream<VehicleReport>
    /// Takes a command and returns; how it ends is told by ``listen()``. A command may come twice after a
    /// restart: one that names what is already done or under way is answered, never done again.
    func take(_ command: VehicleCommand) async
}

/// Told to a vehicle.
package enum VehicleCommand: Sendable, Equatable {
    /// Along an edge to its end. Answered by `arrived`, or `unreachable`.
    case drive(Drive)
    /// Stand still and keep the way. Answered by `held` with the same number: an older answer is no
    /// proof.
    case hold(UInt32)
    /// Go on after `hold`.
    case resume
    /// Give this way up as soon as it can: at once (`stopped`), or at the next node (`arrived`).
    case stop(DriveKey)
    /// Answered by `action` until it is finished or failed.
    case begin(Action)
    /// Pause, go on, break off, bring to its end: the action with this id.
    case pause(String)
    case proceed(String)
    case cancel(String)
    case finish(String)
    /// After a restart: how did this one end? It must not be repeated.
    case recall(Action)
}

/// One edge of an order.
package struct Drive: Sendable, Equatable {
    package let orderId: String
    package let edge: Edge
    /// Where it ends.
    package let node: Node
    /// Take the way, but stand until `resume`, as after the `hold` with this number: a process that
    /// restarted goes on with a pause.
    package var hold: UInt32?

    package init(orderId: String, edge: Edge, node: Node) {
        self.orderId = orderId
        self.edge = edge
        self.node = node
    }

    /// What the answer names.
    package var key: DriveKey { DriveKey(orderId: self.orderId, sequenceId: self.node.sequenceId) }
}

/// Names a drive: the node at its end.
package struct DriveKey: Sendable, Hashable {
    package let orderId: String
    package let sequenceId: UInt32

    package init(orderId: String, sequenceId: UInt32) {
        self.orderId = orderId
        self.sequenceId = sequenceId
    }
}

/// Said by a vehicle.
package enum VehicleReport: Sendable, Equatable {
    case arrived(DriveKey)
    /// It stands and cannot go on.
    case unreachable(DriveKey, reason: String)
    case held(UInt32)
    /// It stands between nodes and has given this way up.
    case stopped(DriveKey)
    case action(String, ActionProgress)
    case condition(Condition)
}

/// How an action goes on.
package enum ActionProgress: Sendable, Equatable {
    case running
    case paused
    case finished(String?)
    /// - Parameter stopsOrder: the rest of the order makes no sense without it.
    case failed(String?, stopsOrder: Bool)
    /// After a restart: it was never begun here.
    case neverBegun
    /// After a restart: nobody knows.
    case unknown
}

/// What a vehicle is like at a moment.
package struct Condition: Sendable, Equatable {
    package var position: Position?
    package var velocity: Velocity?
    /// The node under it, where it knows it of itself.
    package var nodeId: String?
    package var distanceSinceLastNode: Double?
    package var loads: [Load]?
    package var power = Power()
    package var mode = OperatingMode.automatic
    package var safety = Safety()
    /// Its own errors, beside those about orders.
    package var faults: [Fault] = []
    package var maps: [Map]?

    package init() {}
}

/// What a vehicle can do.
package struct Abilities: Sendable, Equatable {
    package var actions: [ActionAbility]
    /// Which optional members of an order it honours; the others are rejected, not ignored.
    package var fields: Set<OptionalField>
    /// Maps that it knows; nil for any.
    package var maps: Set<String>?
    /// How far a start node may be when the order does not say it, in metres.
    package var startRange: Double
    /// It finds a node by its position alone.
    package var needsPosition: Bool

    package init(
        actions: [ActionAbility] = [], fields: Set<OptionalField> = [], maps: Set<String>? = nil,
        startRange: Double = 0.5, needsPosition: Bool = false
    ) {
        self.actions = actions
        self.fields = fields
        self.maps = maps
        self.startRange = startRange
        self.needsPosition = needsPosition
    }

    func action(_ type: String, in scope: ActionScope) -> ActionAbility? {
        self.actions.first { $0.type == type && $0.scopes.contains(scope) }
    }
}

/// An action that a vehicle knows.
package struct ActionAbility: Sendable, Equatable {
    package var type: String
    package var scopes: [ActionScope]
    package var blockingTypes: [BlockingType]
    package var pauseAllowed: Bool
    package var cancelAllowed: Bool
    /// Doing it twice does no harm: all predefined ones but `pick` and `drop`.
    package var isIdempotent: Bool

    package init(
        _ type: String, scopes: [ActionScope] = [.node],
        blockingTypes: [BlockingType] = [.none, .soft, .single, .hard],
        pauseAllowed: Bool = false, cancelAllowed: Bool = false, isIdempotent: Bool = false
    ) {
        self.type = type
        self.scopes = scopes
        self.blockingTypes = blockingTypes
        self.pauseAllowed = pauseAllowed
        self.cancelAllowed = cancelAllowed
        self.isIdempotent = isIdempotent
    }
}

/// Optional members of an order that ask something of a vehicle.
package enum OptionalField: String, Sendable, CaseIterable {
    case theta, maximumSpeed, maximumHeight, minimumHeight, orientation, direction, rotationAllowed
    case reachOrientationBeforeEntering, maximumRotationSpeed, trajectory, corridor, zoneSetId

    /// The first that an order has and a vehicle lacks.
    static func missing(in order: Order, from fields: Set<OptionalField>) -> OptionalField? {
        var used: [(OptionalField, Bool)] = [(.zoneSetId, order.zoneSetId != nil)]
        used += order.nodes.map { (.theta, $0.position?.theta != nil) }
        for edge in order.edges {
            used += [
                (.maximumSpeed, edge.maximumSpeed != nil), (.maximumHeight, edge.maximumHeight != nil),
                (.minimumHeight, edge.minimumHeight != nil), (.orientation, edge.orientation != nil),
                (.direction, edge.direction != nil), (.rotationAllowed, edge.rotationAllowed != nil),
                (.reachOrientationBeforeEntering, edge.reachOrientationBeforeEntering != nil),
                (.maximumRotationSpeed, edge.maximumRotationSpeed != nil),
                (.trajectory, edge.trajectory != nil), (.corridor, edge.corridor != nil),
            ]
        }
        return used.first { $0.1 && !fields.contains($0.0) }?.0
    }
}
