package import Database
internal import Encoding
internal import Messaging
internal import Synchronization
package import SystemPackage
package import World

/// Why a fleet gives no order.
package enum FleetError: Error, Equatable {
    /// The robot has another order of ours.
    case busy(orderId: String)
    /// The id was used with another content.
    case otherContent(orderId: String)
    /// The order has ended, or was never given: it cannot be extended.
    case notActive(orderId: String)
    /// Updates are numbered one by one.
    case wrongUpdate(expected: UInt32, actual: UInt32)
    /// The version cannot say it.
    case unspeakable(String)
    /// What was sent may be done, and nothing that can be read says so: why.
    case silent(String, wasSent: Bool)
    /// Too many callers or actions at once.
    case tooMany(limit: Int)
}

/// The fleet side of one robot: follows it, and gives it each order exactly once.
/// Source: VDA 5050 2.1.0 sections 6.6 to 6.15.
package actor RobotControl {
    let identity: Identity
    let bus: any MessageBus
    let timeline: any Timeline
    let store: FleetStore
    let inbox: Inbox
    let key: String
    var dispatch: Dispatch?
    var actions: [OpenAction] = []
    var view = RobotView()
    /// When a silent robot was asked for its state.
    var askedAt: Duration?
    var waiters: [AsyncStream<Void>.Continuation] = []
    var hasMail = false
    var sleeper: AsyncStream<Void>.Continuation?
    /// Nobody wants it now: it listens, and sends nothing.
    private let isResting = Mutex(false)
    /// Told of each message that cannot be read.
    private let onFault: @Sendable (Topic, String) -> Void

    /// An instant action until the robot shows its end.
    struct OpenAction {
        let action: Action
        var sentAt: Duration?
        var state: ActionState?
    }

    /// The name of its journal in a home.
    package static func journal(of identity: Identity) -> String {
        "vda5050-\(identity.manufacturer)%\(identity.serialNumber).db"
    }

    /// Whether a file of a home is such a journal.
    package static func isJournal(_ name: String) -> Bool {
        name.hasPrefix("vda5050-") && name.hasSuffix(".db")
    }

    /// The tables of its journal.
    package static let schema = FleetStore.schema

    /// The most callers that wait, and the most instant actions on their way.
    package static let waiterLimit = 64
    package static let actionLimit = 32
    /// The most nodes of an order, as the robot side takes them.
    package static let nodeLimit = OrderMachine.nodeLimit
    /// How long a caller waits for a robot whose states cannot be read: three times sent again.
    static let patience = Dispatch.resend * 3
    /// How often it looks whether the broker is back.
    static let retry = Duration.milliseconds(100)

    /// - Parameters:
    ///   - store: the journal of orders; nil keeps it in memory, for tests.
    ///   - onFault: told of each message that cannot be read; must not wait.
    package init(
        _ identity: Identity, bus: any MessageBus, store: FilePath?, timeline: any Timeline,
        onFault: @escaping @Sendable (Topic, String) -> Void = { _, _ in }
    ) throws {
        self.identity = identity
        self.onFault = onFault
        self.bus = bus
        self.timeline = timeline
        self.store = try FleetStore(path: store)
        self.inbox = Inbox(timeline: timeline)
        self.key = [identity.interface, identity.manufacturer, identity.serialNumber].joined(
            separator: "/")
        self.dispatch = try self.store.open(robot: self.key)
    }

    /// Begins or ends a rest: its description is gone, or came back. An order that is open stays open.
    package nonisolated func rest(_ isResting: Bool) {
        let isNews = self.isResting.withLock { state in
            defer { state = isResting }
            return state != isResting
        }
        if isNews { self.inbox.wake() }
    }

    var rests: Bool { self.isResting.withLock { $0 } }

    /// What is known of the robot.
    package var robot: RobotView {
        var view = self.view
        view.age = view.heardAt.map { self.timeline.uptime - $0 }
        return view
    }

    /// Gives an order or an update, and waits until it has ended, the update was refused, or the time is
    /// over.
    ///
    /// The same message is the same order: it is never given twice, and a known end is answered at once.
    /// A record that is not final says how far it came; ask again with the same message.
    package func execute(_ order: Order, for duration: Duration) async throws -> OrderRecord {
        try self.take(order)
        let id = order.orderId
        guard let record = try await self.follow(id, update: order.orderUpdateId, for: duration) else {
            throw FleetError.notActive(orderId: id)
        }
        return record
    }

    /// Waits until an order has ended, or its update was refused, or the time is over; nil for an order
    /// that was never given.
    package func follow(
        _ orderId: String, update: UInt32? = nil, for duration: Duration
    ) async throws -> OrderRecord? {
        let start = self.timeline.uptime
        let deadline = start + duration
        while let record = try self.record(orderId) {
            let refusals = self.dispatch?.orderId == orderId ? self.dispatch?.refusals ?? [] : []
            if let refusal = refusals.first(where: { $0.update == update }) {
                return OrderRecord(
                    orderId: orderId, state: .failed, reason: refusal.reason,
                    acknowledged: record.acknowledged)
            }
            if record.state.isFinal || record.state == .unknown { return record }
            let obstacle = self.obstacle(since: start)
            guard obstacle == nil, self.timeline.uptime < deadline else {
                return OrderRecord(
                    orderId: orderId, state: record.state, reason: record.reason ?? obstacle,
                    acknowledged: record.acknowledged)
            }
            try await self.wait(until: self.nextLook(since: start, deadline))
        }
        return nil
    }

    /// Why waiting longer is of no use: nobody would hear the answer.
    private func obstacle(since start: Duration) -> String? {
        if self.rests { return "its description is gone" }
        guard self.timeline.uptime >= start + Self.patience else { return nil }
        if !self.bus.isConnected { return "no connection to the broker" }
        return self.view.unreadable.map { "the robot's states cannot be read: \($0)" }
    }

    private func nextLook(since start: Duration, _ deadline: Duration) -> Duration {
        self.view.unreadable == nil && self.bus.isConnected
            ? deadline : min(deadline, max(start + Self.patience, self.timeline.uptime + Self.retry))
    }

    /// How far an order came; nil for one that was never given.
    package func record(_ orderId: String) throws -> OrderRecord? {
        if let dispatch = self.dispatch, dispatch.orderId == orderId { return dispatch.record }
        return try self.store.dispatch(orderId, robot: self.key)?.record
    }

    /// Asks the robot to give the order up; the order's record tells when it has.
    /// - Parameter id: names the request: repeated, it is the same one.
    package func cancel(_ orderId: String, id: String) throws {
        guard var dispatch = self.dispatch, dispatch.orderId == orderId, dispatch.outcome == nil else {
            throw FleetError.notActive(orderId: orderId)
        }
        // What it wants to be sent comes with the next step.
        _ = dispatch.handle(.cancel(id: id), at: .zero)
        try self.store.save(dispatch, robot: self.key)
        self.dispatch = dispatch
        self.wake()
    }

    /// Has an instant action done, and waits for its end.
    /// - Returns: nil when the robot does not show it in time: ask again with the same id.
    package func act(_ action: Action, for duration: Duration) async throws -> ActionState? {
        do { _ = try InstantActions([action]).json(self.identity.version) } catch {
            throw FleetError.unspeakable(error.description)
        }
        let id = action.actionId
        if !self.actions.contains(where: { $0.action.actionId == id }) {
            guard self.actions.count < Self.actionLimit else {
                throw FleetError.tooMany(limit: Self.actionLimit)
            }
            self.actions.append(OpenAction(action: action))
            self.wake()
        }
        defer { self.actions.removeAll { $0.action.actionId == id } }
        let start = self.timeline.uptime
        let deadline = start + duration
        while true {
            let open = self.actions.first { $0.action.actionId == id }
            if let state = open?.state, state.status.isFinal { return state }
            guard open != nil, self.timeline.uptime < deadline else { return open?.state }
            if let obstacle = self.obstacle(since: start) {
                throw FleetError.silent(obstacle, wasSent: open?.sentAt != nil)
            }
            try await self.wait(until: self.nextLook(since: start, deadline))
        }
    }

    /// Lives until the task is cancelled.
    package func run() async throws {
        defer {
            self.inbox.close()
            try? self.store.close()
        }
        for (index, topic) in [Topic.state, .connection, .factsheet].enumerated() {
            try self.bus.subscribe(
                to: self.identity.topic(topic),
                quality: topic == .connection ? .atLeastOnce : .atMostOnce
            ) { [inbox] message in
                inbox.put(message, source: index)
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in self.inbox.wakes { await self.wake() } }
            group.addTask { try await self.live() }
            defer { group.cancelAll() }
            try await group.next()
        }
        throw CancellationError()
    }

    private func live() async throws {
        while true {
            try Task.checkCancellation()
            self.hasMail = false
            for arrival in self.inbox.take().arrivals {
                let taken = self.view.take(arrival, self.identity.version)
                if let (topic, reason) = taken.fault {
                    self.onFault(topic, reason)
                    self.tellWaiters()
                }
                guard let state = taken.state, !self.rests else { continue }
                self.follow(state)
                try await self.step(.state(state))
            }
            guard !self.rests else {
                self.tellWaiters()
                try await self.sleep()
                continue
            }
            try await self.step(.due)
            await self.sendActions()
            await self.askForState()
            try await self.sleep()
        }
    }
}
