package import Encoding
package import SystemPackage
package import World

/// A machine that a stateful protocol commands, as a description names it: what `depai:profile` means.
///
/// This module knows no such protocol. Whoever reads descriptions hands over the profiles that it knows; a
/// thing carries its own, and the hub has it make the adapter that gives the machine its commands.
package protocol Profile: Sendable {
    /// The words of `depai:profile` that name the protocol, one a version.
    static var names: [String] { get }
    /// What a thing of the protocol can be told: no description has another action.
    static var actions: [String] { get }

    /// The machine behind a description.
    /// - Parameters:
    ///   - field: `depai:profile`, which is one of ``names``.
    ///   - properties: they listen where the machine speaks.
    /// - Throws: `JSONError` when they name no machine.
    init(_ field: JSONField, properties: [Thing.Property]) throws(JSONError)

    /// What people call the machine.
    var machine: String { get }
    /// The topic on which it tells its state: tells one machine from another.
    var source: String { get }
    /// The file of the adapter's journal. Two profiles with one journal are one machine.
    var journal: String { get }

    /// - Parameters:
    ///   - folder: where the journal is kept; nil is memory.
    ///   - onFault: told of each message that cannot be read; must not wait.
    func adapter(
        bus: any MessageBus, folder: FilePath?, timeline: any Timeline,
        onFault: @escaping @Sendable (ProfileFault) -> Void
    ) throws -> any ProfileAdapter
}

/// Gives one machine its commands. The command's id names it in the protocol, too: repeated, it is the same
/// one.
package protocol ProfileAdapter: Sendable {
    /// - Parameters:
    ///   - action: one of the profile's actions.
    ///   - thing: the thing's name, for errors.
    /// - Throws: `DeviceError` when nothing was sent, `DatabaseError`, `CancellationError`.
    func perform(
        _ action: String, _ input: JSON, id: String, thing: String, for duration: Duration
    ) async throws -> CommandOutcome

    /// Begins or ends a rest: the machine's description is gone, or came back. It listens, and sends nothing.
    func rest(_ isResting: Bool)

    /// Lives until the task is cancelled.
    func run() async throws
}

/// How a command stands, and its end or the reason.
package struct CommandOutcome: Sendable {
    package let state: CommandState
    package let result: JSON?

    package init(_ state: CommandState, _ result: JSON? = nil) {
        self.state = state
        self.result = result
    }
}

/// A message of a machine that its adapter cannot read.
package struct ProfileFault: Sendable {
    /// What the message tells: the machine's state, for example.
    package let affordance: String
    /// The topic that it came through.
    package let filter: String
    package let reason: String

    package init(affordance: String, filter: String, reason: String) {
        self.affordance = affordance
        self.filter = filter
        self.reason = reason
    }
}

extension Thing {
    /// The machine behind `depai:profile`; nil where the description has none.
    static func profile(
        _ field: JSONField, _ properties: [Property], among kinds: [any Profile.Type]
    ) throws(JSONError) -> (any Profile)? {
        guard field.exists else { return nil }
        let name = try field.string()
        guard let kind = kinds.first(where: { $0.names.contains(name) }) else {
            let known = kinds.flatMap { $0.names }
            throw field.fault(
                "no adapter for \"\(name.prefix(40))\"; there are "
                    + (known.isEmpty ? "none" : known.joined(separator: ", ")))
        }
        return try kind.init(field, properties: properties)
    }
}
