extension OrderMachine {
    /// What the vehicle says.
    mutating func receive(_ report: VehicleReport) {
        switch report {
        case .arrived(let key): self.arrive(key)
        case .unreachable(let key, let reason): self.fail(key, reason)
        case .held(let number):
            if self.memory.isHolding, number == self.memory.holds { self.memory.isHeld = true }
        case .stopped(let key):
            guard self.memory.motion == .stopping, key == self.drive?.key else { return }
            self.memory.isOffNode = true
            self.stand()
        case .action(let id, let progress): self.progress(id, progress)
        case .condition(let condition): self.receive(condition)
        }
    }

    private mutating func receive(_ condition: Condition) {
        let (before, last) = (self.condition.mode, self.condition)
        self.condition = condition
        // A number that cannot be told must not keep the state from being told.
        guard (try? self.state.json(self.version)) != nil else { return self.condition = last }
        if condition.mode != before {
            if condition.mode.clearsOrder { self.clearOrder() }
            if condition.mode.takesOrders { self.memory.faults.removeAll { $0.kind == .unavailable } }
        }
        // A vehicle without an order may be pushed, and may see where it is.
        if let node = condition.nodeId, self.isIdle, node != self.memory.lastNodeId || self.memory.isOffNode {
            self.memory.lastNodeId = node
            self.memory.isOffNode = false
        }
    }

    /// Traversal of a node. Source: VDA 5050 2.1.0 section 6.10.2.
    private mutating func arrive(_ key: DriveKey) {
        guard self.memory.motion != .standing, key.orderId == self.memory.orderId,
            let node = self.memory.nodes.first, node.sequenceId == key.sequenceId,
            let edge = self.memory.edges.first
        else { return }
        let isStopping = self.memory.motion == .stopping
        self.stand()
        self.memory.nodes.removeFirst()
        self.memory.edges.removeFirst()
        self.memory.lastNodeId = node.nodeId
        self.memory.lastNodeSequenceId = node.sequenceId
        self.memory.isOffNode = false
        self.leave(edge.sequenceId)
        if !isStopping { self.trigger(node.sequenceId) }
    }

    /// The way that lies before the robot, or under it.
    var drive: Drive? {
        guard let edge = self.memory.edges.first, let node = self.memory.nodes.first else { return nil }
        return Drive(orderId: self.memory.orderId, edge: edge, node: node)
    }

    private mutating func stand() {
        self.memory.motion = .standing
        self.memory.isHolding = false
        self.memory.isHeld = false
    }

    /// An action of an edge lives no longer than the robot is on it. Source: VDA 5050 2.1.0 section 6.7.
    private mutating func leave(_ place: UInt32) {
        self.memory.enteredEdge = nil
        for index in self.memory.actions.indices where self.memory.actions[index].place == place {
            let record = self.memory.actions[index]
            guard !record.status.isFinal, !record.isEnding else { continue }
            if record.hasBegun {
                self.memory.actions[index].isEnding = true
                self.commands.append(.finish(record.action.actionId))
            } else {
                self.memory.actions[index].status = .failed
                self.memory.actions[index].result = "the edge was left"
            }
        }
    }

    private mutating func fail(_ key: DriveKey, _ reason: String) {
        guard self.memory.motion != .standing, key.orderId == self.memory.orderId,
            let node = self.memory.nodes.first, node.sequenceId == key.sequenceId
        else { return }
        let isStopping = self.memory.motion == .stopping
        self.stand()
        self.memory.isOffNode = true
        guard !isStopping else { return }
        self.tell(
            Refusal(
                kind: .nodeUnreachable, reason: reason,
                references: [
                    .node(node), Reference("orderId", self.memory.orderId),
                    Reference("orderUpdateId", String(self.memory.orderUpdateId)),
                ]))
    }

    /// The actions there may begin.
    mutating func trigger(_ place: UInt32) {
        for index in self.memory.actions.indices where self.memory.actions[index].place == place {
            self.memory.actions[index].isTriggered = true
        }
    }

