public import Encoding
internal import Messaging
internal import World

/// A command that somebody waits for.
struct OpenCommand {
    var command: Command
    let form: CommandForm
    let sequence: UInt64
    var at: Timestamp
    /// It was perhaps sent before this attempt.
    let wasSentBefore: Bool
    /// The newest arrival when this attempt was handed to the bus: only a later one can be an answer.
    var publishedAfter: UInt64?
    /// Woken when an outcome came: the one that drives the command.
    var driver: AsyncStream<Void>.Continuation?
    /// Woken when the driver is done: callers with the same id.
    var followers: [AsyncStream<Void>.Continuation] = []

    /// The most callers that wait for one command.
    static let followerLimit = 64

    var record: CommandRecord {
        CommandRecord(
            id: self.command.id, thing: self.command.content.thing,
            affordance: self.command.content.affordance,
            input: self.command.content.input, state: self.command.state, result: self.command.result,
            at: self.at)
    }
}

/// What a caller wants, checked against the description.
private struct Order {
    let id: String
    let content: Command.Content
    let form: CommandForm
    let isRepeatable: Bool
    let payload: [UInt8]
    /// Key and publications per minute of each limit that applies.
    let rates: [(key: String, perMinute: Int)]
}

extension DeviceHub {
    /// How often a command looks whether the bus is back.
    static let busPause: Duration = .milliseconds(50)

    /// Writes a property and waits for the proof that its description asks for, at most the description's
    /// timeout.
    ///
    /// The same id with the same content is the same command: it is answered from the journal when its
    /// outcome is known and sent again when it is not. A record that is not final says how far it came;
    /// repeat with the same id.
    /// - Throws: `DeviceError` when nothing was sent, `DatabaseError` when the journal does not write,
    ///   `CancellationError`.
    public func write(
        _ value: JSON, to property: String, of thing: String, id: String
    ) async throws -> CommandRecord {
        let index = try self.index(of: thing)
        let thing = self.things[index]
        let content = Command.Content(kind: .write, thing: thing.id, affordance: property, input: value)
        if let record = try self.settled(id, content) { return record }
        guard let target = thing.properties.first(where: { $0.name == property }) else {
            throw Self.unknown(property, of: thing, among: thing.properties.map(\.name))
        }
        // A profile has orders and actions, and nothing that is written raw.
        guard let form = target.write, thing.profile == nil else {
            throw DeviceError.notCommandable(thing: thing.name, name: property)
        }
        let order = try self.order(
            id, content, form, schema: target.schema, isRepeatable: true, limits: target.limits, of: thing)
        return try await self.execute(order, thing: index)
    }

    /// Invokes an action; the rest as ``write(_:to:of:id:)``. One that is not `idempotent` is never sent
    /// twice: after a crash it ends ``CommandState/unknown`` unless a reply names it.
    public func invoke(
        _ action: String, of thing: String, input: JSON, id: String
    ) async throws -> CommandRecord {
        let index = try self.index(of: thing)
        let thing = self.things[index]
        var input = input
        // A button that knows one word needs not be told which.
        if case .null = input, let schema = thing.actions.first(where: { $0.name == action })?.input {
            input = schema.onlyValue ?? input
        }
        let content = Command.Content(kind: .invoke, thing: thing.id, affordance: action, input: input)
        if let record = try self.settled(id, content) { return record }
        guard let target = thing.actions.first(where: { $0.name == action }) else {
            throw Self.unknown(action, of: thing, among: thing.actions.map(\.name))
        }
        guard let form = target.invoke else {
            throw DeviceError.notCommandable(thing: thing.name, name: action)
        }
        if target.input == nil, input != .null {
            throw DeviceError.value(affordance: action, reason: "takes no input")
        }
        let order = try self.order(
            id, content, form, schema: target.input, isRepeatable: target.isIdempotent, limits: target.limits,
            of: thing)
        if let profile = thing.profile {
            // What its protocol wants to be told is no raw message, whatever stands in the form.
            return try await self.execute(
                order, by: try self.adapter(of: profile, thing.name), of: thing.name)
        }
        return try await self.execute(order, thing: index)
    }

    /// What is wrong with a name that is not among those that were meant.
    private static func unknown(_ name: String, of thing: Thing, among names: [String]) -> DeviceError {
        let kinds: [(names: [String], kind: String)] = [
            (thing.properties.map(\.name), "a property: it is written, not invoked"),
            (thing.actions.map(\.name), "an action: it is invoked, not written"),
            (thing.events.map(\.name), "an event: it is watched"),
        ]
        if let (_, kind) = kinds.first(where: { $0.names.contains { sameBytes($0, name) } }) {
            return .otherKind(thing: thing.name, name: name, kind: kind)
        }
        return .unknownAffordance(thing: thing.name, name: name, near: nearNames(name, among: names))
    }

