internal import Devices
internal import Encoding
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
