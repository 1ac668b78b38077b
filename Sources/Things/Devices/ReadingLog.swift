package import Database
internal import Encoding
internal import Messaging
internal import Synchronization
package import SystemPackage
package import World

/// Readings that must not be lost: each is on the disk before the broker is told that its message arrived, so
/// that a crash at any moment loses none: the broker sends it again. What comes together is written together.
///
/// What is kept is what the message said: of an object that is reported in parts, the part. Followers read
/// after their own marks, and what all of them took leaves.
public final class ReadingLog: Sendable {
    /// Who reads the log.
    package struct Follower: Sendable {
        package let name: String
        /// `THING/PROPERTY` or `THING/EVENT`, a thing by its name or id; nil is everything that is kept.
        package let wanted: Set<String>?
        /// What it has read.
        package let mark: Int64

        package init(name: String, wanted: Set<String>?, mark: Int64) {
            self.name = name
            self.wanted = wanted
            self.mark = mark
        }
    }

    /// One kept reading as it is read back.
    package struct Entry: Sendable {
        package let sequence: Int64
        /// `THING/PROPERTY` or `THING/EVENT`, the thing by its name.
        package let subject: String
        /// ``Reading/json`` as text.
        package let text: String

        /// Whether one of the names is this one's, with the thing's name or its id.
        package func isAmong(_ names: Set<String>) -> Bool {
            if names.contains(self.subject) { return true }
            guard let json = try? JSON.read(self.text), case .string(let thing)? = json["thing"],
                case .string(let affordance)? = json["property"]
            else { return false }
            return names.contains("\(thing)/\(affordance)")
        }
    }

    /// What a message said about the things that are kept, for who reads it afterwards.
    struct Heard: Sendable {
        struct Report: Sendable {
            /// Place of the route in its source.
            let route: Int
            let said: Result<ReportForm.Report, PayloadError>
            /// The reading's number; nil where there is none.
            var sequence: UInt64?
        }

        /// Of the descriptions by which it was read.
        let generation: UInt64
        let reports: [Report]
    }

    /// What wants to be written down, and what was.
    private struct Store: ~Copyable {
        let log: DurableLog
        var drafts: [DurableLog.Draft] = []
        /// The messages that brought them.
        var arrived: [(origin: Int64, number: UInt64)] = []
        var redeliveries: Redeliveries
        /// Why some of what came since the last ``ReadingLog/commit()`` was not kept.
        var fault: (any Error)?

        /// Gives a reading its number.
        mutating func note(_ reading: Reading, as kept: KeptForms.Kept, from origin: Int64?) -> UInt64? {
            let sequence = self.log.claim()
            self.drafts.append(
                DurableLog.Draft(
                    sequence: sequence, at: reading.at.milliseconds, subject: kept.subject,
                    body: kept.text(of: reading, as: sequence), origin: origin))
            return UInt64(exactly: sequence)
        }

        /// Writes what was noted.
        /// - Returns: how many others had to leave for it unread; nil when nothing was written.
        mutating func flush(now: Int64) -> Int64? {
            guard !self.drafts.isEmpty else { return nil }
            defer {
                self.drafts.removeAll(keepingCapacity: true)
                self.arrived.removeAll(keepingCapacity: true)
            }
            do {
                let left = try self.log.add(self.drafts, now: now)
                for (origin, number) in self.arrived { self.redeliveries.add(origin, number: number) }
                return left
            } catch {
                self.fault = error
                return nil
            }
        }
    }

    private let forms: Mutex<KeptForms>
    private let store: Mutex<Store>
    private let timeline: any Timeline
    /// Asked once: it is the same until the next start.
    private let boot: String
    private let broadcast = Broadcast<Void>(listenerLimit: ReadingLog.followerLimit)
    private let onLoss: @Sendable (String) -> Void

    /// The most that follow it at once.
    package static let followerLimit = 64
    /// The most readings that wait for one write.
    private static let draftLimit = 1_024
    /// So many of the newest stay, for what the broker may bring again.
    private static let tail = 1_024

    /// The tables of its file.
    package static let schema = DurableLog.schema

    /// - Parameters:
    ///   - path: nil keeps it in memory, for tests.
    ///   - onLoss: told in words when readings are not kept, or left unread, on the thread of who wrote.
    /// - Throws: `DatabaseError`.
    package init(
        path: FilePath?, timeline: any Timeline,
        limits: DurableLog.Limits = DurableLog.Limits(tail: Int64(clamping: ReadingLog.tail)),
        followers: [Follower] = [], onLoss: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        let marks = Dictionary(followers.map { ($0.name, $0.mark) }) { first, _ in first }
        let log = try DurableLog(path: path, limits: limits, marks: marks)
        let origins = try log.origins(ofLast: Self.tail)
        self.store = Mutex(Store(log: log, redeliveries: Redeliveries(origins)))
        self.forms = Mutex(
            KeptForms(wishes: Dictionary(followers.map { ($0.name, $0.wanted) }) { first, _ in first }))
        self.timeline = timeline
        self.boot = timeline.boot
        self.onLoss = onLoss
    }

    // MARK: Followers

    /// Somebody follows from now on.
    package func follow(_ follower: Follower) {
        self.forms.withLock { $0.wishes[follower.name] = .some(follower.wanted) }
        self.store.withLock { $0.log.mark(follower.name, at: follower.mark) }
    }

