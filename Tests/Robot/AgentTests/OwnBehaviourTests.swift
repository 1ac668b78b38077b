import Agent
import Control
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
    /// Fails once in the middle of what it hears, takes one portion at the second try, and waits for the next.
    private final class Listener: Behaviour {
        static let name = "listener"

        private let heard = Mutex<[[JSON]]>([])

        var values: [[JSON]] { self.heard.withLock { $0 } }
        var wantedReadings: Set<String>? { ["env-1/temperature"] }

        func run(at bench: Workbench) async throws {
            let tries = self.heard.withLock { heard in
                heard.append([])
                return heard.count
            }
            var portion = try await bench.readings.next(2)
            self.hear(portion)
            if tries == 1 { throw JSONError.value(pointer: "/", reason: "too cold") }
            try await bench.readings.take(portion)
            #expect(await bench.devices.twin("env-1")?.reported["humidity"]?.value == 50)
            portion = try await bench.readings.next(2)
            self.hear(portion)
            try await bench.log("heard", "enough", ["value": portion.readings.last?.value ?? .null])
        }

        private func hear(_ portion: FollowedReadings.Portion) {
            self.heard.withLock { $0[$0.count - 1] += portion.readings.map(\.value) }
        }
    }

    private final class Events: Sendable {
        private let state = Mutex<[String]>([])
        var all: [String] { self.state.withLock { $0 } }
        func add(_ event: EventRecord) { self.state.withLock { $0.append("\(event.kind): \(event.text)") } }
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

    @Test func `it hears from the first message on, and again what it did not take, over restarts`()
        async throws
    {
        try await withFolder { folder in
            let (home, configuration) = try await self.home(folder)
            let events = Events()
            let first = try await self.live(home, configuration, saying: 1...3, events) { listener in
                listener.values.last?.count == 3 && events.all.contains("heard: enough")
            }
            // What was not taken came again, what was taken did not.
            #expect(first == [[1, 2], [1, 2, 3]])
            #expect(events.all.contains { $0.hasPrefix("fault: listener waits: ") })
            #expect(events.all.contains("heard: enough"))
            // The third was not taken, and stays over the restart.
            let second = try await self.live(home, configuration, saying: 4...6, events) { listener in
                listener.values.last?.count == 4
            }
            #expect(second == [[3, 4], [3, 4, 5, 6]])
        }
    }

    /// One life of the robot, in which a sensor says numbers.
    private func live(
        _ home: Home, _ configuration: AgentConfiguration, saying numbers: ClosedRange<Int>,
        _ events: Events, until isDone: @Sendable (Listener) -> Bool
    ) async throws -> [[JSON]] {
        let (bus, listener) = (MemoryBus(), Listener())
        let agent = Agent(
            home: home, configuration: configuration, bus: bus, web: Silent(), timeline: StepTimeline(),
            entropy: PaymentSupport.CountingEntropy(), behaviours: [listener],
            onListening: {
                for number in numbers {
                    bus.arrive("env/env-1/state", #"{"temperature":\#(number),"humidity":50}"#)
                }
            },
            onEvent: { events.add($0) })
        let life = Task { try await agent.run() }
        _ = try await eventually("what it hears") { isDone(listener) ? true : nil }
        life.cancel()
        _ = await life.result
        return listener.values
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
