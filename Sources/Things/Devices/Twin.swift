public import Encoding
public import World

/// Whether a device is there, in three words.
public enum Availability: String, Sendable, Hashable, CaseIterable {
    /// It says so, or it talks.
    case online
    /// Nothing was heard for too long, or ever, or we have no broker.
    case silent
    /// It, or the broker for it, said that it left.
    case offline
}

/// What is known and wanted of one thing.
public struct Twin: Sendable {
    /// What the device said last.
    public struct Reported: Sendable {
        public let value: JSON
        /// Counts the reports of this property in this run of the hub, from 1.
        public let version: UInt64
        /// When it arrived here; the value of a retained message may be older.
        public let at: Timestamp
    }

    /// What was written last, whether it happened or not.
    public struct Desired: Sendable {
        public let value: JSON
        /// Number of the write in the command journal; grows, also across restarts.
        public let version: UInt64
        /// The command's id.
        public let command: String
        public let at: Timestamp
    }

    public let id: String
    public let name: String
    public let title: String
    public internal(set) var availability: Availability
    public internal(set) var reported: [String: Reported] = [:]
    public internal(set) var desired: [String: Desired] = [:]
}

/// Tracks one device: values in, availability out. A value without clock or I/O.
struct TwinState: Sendable {
    private(set) var twin: Twin
    private var presence: Presence

    init(_ thing: Thing) {
        self.twin = Twin(id: thing.id, name: thing.name, title: thing.title, availability: .silent)
        self.presence = Presence(thing.availability)
    }

    /// Another description of the same thing: what does not fit it any more is forgotten.
    mutating func adopt(_ thing: Thing) {
        var twin = Twin(id: thing.id, name: thing.name, title: thing.title, availability: .silent)
        for property in thing.properties {
            twin.desired[property.name] = self.twin.desired[property.name]
            if let reported = self.twin.reported[property.name],
                property.schema.fault(in: reported.value) == nil
            {
                twin.reported[property.name] = reported
            }
        }
        self.twin = twin
        self.presence = self.presence.adopting(thing.availability)
    }

    mutating func desire(_ value: JSON, of property: String, version: UInt64, command: String, at: Timestamp)
    {
        self.twin.desired[property] = Twin.Desired(value: value, version: version, command: command, at: at)
    }

    /// - Parameter isOld: the broker kept the message: its value counts, but it proves no life.
    /// - Returns: the value as it now is; nil when nothing changed or it is gone.
    mutating func report(
        _ report: ReportForm.Report, of property: Thing.Property, at: Timestamp, uptime: Duration, isOld: Bool
    ) throws(PayloadError) -> JSON? {
        let value: JSON
        switch report {
        case .nothing: return nil
        case .gone:
            self.twin.reported[property.name] = nil
            return nil
        case .value(let new): value = new
        case .changes(let changes):
            value = Self.overlay(changes, on: self.twin.reported[property.name]?.value)
            if let fault = property.schema.fault(in: value) { throw .schema(fault) }
        }
        let version = (self.twin.reported[property.name]?.version ?? 0) + 1
        self.twin.reported[property.name] = Twin.Reported(value: value, version: version, at: at)
        if !isOld { self.heard(at: uptime) }
        return value
    }

    /// Something fresh came from the device.
    mutating func heard(at uptime: Duration) { self.presence.heard(at: uptime) }

    /// A place of `depai:availability` spoke.
    /// - Returns: whether the device was not known to be there before, and now is.
    mutating func availability(_ word: AvailabilityForm.Word, place: Int, at uptime: Duration) -> Bool {
        self.presence.hear(word, place: place, at: uptime)
    }

    /// The value falls back by itself; nil when it is something else by now.
    mutating func fallBack(to value: JSON, of property: String, at: Timestamp) -> JSON? {
        guard let reported = self.twin.reported[property] else { return nil }
        self.twin.reported[property] = Twin.Reported(
            value: value, version: reported.version &+ 1, at: at)
        return value
    }

    func snapshot(at uptime: Duration, isConnected: Bool) -> Twin {
        var twin = self.twin
        twin.availability = self.presence.availability(at: uptime, isConnected: isConnected)
        return twin
    }

    /// Absent key: unchanged; null: gone. Bounded by ``memberLimit``.
    private static func overlay(_ changes: JSON, on known: JSON?) -> JSON {
        guard case .object(let changes) = changes else { return changes }
        var result = JSON.Object()
        if case .object(let object)? = known { result = object }
        for (name, value) in changes.members {
            if case .null = value {
                result[name] = nil
            } else if result.members.count < Self.memberLimit || result[name] != nil {
                result[name] = value
            }
        }
        return .object(result)
    }

    /// The most members that a merged object grows to.
    static let memberLimit = 256
}
