import Agent
import Database
import Devices
package import Encoding
import Home
import Market
package import SimulatedDevices
package import SystemPackage

/// What a simulation is made of: read from `Simulator/Scenarios/NAME.yaml`.
package struct Scenario: Sendable {
    package let name: String
    package let summary: String
    /// Decides keys, blockhashes, sensor noise and device timing.
    package var seed: UInt64
    package let slotMilliseconds: Int
    /// Atomic units of the test token that the robot starts with.
    package let tokens: UInt64
    package let nodes: [NodeSettings]
    /// Families below `Devices/`.
    package let devices: [String]
    package let map: String
    package let goal: (x: Int, y: Int)
    package let units: UInt64
    package let batches: Int
    package let readings: Int
    package let days: Int
    package let challenges: Int
    /// What the robot puts into a payment channel with each provider, in whole units; nil pays on the chain.
    package let deposit: String?
    package let limits: Limits
    /// A run that takes longer has failed.
    package let timeLimitSeconds: Int64

    /// The owner's limits in atomic units.
    package struct Limits: Sendable {
        package let perPayment: UInt64
        package let perHour: UInt64
        package let lifetime: UInt64
    }

    package struct NodeSettings: Sendable {
        package let name: String
        package let storage: JSON
        package let compute: JSON
        package let fault: NodeFault?
        /// Sells through the robot's broker, and has no open port.
        package let isOnBroker: Bool
    }

    /// How a node betrays its customer. The node itself is the honest program; the fault sits between it and
    /// the robot.
    package enum NodeFault: String, Sendable, CaseIterable {
        /// Settles the payment, then is killed before its answer arrives.
        case diesAfterPayment = "dies-after-payment"
        /// Settles the payment and answers with noise of the right length.
        case garbage
    }

    package init(_ root: JSONField) throws {
        try root.only([
            "name", "summary", "seed", "slot_ms", "tokens", "nodes", "devices", "map", "goal", "units",
            "behaviours", "limits", "deposit",
            "time_limit_seconds",
        ])
        self.name = try root["name"].string()
        self.summary = try root["summary"].string()
        self.seed = try root["seed"].integer()
        self.slotMilliseconds = try root["slot_ms"].integer()
        self.tokens = try root["tokens"].integer()
        self.nodes = try root["nodes"].elements().map { field in
            try field.only(["name", "storage", "compute", "fault", "over"])
            let over = try field["over"].ifPresent?.string() ?? "http"
            guard ["http", "mqtt"].contains(over) else { throw field["over"].fault("http or mqtt") }
            let fault = try field["fault"].ifPresent.map { fault in
                guard let known = NodeFault(rawValue: try fault.string()) else {
                    throw fault.fault("unknown fault")
                }
                // Who betrays stands between the node's port and the robot.
                guard over == "http" else { throw fault.fault("only over http") }
                return known
            }
            return NodeSettings(
                name: try field["name"].string(), storage: field["storage"].value ?? .null,
                compute: field["compute"].value ?? .null, fault: fault, isOnBroker: over == "mqtt")
        }
        self.devices = try root["devices"].elements().map { try $0.string() }
        self.map = try root["map"].string()
        self.goal = (try root["goal"]["x"].integer(), try root["goal"]["y"].integer())
        self.units = try root["units"].integer()
        let behaviours = root["behaviours"]
        try behaviours.only(["archive"])
        let archive = behaviours["archive"]
        try archive.only(["batches", "readings", "days", "challenges"])
        self.batches = try archive["batches"].integer()
        self.readings = try archive["readings"].integer()
        self.days = try archive["days"].integer()
        self.challenges = try archive["challenges"].integer()
        self.deposit = try root["deposit"].ifPresent?.string()
        self.limits = Limits(
            perPayment: try root["limits"]["per_payment"].integer(),
            perHour: try root["limits"]["per_hour"].integer(),
            lifetime: try root["limits"]["lifetime"].integer())
        self.timeLimitSeconds = try root["time_limit_seconds"].integer()
    }
}

/// Where the simulator finds what it is made of.
package struct Sources: Sendable {
    /// The repository, or wherever `Devices` and `Simulator` were installed.
    package let root: FilePath

    package init(root: FilePath) { self.root = root }

    package var devices: FilePath { self.root.appending("Devices") }
    package var scenarios: FilePath { self.root.appending("Simulator").appending("Scenarios") }
    package var routeJob: FilePath {
        self.root.appending("Simulator").appending("Jobs").appending("route").appending("route.wasm")
    }

    /// Where a family describes the device `name`.
    package func description(_ name: String, of family: String) -> FilePath {
        self.devices.appending(family).appending("\(name).td.json")
    }

    /// The physical model of a family.
    func model(of family: String) throws -> JSON {
        try Settings.read(self.devices.appending(family).appending("\(family).sim.yaml")).value ?? .null
    }

    /// The device `name` as the family describes it.
    package func thing(_ name: String, of family: String, seed: UInt64) throws -> SimulatedThing {
        let description = try JSON.read(try DurableFile.read(self.description(name, of: family)))
        return try SimulatedThing(
            thing: try Thing(description: description, profiles: Profiles.all),
            model: try self.model(of: family), seed: seed)
    }

    /// The names of the scenarios that exist.
    package func scenarioNames() throws -> [String] {
        try DurableFile.names(in: self.scenarios).filter { $0.hasSuffix(".yaml") }.map {
            String($0.dropLast(5))
        }.sorted()
    }

    package func scenario(_ name: String) throws -> Scenario {
        guard try self.scenarioNames().contains(name) else {
            throw SimulationError.noScenario(name, known: try self.scenarioNames())
        }
        return try Scenario(try Settings.read(self.scenarios.appending(name + ".yaml")))
    }
}

/// Why a simulation does not run.
package enum SimulationError: Error, CustomStringConvertible {
    case noScenario(String, known: [String])
    /// A helper program could not be started or ended by itself.
    case process(name: String, log: String)
    case timedOut(seconds: Int64)
    case chain(String)

    package var description: String {
        switch self {
        case .noScenario(let name, let known):
            "there is no scenario \"\(name)\"; there are \(known.joined(separator: ", "))"
        case .process(let name, let log): "\(name) ended unexpectedly; see \(log)"
        case .timedOut(let seconds): "the scenario did not end within \(seconds) s"
        case .chain(let reason): "setting up the chain failed: \(reason)"
        }
    }
}
