extension OrderMachine {
    /// The state message, but for its header. Source: VDA 5050 2.1.0 section 6.10.
    var state: State {
        var state = State()
        let memory = self.memory
        state.maps = self.condition.maps
        state.orderId = memory.orderId
        state.orderUpdateId = memory.orderUpdateId
        if self.version == .two { state.zoneSetId = memory.zoneSetId }
        state.lastNodeId = memory.lastNodeId
        state.lastNodeSequenceId = memory.lastNodeSequenceId
        state.nodeStates = memory.nodes.map(Self.state)
        state.edgeStates = memory.edges.map(Self.state)
        state.position = self.condition.position
        state.velocity = self.condition.velocity
        state.loads = self.condition.loads
        state.driving = !self.stands
        state.paused = memory.isPaused
        state.newBaseRequest = self.wantsBase
        state.distanceSinceLastNode = self.condition.distanceSinceLastNode
        state.actionStates = memory.actions.map { $0.state(self.version) }
        state.instantActionStates = memory.instantActions.map { $0.state(self.version) }
        state.power = self.condition.power
        state.operatingMode = self.condition.mode
        state.errors = memory.faults.map(\.fault) + self.condition.faults
        state.safety = self.condition.safety
        return state
    }

    /// The state without what changes all the time: a difference here is an event that must be told.
    /// Source: VDA 5050 2.1.0 section 6.10.1.
    var shown: State {
        var state = self.state
        state.position = nil
        state.velocity = nil
        state.distanceSinceLastNode = nil
        let isCharging = state.power.isCharging
        state.power = Power()
        state.power.isCharging = isCharging
        return state
    }

    /// The base runs short and there is a horizon. Source: VDA 5050 2.1.0 section 6.10.3.
    private var wantsBase: Bool {
        let released = self.memory.edges.prefix { $0.released }.count
        return released <= 1 && self.memory.edges.count > released
    }

    private static func state(_ node: Node) -> NodeState {
        var state = NodeState()
        state.nodeId = node.nodeId
        state.sequenceId = node.sequenceId
        state.descriptor = node.descriptor
        state.released = node.released
        if let position = node.position {
            var place = NodeStatePosition()
            place.x = position.x
            place.y = position.y
            place.theta = position.theta
            place.mapId = position.mapId
            state.position = place
        }
        return state
    }

    private static func state(_ edge: Edge) -> EdgeState {
        var state = EdgeState()
        state.edgeId = edge.edgeId
        state.sequenceId = edge.sequenceId
        state.descriptor = edge.descriptor
        state.released = edge.released
        state.trajectory = edge.trajectory
        return state
    }
}
