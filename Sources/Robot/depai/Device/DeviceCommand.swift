import ArgumentParser
import Console
import Control
import Encoding
import Home
import Linux

/// Devices: what they are, what they say, and what they are told.
struct DeviceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "Look at devices, command them, and check their descriptions.",
        discussion: "All but check, import and new ask the robot that runs in the home.",
        subcommands: [
            List.self, Show.self, Watch.self, Read.self, Write.self, Invoke.self, Check.self,
            Import.self, New.self,
        ], defaultSubcommand: List.self)
}

extension Home {
    /// Asks the robot that runs in this home about its devices.
    func ask(_ request: DeviceRequest) async throws -> JSONField {
        let answer: JSONField
        do {
            // A command waits for its device, ten minutes at most by its description.
            let bytes = try await self.controlSocket.ask(
                try request.json.canonicalBytes(), patience: .seconds(660))
            answer = JSONField(try JSON.read(bytes, limits: .init(bytes: 8 << 20, depth: 40)))
        } catch ControlSocket.Fault.nobodyListens {
            throw Failure(
                Failure.unreachable, "no robot runs in this home", hint: "depai run; it follows the devices")
        } catch ControlSocket.Fault.brokenAnswer {
            throw Failure(
                7, "the robot hung up before it answered",
                hint: request.id.map { "the same command with --id \($0) goes on where it was" })
        }
        if let refusal = try answer["refusal"].ifPresent?.string() {
            throw Failure(answer["rule"].exists ? 4 : 1, refusal)
        }
        return answer
    }
}

/// A value as a person types it: JSON, and what is no JSON is a text.
func typedValue(_ text: String) -> JSON {
    (try? JSON.read(text, limits: .init(bytes: 64 << 10, depth: 32))) ?? .string(text)
}

/// A value as a person reads it.
func shownValue(_ value: JSON?, unit: String?) -> String {
    guard let value else { return "-" }
    let text = if case .string(let text) = value { text } else { value.text }
    let words = ["Cel": "°C", "percent": "%"]
    return unit.map { "\(text) \(words[$0] ?? $0)" } ?? text
}