    /// The command with this id, if one is remembered.
    /// - Throws: `DatabaseError`.
    public func record(_ id: String) throws -> CommandRecord? { try self.journal.entry(id)?.record }

    /// The stored outcome, if the id has one.
    private func settled(_ id: String, _ content: Command.Content) throws -> CommandRecord? {
        guard (1...128).contains(id.utf8.count), !id.unicodeScalars.contains(where: { $0.value < 0x20 })
        else {
            throw DeviceError.identifier(id)
        }
        guard let entry = try self.journal.entry(id) else { return nil }
        guard entry.content == content else { throw DeviceError.otherContent(id: id) }
        return entry.state.isFinal ? entry.record : nil
    }

    private func order(
        _ id: String, _ content: Command.Content, _ form: CommandForm, schema: DataSchema?,
        isRepeatable: Bool,
        limits: DeviceLimits, of thing: Thing
    ) throws(DeviceError) -> Order {
        if let fault = schema?.fault(in: content.input) {
            throw .value(affordance: content.affordance, reason: fault)
        }
        if let range = limits.range, let number = content.input.double, !range.contains(number) {
            throw .outOfRange(affordance: content.affordance, range: range)
        }
        let now = self.timeline.now
        for hours in [thing.limits.hours, limits.hours].compactMap(\.self)
        where now.quality == .none || !hours.contains(now) {
            throw .outOfHours(affordance: content.affordance, hours: hours, now: now)
        }
        let payload: [UInt8]
        do {
            payload = try form.payload(content.input, identifier: id, ownName: self.ownName)
        } catch {
            if case .tooLarge(let limit) = error { throw .tooLarge(limit: limit) }
            throw .value(affordance: content.affordance, reason: error.description)
        }
        let rates = [
            (Self.rateKey(thing.id, nil), thing.limits.perMinute),
            (Self.rateKey(thing.id, content.affordance), limits.perMinute),
        ]
        return Order(
            id: id, content: content, form: form, isRepeatable: isRepeatable, payload: payload,
            rates: rates.compactMap { key, perMinute in perMinute.map { (key, $0) } })
    }

    // MARK: doing it

    private func execute(_ order: Order, thing: Int) async throws -> CommandRecord {
        if self.open[order.id] != nil { return try await self.follow(order) }
        let proof = Command.Proof(order.form, order.content.input)
        if proof == .anonymous {
            let isBusy = self.open.contains { _, open in
                open.command.proof == .anonymous && open.command.content.thing == order.content.thing
                    && open.command.content.affordance == order.content.affordance
            }
            if isBusy {
                throw DeviceError.busy(thing: self.things[thing].name, name: order.content.affordance)
            }
        }
        guard self.open.count < Self.openLimit else { throw DeviceError.tooManyOpen(limit: Self.openLimit) }
        let known = try self.journal.entry(order.id)
        let wasSentBefore = known.map { $0.state != .received } ?? false
        if !wasSentBefore || order.isRepeatable { try self.takeRate(order) }
        let entry = try known ?? self.journal.add(order.id, order.content, at: self.timeline.now)
        if known == nil, order.content.kind == .write {
            self.twinStates[thing].desire(
                order.content.input, of: order.content.affordance, version: entry.sequence, command: order.id,
                at: entry.at)
        }
        let command = Command(
            id: order.id, content: order.content, proof: proof, isRepeatable: order.isRepeatable,
            state: entry.state,
            result: entry.result)
        self.open[order.id] = OpenCommand(
            command: command, form: order.form, sequence: entry.sequence, at: entry.at,
            wasSentBefore: wasSentBefore)
        defer {
            for follower in self.open.removeValue(forKey: order.id)?.followers ?? [] { follower.finish() }
        }
        try await self.drive(order)
        guard let record = self.open[order.id]?.record else {
            preconditionFailure("only execute() removes a command")
        }
        return record
    }

    /// A command of a stateful protocol: its adapter knows by the id what was given before, so nothing is
    /// done twice however often this runs.
    private func execute(
        _ order: Order, by adapter: any ProfileAdapter, of thing: String
    ) async throws -> CommandRecord {
        let known = try self.journal.entry(order.id)
        if known == nil { try self.takeRate(order) }
        let entry = try known ?? self.journal.add(order.id, order.content, at: self.timeline.now)
        if entry.state == .received {
            try self.journal.save(order.id, .started, nil, at: self.timeline.now)
        }
        let outcome = try await adapter.perform(
            order.content.affordance, order.content.input, id: order.id, thing: thing,
            for: order.form.acknowledgement.timeout)
        // Another caller with this id may have been quicker.
        if let settled = try self.journal.entry(order.id), settled.state.isFinal { return settled.record }
        try self.journal.save(order.id, outcome.state, outcome.result, at: self.timeline.now)
        return try self.journal.entry(order.id)?.record ?? entry.record
    }

