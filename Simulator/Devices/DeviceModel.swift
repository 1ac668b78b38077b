internal import Encoding

/// A command as the device got it.
struct ModelCommand: Sendable {
    /// The property that is written or the action that is invoked.
    let name: String
    let input: JSON
    /// Empty when the wire carries none.
    let id: String
    /// The name to which the answer goes, where the wire carries one.
    let caller: String
}

/// What a device answers.
struct ModelReply: Sendable {
    let command: ModelCommand
    let verdict: Verdict
    /// Members of the reply beside id and error.
    let fields: JSON

    enum Verdict: Sendable, Equatable {
        case progress
        case done
        case failed(String)
    }
}

enum ModelEvent: Sendable {
    case command(ModelCommand)
    /// The time that ``DeviceModel/due`` named has come.
    case due
}

enum ModelEffect: Sendable {
    /// Publish these properties.
    case report([(name: String, value: JSON)])
    case reply(ModelReply)
}

/// The physics and the mind of a device: events in, effects out; no clock, no I/O.
protocol DeviceModel: Sendable {
    /// The properties that it serves.
    var properties: [String] { get }
    /// When it wants to be called next, since boot.
    var due: Duration { get }
    /// What it did, for checks.
    var executions: Executions { get }

    mutating func handle(_ event: ModelEvent, at uptime: Duration) -> [ModelEffect]
}

/// What a simulated device did: the truth that the robot's journal is held against.
public struct Executions: Sendable, Equatable {
    /// How often each command was executed, by its id. Never above 1 for a device that remembers.
    public var byCommand: [String: Int] = [:]
    /// How often it was told something, repetitions included.
    public var commanded = 0
    /// How often its state changed because of that.
    public var changed = 0
    /// How often it answered a command that it had executed before.
    public var repeated = 0

    /// Ids that are counted; more are not, so that a flood does not fill the memory.
    static let idLimit = 65_536

    mutating func count(_ id: String) {
        guard self.byCommand[id] != nil || self.byCommand.count < Self.idLimit else { return }
        self.byCommand[id, default: 0] += 1
    }
}

/// A slow wave with noise.
struct Wave: Sendable {
    let base: Double
    let swing: Double
    let period: Double
    let noise: Double

    init(_ field: JSONField) throws(JSONError) {
        try field.only(["base", "swing", "periodS", "noise"])
        self.base = try field["base"].number()
        self.swing = try field["swing"].ifPresent?.number() ?? 0
        self.period = try field["periodS"].ifPresent?.number() ?? 600
        self.noise = try field["noise"].ifPresent?.number() ?? 0
        guard self.period > 0 else { throw field["periodS"].fault("must be above zero") }
    }

    /// The value `seconds` after the start, rounded to hundredths.
    func value(at seconds: Double, _ random: inout Noise) -> Double {
        let turn = seconds / self.period
        let value = self.base + self.swing * Self.sine(turn) + self.noise * random.next()
        return (value * 100).rounded() / 100
    }

    /// A sine of `turn` whole turns from two parabolas: off by at most 0.06, and the same on every machine,
    /// which the C library's is not.
    static func sine(_ turn: Double) -> Double {
        let phase = turn - turn.rounded(.down)
        return phase < 0.5 ? 16 * phase * (0.5 - phase) : -16 * (phase - 0.5) * (1 - phase)
    }
}

/// Seeded noise: SplitMix64, spread over -1...1 with most of it near zero.
struct Noise: Sendable {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> Double { (self.unit() + self.unit() + self.unit()) / 1.5 - 1 }

    private mutating func unit() -> Double {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed >> 31
        return Double(mixed >> 11) / Double(UInt64(1) << 53)
    }
}

extension Duration {
    /// For physics; never for money.
    var seconds: Double {
        let (seconds, attoseconds) = self.components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}

extension JSONField {
    /// A duration in milliseconds, 1 ms to one day.
    func interval() throws(JSONError) -> Duration {
        let milliseconds = try self.integer(Int.self)
        guard (1...86_400_000).contains(milliseconds) else { throw self.fault("must be 1 ms to one day") }
        return .milliseconds(milliseconds)
    }
}
