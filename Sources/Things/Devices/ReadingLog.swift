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
            let sequence: UInt64?
        }

        /// Of the descriptions by which it was read.
        let generation: UInt64
        let reports: [Report]
    }

    /// A form that reports something that may be wanted.
    private struct Kept: Sendable {
        let route: Int
        let thing: String
        let affordance: String
        let subject: String
        let unit: String?
        let schema: DataSchema?
        let form: ReportForm
        /// Whether who wants everything wants this, by the description's word.
        let isKept: Bool
    }

    private struct Forms: Sendable {
        /// By source: all of them, and those that somebody wants.
        var all: [Int: [Kept]] = [:] { didSet { self.choose() } }
        private(set) var wanted: [Int: [Kept]] = [:]
        var generation: UInt64 = 0
        var wishes: [String: Set<String>?] { didSet { self.choose() } }

        init(wishes: [String: Set<String>?]) { self.wishes = wishes }

        private mutating func choose() {
            self.wanted = self.all.mapValues { $0.filter(self.wants) }.filter { !$0.value.isEmpty }
        }

        private func wants(_ kept: Kept) -> Bool {
            self.wishes.values.contains { names in
                guard let names else { return kept.isKept }
                return names.contains(kept.subject) || names.contains("\(kept.thing)/\(kept.affordance)")
            }
        }
    }

    private struct Store: ~Copyable {
        let log: DurableLog
        var drafts: [DurableLog.Draft] = []
        /// Why some of what came since the last ``ReadingLog/commit()`` was not kept.
        var fault: (any Error)?

        /// Writes what was noted.
        /// - Returns: how many others had to leave for it unread; nil when nothing was written.
        mutating func flush(now: Int64) -> Int64? {
            guard !self.drafts.isEmpty else { return nil }
            defer { self.drafts = [] }
            do {
                return try self.log.add(self.drafts, now: now)
            } catch {
                self.fault = error
                return nil
            }
        }
    }

    private let forms: Mutex<Forms>
    private let store: Mutex<Store>
    private let timeline: any Timeline
    private let broadcast = Broadcast<Void>(listenerLimit: ReadingLog.followerLimit)
    private let onLoss: @Sendable (String) -> Void

    /// The most that follow it at once.
    package static let followerLimit = 64
    /// The most readings that wait for one write.
    private static let draftLimit = 1_024

    /// The tables of its file.
    package static let schema = DurableLog.schema

    /// - Parameters:
    ///   - path: nil keeps it in memory, for tests.
    ///   - onLoss: told in words when readings are not kept, or left unread, on the thread of who wrote.
    /// - Throws: `DatabaseError`.
    package init(
        path: FilePath?, timeline: any Timeline, limits: DurableLog.Limits = DurableLog.Limits(),
        followers: [Follower] = [], onLoss: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        let marks = Dictionary(followers.map { ($0.name, $0.mark) }) { first, _ in first }
        self.store = Mutex(Store(log: try DurableLog(path: path, limits: limits, marks: marks)))
        self.forms = Mutex(
            Forms(wishes: Dictionary(followers.map { ($0.name, $0.wanted) }) { first, _ in first }))
        self.timeline = timeline
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
        var forms: [Int: [Kept]] = [:]
        for (place, source) in sources.enumerated() {
            let kept = source.routes.enumerated().compactMap { Self.kept($1, at: $0, things) }
            if !kept.isEmpty { forms[place] = kept }
        }
        self.forms.withLock { state in
            state.all = forms
            state.generation = generation
        }
    }

    private static func kept(_ route: Route, at place: Int, _ things: [Thing]) -> Kept? {
        switch route {
        case .report(let index, let property, let form):
            let (thing, property) = (things[index], things[index].properties[property])
            return Kept(
                route: place, thing: thing.id, affordance: property.name,
                subject: "\(thing.name)/\(property.name)", unit: property.schema.unit,
                schema: property.schema, form: property.reports[form], isKept: property.isKept)
        case .event(let index, let event, let form):
            let (thing, event) = (things[index], things[index].events[event])
            return Kept(
                route: place, thing: thing.id, affordance: event.name, subject: "\(thing.name)/\(event.name)",
                unit: event.data?.unit, schema: event.data, form: event.reports[form], isKept: event.isKept)
        case .availability, .answer: return nil
        }
    }

    /// Reads a message and notes what is kept of it; ``commit()`` makes it durable. Called on the bus's
    /// thread.
    /// - Returns: what it says, so that nobody reads it again; nil when nothing of it is kept.
    func hear(_ message: Message, from source: Int, boot: String) -> Heard? {
        // A retained value is no reading: it may be old.
        guard !message.retained, message.payload.count <= WireFormat.payloadLimit else { return nil }
        let (kept, generation) = self.forms.withLock { forms in
            (forms.wanted[source], forms.generation)
        }
        guard let kept else { return nil }
        let reports = kept.map { kept in
            let said = Result { () throws(PayloadError) in
                try kept.form.report(message.payload, schema: kept.schema)
            }
            let value: JSON
            switch said {
            case .success(.value(let whole)): value = whole
            case .success(.changes(let part)): value = part
            case .success(.gone), .success(.nothing), .failure:
                return Heard.Report(route: kept.route, said: said, sequence: nil)
            }
            let reading = Reading(
                thing: kept.thing, property: kept.affordance, value: value, unit: kept.unit,
                at: self.timeline.now, uptime: self.timeline.uptime, boot: boot, sequence: nil)
            return Heard.Report(
                route: kept.route, said: said, sequence: self.note(reading, kept.subject).sequence)
        }
        return Heard(generation: generation, reports: reports)
    }

    /// Keeps a reading that no message brought, when somebody wants it.
    /// - Returns: the reading with its number.
    func keep(_ reading: Reading, of thing: Thing) -> Reading {
        let subject = "\(thing.name)/\(reading.property)"
        let isWanted = self.forms.withLock { forms in
            forms.wanted.values.joined().contains {
                sameBytes($0.thing, reading.thing) && sameBytes($0.affordance, reading.property)
            }
        }
        guard isWanted else { return reading }
        let kept = self.note(reading, subject)
        self.flush()
        return kept
    }

    private func note(_ reading: Reading, _ subject: String) -> Reading {
        let (kept, isFull) = self.store.withLock { store in
            let sequence = store.log.claim()
            let kept = reading.numbered(UInt64(exactly: sequence))
            store.drafts.append(
                DurableLog.Draft(
                    sequence: sequence, at: reading.at.milliseconds, subject: subject, body: kept.json.text))
            return (kept, store.drafts.count >= Self.draftLimit)
        }
        if isFull { self.flush() }
        return kept
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