    /// Performs what the command's state machine asks for, until it has nothing more.
    private func drive(_ order: Order) async throws {
        var effects = try self.step(order.id, .requested)
        while !effects.isEmpty {
            try Task.checkCancellation()
            switch effects.removeFirst() {
            case .save: preconditionFailure("step() saves")
            case .awaitBus: effects = try self.step(order.id, try await self.awaitBus(order.form))
            case .publish: effects = try self.step(order.id, await self.publish(order))
            case .awaitReport:
                try await self.awaitReport(order)
                effects = try self.step(order.id, .deadline)
            case .finish: return
            }
        }
    }

    /// Gives an event to a command. State and result are durable when this returns; if they cannot be,
    /// nothing changed.
    func step(_ id: String, _ event: Command.Event) throws -> [Command.Effect] {
        guard var open = self.open[id] else { return [] }
        let effects = open.command.handle(event)
        if effects.contains(.save) {
            open.at = self.timeline.now
            try self.journal.save(id, open.command.state, open.command.result, at: open.at)
        }
        self.open[id] = open
        if open.command.state.isFinal { open.driver?.finish() }
        return effects.filter { $0 != .save }
    }

    private func awaitBus(_ form: CommandForm) async throws -> Command.Event {
        let deadline = self.timeline.uptime + form.acknowledgement.timeout
        while !self.isListening || !self.bus.isConnected {
            guard self.timeline.uptime < deadline else { return .deadline }
            try await self.timeline.sleep(for: Self.busPause)
        }
        return .ready
    }

    private func publish(_ order: Order) async -> Command.Event {
        self.open[order.id]?.publishedAfter = self.inbox.last
        do {
            try await self.bus.publish(
                Message(
                    topic: order.form.topic, payload: order.payload, quality: order.form.quality,
                    retained: order.form.retain))
            return .sent
        } catch {
            switch error {
            case .unacknowledged: return .maybeSent
            case .offline: return .notSent
            case .refused(let words):
                let reason = "the broker refuses it: \(words)"
                if let index = self.indices[ExactText(order.content.thing)] {
                    self.note(
                        reason, thing: index, affordance: order.content.affordance, filter: order.form.topic)
                }
                return .refused(reason)
            }
        }
    }

    /// Returns when an outcome came or the description's time is over.
    private func awaitReport(_ order: Order) async throws {
        guard let open = self.open[order.id], !open.command.state.isFinal else { return }
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.open[order.id]?.driver = continuation
        try await self.timeline.sleep(for: order.form.acknowledgement.timeout, or: stream)
    }

    /// Waits for the caller that came first with the same id.
    private func follow(_ order: Order) async throws -> CommandRecord {
        guard let open = self.open[order.id], open.command.content == order.content else {
            throw DeviceError.otherContent(id: order.id)
        }
        guard open.followers.count < OpenCommand.followerLimit else {
            throw DeviceError.tooManyOpen(limit: OpenCommand.followerLimit)
        }
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.open[order.id]?.followers.append(continuation)
        for await _ in stream {}
        try Task.checkCancellation()
        guard let entry = try self.journal.entry(order.id) else { throw DeviceError.identifier(order.id) }
        return entry.record
    }

    // MARK: the owner's limits

    static func rateKey(_ thing: String, _ affordance: String?) -> String {
        affordance.map { "\(thing)\u{1f}\($0)" } ?? thing
    }

    /// Takes one publication out of every limit that applies, or none.
    private func takeRate(_ order: Order) throws(DeviceError) {
        let now = self.timeline.uptime
        for (key, perMinute) in order.rates {
            let recent = (self.publications[key] ?? []).filter { now - $0 < .seconds(60) }
            self.publications[key] = recent
            guard recent.count < perMinute else {
                throw .tooOften(affordance: order.content.affordance, perMinute: perMinute)
            }
        }
        for (key, _) in order.rates { self.publications[key, default: []].append(now) }
    }

    /// After a restart: what the journal sent in the last minute counts as sent now, so that a robot that
    /// crashes in a circle stays within its owner's limits.
    static func recentPublications(
        _ journal: CommandJournal, _ timeline: any Timeline
    ) throws -> [String: [Duration]] {
        var publications: [String: [Duration]] = [:]
        let since = timeline.now.milliseconds - 60_000
        for entry in try journal.recent(since: since, limit: DeviceLimits.perMinuteLimit) {
            for key in [
                Self.rateKey(entry.content.thing, nil),
                Self.rateKey(entry.content.thing, entry.content.affordance),
            ] {
                publications[key, default: []].append(timeline.uptime)
            }
        }
        return publications
    }
}

extension Command.Proof {
    init(_ form: CommandForm, _ value: JSON) {
        switch form.acknowledgement.kind {
        case .echo where !form.acknowledgement.expectsEcho(of: value): self = .broker
        case .puback: self = .broker
        case .echo: self = .anonymous
        case .reply: self = form.acknowledgement.idPointer == nil ? .anonymous : .identified
        }
    }
}
