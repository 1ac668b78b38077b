package import Database
internal import Synchronization
public import SystemPackage
public import World

/// What a robot has to say to its broker: on disk until the broker has it.
///
/// Delivery is at least once (QoS 1): what was acknowledged and not yet forgotten when the power went is sent
/// again. Messages on one topic keep their order within their class.
public final class Outbox: Sendable {
    /// What happens when there is no room.
    public enum Urgency: Int64, Sendable, Hashable, CaseIterable {
        /// Is never dropped: whoever writes when it is full gets an error. Leaves before everything else.
        case must = 0
        /// The oldest is dropped, and counted.
        case may = 1
    }

    /// What is kept at most.
    public struct Limits: Sendable, Hashable {
        public var mustRows = 10_000
        public var mustBytes = 32 << 20
        public var mayRows = 10_000
        public var mayBytes = 16 << 20
        /// Messages that are on their way at once.
        public var batch = 32

        public init() {}

        func room(for urgency: Urgency) -> (rows: Int, bytes: Int) {
            urgency == .must ? (self.mustRows, self.mustBytes) : (self.mayRows, self.mayBytes)
        }
    }

    /// How things stand.
    public struct Counts: Sendable, Hashable {
        public internal(set) var waiting: [Urgency: Int] = [:]
        /// Dropped in all, over restarts.
        public internal(set) var dropped: UInt64 = 0
        /// Acknowledged in this run.
        public internal(set) var sent: UInt64 = 0
        /// How often the broker refused something in this run.
        public internal(set) var refused: UInt64 = 0
    }

    private let store: Mutex<OutboxStore>
    private let bus: any MessageBus
    private let timeline: any Timeline
    private let limits: Limits
    private let onRefusal: @Sendable (_ topic: String, _ reason: String) -> Void
    private let told = Mutex<Set<String>>([])
    private let wakes: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    /// How long until the next try when the broker is away: doubles up to the second one.
    static let pauses = (first: Duration.milliseconds(100), last: Duration.seconds(2))
    /// How long a topic is left alone that the broker refused.
    static let hold = Duration.seconds(30)
    /// The most topics whose refusal is told.
    static let toldLimit = 256

    /// The tables of its file.
    package static let schema = OutboxStore.schema

    /// - Parameters:
    ///   - path: nil keeps it in memory, for tests.
    ///   - onRefusal: told once for each topic that the broker refuses, in its words. What is refused stays
    ///     and is tried again.
    /// - Throws: `DatabaseError`.
    public init(
        path: FilePath?, bus: any MessageBus, timeline: any Timeline, limits: Limits = Limits(),
        onRefusal: @escaping @Sendable (_ topic: String, _ reason: String) -> Void = { _, _ in }
    ) throws {
        self.store = Mutex(try OutboxStore(path: path, limits: limits))
        self.bus = bus
        self.timeline = timeline
        self.limits = limits
        self.onRefusal = onRefusal
        (self.wakes, self.waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    public var counts: Counts { self.store.withLock { $0.counts } }

    /// Adds a message; it is on disk when this returns. Their quality is always at least once.
    /// - Throws: ``OutboxError``, `DatabaseError`; then nothing was added.
    public func add(_ message: Message, _ urgency: Urgency) throws { try self.add([message], urgency) }

    /// Adds all of them or none, in one durable write.
    ///
    /// - Parameter mark: a number that becomes durable with them: how far a source has been read.
    public func add(
        _ messages: [Message], _ urgency: Urgency, mark: (name: String, value: Int64)? = nil
    ) throws {
        try self.store.withLock { try $0.add(messages, urgency, mark: mark) }
        self.waker.yield()
    }

    /// The newest mark of a name; 0 when there is none.
    public func mark(_ name: String) throws -> Int64 { try self.store.withLock { try $0.number(name) } }

    /// Sends until the task is cancelled. Runs once.
    /// - Throws: `CancellationError`, `DatabaseError`.
    public func run() async throws {
        var wakes = self.wakes.makeAsyncIterator()
        var pause = Self.pauses.first
        while true {
            try Task.checkCancellation()
            let uptime = self.timeline.uptime.milliseconds
            let (batch, isEmpty) = try self.store.withLock { store in
                let batch = try store.next(self.limits.batch, uptime: uptime)
                return (batch, store.counts.waiting.values.allSatisfy { $0 == 0 })
            }
            guard !isEmpty else {
                _ = await wakes.next()
                continue
            }
            let isProgress = try await self.send(batch)
            if isProgress {
                pause = Self.pauses.first
            } else {
                try await self.timeline.sleep(for: pause)
                pause = min(pause * 2, Self.pauses.last)
            }
        }
    }

    /// - Returns: whether the broker took something.
    private func send(_ batch: [OutboxStore.Entry]) async throws -> Bool {
        guard self.bus.isConnected else { return false }
        // One line for each topic: what overtakes on another topic does no harm.
        var topics: [String] = []
        let lines = Dictionary(grouping: batch, by: \.message.topic)
        for entry in batch where !topics.contains(entry.message.topic) { topics.append(entry.message.topic) }
        let results = await withTaskGroup(of: (sent: [Int64], refusal: (String, String)?).self) { group in
            for topic in topics {
                let line = lines[topic] ?? []
                group.addTask { await self.send(line: line) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let sent = results.flatMap(\.sent)
        let now = self.timeline.uptime.milliseconds
        try self.store.withLock { store in
            try store.remove(sent)
            for case (let topic, _)? in results.map(\.refusal) {
                try store.hold(topic, until: now + Self.hold.milliseconds, now: now)
            }
        }
        for case (let topic, let reason)? in results.map(\.refusal) { self.tell(topic, reason) }
        return !sent.isEmpty
    }

    private func send(line: [OutboxStore.Entry]) async -> (sent: [Int64], refusal: (String, String)?) {
        var sent: [Int64] = []
        for entry in line {
            do throws(BusError) {
                try await self.bus.publish(entry.message)
                sent.append(entry.id)
            } catch {
                guard case .refused(let reason) = error else { return (sent, nil) }
                return (sent, (entry.message.topic, reason))
            }
        }
        return (sent, nil)
    }

    private func tell(_ topic: String, _ reason: String) {
        let isNew = self.told.withLock { told in
            told.count < Self.toldLimit && told.insert(topic).inserted
        }
        if isNew { self.onRefusal(topic, reason) }
    }
}

/// Why a message was not taken.
public enum OutboxError: Error, Equatable, CustomStringConvertible {
    /// As many messages of class "must" wait as may, by number or by bytes.
    case full(rows: Int, bytes: Int)
    /// It would not even fit alone, in bytes.
    case tooLarge(limit: Int)

    public var description: String {
        switch self {
        case .full(let rows, let bytes): "the outbox is full: at most \(rows) messages and \(bytes) bytes"
        case .tooLarge(let limit): "the message is larger than the whole outbox of \(limit) bytes"
        }
    }
}
