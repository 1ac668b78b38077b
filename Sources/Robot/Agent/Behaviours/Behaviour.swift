internal import Encoding

/// What a robot does of its own accord: it reads, buys, commands, until it is done or the robot ends.
///
/// The robot runs each of its behaviours at a ``Workbench`` of its own. One that throws is told of once, in
/// an event, and run again, after a minute at last, so it goes on from what it made durable; only a broken
/// ledger or disk ends the program. One that returns is done until the next start.
public protocol Behaviour: Sendable {
    /// What it is called in the configuration and in events.
    static var name: String { get }

    /// Whether readings are kept for it until it took them; true unless it says otherwise.
    static var hearsReadings: Bool { get }

    /// Those that it wants, `THING/PROPERTY` or `THING/EVENT`, a thing by its name or id; nil, unless it says
    /// otherwise, is everything that the descriptions do not leave out. What nobody wants is not written
    /// down.
    var wantedReadings: Set<String>? { get }

    /// Does the work. It ends with an error soon after its task was cancelled.
    func run(at bench: Workbench) async throws
}

/// Behaviours that cannot work together.
public enum BehaviourError: Error, Equatable, CustomStringConvertible {
    /// Two have one name: what one keeps, the other would take for its own.
    case twins(String)

    public var description: String {
        switch self {
        case .twins(let name): "two behaviours are called \(name)"
        }
    }

    static func refuseTwins(in behaviours: [any Behaviour]) throws(BehaviourError) {
        var names: Set<ExactText> = []
        for behaviour in behaviours where !names.insert(ExactText(behaviour.name)).inserted {
            throw .twins(behaviour.name)
        }
    }
}

extension Behaviour {
    public static var hearsReadings: Bool { true }

    public var wantedReadings: Set<String>? { nil }

    var name: String { Self.name }
}
