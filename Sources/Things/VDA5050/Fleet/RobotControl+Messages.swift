internal import Encoding
internal import Messaging
internal import World

/// What a fleet knows of a robot.
package struct RobotView: Sendable {
    package fileprivate(set) var state: State?
    package fileprivate(set) var connection: ConnectionState?
    package fileprivate(set) var factsheet: Factsheet?
    /// When the last state came, since boot.
    package fileprivate(set) var heardAt: Duration?
    /// How old it is.
    package internal(set) var age: Duration?
    /// Messages that were none.
    package fileprivate(set) var faults: UInt64 = 0
    /// Why the last state could not be read; nil when it could.
    package fileprivate(set) var unreadable: String?

    /// A robot tells its state every 30 seconds: two that are missing are silence.
    package static let staleAfter = Duration.seconds(61)

    package enum Availability: Sendable {
        case online
        /// Nothing was heard for too long, or ever.
        case silent
        /// It, or the broker for it, said that it left.
        case offline
    }

    /// The connection topic is no health check: only what was heard lately counts as online.
    package var availability: Availability {
        if self.connection == .offline || self.connection == .broken { return .offline }
        guard let age = self.age, age <= Self.staleAfter else { return .silent }
        return .online
    }

    mutating func take(
        _ arrival: Inbox.Arrival, _ version: Version
    ) -> (state: State?, fault: (topic: Topic, reason: String)?) {
        let payload = arrival.message.payload
        // Nothing is how a kept topic is cleared.
        guard !payload.isEmpty else { return (nil, nil) }
        do throws(JSONError) {
            switch arrival.source {
            case 0:
                // The standard keeps no state: a kept one is from another time.
                guard !arrival.message.retained else { return (nil, nil) }
                let state = try State(payload: payload, version)
                self.state = state
                self.heardAt = arrival.uptime
                self.unreadable = nil
                return (state, nil)
            case 1: self.connection = try Connection(payload: payload, version).connectionState
            default: self.factsheet = try Factsheet(payload: payload, version)
            }
        } catch {
            self.faults += 1
            let topic: Topic =
                arrival.source == 0 ? .state : arrival.source == 1 ? .connection : .factsheet
            if topic == .state { self.unreadable = error.description }
            return (nil, (topic, error.description))
        }
        return (nil, nil)
    }
}

extension RobotControl {
    /// Puts an order or an update into the journal, if it is not there.
    func take(_ order: Order) throws {
        do { _ = try order.json(self.identity.version) } catch {
            throw FleetError.unspeakable(error.description)
        }
        let known =
            self.dispatch?.orderId == order.orderId
            ? self.dispatch : try self.store.dispatch(order.orderId, robot: self.key)
        if let known {
            let same = known.messages.first { $0.orderUpdateId == order.orderUpdateId }
            if let same {
                guard same == order else { throw FleetError.otherContent(orderId: order.orderId) }
                return
            }
            if known.refusals.contains(where: { $0.update == order.orderUpdateId }) { return }
        }
        if let open = self.dispatch, open.outcome == nil, open.orderId != order.orderId {
            throw FleetError.busy(orderId: open.orderId)
        }
        var dispatch: Dispatch
        if order.orderUpdateId == 0, known == nil {
            dispatch = Dispatch(order)
        } else {
            // A finished order may be extended, a failed one not.
            guard let known, known.outcome == nil || known.outcome == .done, known.cancelId == nil else {
                throw FleetError.notActive(orderId: order.orderId)
            }
            dispatch = known
            let last = max(
                dispatch.messages.last?.orderUpdateId ?? 0, dispatch.refusals.map(\.update).max() ?? 0)
            guard order.orderUpdateId == last &+ 1 else {
                throw FleetError.wrongUpdate(expected: last &+ 1, actual: order.orderUpdateId)
            }
            guard dispatch.messages.count < Dispatch.messageLimit else {
                throw FleetError.tooMany(limit: Dispatch.messageLimit)
            }
            dispatch.messages.append(order)
            dispatch.outcome = nil
        }
        try self.store.save(dispatch, robot: self.key)
        self.dispatch = dispatch
        self.wake()
    }