    // MARK: actions

    private mutating func progress(_ id: String, _ progress: ActionProgress) {
        if progress == .neverBegun { self.beginAgain(id) }
        if let index = self.memory.actions.firstIndex(where: { $0.action.actionId == id }) {
            self.progress(&self.memory.actions[index], progress)
            if case .failed(let reason, stopsOrder: true) = progress, self.memory.cancels.isEmpty {
                self.tellFailure(of: id, reason)
            } else if progress == .unknown {
                self.tellFailure(of: id, "nobody knows how it ended")
            }
        } else if let index = self.memory.instantActions.firstIndex(where: { $0.action.actionId == id }) {
            self.progress(&self.memory.instantActions[index], progress)
        }
    }

    /// It was about to begin when the process died, so nothing stands against it now.
    private mutating func beginAgain(_ id: String) {
        let all = self.memory.instantActions + self.memory.actions
        guard let record = all.first(where: { $0.action.actionId == id }), record.hasBegun,
            !record.status.isFinal, !record.isEnding
        else { return }
        self.commands.append(.begin(record.action))
        if record.isPausing { self.commands.append(.pause(id)) }
    }

    private func progress(_ record: inout ActionRecord, _ progress: ActionProgress) {
        guard record.hasBegun, !record.status.isFinal else { return }
        switch progress {
        case .running: record.status = .running
        case .paused: record.status = .paused
        case .finished(let result):
            record.status = .finished
            record.result = result
        case .failed(let reason, _):
            record.status = .failed
            record.result = reason
        case .neverBegun:
            // The command was lost with the process. What may still be done is told again: see `receive`.
            if record.isEnding { record.status = .failed }
        case .unknown:
            record.status = .failed
            record.result = "nobody knows how it ended"
        }
    }

    private mutating func tellFailure(of id: String, _ reason: String?) {
        self.tell(
            Refusal(
                kind: .actionFailed, reason: reason ?? "the action failed",
                references: [Reference("actionId", id)]))
    }

    // MARK: what is next

    /// Begins what may begin now. Every event ends here.
    mutating func advance() {
        self.pauseOrProceed()
        self.beginActions(instant: true)
        self.beginActions(instant: false)
        self.finishCancel()
        self.goOn()
        self.holdOrResume()
        self.finishPause()
    }

    /// The fleet or a person keeps the robot from going on.
    private var isInterrupted: Bool { self.memory.isPaused || self.condition.mode == .intervened }

    private func isOpen(_ record: ActionRecord) -> Bool { record.isTriggered && !record.status.isFinal }

    private var openActions: [ActionRecord] {
        (self.memory.instantActions.filter { !self.isOwn($0) } + self.memory.actions).filter(self.isOpen)
    }

    /// One that this machine does itself, never the vehicle.
    private func isOwn(_ record: ActionRecord) -> Bool {
        record.place == nil && self.abilities.action(record.action.actionType, in: .instant) == nil
    }

    /// Source: VDA 5050 2.1.0 section 6.12.
    private mutating func beginActions(instant: Bool) {
        guard instant || (!self.isInterrupted && self.condition.mode.takesOrders) else { return }
        let list: WritableKeyPath<MachineMemory, [ActionRecord]> = instant ? \.instantActions : \.actions
        for index in self.memory[keyPath: list].indices {
            let record = self.memory[keyPath: list][index]
            guard self.isOpen(record), !record.hasBegun, !self.isOwn(record) else { continue }
            let running = self.openActions.filter(\.hasBegun)
            let blocking = record.action.blockingType
            // The order of the list is kept: what must wait lets nothing pass it.
            guard blocking.isExclusive ? running.isEmpty : !running.contains(where: Self.isExclusive),
                !blocking.forbidsDriving || self.stands
            else { return }
            self.memory[keyPath: list][index].status = .running
            self.commands.append(.begin(record.action))
        }
    }

    private static func isExclusive(_ record: ActionRecord) -> Bool { record.action.blockingType.isExclusive }

