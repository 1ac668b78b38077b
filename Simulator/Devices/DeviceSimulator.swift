internal import Devices
internal import Messaging
public import World

/// Runs one simulated device on a bus. The same code runs on a real broker in real time and on a virtual one.
public actor DeviceSimulator {
    private let server: ThingServer
    private var model: any DeviceModel
    private let bus: any MessageBus
    private let timeline: any Timeline
    private let inbox: Inbox
    /// Replies that the bus did not take yet.
    private var outbox: [Message] = []
    private var isAnnounced = false
    /// Its life begins with the first connection: a first report that nobody can hear would be lost.
    private var isBorn = false
    private var hasMail = false
    private var sleeper: AsyncStream<Void>.Continuation?

    /// Replies that wait for the bus; the oldest leave first.
    static let outboxLimit = 256
    /// How often a device without connection looks again.
    static let retryPause: Duration = .milliseconds(100)

    public init(_ thing: SimulatedThing, bus: any MessageBus, timeline: any Timeline) {
        self.server = thing.server
        self.model = thing.model
        self.bus = bus
        self.timeline = timeline
        self.inbox = Inbox(timeline: timeline)
    }

    /// What the device did so far.
    public func executions() -> Executions { self.model.executions }

    /// Subscribes, announces itself, and lives until the task is cancelled.
    public func run() async throws {
        let commands = self.server.commands
        defer { self.inbox.close() }
        for (index, command) in commands.enumerated() {
            try self.bus.subscribe(to: command.form.topic, quality: .atLeastOnce) { [inbox] message in
                // A kept command is from another time; a device that obeyed it would switch at every
                // reconnect.
                if !message.retained { inbox.put(message, source: index) }
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in self.inbox.wakes { await self.wake() } }
            group.addTask { try await self.live(commands) }
            try await group.next()
            group.cancelAll()
        }
        throw CancellationError()
    }

    private func wake() {
        self.hasMail = true
        self.sleeper?.finish()
    }

    private func live(_ commands: [(name: String, form: CommandForm)]) async throws {
        while true {
            try Task.checkCancellation()
            await self.announce()
            await self.flush()
            self.hasMail = false
            for arrival in self.inbox.take().arrivals {
                let (name, form) = commands[arrival.source]
                guard let command = self.server.command(arrival.message.payload, name: name, form: form)
                else { continue }
                await self.perform(self.model.handle(.command(command), at: self.timeline.uptime))
            }
            if self.isBorn, self.model.due <= self.timeline.uptime {
                await self.perform(self.model.handle(.due, at: self.timeline.uptime))
            }
            try await self.sleep()
        }
    }

    /// Says that it is there after each connect: a broker that restarted has forgotten it.
    private func announce() async {
        guard self.bus.isConnected else {
            self.isAnnounced = false
            return
        }
        self.isBorn = true
        guard !self.isAnnounced else { return }
        guard let message = self.server.availability(isOnline: true) else {
            self.isAnnounced = true
            return
        }
        self.isAnnounced = await self.publish(message)
    }

    private func flush() async {
        while let message = self.outbox.first {
            guard await self.publish(message) else { return }
            self.outbox.removeFirst()
        }
    }

    private func perform(_ effects: [ModelEffect]) async {
        for effect in effects {
            switch effect {
            case .report(let values):
                // A report that does not leave is old when the bus is back.
                for message in self.server.reports(values) { _ = await self.publish(message) }
            case .reply(let reply):
                guard let message = self.server.reply(reply) else { continue }
                if self.outbox.count >= Self.outboxLimit { self.outbox.removeFirst() }
                self.outbox.append(message)
            }
        }
        await self.flush()
    }

    private func publish(_ message: Message) async -> Bool {
        do {
            try await self.bus.publish(message)
            return true
        } catch {
            return false
        }
    }

    /// Until something is due or comes in.
    private func sleep() async throws {
        guard !self.hasMail else { return }
        var duration = self.isBorn ? self.model.due - self.timeline.uptime : Self.retryPause
        if !self.isAnnounced || !self.outbox.isEmpty { duration = min(duration, Self.retryPause) }
        guard duration > .zero else { return }
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.sleeper = continuation
        defer { self.sleeper = nil }
        try await self.timeline.sleep(for: duration, or: stream)
    }
}