    /// One step of the open order: durable, then sent.
    func step(_ event: Dispatch.Event) async throws {
        guard var dispatch = self.dispatch else { return }
        if case .due = event, !self.bus.isConnected { return }
        let effects = dispatch.handle(event, at: self.timeline.uptime)
        if effects.contains(.save) { try self.store.save(dispatch, robot: self.key) }
        self.dispatch = dispatch
        for effect in effects {
            switch effect {
            case .save: break
            case .send(let order): await self.publish(order)
            case .act(let action): await self.publish(InstantActions([action]))
            }
        }
        if effects.contains(.save) { self.tellWaiters() }
    }

    /// What the robot says of instant actions.
    func follow(_ state: State) {
        var isNews = false
        for index in self.actions.indices {
            guard let shown = state.action(self.actions[index].action.actionId) else { continue }
            isNews = isNews || self.actions[index].state != shown
            self.actions[index].state = shown
        }
        if isNews { self.tellWaiters() }
    }

    /// Those that the robot does not show, now and again.
    func sendActions() async {
        guard self.bus.isConnected else { return }
        let now = self.timeline.uptime
        let due = self.actions.indices.filter { index in
            let open = self.actions[index]
            return open.state == nil
                && (open.sentAt.map { $0 + Dispatch.resend <= now } ?? true)
        }
        guard !due.isEmpty else { return }
        for index in due { self.actions[index].sentAt = now }
        await self.publish(InstantActions(due.map { self.actions[$0].action }))
    }

    /// Whoever begins to listen would wait up to 30 seconds for the first state: a silent robot is asked.
    /// Source: VDA 5050 2.1.0 section 6.8.1, `stateRequest`.
    func askForState() async {
        let now = self.timeline.uptime
        guard self.bus.isConnected, self.stateIsMissing,
            self.askedAt.map({ $0 + Dispatch.resend <= now }) ?? true
        else { return }
        self.askedAt = now
        let id = "state-\(self.timeline.now.milliseconds)"
        await self.publish(InstantActions([Action("stateRequest", id: id)]))
    }

    private var stateIsMissing: Bool {
        guard let heardAt = self.view.heardAt else { return true }
        return self.timeline.uptime - heardAt > RobotView.staleAfter
    }

    /// What does not leave is sent again by the clock.
    private func publish<Sent: WireMessage>(_ message: Sent) async {
        var message = message
        guard let number = try? self.store.headerId(Sent.topic) else { return }
        message.header = Header(
            self.identity, headerId: number,
            at: WireTime(milliseconds: self.timeline.now.milliseconds))
        guard let document = try? message.json(self.identity.version) else { return }
        try? await self.bus.publish(
            Message(
                topic: self.identity.topic(Sent.topic), payload: Array(document.text.utf8),
                quality: .atMostOnce))
    }

    // MARK: waiting

    func wake() {
        self.hasMail = true
        self.sleeper?.finish()
    }

    func tellWaiters() {
        for waiter in self.waiters { waiter.yield() }
    }

    /// Until something is new, or the time is over.
    func wait(until deadline: Duration) async throws {
        guard self.waiters.count < Self.waiterLimit else {
            throw FleetError.tooMany(limit: Self.waiterLimit)
        }
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.waiters.append(continuation)
        defer { self.waiters.removeAll { $0 == continuation } }
        try await self.timeline.sleep(for: deadline - self.timeline.uptime, or: stream)
    }

    /// Until a message comes, or something is due.
    func sleep() async throws {
        guard !self.hasMail else { return }
        let now = self.timeline.uptime
        var due = self.rests ? now + .seconds(3_600) : self.dispatch?.due
        for action in self.actions where action.state == nil && !self.rests {
            let next = action.sentAt.map { $0 + Dispatch.resend } ?? now
            due = min(due ?? next, next)
        }
        if self.stateIsMissing, !self.rests {
            let next = self.askedAt.map { $0 + Dispatch.resend } ?? now
            due = min(due ?? next, next)
        }
        // Without a broker what is due stays due.
        let pause = max((due ?? now + .seconds(60)) - now, Self.retry)
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.sleeper = continuation
        defer { self.sleeper = nil }
        try await self.timeline.sleep(for: pause, or: stream)
    }
}
