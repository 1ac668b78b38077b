internal import Control
internal import Devices
internal import Encoding
internal import Messaging
internal import SystemPackage
internal import World

/// Tells the owner over the broker what the robot did: every event, however long the broker is away.
struct Reporter: Sendable {
    let outbox: Outbox
    let topic: String
    let store: AgentStore
    let timeline: any Timeline

    /// How often it is looked for news.
    static let interval = Duration.seconds(1)
    /// Events that become durable in the outbox together.
    static let portion = 100
    /// The name of what has been read of the events.
    static let mark = "events"

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.outbox.run() }
            group.addTask {
                // Before anything is written down: nothing untold leaves.
                await self.store.told(upTo: try self.outbox.mark(Self.mark))
                while true {
                    if try await self.collect() == 0 { try await self.timeline.sleep(for: Self.interval) }
                }
            }
            for try await _ in group {}
        }
    }

    /// Puts what is new into the outbox. How far that is becomes durable in the same write: a crash neither
    /// leaves an event out nor takes one twice.
    /// - Returns: how many events.
    private func collect() async throws -> Int {
        let mark = try self.outbox.mark(Self.mark)
        await self.store.told(upTo: mark)
        let events = try await self.store.events(after: mark, limit: Self.portion)
        guard let first = events.first else { return 0 }
        // Those of one kind in a row, so that each becomes durable with its mark.
        let urgency = Self.urgency(of: first)
        let portion = events.prefix { Self.urgency(of: $0) == urgency }
        guard let last = portion.last else { return 0 }
        do throws(any Error) {
            try self.outbox.add(
                portion.map { Message(topic: self.topic, payload: Array($0.json.text.utf8)) }, urgency,
                mark: (Self.mark, last.sequence))
        } catch OutboxError.full {
            // The events stay where they are until there is room.
            return 0
        }
        await self.store.told(upTo: last.sequence)
        if mark > 0, first.sequence > mark + 1 {
            let count = first.sequence - mark - 1
            try await self.store.log(.untold(.events(count)))
        }
        return portion.count
    }

    /// An outage of the chain is over when its news would arrive: it takes nobody's room.
    private static func urgency(of event: EventRecord) -> Outbox.Urgency {
        event.kind == EventRecord.Kind.chain.rawValue ? .may : .must
    }
}

/// Tells the owner what the devices said that the configuration names.
struct ReadingReporter: Sendable {
    /// The name of its mark, and of its place among the log's followers.
    static let name = "readings"

    let outbox: Outbox
    let topic: String
    let names: Set<String>
    let log: ReadingLog
    let timeline: any Timeline

    func run() async throws {
        while true {
            try Task.checkCancellation()
            // Before looking: what comes in between wakes us.
            let news = self.log.news()
            if let pause = try self.collect() { try await self.timeline.sleep(for: pause, or: news) }
        }
    }

    /// Puts what is new into the outbox, with how far that is: each reading is taken once.
    /// - Returns: when it is looked again, if no news come; nil for at once.
    private func collect() throws -> Duration? {
        let mark = try self.outbox.mark(Self.name)
        self.log.taken(upTo: mark, by: Self.name)
        let entries = try self.log.entries(after: mark, limit: Reporter.portion)
        guard let last = entries.last?.sequence else { return FollowedReadings.interval }
        let messages = entries.filter { $0.isAmong(self.names) }.map {
            Message(topic: self.topic, payload: Array($0.text.utf8))
        }
        do throws(any Error) {
            try self.outbox.add(messages, .must, mark: (Self.name, last))
        } catch OutboxError.full {
            // They stay where they are until there is room.
            return Reporter.interval
        }
        self.log.taken(upTo: last, by: Self.name)
        return nil
    }
}

/// What the robot tells its owner over the broker: every event, and of the devices what the configuration
/// names. All of it is on disk until the broker has it.
struct Telling: Sendable {
    let outbox: Outbox
    private let report: AgentConfiguration.Report
    /// What the broker does not take, in words; each once.
    private let troubles: AsyncStream<String>

    init(
        _ report: AgentConfiguration.Report, path: FilePath, bus: any MessageBus, timeline: any Timeline
    ) throws {
        let (troubles, trouble) = AsyncStream.makeStream(
            of: String.self, bufferingPolicy: .bufferingNewest(2))
        self.outbox = try Outbox(path: path, bus: bus, timeline: timeline) {
            trouble.yield("the broker refuses \($0): \($1)")
        }
        self.report = report
        self.troubles = troubles
    }

    /// How far the events have been told.
    var mark: Int64 { get throws { try self.outbox.mark(Reporter.mark) } }

    /// What a version before told of the devices.
    func told(upTo sequence: Int64) throws {
        try self.outbox.add([], .must, mark: (ReadingReporter.name, sequence))
    }

    /// What it follows of the devices; nil when no reading is told.
    var follower: ReadingLog.Follower? {
        get throws {
            guard !self.report.readings.isEmpty else { return nil }
            return ReadingLog.Follower(
                name: ReadingReporter.name, wanted: self.report.readings,
                mark: try self.outbox.mark(ReadingReporter.name))
        }
    }

    func run(_ store: AgentStore, _ log: ReadingLog, _ timeline: any Timeline) async throws {
        let reporter = Reporter(
            outbox: self.outbox, topic: self.report.topic, store: store, timeline: timeline)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await reporter.run() }
            if !self.report.readings.isEmpty {
                let readings = ReadingReporter(
                    outbox: self.outbox, topic: "\(self.report.topic)/readings", names: self.report.readings,
                    log: log, timeline: timeline)
                group.addTask { try await readings.run() }
            }
            group.addTask {
                var last: String?
                for await trouble in self.troubles where trouble != last {
                    last = trouble
                    try await store.log(.untold(.refused(trouble)))
                }
            }
            for try await _ in group {}
        }
    }
}
