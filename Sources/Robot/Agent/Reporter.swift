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
            try await self.store.log("report", "\(count) events had to leave before they could be told")
        }
        return portion.count
    }

    /// An outage of the chain is over when its news would arrive: it takes nobody's room.
    private static func urgency(of event: Event) -> Outbox.Urgency { event.kind == "chain" ? .may : .must }
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

    /// How far the events have been told.
    var mark: Int64 { get throws { try self.outbox.mark(Reporter.mark) } }

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
