import Glibc
import Linux
import Messaging
import SystemPackage
import World

/// Fills and sends an outbox until it is killed, for the test that pulls the plug:
///
///     depai-outbox FILE PORT FIRST
///
/// Writes the number of each message to standard output once it is durable.
@main
struct OutboxWorkload {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let port = Int32(arguments[2]), let first = Int(arguments[3]) else {
            _ = try FileDescriptor.standardError.writeAll("usage: depai-outbox FILE PORT FIRST\n".utf8)
            exit(2)
        }
        let bus = MosquittoBus(
            BrokerAddress(host: "127.0.0.1", port: port, clientID: "depai-outbox"), entropy: SystemEntropy(),
            pause: RetryPause(leastMilliseconds: 5, mostMilliseconds: 20))
        let outbox = try Outbox(path: FilePath(arguments[1]), bus: bus, timeline: SystemTimeline())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            group.addTask { try await outbox.run() }
            var number = first
            while true {
                let text = "\(number)"
                try outbox.add(Message(topic: "out/\(number % 7)", payload: Array(text.utf8)), .must)
                _ = try FileDescriptor.standardOutput.writeAll("\(text)\n".utf8)
                number += 1
                await Task.yield()
            }
        }
    }
}
