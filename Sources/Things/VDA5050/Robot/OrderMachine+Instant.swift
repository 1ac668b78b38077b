internal import Encoding

extension OrderMachine {
    /// What every robot of ours does itself. Source: VDA 5050 2.1.0 section 6.8.1.
    static let ownInstantActions = [
        "cancelOrder", "startPause", "stopPause", "stateRequest", "factsheetRequest",
    ]

    /// Does an instant action, or says how one with this id went.
    /// Source: VDA 5050 2.1.0 sections 6.8 and 6.9.
    mutating func receive(_ action: Action) {
        self.wantsState = true
        do throws(Refusal) {
            guard try self.isNew(action) else { return }
            try self.check(action)
            try self.makeRoom()
            let isKnown = self.ownKinds.contains(action.actionType)
            if !isKnown {
                try OrderShape.check(action, in: .instant, self.abilities, as: .instantAction)
            }
            self.memory.instantActions.append(ActionRecord(action, place: nil))
            self.memory.faults.removeAll { $0.kind.endsWithInstantAction }
            if isKnown { self.perform(action) }
        } catch {
            self.tell(error)
            // It is answered, too: a fleet that waits for this id learns its end.
            if error.kind != .instantActionsFull, !action.actionId.isEmpty,
                self.state(of: action.actionId) == nil,
                action.actionId.utf8.count <= Self.nameLimit, (try? self.makeRoom()) != nil
            {
                var record = ActionRecord(action, place: nil)
                record.status = .failed
                record.result = error.reason
                self.memory.instantActions.append(record)
            }
        }
    }

    private var ownKinds: [String] {
        Self.ownInstantActions + (self.version == .three ? ["clearInstantActions"] : [])
    }

    /// - Returns: false for an action that is known with this content: it is answered by the state.
    private mutating func isNew(_ action: Action) throws(Refusal) -> Bool {
        let all = self.memory.instantActions + self.memory.actions
        if let known = all.first(where: { $0.action.actionId == action.actionId }) {
            guard known.action == action else {
                throw Refusal(
                    kind: .instantAction, reason: "another action has this id",
                    references: [Reference("actionId", action.actionId)])
            }
            return false
        }
        guard let past = self.memory.pastActions.firstIndex(where: { $0.actionId == action.actionId }) else {
            return true
        }
        // An old id is answered, not done again: its end goes back into the report.
        let state = self.memory.pastActions[past]
        guard state.actionType == action.actionType else {
            throw Refusal(
                kind: .instantAction, reason: "another action has this id",
                references: [Reference("actionId", action.actionId)])
        }
        try self.makeRoom()
        self.memory.pastActions.removeAll { $0.actionId == action.actionId }
        var record = ActionRecord(action, place: nil)
        record.status = state.status
        record.result = state.result
        self.memory.instantActions.append(record)
        return false
    }

    private func check(_ action: Action) throws(Refusal) {
        let mayAct =
            self.condition.mode.takesOrders
            || ["cancelOrder", "stateRequest", "factsheetRequest"].contains(action.actionType)
        guard mayAct else {
            throw Refusal(
                kind: .instantAction, reason: "the robot is in mode \(self.condition.mode.rawValue)",
                references: [Reference("actionId", action.actionId)])
        }
        guard !action.actionId.isEmpty, action.actionId.utf8.count <= Self.nameLimit else {
            throw Refusal(kind: .instantAction, reason: "an actionId has 1 to \(Self.nameLimit) bytes")
        }
    }

    /// Room for one more: the oldest that has ended leaves the report.
    private mutating func makeRoom() throws(Refusal) {
        guard self.memory.instantActions.count >= MachineMemory.instantActionLimit else { return }
        guard let oldest = self.memory.instantActions.firstIndex(where: \.status.isFinal) else {
            throw Refusal(kind: .instantActionsFull, reason: "too many instant actions are on their way")
        }
        self.remember([self.memory.instantActions.remove(at: oldest)])
    }