    private var mustStand: Bool {
        self.isInterrupted || self.openActions.contains { $0.action.blockingType.forbidsDriving }
    }

    /// Enters the next edge, if it is released and nothing keeps the robot.
    private mutating func goOn() {
        guard self.memory.motion == .standing, self.memory.cancels.isEmpty, !self.memory.wasCancelled,
            let drive = self.drive, drive.edge.released, drive.node.released, self.condition.mode.takesOrders,
            !self.memory.faults.contains(where: { $0.fault.level.stops }),
            !self.condition.faults.contains(where: { $0.level.stops }), !self.mustStand
        else { return }
        let place = drive.edge.sequenceId
        if self.memory.enteredEdge != place {
            self.memory.enteredEdge = place
            self.trigger(place)
            self.beginActions(instant: false)
            guard !self.mustStand else { return }
        }
        self.memory.motion = .driving
        self.memory.isOffNode = true
        self.commands.append(.drive(drive))
    }

    private mutating func holdOrResume() {
        guard self.memory.motion == .driving else { return }
        let mustStand = self.mustStand
        if mustStand, !self.memory.isHolding {
            self.memory.isHolding = true
            self.memory.isHeld = false
            self.memory.holds &+= 1
            self.commands.append(.hold(self.memory.holds))
        } else if !mustStand, self.memory.isHolding {
            self.memory.isHolding = false
            self.memory.isHeld = false
            self.commands.append(.resume)
        }
    }

    private mutating func pauseOrProceed() {
        for index in self.memory.actions.indices {
            let record = self.memory.actions[index]
            guard self.isOpen(record), record.hasBegun, !record.isEnding,
                self.ability(of: record)?.pauseAllowed ?? false
            else { continue }
            if self.isInterrupted, !record.isPausing {
                self.memory.actions[index].isPausing = true
                self.commands.append(.pause(record.action.actionId))
            } else if !self.isInterrupted, record.isPausing {
                self.memory.actions[index].isPausing = false
                self.commands.append(.proceed(record.action.actionId))
            }
        }
    }

    private mutating func finishPause() {
        guard !self.memory.pauses.isEmpty, self.stands,
            !self.memory.actions.contains(where: { $0.isPausing && $0.status == .running && !$0.isEnding })
        else { return }
        for id in self.memory.pauses { self.settle(id, .finished) }
        self.memory.pauses = []
    }

    private mutating func finishCancel() {
        guard !self.memory.cancels.isEmpty, self.memory.motion == .standing,
            self.memory.actions.allSatisfy(\.status.isFinal)
        else { return }
        for id in self.memory.cancels { self.settle(id, .finished) }
        self.memory.cancels = []
        self.memory.nodes = []
        self.memory.edges = []
        self.memory.enteredEdge = nil
        self.memory.wasCancelled = true
    }

    // MARK: after a restart

    /// Tells the vehicle again what it was told: it may have heard it or not.
    mutating func recover() {
        self.wantsState = true
        for record in self.memory.instantActions + self.memory.actions
        where record.hasBegun && !record.status.isFinal && !self.isOwn(record) {
            let id = record.action.actionId
            let isIdempotent = self.ability(of: record)?.isIdempotent ?? false
            let mustEnd = record.isEnding
            self.commands.append(isIdempotent && !mustEnd ? .begin(record.action) : .recall(record.action))
            if mustEnd {
                let isCancel = !self.memory.cancels.isEmpty
                self.commands.append(isCancel ? .cancel(id) : .finish(id))
            } else if record.isPausing {
                self.commands.append(.pause(id))
            }
        }
        switch self.memory.motion {
        case .standing: break
        case .stopping: if let key = self.drive?.key { self.commands.append(.stop(key)) }
        case .driving:
            guard var drive = self.drive else { break }
            drive.hold = self.memory.isHolding ? self.memory.holds : nil
            self.memory.isHeld = false
            self.commands.append(.drive(drive))
        }
    }
}
