internal import Encoding

/// How far an order came with a robot.
package struct OrderRecord: Sendable, Equatable {
    package let orderId: String
    package let state: OrderState
    /// Why it failed, or why nobody knows.
    package let reason: String?
    /// The updates that the robot has.
    package let acknowledged: UInt32?

    /// Whether it ended because the fleet wanted it.
    package var isCancelled: Bool { self.reason == Dispatch.cancelled }
}

/// How far an order came. ``done`` and ``failed`` are final.
package enum OrderState: Sendable {
    /// Durable; nothing was sent.
    case received
    /// Sent, or perhaps; the robot has not come to its end.
    case started
    case done
    /// The robot shows another order.
    case unknown
    case failed

    package var isFinal: Bool { self == .done || self == .failed }
}

/// One order as the fleet follows it: events in, effects out; no clock, no I/O. A message is sent until
/// the robot's state shows it: QoS 0 promises nothing, and the heartbeat is the repair.
/// Source: VDA 5050 2.1.0 sections 6.6.2 to 6.6.4.
struct Dispatch: WireRecord {
    enum Event {
        case state(State)
        /// Time has passed.
        case due
        /// The fleet wants the order to end.
        case cancel(id: String)
    }

    enum Effect: Equatable {
        case save
        case send(Order)
        case act(Action)
    }

    /// The order and its updates, in their order.
    var messages: [Order] = []
    var acknowledged: UInt32?
    var cancelId: String?
    var outcome: Outcome?
    var reason: String?
    /// Updates that the robot refused, with its words.
    var refusals: [Refused] = []
    /// It was perhaps sent: durable before the first message leaves.
    var wasSent = false
    /// When something was sent last, since boot; not kept.
    private var sentAt: Duration?

    /// How long it waits for the robot's state before it sends again.
    static let resend = Duration.seconds(5)
    /// The most updates of an order.
    static let messageLimit = 256
    /// The reason of an order that ended because the fleet wanted it.
    static let cancelled = "cancelled"

    enum Outcome: String, WireWord { case done, failed, unknown }

    struct Refused: WireRecord {
        var update: UInt32 = 0
        var reason = ""

        mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
            try codec.member("update", &self.update)
            try codec.member("reason", &self.reason)
        }
    }

    init() {}
    init(_ order: Order) { self.messages = [order] }

    mutating func pass(_ codec: inout WireCodec) throws(JSONError) {
        try codec.member("messages", &self.messages)
        try codec.member("acknowledged", &self.acknowledged)
        try codec.member("sent", &self.wasSent)
        try codec.member("cancel", &self.cancelId)
        try codec.member("outcome", &self.outcome)
        try codec.member("reason", &self.reason)
        try codec.member("refusals", &self.refusals)
    }

    var orderId: String { self.messages.first?.orderId ?? "" }

    var record: OrderRecord {
        let state: OrderState =
            switch self.outcome {
            case .done: .done
            case .failed: .failed
            case .unknown: .unknown
            case nil: self.wasSent ? .started : .received
            }
        return OrderRecord(
            orderId: self.orderId, state: state, reason: self.reason, acknowledged: self.acknowledged)
    }

    /// The message that the robot has not shown yet.
    private var pending: Order? {
        self.messages.first { message in self.acknowledged.map { message.orderUpdateId > $0 } ?? true }
    }

    /// When it wants to be called next; nil when it waits for the robot alone.
    var due: Duration? {
        guard self.outcome == nil, self.pending != nil || self.cancelId != nil else { return nil }
        return self.sentAt.map { $0 + Self.resend } ?? .zero
    }

    mutating func handle(_ event: Event, at uptime: Duration) -> [Effect] {
        guard self.outcome == nil else { return [] }
        var before = self
        switch event {
        case .state(let state): self.receive(state)
        case .cancel(let id):
            // One that was never sent needs no robot to be cancelled.
            if !self.wasSent { self.end(.failed, Self.cancelled) }
            self.cancelId = self.cancelId ?? id
            self.sentAt = nil
            return [.save]
        case .due: break
        }
        if self.acknowledged != before.acknowledged { self.sentAt = nil }
        var sends: [Effect] = []
        if let due = self.due, due <= uptime {
            self.sentAt = uptime
            self.wasSent = true
            // An order that shall end is not sent again: perhaps it never came.
            if let id = self.cancelId {
                sends = [.act(Action("cancelOrder", id: id))]
            } else if let pending {
                sends = [.send(pending)]
            }
        }
        before.sentAt = self.sentAt
        return (self == before ? [] : [.save]) + sends
    }

    private mutating func receive(_ state: State) {
        guard state.orderId == self.orderId else { return self.receiveForeign(state) }
        // A robot cannot show what was never sent.
        let known = min(state.orderUpdateId, self.messages.last?.orderUpdateId ?? 0)
        self.acknowledged = max(self.acknowledged ?? 0, known)
        self.takeRefusal(state)
        if let id = self.cancelId, let action = state.action(id) {
            if action.status == .finished { return self.end(.failed, Self.cancelled) }
            // It came too late: the order has ended by itself.
            if action.status == .failed { self.cancelId = nil }
        }
        if self.cancelId == nil, self.pending == nil { self.finish(state) }
    }

    /// The robot does not have the order: not yet, or no more.
    private mutating func receiveForeign(_ state: State) {
        if self.acknowledged != nil { return self.end(.unknown, "the robot has forgotten the order") }
        if let id = self.cancelId {
            // It has not come, and after this it will not be sent again.
            if state.action(id)?.status.isFinal == true { self.end(.failed, Self.cancelled) }
        } else {
            self.takeRefusal(state)
        }
    }

    private mutating func takeRefusal(_ state: State) {
        guard let pending else { return }
        let update = String(pending.orderUpdateId)
        let fault = state.errors.first { error in
            let names = error.references?.contains { $0.key == "orderUpdateId" } ?? false
            return error.refers(to: "orderId", self.orderId)
                && (!names || error.refers(to: "orderUpdateId", update))
                // What stops a robot on its way is told of the order, too, and refuses nothing.
                && (self.acknowledged == nil || names)
        }
        guard let fault else { return }
        let reason = [fault.errorType, fault.description].compactMap { $0 }.joined(separator: ": ")
        guard self.acknowledged != nil else { return self.end(.failed, reason) }
        var refused = Refused()
        refused.update = pending.orderUpdateId
        refused.reason = reason
        self.refusals.append(refused)
        self.messages.removeAll { $0.orderUpdateId == pending.orderUpdateId }
    }

    /// Nothing left to drive and to do. Source: VDA 5050 3.0.0, idle.
    private mutating func finish(_ state: State) {
        guard let last = self.messages.last?.nodes.last, state.nodeStates.isEmpty,
            state.edgeStates.isEmpty
        else { return }
        let ids = Set(
            self.messages.flatMap { message in
                message.nodes.flatMap { $0.actions.map(\.actionId) }
                    + message.edges.flatMap { $0.actions.map(\.actionId) }
            })
        let ours = state.actionStates.filter { ids.contains($0.actionId) }
        guard ours.allSatisfy(\.status.isFinal) else { return }
        guard last.released, state.lastNodeSequenceId == last.sequenceId else {
            return self.end(.failed, "the robot gave the order up at \(state.lastNodeId)")
        }
        if let failed = ours.first(where: { $0.status == .failed }) {
            return self.end(.failed, "action \(failed.actionId): \(failed.result ?? "failed")")
        }
        self.end(.done, nil)
    }

    private mutating func end(_ outcome: Outcome, _ reason: String?) {
        self.outcome = outcome
        self.reason = reason
    }
}
