internal import Encoding

/// Everything of the order machine that must survive a restart.
struct MachineMemory: WireRecord {
    var orderId = ""
    var orderUpdateId: UInt32 = 0
    var zoneSetId: String?
    var lastNodeId = ""
    var lastNodeSequenceId: UInt32 = 0
    /// It stands somewhere on the way, not on its last node.
    var isOffNode = false
    /// The last message that was accepted: an equal one is the same message.
    var accepted: Order?
    /// The last node of the base.
    var decision: Node?
    /// What is still to be passed, base first. While it drives, the first edge leads to the first node.
    var nodes: [Node] = []
    var edges: [Edge] = []
    var motion = Motion.standing
    /// The edge whose actions were triggered.
    var enteredEdge: UInt32?
    var isHolding = false
    var isHeld = false
    /// Counts the holds: an answer to an earlier one is no proof.
    var holds: UInt32 = 0
    var isPaused = false
    /// `startPause` that waits until everything stands.
    var pauses: [String] = []
    /// `cancelOrder` that waits until everything has ended.
    var cancels: [String] = []
    /// The order was cancelled or cleared: no update of it is taken.
    var wasCancelled = false
    /// The order's actions, in the order of their places.
    var actions: [ActionRecord] = []
    var instantActions: [ActionRecord] = []
    var faults: [FaultRecord] = []
    /// Orders before this one, newest last.
    var pastOrders: [String] = []
    /// Actions that are no longer reported, newest last.
    var pastActions: [ActionState] = []

    /// How many of each are remembered.
    static let pastOrderLimit = 64
    static let pastActionLimit = 256
    static let instantActionLimit = 32
    static let faultLimit = 32

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("orderId", &self.orderId)
        try codec.member("orderUpdateId", &self.orderUpdateId)
        try codec.member("zoneSetId", &self.zoneSetId)
        try codec.member("lastNodeId", &self.lastNodeId)
        try codec.member("lastNodeSequenceId", &self.lastNodeSequenceId)
        try codec.member("offNode", &self.isOffNode)
        try codec.member("accepted", &self.accepted)
        try codec.member("decision", &self.decision)
        try codec.member("nodes", &self.nodes)
        try codec.member("edges", &self.edges)
        try codec.member("motion", &self.motion)
        try codec.member("enteredEdge", &self.enteredEdge)
        try codec.member("holding", &self.isHolding)
        try codec.member("held", &self.isHeld)
        try codec.member("holds", &self.holds)
        try codec.member("paused", &self.isPaused)
        try codec.member("pauses", &self.pauses)
        try codec.member("cancels", &self.cancels)
        try codec.member("cancelled", &self.wasCancelled)
        try codec.member("actions", &self.actions)
        try codec.member("instantActions", &self.instantActions)
        try codec.member("faults", &self.faults)
        try codec.member("pastOrders", &self.pastOrders)
        try codec.member("pastActions", &self.pastActions)
    }
}

/// What the wheels do.
enum Motion: String, WireWord {
    case standing
    /// Along the first edge.
    case driving
    /// The way was given up; it will say where it stands.
    case stopping
}

/// An action and how far it came.
struct ActionRecord: WireRecord {
    var action = Action()
    var status = ActionStatus.waiting
    var result: String?
    /// Where in the order it stands; nil for an instant action.
    var place: UInt32?
    /// Its node was passed or its edge entered.
    var isTriggered = false
    /// It was told to pause, or to end.
    var isPausing = false
    var isEnding = false

    var hasBegun: Bool { self.status != .waiting }

    init() {}

    init(_ action: Action, place: UInt32?) {
        self.action = action
        self.place = place
        self.isTriggered = place == nil
    }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("action", &self.action)
        try codec.member("status", &self.status)
        try codec.member("result", &self.result)
        try codec.member("place", &self.place)
        try codec.member("triggered", &self.isTriggered)
        try codec.member("pausing", &self.isPausing)
        try codec.member("ending", &self.isEnding)
    }

    /// As it is told to the fleet.
    func state(_ version: Version?) -> ActionState {
        var state = ActionState()
        state.actionId = self.action.actionId
        state.actionType = self.action.actionType
        state.descriptor = self.action.descriptor
        // The schema of 2.1.0 has no word for a paused action.
        state.status = self.status == .paused && version == .two ? .running : self.status
        state.result = self.result
        return state
    }
}

/// An error and what it is about.
struct FaultRecord: WireRecord {
    var kind = FaultKind.validation
    var fault = Fault()

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("kind", &self.kind)
        try codec.member("fault", &self.fault)
    }
}
