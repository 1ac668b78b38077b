internal import Devices
internal import Encoding
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
        let events = try await self.store.events(
            after: try self.outbox.mark(Self.mark), limit: Self.portion)
        guard let last = events.last else { return 0 }
        do throws(any Error) {
            try self.outbox.add(
                events.map { Message(topic: self.topic, payload: Array($0.json.text.utf8)) }, .must,
                mark: (Self.mark, last.sequence))
        } catch OutboxError.full {
            // The events stay where they are until there is room.
            return 0
        }
        return events.count
    }
}

/// What the robot tells its owner over the broker: every event, and of the devices what the configuration
/// names. All of it is on disk until the broker has it.
struct Telling: Sendable {
    /// Nil when no reading is told: then no message is looked at for it.
    let keeper: ReadingKeeper?
    private let outbox: Outbox
    private let topic: String
    /// What could not be told, or kept, in words; each once.
    private let troubles: AsyncStream<String>

    init(
        _ report: AgentConfiguration.Report, path: FilePath, bus: any MessageBus, timeline: any Timeline
    ) throws {
        let (troubles, trouble) = AsyncStream.makeStream(
            of: String.self, bufferingPolicy: .bufferingNewest(2))
        let outbox = try Outbox(path: path, bus: bus, timeline: timeline) {
            trouble.yield("the broker refuses \($0): \($1)")
        }
        let topic = "\(report.topic)/readings"
        let keeper = ReadingKeeper(names: report.readings) { reading in
            do {
                try outbox.add(Message(topic: topic, payload: Array(reading.json.text.utf8)), .must)
            } catch {
                trouble.yield("a reading of \(reading.thing) is lost: \(error)")
            }
        }
        self.keeper = report.readings.isEmpty ? nil : keeper
        self.outbox = outbox
        self.topic = report.topic
        self.troubles = troubles
    }

    func run(_ store: AgentStore, _ timeline: any Timeline) async throws {
        let reporter = Reporter(outbox: self.outbox, topic: self.topic, store: store, timeline: timeline)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await reporter.run() }
            group.addTask {
                var last: String?
                for await trouble in self.troubles where trouble != last {
                    last = trouble
                    try await store.log("report", trouble)
                }
            }
            for try await _ in group {}
        }
    }
}
