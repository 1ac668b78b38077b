import ArgumentParser

/// Devices: what they are, what they say, and what they are told.
struct DeviceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "Look at devices, command them, and check their descriptions.",
        subcommands: [Check.self])
}
