// swift-tools-version: 6.2
import PackageDescription

/// Settings of every target of ours. Warnings are errors where nobody watches: in CI.
let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

/// Tests may lean on what a test target's dependencies re-export, so they go without member import
/// visibility.
let testing: [SwiftSetting] =
    [.swiftLanguageMode(.v6)] + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

/// A wing is a folder of `Sources` and of `Tests`, a room is a module in it.
enum Wing: String {
    case ground = "Ground"
    case trust = "Trust"
    case money = "Money"
    case things = "Things"
    case trade = "Trade"
    case robot = "Robot"
    case provider = "Provider"
    case simulator = "Simulator"

    /// A C library of the distribution.
    static func system(_ name: String, _ pkgConfig: String? = nil, apt: String? = nil) -> Target {
        .systemLibrary(
            name: name, path: "Sources/Ground/System/\(name)", pkgConfig: pkgConfig,
            providers: apt.map { [.apt([$0])] })
    }

    func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
        .target(
            name: name, dependencies: dependencies, path: "Sources/\(self.rawValue)/\(name)",
            swiftSettings: strict)
    }

    func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
        .executableTarget(
            name: name, dependencies: dependencies, path: "Sources/\(self.rawValue)/\(name)",
            swiftSettings: strict)
    }

    func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
        .testTarget(
            name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies,
            path: "Tests/\(self.rawValue)/\(name)Tests", swiftSettings: testing)
    }

    /// What tests share or run beside themselves.
    func bench(_ name: String, in folder: String, _ dependencies: [Target.Dependency]) -> Target {
        .executableTarget(
            name: name, dependencies: dependencies, path: "Tests/\(self.rawValue)/\(folder)",
            swiftSettings: strict)
    }
}

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

/// Its `main` is libFuzzer's, so it can be linked by `Tests/Fuzzing/run` only.
let fuzzer: [Target] =
    Context.environment["DEPAI_FUZZING"] == nil
    ? []
    : [
        .executableTarget(
            name: "depai-fuzzer", dependencies: ["Fuzzing"], path: "Tests/Fuzzing",
            exclude: ["Corpus", "Decoders.swift", "Entrances.swift", "run"], sources: ["Fuzzer.swift"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])])
    ]

