extension OrderMachine {
    /// Takes an order or an update, ignores it, or tells why not.
    /// Source: VDA 5050 2.1.0 sections 6.6.2 and 6.6.4.
    mutating func receive(_ order: Order) {
        // Also for a message that changes nothing: whoever repeats it has missed our state.
        self.wantsState = true
        do throws(Refusal) {
            try OrderShape.check(order, abilities: self.abilities)
            if order.orderId == self.memory.orderId {
                try self.receiveUpdate(order)
            } else {
                try self.receiveNew(order)
            }
        } catch {
            var refusal = error
            refusal.references =
                [
                    Reference("orderId", order.orderId),
                    Reference("orderUpdateId", String(order.orderUpdateId)),
                ] + refusal.references
            self.tell(refusal)
        }
    }

    private mutating func receiveNew(_ order: Order) throws(Refusal) {
        guard !self.memory.pastOrders.contains(order.orderId) else {
            throw Refusal(kind: .outdatedUpdate, reason: "this order was there before")
        }
        guard self.isIdle else { throw Refusal(kind: .otherOrder, reason: "another order is active") }
        try self.checkAvailable()
        // 2.1.0 says nowhere with which numbers an order begins.
        guard let first = order.nodes.first,
            self.version == .two || first.sequenceId == 0 && order.orderUpdateId == 0
        else {
            throw Refusal(kind: .validation, reason: "a new order begins with sequenceId and orderUpdateId 0")
        }
        guard self.isInRange(first) else {
            throw Refusal(
                kind: .startOutOfRange, reason: "the first node is not where the robot is",
                references: [.node(first)])
        }
        try self.checkNew(order.places.flatMap { $0.actions.map(\.actionId) }, replacing: [])
        self.archive()
        self.memory.orderId = order.orderId
        self.memory.lastNodeId = first.nodeId
        self.memory.lastNodeSequenceId = first.sequenceId
        self.memory.isOffNode = false
        self.memory.wasCancelled = false
        self.memory.enteredEdge = nil
        self.memory.nodes = Array(order.nodes.dropFirst())
        self.memory.edges = order.edges
        self.memory.actions = Self.records(order, after: nil)
        self.accept(order)
        self.trigger(first.sequenceId)
    }

    private mutating func receiveUpdate(_ order: Order) throws(Refusal) {
        if order.orderUpdateId == self.memory.orderUpdateId {
            guard let accepted = self.memory.accepted, Self.isSame(order, accepted) else {
                throw Refusal(kind: .sameUpdate, reason: "other content under the same orderUpdateId")
            }
            return
        }
        guard order.orderUpdateId > self.memory.orderUpdateId else {
            throw Refusal(kind: .outdatedUpdate, reason: "a newer update is active")
        }
        guard !self.memory.wasCancelled, self.memory.cancels.isEmpty else {
            throw Refusal(kind: .updateAfterCancel, reason: "the order was cancelled")
        }
        try self.checkAvailable()
        guard let decision = self.memory.decision, let first = order.nodes.first,
            (first.nodeId, first.sequenceId) == (decision.nodeId, decision.sequenceId)
        else {
            throw Refusal(kind: .wrongStitch, reason: "the first node is not the last one of the base")
        }
        guard self.stitches(first, decision) else {
            throw Refusal(
                kind: .wrongStitch, reason: "the first node is not as it was", references: [.node(first)])
        }
        let horizon = self.memory.actions.filter { ($0.place ?? 0) > decision.sequenceId }
        let new = order.places.filter { $0.sequenceId > decision.sequenceId }
        try self.checkNew(
            new.flatMap { $0.actions.map(\.actionId) }, replacing: Set(horizon.map(\.action.actionId)))
        let added = Self.records(order, after: decision.sequenceId)
        let base = self.memory.actions.filter { ($0.place ?? 0) <= decision.sequenceId }
        let kept = self.forgetting(base, for: added.count)
        self.memory.nodes = self.memory.nodes.filter(\.released) + order.nodes.dropFirst()
        self.memory.edges = self.memory.edges.filter(\.released) + order.edges
        self.memory.actions = kept + added
        self.accept(order)
        // Of a node that stands in both messages the first one's instructions hold.
        if self.memory.decision?.sequenceId == decision.sequenceId { self.memory.decision = decision }
    }

    private mutating func accept(_ order: Order) {
        self.memory.orderUpdateId = order.orderUpdateId
        self.memory.zoneSetId = order.zoneSetId
        self.memory.accepted = order
        self.memory.decision = order.nodes.last { $0.released }
        self.memory.faults.removeAll { !$0.kind.endsWithInstantAction }
    }

    /// What the order before leaves: its id and its actions' ends, so that neither is taken for new.
    private mutating func archive() {
        if !self.memory.orderId.isEmpty { self.memory.pastOrders.append(self.memory.orderId) }
        let surplus = self.memory.pastOrders.count - MachineMemory.pastOrderLimit
        self.memory.pastOrders.removeFirst(max(0, surplus))
        self.remember(self.memory.actions)
    }