    private mutating func perform(_ action: Action) {
        let id = action.actionId
        switch action.actionType {
        case "cancelOrder": self.cancel(action)
        case "startPause":
            self.memory.isPaused = true
            self.memory.pauses.append(id)
            self.settle(id, .running)
        case "stopPause":
            self.memory.isPaused = false
            for pause in self.memory.pauses { self.settle(pause, .failed, "stopPause came first") }
            self.memory.pauses = []
            self.settle(id, .finished)
        case "factsheetRequest":
            self.wantsFactsheet = true
            self.settle(id, .finished)
        case "clearInstantActions":
            let ended = self.memory.instantActions.filter(\.status.isFinal)
            self.memory.instantActions.removeAll(where: \.status.isFinal)
            self.remember(ended)
            self.settle(id, .finished)
        default: self.settle(id, .finished)
        }
    }

    /// Source: VDA 5050 2.1.0 section 6.6.3.
    private mutating func cancel(_ action: Action) {
        let id = action.actionId
        let named = action.parameter("orderId")
        let isOurs = named == nil || named == .string(self.memory.orderId)
        guard !self.isIdle, isOurs else {
            self.settle(id, .failed, "no such order is active")
            self.tell(
                Refusal(
                    kind: .nothingToCancel, reason: "no such order is active",
                    references: [Reference("actionId", id)]))
            return
        }
        self.settle(id, .running)
        self.memory.cancels.append(id)
        self.giveUpOrder("the order was cancelled")
    }

    /// Stops driving and ends what has not begun or can be broken off.
    private mutating func giveUpOrder(_ reason: String) {
        let isMoving = self.memory.motion != .standing
        // The edge under the wheels stays until they stand.
        self.memory.nodes = isMoving ? Array(self.memory.nodes.prefix(1)) : []
        self.memory.edges = isMoving ? Array(self.memory.edges.prefix(1)) : []
        if self.memory.motion == .driving, let key = self.drive?.key {
            self.memory.motion = .stopping
            self.commands.append(.stop(key))
        }
        for index in self.memory.actions.indices where !self.memory.actions[index].status.isFinal {
            let record = self.memory.actions[index]
            if !record.hasBegun {
                self.memory.actions[index].status = .failed
                self.memory.actions[index].result = reason
            } else if !record.isEnding, self.ability(of: record)?.cancelAllowed ?? false {
                self.memory.actions[index].isEnding = true
                self.commands.append(.cancel(record.action.actionId))
            }
        }
    }

    /// The mode took the robot out of the fleet's hands. Source: VDA 5050 3.0.0, operating modes.
    mutating func clearOrder() {
        self.giveUpOrder("the robot came into mode \(self.condition.mode.rawValue)")
        for index in self.memory.actions.indices where !self.memory.actions[index].status.isFinal {
            self.memory.actions[index].status = .failed
        }
        for id in self.memory.cancels { self.settle(id, .finished) }
        self.memory.cancels = []
        self.memory.isOffNode = self.memory.isOffNode || self.memory.motion != .standing
        self.memory.motion = .standing
        self.memory.isHolding = false
        self.memory.isHeld = false
        self.memory.nodes = []
        self.memory.edges = []
        self.memory.enteredEdge = nil
        self.memory.wasCancelled = true
        if self.condition.mode != .manual { self.memory.lastNodeId = "" }
    }

    /// The state of an action, wherever it is kept.
    func state(of id: String) -> ActionStatus? {
        let all = self.memory.instantActions + self.memory.actions
        return all.first { $0.action.actionId == id }?.status
            ?? self.memory.pastActions.first { $0.actionId == id }?.status
    }

    /// Sets how far an instant action of ours came.
    mutating func settle(_ id: String, _ status: ActionStatus, _ result: String? = nil) {
        guard let index = self.memory.instantActions.firstIndex(where: { $0.action.actionId == id }) else {
            return
        }
        self.memory.instantActions[index].status = status
        if let result { self.memory.instantActions[index].result = result }
    }

    func ability(of record: ActionRecord) -> ActionAbility? {
        let scope: ActionScope =
            record.place.map { $0 % 2 == 0 ? .node : .edge } ?? .instant
        return self.abilities.action(record.action.actionType, in: scope)
    }
}
