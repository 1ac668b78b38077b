import ArgumentParser
import Console
import Control
import Encoding
import Home
import Linux
import World

/// What names a command.
struct CommandOption: ParsableArguments {
    @Option(
        help: """
            Names the command: with the same id it is the same command, carried out once however often it is \
            asked for. A new one by default.
            """)
    var id: String?

    func name() -> String { self.id ?? "cli-\(Hex.encode(SystemEntropy().bytes(8)))" }

    /// Says how far the command came.
    /// - Parameter name: under which it was asked for, and under which the same one is asked for again. The
    ///   journal's own name has its issuer in front.
    func tell(_ answer: JSONField, as name: String?, asJSON: Bool) throws {
        if asJSON { Terminal.out(answer.value ?? .null) }
        let state = try answer["state"].string()
        let id = try answer["id"].string()
        let result = answer["result"].ifPresent?.value
        switch state {
        case "done":
            if !asJSON {
                Terminal.out(
                    shownValue(result, unit: nil) == "-" ? "done" : "done: \(result?.lineText ?? "")")
            }
        case "failed":
            let reason = result.map(Self.words) ?? "without a reason"
            let isOurs = reason.hasPrefix("the broker ")
            throw Failure(1, isOurs ? reason : "the device refused: \(reason)")
        case "received":
            throw Failure(
                Failure.unreachable, "no connection to the broker: the command \(id) was not sent",
                hint: "the same command with --id \(name ?? id) goes on and does nothing twice")
        default:
            let reason = result.map { ": \(Self.words($0))" } ?? ", and nothing says that the device did it"
            throw Failure(
                7, "the command \(id) was sent\(reason)",
                hint: "the same command with --id \(name ?? id) goes on and does nothing twice")
        }
    }

    private static func words(_ result: JSON) -> String {
        if case .string(let text) = result { text } else { result.text }
    }
}

extension DeviceCommand {
    struct Write: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a property, and wait for the proof that its description asks for.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @OptionGroup var command: CommandOption
        @Argument(help: "The device's name or id.") var device: String
        @Argument var property: String
        @Argument(help: "JSON; what is no JSON is a text.") var value: String

        func run() async throws {
            let request = DeviceRequest.write(
                typedValue(self.value), property: self.property, thing: self.device, id: self.command.name())
            try self.command.tell(
                try await self.home.home.ask(request), as: request.id, asJSON: self.output.json)
        }
    }

    struct Invoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a device do something, once, and wait for its answer.")
        @OptionGroup var home: HomeOption
        @OptionGroup var output: OutputOption
        @OptionGroup var command: CommandOption
        @Argument(help: "The device's name or id.") var device: String
        @Argument var action: String
        @Argument(help: "JSON; nothing for an action without input.") var input: String?

        func run() async throws {
            let request = DeviceRequest.invoke(
                self.action, thing: self.device, input: self.input.map(typedValue) ?? .null,
                id: self.command.name())
            try self.command.tell(
                try await self.home.home.ask(request), as: request.id, asJSON: self.output.json)
        }
    }
}
