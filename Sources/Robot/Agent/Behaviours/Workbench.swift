public import Devices
public import Encoding
internal import Storage
internal import Wallet
public import World

/// What a behaviour works with.
public struct Workbench: Sendable {
    /// The robot's things: what they said last, and what they are told to do.
    public let devices: DeviceHub
    /// What the devices say, from before the first message of the robot's first start with this behaviour. A
    /// behaviour that is run again, now or after a crash, gets what it did not take.
    public let readings: FollowedReadings
    /// What may be asked of the robot, as data: the steps of a plan, and purchases.
    public let tools: Toolbox
    /// The only clock: whoever waits here also works in virtual time.
    public let timeline: any Timeline

    /// Buys, within the owner's policy.
    let procurement: Procurement
    let storage: StorageClient
    /// Seals what leaves the robot, and opens it again.
    let wallet: UnlockedWallet
    /// Keeps the work that a restart goes on with.
    let store: AgentStore

    /// Writes an event down, from where it goes to the log and to the owner.
    /// - Parameters:
    ///   - kind: one word, such as `command` or `done`.
    ///   - text: a line for people. What came from elsewhere is cleaned with `plain()` first.
    ///   - body: the same for programs.
    public func log(_ kind: String, _ text: String, _ body: JSON = [:]) async throws {
        try await self.store.log(.note(kind: kind, text, body: body))
    }
}
