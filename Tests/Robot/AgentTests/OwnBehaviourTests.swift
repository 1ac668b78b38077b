import Agent
import Database
import Encoding
import Home
import PaymentSupport
import Sodium
import Synchronization
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import Wallet
import World

/// Behaviours of an embedding program, in a whole robot.
@Suite(.endsHangs) struct OwnBehaviourTests {
    /// Fails once in the middle of what it hears, and is done at the second try.
    private final class Listener: Behaviour {
        static let name = "listener"

        private let heard = Mutex<[[JSON]]>([])

        var values: [[JSON]] { self.heard.withLock { $0 } }

        func run(at bench: Workbench) async throws {
            self.heard.withLock { $0.append([]) }
            // In a task that ends, as a stream does not survive it.
            let value = try await withThrowingTaskGroup(of: JSON.self) { group in
                group.addTask {
                    for await reading in bench.readings where reading.property == "temperature" {
                        return reading.value
                    }
                    throw CancellationError()
                }
                return try await group.next() ?? .null
            }
            let tries = self.heard.withLock { heard in
                heard[heard.count - 1].append(value)
                return heard.count
            }
            guard tries > 1 else { throw JSONError.value(pointer: "/\(value.text)", reason: "too cold") }
            #expect(await bench.devices.twin("env-1")?.reported["temperature"]?.value == value)
            try await bench.log("heard", "enough", ["value": value])
        }
    }

    private struct Silent: Web {
        func send(_ request: WebRequest) async throws(WebError) -> WebResponse { throw .timedOut }
    }

    private func home(_ folder: FilePath) async throws -> (Home, AgentConfiguration) {
        let home = Home(folder.appending("home"))
        let seed = try SecretBytes(count: 16) { $0.copyBytes(from: [UInt8](1...16)) }
        let secret = try SecretBytes(count: 4) { $0.copyBytes(from: "test".utf8) }
        _ = try await home.create(
            seed: WalletSeed(words: Mnemonic(entropy: seed)), passphrase: secret, owner: key(11).publicKey,
            policy: nil, cost: .least, timeline: StepTimeline(), entropy: PaymentSupport.CountingEntropy())
        try DurableFile.write(Array("test".utf8), to: home.path.appending("passphrase"))
        try DurableFile.createFolder(home.path.appending("devices"))
        try DurableFile.write(
            Array(try json("environment-sensor/env-1.td.json").text.utf8),
            to: home.path.appending("devices/env-1.td.json"))
        let configuration = try AgentConfiguration(
            JSONField([
                "network": "devnet", "rpc": "http://rpc", "passphrase_file": "passphrase",
                "broker": ["host": "h", "client_id": "r"], "devices": "devices", "providers": [],
            ]), in: home.path)
        return (home, configuration)
    }

    @Test func `it hears from the first message on, and is run again with what is said from then on`()
        async throws
    {
        try await withFolder { folder in
            let (home, configuration) = try await self.home(folder)
            let (bus, listener) = (MemoryBus(), Listener())
            let events = Mutex<[String]>([])
            let agent = Agent(
                home: home, configuration: configuration, bus: bus, web: Silent(), timeline: StepTimeline(),
                entropy: PaymentSupport.CountingEntropy(), behaviours: [listener],
                onListening: {
                    for number in 1...3 {
                        bus.arrive("env/env-1/state", #"{"temperature":\#(number),"humidity":50}"#)
                    }
                },
                onEvent: { event in events.withLock { $0.append("\(event.kind): \(event.text)") } })
            let life = Task { try await agent.run() }
            defer { life.cancel() }
            _ = try await eventually("the second try") { listener.values.count > 1 ? true : nil }
            _ = try await eventually("the end") { () -> Bool? in
                bus.arrive("env/env-1/state", #"{"temperature":9,"humidity":50}"#)
                return events.withLock { $0.contains("heard: enough") } ? true : nil
            }
            #expect(listener.values == [[1], [9]])
            #expect(events.withLock { $0.contains { $0.hasPrefix("fault: listener waits: ") } })
        }
    }

    @Test func `two of one name are refused before anything is opened`() async throws {
        try await withFolder { folder in
            let (home, configuration) = try await self.home(folder)
            let agent = Agent(
                home: home, configuration: configuration, bus: MemoryBus(), web: Silent(),
                timeline: StepTimeline(), entropy: PaymentSupport.CountingEntropy(),
                behaviours: [Listener(), Listener()])
            await #expect(throws: BehaviourError.twins("listener")) { try await agent.run() }
        }
    }
}
