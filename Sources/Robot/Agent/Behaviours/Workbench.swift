public import Devices
public import Encoding
internal import Storage
internal import Wallet
public import World

/// What a behaviour works with.
public struct Workbench: Sendable {
    /// The robot's things: what they said last, and what they are told to do.
    public let devices: DeviceHub
    /// What the devices say, from before the first message of the robot's start. A behaviour that is slow
    /// loses the oldest, and one that is run again gets what is said from then on. For one reader at a time.
    public let readings: AsyncStream<Reading>
    /// The only clock: whoever waits here also works in virtual time.
    public let timeline: any Timeline

    /// Buys, within the owner's policy.
    let procurement: Procurement
    let storage: StorageClient
    /// Seals what leaves the robot, and opens it again.
    let wallet: UnlockedWallet
    /// Keeps the work that a restart goes on with.
    let store: AgentStore

    /// Readings that wait for a behaviour.
    static let readingRoom = 1_024

    /// Writes an event down, from where it goes to the log and to the owner.
    /// - Parameters:
    ///   - kind: one word, such as `command` or `done`.
    ///   - text: a line for people. What came from elsewhere is cleaned with `plain()` first.
    ///   - body: the same for programs.
    public func log(_ kind: String, _ text: String, _ body: JSON = [:]) async throws {
        try await self.store.log(kind, text, body)
    }
}

/// A behaviour with what was said since the robot listens, until its bench stands.
struct Post: Sendable {
    let behaviour: any Behaviour
    let readings: AsyncStream<Reading>

    init(_ behaviour: any Behaviour, _ devices: DeviceHub) {
        self.behaviour = behaviour
        self.readings = Self.readings(for: behaviour, devices)
    }

    /// A stream that nobody reads would count what it has no room for, so there is none.
    static func readings(for behaviour: any Behaviour, _ devices: DeviceHub) -> AsyncStream<Reading> {
        type(of: behaviour).hearsReadings
            ? devices.readings(capacity: Workbench.readingRoom) : AsyncStream { $0.finish() }
    }
}
