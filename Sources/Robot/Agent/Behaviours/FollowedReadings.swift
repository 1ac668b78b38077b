public import Devices
internal import Encoding
internal import Messaging
internal import World

/// What the devices said, for one behaviour: each reading is there until it was taken, however often the
/// robot ends in between.
public struct FollowedReadings: Sendable {
    let name: String
    /// `THING/PROPERTY` or `THING/EVENT`; nil is everything.
    let names: Set<String>?
    let log: ReadingLog
    let store: AgentStore
    let timeline: any Timeline

    /// Readings in a row.
    public struct Portion: Sendable {
        /// Oldest first.
        public let readings: [Reading]
        /// Up to here they were read.
        let mark: Int64
    }

    /// How long nothing is looked at when nothing comes.
    static let interval = Duration.seconds(60)

    /// The oldest readings that were not taken, `limit` at most; waits until there are some.
    public func next(_ limit: Int = 100) async throws -> Portion {
        while true {
            // Before looking: what comes in between wakes us.
            let news = self.log.news()
            let entries = try self.log.entries(after: try await self.mark, limit: max(1, limit))
            guard let last = entries.last?.sequence else {
                try await self.timeline.sleep(for: Self.interval, or: news)
                continue
            }
            let readings = entries.filter { entry in self.names.map(entry.isAmong) ?? true }
                .compactMap { try? Reading(JSONField(JSON.read($0.text))) }
            let portion = Portion(readings: readings, mark: last)
            guard readings.isEmpty else { return portion }
            try await self.take(portion)
        }
    }

    /// What was to be done with these readings is done: they do not come again, whatever happens after this
    /// has returned.
    public func take(_ portion: Portion) async throws {
        try await self.store.take(self.name, upTo: portion.mark)
        self.taken(upTo: portion.mark)
    }

    /// How far they were taken.
    var mark: Int64 { get async throws { try await self.store.mark(self.name) ?? 0 } }

    /// What was read is durable in what was made of it.
    func taken(upTo sequence: Int64) { self.log.taken(upTo: sequence, by: self.follower) }

    /// Needs nothing more: for who follows nothing nothing is written.
    func leave() { self.log.leave(self.follower) }

    /// A behaviour's place among the log's followers.
    private var follower: String { "behaviour \(self.name)" }

    /// Begins to follow, where it was or with what is said from now on. Before the devices are listened to,
    /// so that nothing is missed.
    /// - Parameter rests: what waits stays, and nothing is added.
    func follow(rests: Bool) async throws {
        let mark = try await self.store.follow(self.name, after: self.log.last)
        self.log.follow(
            ReadingLog.Follower(name: self.follower, wanted: rests ? [] : self.names, mark: mark))
    }
}