    /// Actions that have ended and are no longer reported.
    mutating func remember(_ records: [ActionRecord]) {
        self.memory.pastActions += records.map { $0.state(nil) }
        let surplus = self.memory.pastActions.count - MachineMemory.pastActionLimit
        self.memory.pastActions.removeFirst(max(0, surplus))
    }

    /// An order that is extended for ever must not fill the memory: ended actions leave, oldest first.
    private mutating func forgetting(
        _ records: [ActionRecord], for added: Int
    ) -> [ActionRecord] {
        var surplus = records.count + added - Self.orderActionLimit
        var left: [ActionRecord] = []
        let kept = records.filter { record in
            guard surplus > 0, record.status.isFinal else { return true }
            surplus -= 1
            left.append(record)
            return false
        }
        self.remember(left)
        return kept
    }

    private func checkAvailable() throws(Refusal) {
        guard self.condition.mode.takesOrders || self.condition.mode == .intervened else {
            throw Refusal(kind: .unavailable, reason: "the robot is in mode \(self.condition.mode.rawValue)")
        }
        guard !self.condition.faults.contains(where: { $0.level == .fatal }) else {
            throw Refusal(kind: .unavailable, reason: "the robot has a fatal error")
        }
    }

    private func checkNew(_ ids: [String], replacing: Set<String>) throws(Refusal) {
        var known = Set(self.memory.actions.map(\.action.actionId))
        known.formUnion(self.memory.instantActions.map(\.action.actionId))
        known.formUnion(self.memory.pastActions.map(\.actionId))
        known.subtract(replacing)
        if let id = ids.first(where: known.contains) {
            throw Refusal(
                kind: .orderAction, reason: "this action was there before",
                references: [Reference("actionId", id)])
        }
        let open = self.memory.actions.count { !$0.status.isFinal } - replacing.count
        guard open + ids.count <= Self.orderActionLimit else {
            throw Refusal(kind: .tooLarge, reason: "more than \(Self.orderActionLimit) open actions")
        }
    }

    private static func records(_ order: Order, after place: UInt32?) -> [ActionRecord] {
        order.places.filter { item in place.map { item.sequenceId > $0 } ?? true }.flatMap { item in
            item.actions.map { ActionRecord($0, place: item.sequenceId) }
        }
    }

    /// The same content: numbers and time of the message may differ.
    private static func isSame(_ left: Order, _ right: Order) -> Bool {
        var left = left
        left.header = right.header
        return left == right
    }

    /// Whether the first node of an update is the decision point. In 3.0.0 it must come again as it was; in
    /// 2.1.0 its node and its place are named, and what was said before need not be said again. What people
    /// read may differ. Source: VDA 5050 2.1.0 section 6.6.2, figure 8.
    private func stitches(_ first: Node, _ decision: Node) -> Bool {
        var first = first
        first.descriptor = decision.descriptor
        if self.version == .two {
            first.position = first.position ?? decision.position
            // A new action there would be lost in silence.
            guard first.actions.allSatisfy(decision.actions.contains) else { return false }
            first.actions = decision.actions
        }
        return first == decision
    }

    /// Whether the robot can be on the node without driving. Source: VDA 5050 2.1.0 section 6.6.2.
    private func isInRange(_ node: Node) -> Bool {
        if node.nodeId == self.memory.lastNodeId, !self.memory.isOffNode { return true }
        guard let place = node.position, let position = self.condition.position, position.isLocalized,
            position.mapId == place.mapId
        else { return false }
        if let theta = place.theta, let allowed = place.allowedDeviationTheta {
            let turn = (theta - position.theta).remainder(dividingBy: 2 * .pi)
            guard abs(turn) <= max(0, allowed) + 1e-9 else { return false }
        }
        let range = self.abilities.startRange
        guard let ellipse = place.allowedDeviation, ellipse.a > 0, ellipse.b > 0 else {
            return Self.isInside(position.x - place.x, position.y - place.y, range, range)
        }
        // No smaller than what the robot needs to know its place at all.
        let (x, y) = (position.x - place.x, position.y - place.y)
        guard ellipse.a != ellipse.b, ellipse.theta != 0 else {
            return Self.isInside(x, y, ellipse.a, ellipse.b)
        }
        let (sine, cosine) = Self.sineAndCosine(ellipse.theta)
        return Self.isInside(x * cosine + y * sine, y * cosine - x * sine, ellipse.a, ellipse.b)
    }

    private static func isInside(_ x: Double, _ y: Double, _ a: Double, _ b: Double) -> Bool {
        (x / a) * (x / a) + (y / b) * (y / b) <= 1
    }

    /// For angles of at most a quarter turn, from the series: the same on every machine, within 1e-9.
    private static func sineAndCosine(_ angle: Double) -> (sine: Double, cosine: Double) {
        var (sine, cosine, term) = (0.0, 0.0, 1.0)
        for power in 0..<18 {
            let signed = power / 2 % 2 == 0 ? term : -term
            if power % 2 == 0 { cosine += signed } else { sine += signed }
            term *= angle / Double(power + 1)
        }
        return (sine, cosine)
    }
}
