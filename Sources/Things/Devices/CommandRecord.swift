public import Encoding
public import World

/// How far a command came. ``done`` and ``failed`` are final.
public enum CommandState: String, Sendable, Hashable, CaseIterable {
    /// Durable; nothing was sent.
    case received
    /// About to be sent or sent; no answer yet.
    case started
    /// Acknowledged as the description's `depai:ack` asks.
    case done
    /// It was sent, or perhaps, and no answer came.
    case unknown
    /// The device answered that it could not.
    case failed

    /// Whether the stored outcome is the answer for ever.
    public var isFinal: Bool { self == .done || self == .failed }
}

/// One command as the journal has it.
public struct CommandRecord: Sendable {
    /// The caller's name for the command: the same id never acts twice.
    public let id: String
    /// The description's `id`.
    public let thing: String
    /// The property or the action.
    public let affordance: String
    /// What was written, or the action's input.
    public let input: JSON
    public let state: CommandState
    /// What the reply carried: the value, or the error.
    public let result: JSON?
    /// When it came to this state.
    public let at: Timestamp
}