let package = Package(
    name: "depai",
    products: [
        // What a robot program of one's own embeds: build an `Agent`, hand it ports, run it.
        .library(
            name: "Agent", targets: ["Agent", "Control", "Devices", "Encoding", "World", "Linux", "Home"]),
        // Does its HTTP: must lie beside it.
        .executable(name: "depai-web", targets: ["depai-web"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        // Floor 0: the distribution's C libraries and the kernel.
        Wing.system("CSodium", "libsodium", apt: "libsodium-dev"),
        Wing.system("CCrypto", "libcrypto", apt: "libssl-dev"),
        Wing.system("CMosquitto", "libmosquitto", apt: "libmosquitto-dev"),
        Wing.system("CSQLite", "sqlite3", apt: "libsqlite3-dev"),
        Wing.system("CLinux"),
        Wing.system("CCurl", "libcurl", apt: "libcurl4-openssl-dev"),
        Wing.system("CUnistring", apt: "libunistring-dev"),
        Wing.system("CQREncode", "libqrencode", apt: "libqrencode-dev"),
        Wing.system("CYAML", "yaml-0.1", apt: "libyaml-dev"),
        // Floor 1
        Wing.ground.library("World"),
        Wing.ground.library("Encoding"),
        Wing.ground.library("Sodium", ["CSodium", "CCrypto"]),
        Wing.ground.library("Database", ["CSQLite", system]),
        Wing.ground.library("Wasm"),
        // Floor 2
        Wing.ground.library("Exchanges", ["World", "Encoding"]),
        Wing.ground.library("Linux", ["Exchanges", "World", "CMosquitto", "CLinux"]),
        Wing.ground.program("depai-web", ["Exchanges", "World", "CCurl", "CLinux"]),
        Wing.trust.library("Statements", ["Encoding", "Sodium"]),
        Wing.money.library("Ledger", ["Statements", "World", "Encoding", "Sodium", "Database", system]),
        Wing.money.library("ChainNodes", ["World", "Encoding"]),
        Wing.things.library("Messaging", ["World", "Database", system]),
        // Floor 3
        Wing.things.library("Devices", ["Messaging", "World", "Encoding", "Database", system]),
        Wing.things.library("VDA5050", ["Messaging", "World", "Encoding", "Database", system]),
        Wing.money.library("Solana", ["ChainNodes", "World", "Encoding", "Sodium"]),
        Wing.money.library("Stellar", ["ChainNodes", "World", "Encoding", "Sodium"]),
        Wing.money.library(
            "Wallet",
            [
                "CUnistring", "Statements", "Ledger", "World", "Encoding", "Sodium", "Database", system,
            ]),
        // Floor 4
        Wing.money.library(
            "Payments",
            ["Statements", "Wallet", "Ledger", "World", "Encoding", "Sodium", "Database"]),
        Wing.money.library(
            "Rails",
            [
                "Payments", "Wallet", "Ledger", "Solana", "Stellar", "ChainNodes", "World", "Encoding",
                "Sodium",
            ]),
        Wing.robot.library(
            "Home",
            [
                "Statements", "Wallet", "Ledger", "World", "Encoding", "Sodium", "Database", "CYAML", system,
            ]),
        // Floors 5 and 6
        Wing.robot.library(
            "Control",
            [
                "Home", "Payments", "Devices", "VDA5050", "Messaging", "Ledger", "Statements", "World",
                "Encoding", "Sodium", "Database", system,
            ]),
        Wing.trade.library("Market", ["Statements", "World", "Encoding", "Sodium"]),
        Wing.trade.library(
            "Compute",
            ["Market", "Payments", "Ledger", "Statements", "Wasm", "World", "Encoding", "Sodium"]),
        Wing.trade.library(
            "Storage", ["Market", "Payments", "Ledger", "Statements", "World", "Encoding", "Sodium"]),
        // Floor 7
        Wing.provider.library(
            "Node",
            [
                "Rails", "Payments", "Storage", "Compute", "Market", "Ledger", "Wallet", "Statements",
                "Wasm", "World", "Encoding", "Sodium",
                "Database", "Home", system, hummingbird, lifecycle, logging,
            ]),
        Wing.robot.library(
            "Agent",
            [
                "Control", "Rails", "Payments", "Storage", "Compute", "Market", "Devices", "VDA5050",
                "Messaging", "Ledger", "Wallet", "Statements", "Solana", "World", "Encoding", "Sodium",
                "Database", "Home", system,
            ]),
        // Floor 8
        Wing.robot.library(
            "Console",
            [
                "Payments", "Home", "ChainNodes", "Ledger", "Wallet", "Encoding", "Sodium", "Database",
                "Linux", "World", system, logging,
            ]),
        Wing.robot.program(
            "depai",
            [
                "Console", "Agent", "Control", "Home", "Rails", "Payments", "Devices", "Solana", "Stellar",
                "ChainNodes", "Ledger", "Wallet", "Statements", "Encoding", "Sodium", "Database", "Linux",
                "World", "CQREncode",
                arguments, system,
            ]),
        Wing.robot.program(
            "depaid",
            [
                "Console", "Agent", "Control", "Home", "Database", "Linux", "World", logging, signals, system,
            ]),
        Wing.provider.program(
            "depai-node",
            [
                "Console", "Node", "Home", "Ledger", "Encoding", "Linux", "Database", arguments, lifecycle,
                logging,
                signals, system,
            ]),
        // The simulator
        .target(
            name: "SimulatedChain", dependencies: ["World", "Encoding", "Sodium", "Solana"],
            path: "Simulator/Chain",
            swiftSettings: strict),
        .target(
            name: "StellarChain", dependencies: ["World", "Encoding", "Sodium", "Stellar"],
            path: "Simulator/StellarChain", swiftSettings: strict),
        .target(
            name: "SimulatedDevices",
            dependencies: ["World", "Encoding", "Messaging", "Devices", "VDA5050", system],
            path: "Simulator/Devices",
            swiftSettings: strict),
        .target(
            name: "Simulation",
            dependencies: [
                "SimulatedChain", "SimulatedDevices", "Agent", "Control", "Node", "Home", "Rails", "Payments",
                "Market",
                "Devices", "VDA5050", "Messaging", "Ledger", "Wallet", "Statements", "Storage",
                "Compute", "Solana", "World", "Encoding", "Sodium", "Database", "Linux", heap, hummingbird,
                logging,
                subprocess,
                system,
            ],
            path: "Simulator/World", swiftSettings: strict),
        .executableTarget(
            name: "depai-sim",
            dependencies: [
                "Simulation", "Database", "Encoding", "Linux", "World", arguments, signals, system,
            ],
            path: "Simulator/Command", swiftSettings: strict),
        // Tests
        .target(
            name: "TestSupport", dependencies: [subprocess, system], path: "Tests/Support",
            swiftSettings: testing),
        Wing.robot.bench(
            "depai-crashing", in: "CrashingRobot",
            ["Agent", "Control", "Devices", "Home", "Ledger", "Database", "Linux", system]),
        Wing.money.bench(
            "depai-payments", in: "PaymentWorkload",
            ["Ledger", "Linux", "Encoding", "Sodium", "Database", system]),
        Wing.things.bench(
            "depai-readings", in: "ReadingWorkload", ["Devices", "Linux", "World", "Encoding", system]),
        Wing.trade.bench(
            "depai-work", in: "WorkWorkload", ["Compute", "Storage", "Wasm", "Sodium", "Encoding", system]),
        .executableTarget(
            name: "depai-soak",
            dependencies: [
                "Simulation", "SimulatedChain", "SimulatedDevices", "Devices", "Agent", "Node", "Home",
                "Storage", "Market", "Rails", "Payments",
                "Wallet", "Ledger", "Solana", "Linux", "World", "Encoding", "Database", system,
            ], path: "Tests/Soak", exclude: ["run"], swiftSettings: strict),
        Wing.things.bench("depai-outbox", in: "OutboxWorkload", ["Messaging", "Linux", "World", system]),
        .target(
            name: "PaymentSupport",
            dependencies: [
                "TestSupport", "Node", "Storage", "Market", "Rails", "Payments", "Wallet", "Statements",
                "Ledger", "Solana", "ChainNodes", "SimulatedChain", "World", "Encoding", "Sodium", "Database",
                system,
            ],
            path: "Tests/Money/PaymentSupport", swiftSettings: strict),
        Wing.money.tests(
            of: "Payments",
            [
                "PaymentSupport", "TestSupport", "Rails", "Node", "Wallet", "Statements", "Ledger",
                "Solana", "World", "Encoding", "Sodium",
            ]),
        Wing.money.tests(
            of: "Rails",
            [
                "PaymentSupport", "TestSupport", "Payments", "Node", "Storage", "Wallet", "Statements",
                "Ledger", "Solana", "Stellar", "ChainNodes", "SimulatedChain", "StellarChain", "World",
                "Encoding", "Sodium", system,
            ]),
        Wing.provider.tests(
            of: "Node",
            [
                "PaymentSupport", "TestSupport", "Linux", "Rails", "Payments", "Storage", "Compute", "Market",
                "Wallet", "Ledger", "Statements", "Solana", "SimulatedChain", "World", "Encoding", "Sodium",
                "Database", system, hummingbird,
            ]),
        Wing.ground.tests(of: "Encoding", ["TestSupport"]),
        Wing.ground.tests(of: "Sodium", ["Encoding"]),
        Wing.ground.tests(of: "Database", ["TestSupport", "depai-payments", subprocess, system]),
        Wing.ground.tests(of: "Wasm", ["TestSupport"]),
        Wing.trust.tests(of: "Statements", ["TestSupport", "Encoding", "Sodium", subprocess]),
        Wing.money.tests(
            of: "Ledger",
            [
                "TestSupport", subprocess, "depai-payments", "Statements", "World", "Encoding", "Sodium",
                "Database", system,
            ]),
        Wing.money.tests(
            of: "Wallet",
            [
                "TestSupport", subprocess, "Ledger", "Statements", "Solana", "World", "Encoding", "Sodium",
                "Database", system,
            ]),
        Wing.money.tests(of: "ChainNodes", ["World", "Encoding"]),
        Wing.money.tests(of: "Solana", ["TestSupport", "ChainNodes", "World", "Encoding", "Sodium"]),
        Wing.money.tests(
            of: "Stellar", ["TestSupport", "ChainNodes", "World", "Encoding", "Sodium", subprocess]),
        Wing.simulator.tests(
            of: "SimulatedChain", ["TestSupport", "Solana", "ChainNodes", "World", "Encoding", "Sodium"]),
        Wing.simulator.tests(
            of: "StellarChain", ["TestSupport", "Stellar", "ChainNodes", "World", "Encoding", "Sodium"]),
        .target(
            name: "ThingSupport",
            dependencies: ["TestSupport", "Devices", "Messaging", "World", "Encoding", system],
            path: "Tests/Things/ThingSupport", swiftSettings: strict),
        Wing.things.tests(
            of: "Messaging",
            [
                "ThingSupport", "TestSupport", subprocess, "Linux", "Database", "World", "depai-outbox",
                system,
            ]),
        Wing.things.tests(
            of: "Devices",
            [
                "ThingSupport", "TestSupport", subprocess, "Linux", "Home", "Agent", "SimulatedDevices",
                "Messaging", "World", "Encoding", "Database", "depai-readings", system,
            ]),
        Wing.things.tests(
            of: "VDA5050",
            [
                "ThingSupport", "TestSupport", subprocess, "Linux", "SimulatedDevices", "World", "Encoding",
                system,
            ]),
        Wing.ground.tests(of: "Exchanges", ["World"]),
        Wing.ground.tests(of: "depai-web", ["TestSupport", "CLinux"]),
        Wing.ground.tests(of: "Linux", ["TestSupport", "World", "depai-web", subprocess, system]),
        Wing.trade.tests(of: "Compute", ["TestSupport", "Linux", "Wasm", "World", "Encoding"]),
        Wing.robot.tests(of: "Console", ["Encoding", logging]),
        Wing.robot.tests(
            of: "Home", ["TestSupport", "Statements", "Sodium", "Database", "World", "Encoding", system]),
        Wing.robot.tests(
            of: "Control",
            [
                "Payments", "Ledger", "Statements", "Sodium", "Linux", "World", "Encoding",
            ]),
        Wing.robot.tests(
            of: "Agent",
            [
                "Node", "Wallet", "TestSupport", "PaymentSupport", "ThingSupport", "Market", "Rails",
                "Payments",
                "Storage",
                "Control",
                "SimulatedDevices", "Devices",
                "VDA5050", "Messaging", "Home", "Ledger", "Linux", "Sodium", "Database", "World", "Encoding",
                "depai-crashing", subprocess, system,
            ]),
        Wing.simulator.tests(of: "SimulatedDevices", ["Devices", "VDA5050", "World", "Encoding"]),
        Wing.simulator.tests(
            of: "Simulation",
            [
                "Agent", "Control", "Devices", "VDA5050", "SimulatedDevices", "TestSupport",
                "SimulatedChain", "Solana", "Storage", "Ledger", "Wallet", "Node", "Statements",
                "Sodium",
                "Database", "Encoding", "Home", "Linux", "World", subprocess, system, "depai", "depaid",
                "depai-node",
                "depai-crashing",
            ]),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport", subprocess], swiftSettings: testing),
        .target(
            name: "Fuzzing",
            dependencies: [
                "Agent", "Devices", "VDA5050", "Home", "Ledger", "Market", "Rails", "Payments", "Solana",
                "Exchanges", "Stellar", "Sodium", "Statements", "Wallet", "Wasm", "World", "Encoding", system,
            ],
            path: "Tests/Fuzzing", exclude: ["Corpus", "Fuzzer.swift", "run"],
            sources: ["Decoders.swift", "Entrances.swift"],
            swiftSettings: strict),
        .testTarget(name: "FuzzingTests", dependencies: ["Fuzzing", "TestSupport"], swiftSettings: testing),
    ] + fuzzer
)
