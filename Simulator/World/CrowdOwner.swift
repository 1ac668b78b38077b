import Control
import Devices
import Encoding
import Logging
import Synchronization
import World

/// Who hears from one robot, over the robot's own broker.
final class CrowdOwner: Sendable {
    private struct State {
        var last: (sequence: Int64, at: Int64)?
        var count = 0
        var done: [String: Int] = [:]
        var faults: [String] = []
    }

    let broker = VirtualBroker()
    private let robot: String
    private let state = Mutex(State())

    /// How often the meter speaks, in milliseconds. Time is exact here.
    private static let interval: Int64 = 1_000
    /// Faults that are written down of one robot.
    private static let faultLimit = 8

    init(of robot: String) throws {
        self.robot = robot
        try self.broker.subscribe(to: "owner/readings", quality: .atLeastOnce) { [weak self] message in
            self?.hear(message)
        }
    }

    var readings: Int { self.state.withLock { $0.count } }
    var faults: [String] { self.state.withLock { $0.faults } }

    /// Pieces of work of a kind that are done.
    func done(_ kind: String) -> Int { self.state.withLock { $0.done[kind, default: 0] } }

    func note(_ fault: String) {
        self.state.withLock { state in
            if state.faults.count < Self.faultLimit { state.faults.append("\(self.robot) \(fault)") }
        }
    }

    /// What the robot writes down; nothing ought to go wrong here.
    func hear(_ event: EventRecord) {
        if event.kind == EventRecord.Kind.done.rawValue, let kind = event.body["kind"]?.plainText {
            self.state.withLock { $0.done[kind, default: 0] += 1 }
        }
        if event.isTrouble { self.note("\(event.kind): \(event.text)") }
    }

    private func hear(_ message: Message) {
        do {
            let reading = JSONField(try JSON.read(message.payload))
            let new: (sequence: Int64, at: Int64) = (
                try reading["seq"].integer(), try reading["at"].integer()
            )
            let last = self.state.withLock { state in
                defer { (state.last, state.count) = (new, state.count + 1) }
                return state.last
            }
            // The log also numbers what is not told.
            if let last, new.sequence <= last.sequence || new.at != last.at + Self.interval {
                self.note("told reading \(new) after \(last)")
            }
        } catch {
            self.note("told something else: \(error)")
        }
    }
}

/// What a shop's program warns of.
struct ShopLog: LogHandler {
    let note: @Sendable (String) -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .warning

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        self.note("\(event.message): \(details.joined(separator: ", "))")
    }
}
