import ArgumentParser
import Console
import Control
import Encoding
import Linux
import Sodium

extension OwnerGroup {
    /// Parts that commands to devices share.
    struct DeviceOptions: ParsableArguments {
        @OptionGroup var order: OrderOption
        @OptionGroup var output: OutputOption
        @OptionGroup var command: CommandOption
        @Option(help: "After so many seconds nobody wants it any more; at most a day.") var life = 300

        func send(_ request: DeviceRequest) async throws {
            try await self.order.send(
                request, life: self.life, as: self.command, asJSON: self.output.json)
        }
    }

    struct Write: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a property of a device of the robot, from afar, signed.",
            discussion: "The robot takes it from its owner, and from the operators in its configuration.")
        @OptionGroup var options: DeviceOptions
        @Argument(help: "The device's name or id.") var device: String
        @Argument var property: String
        @Argument(help: "JSON; what is no JSON is a text.") var value: String

        func run() async throws {
            try await self.options.send(
                .write(
                    typedValue(self.value), property: self.property, thing: self.device,
                    id: self.options.command.name()))
        }
    }

    struct Invoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a device of the robot do something, from afar, signed.")
        @OptionGroup var options: DeviceOptions
        @Argument(help: "The device's name or id.") var device: String
        @Argument var action: String
        @Argument(help: "JSON; nothing for an action without input.") var input: String?

        func run() async throws {
            try await self.options.send(
                .invoke(
                    self.action, thing: self.device, input: self.input.map(typedValue) ?? .null,
                    id: self.options.command.name()))
        }
    }
}

extension OrderOption {
    /// Sends a command to a device of the wallet's robot, and says how far it came.
    func send(_ request: DeviceRequest, life: Int, as command: CommandOption, asJSON: Bool) async throws {
        guard self.out == nil else {
            throw ValidationError("a command to a device goes over a broker; on the robot: depai device")
        }
        let key = try self.signer.key()
        let order = DeviceOrder(
            request, wallet: self.wallet, issuer: key.publicKey, at: SystemTimeline().now,
            life: .seconds(life))
        let envelope = try order.signed(with: key)
        try await OwnerLine.with(self.address(), wallet: self.wallet, identity: self.identityKey()) { line in
            let answer = try await line.order(envelope, named: request.id)
            if let refusal = try answer["refusal"].ifPresent?.string() {
                throw Failure(answer["rule"].exists ? 4 : 1, refusal)
            }
            try command.tell(answer, as: request.id, asJSON: asJSON)
        }
    }
}
