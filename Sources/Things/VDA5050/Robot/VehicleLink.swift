package import Database
internal import Encoding
internal import Messaging
package import SystemPackage
package import World

/// Why a robot side does not start.
package enum LinkError: Error, Equatable, CustomStringConvertible {
    /// A link runs once.
    case ranBefore

    package var description: String { "the link ran before" }
}

/// The robot side: hears the fleet, tells its state, and has a vehicle do what the order machine decides.
/// Source: VDA 5050 2.1.0 sections 6.2 to 6.15.
package actor VehicleLink {
    private let identity: Identity
    private let vehicle: any Vehicle
    private let bus: any MessageBus
    private let timeline: any Timeline
    private let store: RobotStore
    private let inbox: Inbox
    private let description: Factsheet
    private let pace: Pace
    private var machine: OrderMachine
    /// What the vehicle said and was not handled yet; ``reportLimit`` of it.
    private var reports: [VehicleReport] = []
    /// The vehicle has said where it is and who leads it: before, no order can be judged and no state
    /// told.
    private var isReady = false
    private var isAnnounced = false
    private var wantsState = false
    private var wantsFactsheet = false
    private var lastState: Duration?
    /// What was shown last, when, and the number of the state that it belongs to.
    private var shown: (position: Position, at: Duration)?
    private var stateNumber: Int64 = 0
    private var hasMail = false
    private var sleeper: AsyncStream<Void>.Continuation?
    private var ran = false
    /// Messages that were none.
    package private(set) var faults: UInt64 = 0

    /// How often the state is told.
    package struct Pace: Sendable {
        /// At least so often. Source: VDA 5050 2.1.0 section 6.10.1.
        package var heartbeat: Duration
        /// Not more often: what comes together is told together.
        package var minimum: Duration
        /// How often it looks whether the broker is back.
        package var retry: Duration

        package init(
            heartbeat: Duration = .seconds(30), minimum: Duration = .milliseconds(100),
            retry: Duration = .milliseconds(100)
        ) {
            self.heartbeat = heartbeat
            self.minimum = minimum
            self.retry = retry
        }
    }

    /// The tables of its memory.
    package static let schema = RobotStore.schema

    /// The most reports that wait; the vehicle's stream waits for room beyond.
    static let reportLimit = 256

    /// - Parameters:
    ///   - factsheet: what only the maker knows; limits and actions are filled in.
    ///   - store: order, actions and numbers of messages; nil keeps them in memory, for tests.
    /// - Throws: `DatabaseError`, or `JSONError` for a factsheet that the version cannot say.
    package init(
        _ identity: Identity, vehicle: any Vehicle, factsheet: Factsheet, bus: any MessageBus,
        store: FilePath?, timeline: any Timeline, pace: Pace = Pace()
    ) throws {
        self.identity = identity
        self.vehicle = vehicle
        self.bus = bus
        self.timeline = timeline
        self.pace = pace
        self.store = try RobotStore(path: store)
        self.inbox = Inbox(timeline: timeline)
        self.description = factsheet.completed(vehicle.abilities, identity.version, pace)
        _ = try self.description.json(identity.version)
        let fresh = OrderMachine(version: identity.version, abilities: vehicle.abilities)
        self.machine =
            try self.store.memory(identity.version).map { memory in
                try OrderMachine(
                    version: identity.version, abilities: vehicle.abilities, memory: memory)
            } ?? fresh
    }

    /// What the broker says when the robot vanishes: for the connection's settings. Its number and time
    /// are stale by nature. Source: VDA 5050 2.1.0 section 6.14.
    package static func will(_ identity: Identity, at now: Timestamp) throws -> Message {
        let header = Header(identity, headerId: 0, at: WireTime(milliseconds: now.milliseconds))
        let payload = try Connection(header, .broken).json(identity.version).text
        return Message(
            topic: identity.topic(.connection), payload: Array(payload.utf8), quality: .atLeastOnce,
            retained: true)
    }

    /// The state as it would be told now.
    package var state: State { self.machine.state }

    /// Lives until the task is cancelled. Runs once.
    /// - Throws: `CancellationError`; `DatabaseError` when the disk does not keep the order: a robot that
    ///   cannot remember must not act.
    package func run() async throws {
        guard !self.ran else { throw LinkError.ranBefore }
        self.ran = true
        defer { self.inbox.close() }
        for (index, topic) in [Topic.order, .instantActions, .connection].enumerated() {
            try self.bus.subscribe(
                to: self.identity.topic(topic),
                quality: topic == .connection ? .atLeastOnce : .atMostOnce
            ) { [inbox] message in
                inbox.put(message, source: index)
            }
        }
        // Before the first command, so that no answer is missed.
        let reports = await self.vehicle.listen()
        let ending: any Error
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in self.inbox.wakes { await self.wake() } }
                group.addTask { try await self.listen(reports) }
                group.addTask { try await self.live() }
                defer { group.cancelAll() }
                try await group.next()
            }
            ending = CancellationError()
        } catch {
            ending = error
        }
        // A cleanup that must survive the cancellation, awaited at once.
        await Task { await self.sayGoodbye() }.value
        throw ending
    }

    private func sayGoodbye() async {
        if self.bus.isConnected { _ = await self.tell(.offline) }
        // Numbers that are not given back are only skipped.
        try? self.store.close()
    }

    private func listen(_ reports: AsyncStream<VehicleReport>) async throws {
        for await report in reports {
            while self.reports.count >= Self.reportLimit {
                try await self.timeline.sleep(for: .milliseconds(1))
            }
            // Of conditions only the newest counts.
            if case .condition = report, case .condition? = self.reports.last {
                self.reports.removeLast()
            }
            self.reports.append(report)
            self.wake()
        }
        try Task.checkCancellation()
    }

    private func wake() {
        self.hasMail = true
        self.sleeper?.finish()
    }

    private func live() async throws {
        try await self.perform(self.machine.handle(.restarted))
        while true {
            try Task.checkCancellation()
            self.hasMail = false
            for arrival in self.isReady ? self.inbox.take().arrivals : [] {
                guard let event = self.event(arrival) else { continue }
                try await self.perform(self.machine.handle(event))
            }
            while !self.reports.isEmpty {
                let report = self.reports.removeFirst()
                if case .condition = report, !self.isReady {
                    self.isReady = true
                    self.hasMail = true
                }
                try await self.perform(self.machine.handle(.vehicle(report)))
            }
            await self.announce()
            await self.tellState()
            await self.showPlace()
            try await self.sleep()
        }
    }

    private func perform(_ effects: [OrderMachine.Effect]) async throws {
        for effect in effects {
            switch effect {
            case .save: try self.store.save(try self.machine.stored(), self.identity.version)
            case .command(let command): await self.vehicle.take(command)
            case .publishState: self.wantsState = true
            case .publishFactsheet: self.wantsFactsheet = true
            }
        }
    }

    // MARK: hearing

    private func event(_ arrival: Inbox.Arrival) -> OrderMachine.Event? {
        let message = arrival.message
        switch arrival.source {
        case 2:
            // Our own will, or a farewell of the process before: the broker must hear that we are here.
            let heard = try? Connection(payload: message.payload, self.identity.version)
            if let heard, heard.connectionState != .online { self.isAnnounced = false }
            return nil
        default:
            // A kept order is from another time: the standard keeps none. Nothing is how one is cleared.
            guard !message.retained, !message.payload.isEmpty else { return nil }
            return self.command(message.payload, arrival.source == 0 ? .order : .instantActions)
        }
    }

    private func command(_ payload: [UInt8], _ topic: Topic) -> OrderMachine.Event {
        let version = self.identity.version
        do throws(JSONError) {
            let document = try JSON.read(
                payload, limits: JSON.Limits(bytes: Inbox.payloadLimit, depth: WireCodec.depthLimit))
            let major = version.rawValue.prefix(2)
            guard case .string(let theirs)? = document["version"], theirs.hasPrefix(major) else {
                throw JSONField(document)["version"].fault("this robot speaks \(version.rawValue)")
            }
            return topic == .order
                ? .order(try Order(document, version))
                : .instantActions(try InstantActions(document, version).actions)
        } catch {
            self.faults += 1
            let document = try? JSON.read(payload)
            var references: [Reference] = []
            if case .string(let id)? = document?["orderId"] {
                references.append(Reference("orderId", String(id.prefix(OrderMachine.nameLimit))))
            }
            if case .integer(let number)? = document?["orderUpdateId"] {
                references.append(Reference("orderUpdateId", String(number)))
            }
            return .unreadable(topic, reason: error.description, references: references)
        }
    }

    // MARK: telling

    /// After each connect: a broker that restarted has forgotten us.
    private func announce() async {
        guard self.isReady, self.bus.isConnected else { return self.isAnnounced = false }
        if !self.isAnnounced {
            guard await self.tell(.online) else { return }
            self.isAnnounced = true
            self.wantsFactsheet = true
            self.wantsState = true
        }
        if self.wantsFactsheet {
            var sheet = self.description
            guard let header = self.header(.factsheet) else { return }
            sheet.header = header
            self.wantsFactsheet = await !self.publish(sheet, retained: true)
        }
    }

    private func tellState() async {
        guard self.isAnnounced, self.stateDue <= self.timeline.uptime else { return }
        var state = self.machine.state
        guard let header = self.header(.state) else { return }
        state.header = header
        self.stateNumber = header.headerId
        // A broker that went and came unseen has forgotten the kept word.
        if !self.wantsState, self.lastState != nil { _ = await self.tell(.online) }
        // What changes meanwhile is told next time.
        self.wantsState = false
        self.lastState = self.timeline.uptime
        if await !self.publish(state) { self.wantsState = true }
    }

    /// Where it is, for whoever draws it: between the states, only while it moves, and never waited for.
    /// Source: VDA 5050 2.1.0 section 6.11.
    private func showPlace() async {
        let now = self.timeline.uptime
        guard self.isAnnounced, let position = self.machine.condition.position,
            position != self.shown?.position,
            self.shown.map({ $0.at + self.pace.minimum <= now }) ?? true,
            let header = self.header(.visualization)
        else { return }
        self.shown = (position, now)
        var place = Visualization()
        place.header = header
        if self.identity.version == .three { place.referenceStateHeaderId = self.stateNumber }
        place.position = position
        place.velocity = self.machine.condition.velocity
        _ = await self.publish(place)
    }

    private var stateDue: Duration {
        guard let last = self.lastState else { return .zero }
        return last + (self.wantsState ? self.pace.minimum : self.pace.heartbeat)
    }

    private func tell(_ connection: ConnectionState) async -> Bool {
        guard let header = self.header(.connection) else { return false }
        return await self.publish(
            Connection(header, connection), quality: .atLeastOnce, retained: true)
    }

    /// Nil when the disk does not give a number: then nothing is told, and the next save ends the robot.
    private func header(_ topic: Topic) -> Header? {
        guard let number = try? self.store.headerId(topic) else { return nil }
        return Header(
            self.identity, headerId: number, at: WireTime(milliseconds: self.timeline.now.milliseconds))
    }

    private func publish<Sent: WireMessage>(
        _ message: Sent, quality: DeliveryQuality = .atMostOnce, retained: Bool = false
    ) async -> Bool {
        do {
            try await self.bus.publish(
                Message(
                    topic: self.identity.topic(Sent.topic),
                    payload: Array(try message.json(self.identity.version).text.utf8), quality: quality,
                    retained: retained))
            return true
        } catch {
            return false
        }
    }

    // MARK: waiting

    /// Until something comes in or is due.
    private func sleep() async throws {
        guard !self.hasMail, self.reports.isEmpty else { return }
        var duration = self.stateDue - self.timeline.uptime
        // Also while all is well: nobody tells us that the broker went and came.
        if !self.isAnnounced || self.wantsFactsheet || duration > .seconds(1) {
            duration = self.isAnnounced && !self.wantsFactsheet ? .seconds(1) : self.pace.retry
        }
        guard duration > .zero else { return }
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.sleeper = continuation
        defer { self.sleeper = nil }
        try await self.timeline.sleep(for: duration, or: stream)
    }
}