    /// Somebody needs nothing more: for nobody nothing is kept.
    package func leave(_ name: String) {
        self.forms.withLock { _ = $0.wishes.removeValue(forKey: name) }
        self.store.withLock { $0.log.release(name) }
    }

    /// A follower has made what it read so far durable.
    package func taken(upTo sequence: Int64, by name: String) {
        self.store.withLock { $0.log.mark(name, at: sequence) }
    }

    /// The oldest readings after a mark: at most `limit`, and as many as fit into `byteLimit`, but at least
    /// one.
    package func entries(after mark: Int64, limit: Int, byteLimit: Int = .max) throws -> [Entry] {
        try self.store.withLock { store in
            try store.log.entries(after: mark, limit: limit, byteLimit: byteLimit)
        }.map { Entry(sequence: $0.sequence, subject: $0.subject, text: $0.body) }
    }

    /// The number of the newest reading; 0 before the first.
    package var last: Int64 { self.store.withLock { $0.log.last } }

    /// About how many readings come after a mark.
    package func waiting(after mark: Int64) -> Int {
        Int(clamping: self.store.withLock { $0.log.waiting(after: mark) })
    }

    /// Yields when readings came, for one reader, who does not outlive a cancelled wait for it.
    package func news() -> AsyncStream<Void> { self.broadcast.stream(capacity: 1) }

    // MARK: What is kept

    /// Takes other descriptions.
    func adopt(_ things: [Thing], _ sources: [Source], generation: UInt64) {
        let forms = KeptForms.all(things, sources, boot: self.boot)
        self.forms.withLock { state in
            state.all = forms
            state.generation = generation
        }
    }

    /// Reads a message and notes what is kept of it; ``commit()`` makes it durable. Called on the bus's
    /// thread.
    /// - Parameter stamp: when it came.
    /// - Returns: what it says, so that nobody reads it again; nil when nothing of it is kept.
    func hear(
        _ message: Message, from source: Int, at stamp: (at: Timestamp, uptime: Duration)
    ) -> Heard? {
        // A retained value is no reading: it may be old.
        guard !message.retained, message.payload.count <= WireFormat.payloadLimit else { return nil }
        let (kept, generation) = self.forms.withLock { forms in
            (forms.wanted[source], forms.generation)
        }
        guard let kept else { return nil }
        var reports = kept.map { kept in
            Heard.Report(
                route: kept.route,
                said: Result { () throws(PayloadError) in
                    try kept.form.report(message.payload, schema: kept.schema)
                }, sequence: nil)
        }
        let origin = Redeliveries.origin(of: message)
        let isFull = self.store.withLock { store in
            if let origin, let delivery = message.delivery, store.redeliveries.knows(origin, delivery) {
                return false
            }
            // All of one message together: what is known of it later is known of all of it.
            for (place, kept) in kept.enumerated() {
                guard let value = reports[place].said.reading else { continue }
                let reading = Reading(
                    thing: kept.thing, property: kept.affordance, value: value, unit: kept.unit, at: stamp.at,
                    uptime: stamp.uptime, boot: self.boot, sequence: nil)
                reports[place].sequence = store.note(reading, as: kept, from: origin)
            }
            if let origin, let delivery = message.delivery { store.arrived.append((origin, delivery.number)) }
            return store.drafts.count >= Self.draftLimit
        }
        if isFull { self.flush() }
        return Heard(generation: generation, reports: reports)
    }

    /// Keeps a reading that no message brought, when somebody wants it.
    /// - Returns: the reading with its number.
    func keep(_ reading: Reading) -> Reading {
        guard let kept = self.forms.withLock({ $0.form(of: reading) }) else { return reading }
        let number = self.store.withLock { $0.note(reading, as: kept, from: nil) }
        self.flush()
        return reading.numbered(number)
    }

    /// Makes what was noted since the last time durable, in one write. Called on the bus's thread.
    /// - Throws: when some of it was not kept: who brought it has to bring it again.
    func commit() throws {
        self.flush()
        let fault = self.store.withLock { store in
            defer { store.fault = nil }
            return store.fault
        }
        guard let fault else { return }
        self.onLoss("readings are not kept: \(fault)")
        throw fault
    }

    private func flush() {
        let now = self.timeline.now.milliseconds
        guard let left = self.store.withLock({ $0.flush(now: now) }) else { return }
        if left > 0 { self.onLoss("\(left) readings had to leave before they were taken") }
        self.broadcast.send(())
    }

    /// Readings that another file had, under their numbers there.
    package func adopt(_ texts: [(sequence: Int64, at: Int64, text: String)]) throws {
        let drafts = texts.map { entry in
            DurableLog.Draft(sequence: entry.sequence, at: entry.at, subject: "", body: entry.text)
        }
        try self.store.withLock { try $0.log.adopt(drafts) }
    }
}

extension Result where Success == ReportForm.Report, Failure == PayloadError {
    /// What is kept of it.
    fileprivate var reading: JSON? {
        switch self {
        case .success(.value(let whole)): whole
        case .success(.changes(let part)): part
        case .success(.gone), .success(.nothing), .failure: nil
        }
    }
}
