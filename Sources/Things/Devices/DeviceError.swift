public import World

/// Why a command was not taken, or a hub does not start. Nothing was sent.
public enum DeviceError: Error, Equatable, CustomStringConvertible {
    /// `near`: those that were perhaps meant.
    case unknownThing(String, near: [String] = [])
    case unknownAffordance(thing: String, name: String, near: [String] = [])
    /// It is there, and something else: what, and what is done with it.
    case otherKind(thing: String, name: String, kind: String)
    /// The description has no form to write or invoke it.
    case notCommandable(thing: String, name: String)
    /// The value is not what the description allows.
    case value(affordance: String, reason: String)
    /// `depai:limits`: the number is outside what the owner allows.
    case outOfRange(affordance: String, range: ClosedRange<Double>)
    /// `depai:limits`: so many publications in 60 seconds, and no more.
    case tooOften(affordance: String, perMinute: Int)
    /// `depai:limits`: now is not within these hours, or nobody has set the clock.
    case outOfHours(affordance: String, hours: DayHours, now: Timestamp)
    /// The payload would be longer, in bytes.
    case tooLarge(limit: Int)
    /// An id has 1 to 128 bytes and no control characters.
    case identifier(String)
    /// The id belongs to a command with another content.
    case otherContent(id: String)
    /// Another command waits for an answer that carries no id: two could not be told apart.
    case busy(thing: String, name: String)
    /// So many commands are open.
    case tooManyOpen(limit: Int)
    /// So many things at most.
    case tooManyThings(limit: Int)
    /// Two things have one id or name.
    case ambiguous(String)
    /// The thing's profile has nothing that could command it.
    case noAdapter(thing: String, reason: String)
    /// A hub runs once.
    case ranBefore

    public var description: String {
        switch self {
        case .unknownThing(let name, let near): "no thing is called \"\(name)\"\(Self.perhaps(near))"
        case .unknownAffordance(let thing, let name, let near):
            "\(thing) has no \"\(name)\"\(Self.perhaps(near))"
        case .otherKind(let thing, let name, let kind): "\"\(name)\" of \(thing) is \(kind)"
        case .notCommandable(let thing, let name):
            "\"\(name)\" of \(thing) can only be looked at: its description has no form to send to"
        case .noAdapter(let thing, let reason): "\(thing) cannot be commanded: \(reason)"
        case .value(let affordance, let reason): "\(affordance): \(reason)"
        case .outOfRange(let affordance, let range):
            "\(affordance): the owner allows \(range.lowerBound) to \(range.upperBound)"
        case .tooOften(let affordance, let perMinute):
            "\(affordance): the owner allows \(perMinute) commands a minute"
        case .outOfHours(let affordance, let hours, let now):
            "\(affordance): the owner allows it from \(hours)"
                + (now.quality == .none ? ", and nobody has set this machine's clock" : "")
        case .tooLarge(let limit): "the payload is longer than \(limit) bytes"
        case .identifier(let id):
            "\"\(id.prefix(40))\" is no command id: 1 to 128 bytes, no control characters"
        case .otherContent(let id): "the command \(id) exists with another content"
        case .busy(let thing, let name): "\"\(name)\" of \(thing) waits for the answer to another command"
        case .tooManyOpen(let limit): "\(limit) commands are open already"
        case .tooManyThings(let limit): "more than \(limit) things"
        case .ambiguous(let name): "two things are called \"\(name)\""
        case .ranBefore: "the hub ran before"
        }
    }

    private static func perhaps(_ near: [String]) -> String {
        near.isEmpty ? "" : "; there is \(near.map { "\"\($0)\"" }.joined(separator: ", "))"
    }
}

/// Something that foreign messages did wrong; told once per source, counted for ever.
public struct DeviceFault: Sendable, Hashable {
    /// The description's `id`.
    public let thing: String
    /// Property, event, action, or `availability`.
    public let affordance: String
    /// What the messages came through.
    public let filter: String
    /// What was wrong with the first.
    public let reason: String
    public internal(set) var count: UInt64

    /// The reason when more came than could be worked off.
    public static let noRoom = "more came than could be worked off"
}
