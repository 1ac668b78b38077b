import Database
import Devices
import Encoding
import Glibc
import Linux
import SimulatedDevices
import Simulation
import SystemPackage
import World

/// Many commands to one device while runtime and broker are killed: each is carried out once.
///
/// The device is a mobile base that drives to and fro: a command that is lost or comes twice finds it on the
/// wrong cell and fails.
struct CommandSoak {
    let count: Int
    let folder: FilePath
    let programs: FilePath

    /// Starts broker and device, lets the runtime work, and kills.
    /// - Returns: whether every command was carried out once, by the device's own count.
    func run() async throws -> Bool {
        let port = try Child.freePort()
        let configuration = """
            listener \(port) 127.0.0.1
            allow_anonymous true
            persistence true
            persistence_location \(self.folder)/
            autosave_on_changes true
            autosave_interval 1

            """
        try DurableFile.write(Array(configuration.utf8), to: self.folder.appending("mosquitto.conf"))
        let thing = try Self.thing()
        let simulated = try SimulatedThing(
            thing: thing,
            model: [
                "kind": "mobile-base", "start": ["x": 2, "y": 2], "cellsPerSecond": 500, "battery": 100,
                "drainPerCell": 0, "intervalMs": 10_000, "memory": 65_536,
            ], seed: 1)
        let bus = Self.bus("depai-soak-device", port)
        let device = DeviceSimulator(simulated, bus: bus, timeline: SystemTimeline())
        let broker = MortalChild()
        let runtime = MortalChild()
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                _ = try await broker.run(
                    "/usr/sbin/mosquitto", ["-c", self.folder.appending("mosquitto.conf").string],
                    log: self.folder.appending("mosquitto.log"))
                throw SimulationError.process(name: "mosquitto", log: self.folder.string)
            }
            group.addTask {
                await bus.run()
                return false
            }
            group.addTask {
                try await device.run()
                return false
            }
            group.addTask { try await self.kill(runtime, broker) }
            group.addTask {
                let start = ContinuousClock.now
                let log = self.folder.appending("runtime.log")
                let code = try await runtime.run(
                    self.programs.appending("depai-soak"),
                    ["command", String(port), self.journal.string, String(self.count)], log: log)
                guard code == 0 else {
                    throw SimulationError.process(name: "the runtime (exit \(code))", log: log.string)
                }
                print("\(self.count) commands in \(Int((ContinuousClock.now - start) / .seconds(1))) s")
                return try await self.isOnce(device)
            }
            return try await group.next() ?? false
        }
    }

    private var journal: FilePath { self.folder.appending("devices.db") }

    private func kill(_ runtime: MortalChild, _ broker: MortalChild) async throws -> Bool {
        let entropy = SystemEntropy()
        var kills = 0
        while true {
            try await Task.sleep(for: .milliseconds(3_000 + Int(entropy.number(below: 9_000))))
            entropy.number(below: 3) == 0 ? broker.crash() : runtime.crash()
            kills += 1
            if kills % 20 == 0 {
                let commands = try DeviceView(path: self.journal).commands()
                print("\(kills) kills, \(commands.count) commands")
            }
        }
    }

    private func isOnce(_ device: DeviceSimulator) async throws -> Bool {
        let executions = await device.executions()
        let done = try DeviceView(path: self.journal).commands().count { $0.state == .done }
        let twice = executions.byCommand.values.count { $0 > 1 }
        print("wanted \(self.count), done by the journal \(done), carried out \(executions.byCommand.count)")
        print("carried out twice \(twice), asked again and only answered \(executions.repeated)")
        return done == self.count && executions.byCommand.count == self.count && twice == 0
    }

    // MARK: the runtime

    /// Sends command after command until each is done; where it was killed it goes on with the same id.
    static func work(port: Int, journal: FilePath, count: Int) async throws {
        let bus = self.bus("depai-soak-runtime", port)
        let hub = try DeviceHub(
            things: [try self.thing()], bus: bus, store: journal, timeline: SystemTimeline(),
            entropy: SystemEntropy())
        let done = try DeviceView(path: journal).commands().count { $0.state == .done }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await bus.run() }
            group.addTask { try await hub.run() }
            for number in done..<max(done, count) {
                let (from, to): (JSON, JSON) = number.isMultiple(of: 2) ? (2, 3) : (3, 2)
                let input: JSON = ["path": [["x": from, "y": 2], ["x": to, "y": 2]]]
                while true {
                    let record = try await hub.invoke(
                        "follow", of: "base-1", input: input, id: "command \(number)")
                    if record.state == .done { break }
                    guard !record.state.isFinal else {
                        throw DeviceError.value(affordance: "follow", reason: "\(record)")
                    }
                }
            }
        }
    }

    /// The shipped base, without the owner's limit on how often it is told something.
    private static func thing() throws -> Thing {
        let file = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .appending("Devices").appending("mobile-base").appending("base-1.td.json")
        var description = try JSON.read(try DurableFile.read(file))
        var actions = description["actions"] ?? [:]
        var follow = actions["follow"] ?? [:]
        follow["depai:limits"] = JSON?.none
        actions["follow"] = follow
        description["actions"] = actions
        return try Thing(description: description)
    }

    private static func bus(_ name: String, _ port: Int) -> MosquittoBus {
        MosquittoBus(
            BrokerAddress(host: "127.0.0.1", port: Int32(port), clientID: name), entropy: SystemEntropy())
    }
}
