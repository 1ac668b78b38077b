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

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies, swiftSettings: testing)
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
        .library(name: "Agent", targets: ["Agent", "World", "Linux", "Home"])
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
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CUnistring", providers: [.apt(["libunistring-dev"])]),
        .systemLibrary(name: "CQREncode", pkgConfig: "libqrencode", providers: [.apt(["libqrencode-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        // Floor 1
        library("World"),
        library("Encoding"),
        library("Sodium", ["CSodium", "CCrypto"]),
        library("Database", ["CSQLite", system]),
        library("Wasm"),
        // Floor 2
        library("Linux", ["World", "CMosquitto", "CCurl", "CLinux"]),
        library("Ledger", ["World", "Encoding", "Sodium", "Database", system]),
        // Floor 3
        library("Solana", ["World", "Encoding", "Sodium"]),
        library(
            "Wallet", ["CUnistring", "Ledger", "Solana", "World", "Encoding", "Sodium", "Database", system]),
        // Floor 4
        library("Payments", ["Wallet", "Ledger", "Solana", "World", "Encoding", "Sodium", "Database"]),
        library(
            "Home",
            ["Wallet", "Ledger", "Solana", "World", "Encoding", "Sodium", "Database", "CYAML", system]),
        library("Devices", ["World", "Encoding", "Database", system]),
        // Floors 5 and 6
        library("Market", ["Payments", "Wallet", "World", "Encoding", "Sodium"]),
        library(
            "Compute", ["Market", "Payments", "Ledger", "Wallet", "Wasm", "World", "Encoding", "Sodium"]),
        library("Storage", ["Market", "Payments", "Ledger", "Wallet", "World", "Encoding", "Sodium"]),
        // Floor 7
        library(
            "Node",
            [
                "Payments", "Storage", "Compute", "Market", "Ledger", "Wallet", "Solana", "Wasm", "World",
                "Encoding", "Sodium",
                "Database", "Home", system, hummingbird, lifecycle, logging,
            ]),
        library(
            "Agent",
            [
                "Payments", "Storage", "Compute", "Market", "Devices", "Ledger", "Wallet", "Solana", "World",
                "Encoding",
                "Sodium", "Database", "Home", system,
            ]),
        // Floor 8
        library(
            "Console",
            [
                "Payments", "Home", "Solana", "Ledger", "Wallet", "Encoding", "Sodium", "Database", "Linux",
                "World", system, logging,
            ]),
        .executableTarget(
            name: "depai",
            dependencies: [
                "Console", "Agent", "Home", "Payments", "Devices", "Solana", "Ledger", "Wallet", "Encoding",
                "Sodium", "Database", "Linux", "World", "CQREncode", arguments, signals, system,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "depaid",
            dependencies: [
                "Console", "Agent", "Home", "Database", "Linux", "World", logging, signals, system,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "depai-node",
            dependencies: [
                "Console", "Node", "Home", "Ledger", "Encoding", "Linux", "Database", arguments, lifecycle,
                logging,
                signals, system,
            ], swiftSettings: strict),
        // The simulator
        .target(
            name: "SimulatedChain", dependencies: ["World", "Encoding", "Sodium", "Solana"],
            path: "Simulator/Chain",
            swiftSettings: strict),
        .target(
            name: "SimulatedDevices", dependencies: ["World", "Encoding", "Devices", system],
            path: "Simulator/Devices",
            swiftSettings: strict),
        .target(
            name: "Simulation",
            dependencies: [
                "SimulatedChain", "SimulatedDevices", "Agent", "Node", "Home", "Payments", "Market",
                "Devices", "Ledger",
                "Wallet", "Solana", "World", "Encoding", "Sodium", "Database", "Linux", heap, hummingbird,
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
        .executableTarget(
            name: "depai-crashing", dependencies: ["Agent", "Home", "Ledger", "Linux", system],
            path: "Tests/CrashingRobot", swiftSettings: strict),
        .executableTarget(
            name: "depai-payments",
            dependencies: ["Ledger", "Linux", "Encoding", "Sodium", "Database", system],
            path: "Tests/PaymentWorkload", swiftSettings: strict),
        .executableTarget(
            name: "depai-readings", dependencies: ["Devices", "Linux", "World", "Encoding", system],
            path: "Tests/ReadingWorkload", swiftSettings: strict),
        .executableTarget(
            name: "depai-work", dependencies: ["Compute", "Storage", "Wasm", "Sodium", "Encoding", system],
            path: "Tests/WorkWorkload", swiftSettings: strict),
        .executableTarget(
            name: "depai-soak",
            dependencies: [
                "Simulation", "SimulatedChain", "SimulatedDevices", "Devices", "Agent", "Node", "Home",
                "Storage", "Market", "Payments",
                "Wallet", "Ledger", "Solana", "Linux", "World", "Encoding", "Database", system,
            ], path: "Tests/Soak", exclude: ["run"], swiftSettings: strict),
        .executableTarget(
            name: "depai-outbox", dependencies: ["Devices", "Linux", "World", system],
            path: "Tests/OutboxWorkload", swiftSettings: strict),
        .target(
            name: "PaymentSupport",
            dependencies: [
                "TestSupport", "Node", "Storage", "Compute", "Market", "Payments", "Wallet", "Ledger",
                "Solana",
                "SimulatedChain", "World",
                "Encoding", "Sodium", "Database", system,
            ],
            path: "Tests/PaymentSupport", swiftSettings: strict),
        tests(
            of: "Payments",
            [
                "PaymentSupport", "TestSupport", "Node", "Storage", "Wallet", "Ledger", "Solana",
                "SimulatedChain", "World",
                "Encoding", "Sodium",
            ]),
        tests(
            of: "Node",
            [
                "PaymentSupport", "TestSupport", "Linux", "Payments", "Storage", "Compute", "Market",
                "Wallet", "Ledger", "Solana", "SimulatedChain", "World", "Encoding", system, hummingbird,
            ]),
        tests(of: "Encoding", ["TestSupport"]),
        tests(of: "Sodium", ["TestSupport", "Encoding"]),
        tests(of: "Database", ["TestSupport", "depai-payments", subprocess, system]),
        tests(of: "Wasm", ["TestSupport"]),
        tests(
            of: "Ledger",
            ["TestSupport", subprocess, "depai-payments", "World", "Encoding", "Sodium", "Database", system]),
        tests(
            of: "Wallet",
            [
                "TestSupport", subprocess, "Ledger", "Solana", "World", "Encoding", "Sodium", "Database",
                system,
            ]),
        tests(of: "Solana", ["TestSupport", "World", "Encoding", "Sodium"]),
        tests(of: "SimulatedChain", ["TestSupport", "Solana", "World", "Encoding", "Sodium"]),
        tests(
            of: "Devices",
            [
                "TestSupport", subprocess, "Linux", "Home", "SimulatedDevices", "Database", "World",
                "Encoding", "depai-outbox", system,
            ]),
        tests(of: "Linux", ["TestSupport", "World", subprocess, system]),
        tests(of: "Compute", ["TestSupport", "Linux", "Wasm", "World", "Encoding"]),
        tests(of: "Console", ["Encoding", logging]),
        tests(of: "Home", ["TestSupport", "World", "Encoding", system]),
        tests(
            of: "Agent",
            [
                "TestSupport", "PaymentSupport", "Devices", "Home", "Ledger", "Linux", "Sodium", "Database",
                "World", "Encoding", system,
            ]),
        tests(of: "SimulatedDevices", ["Devices", "World", "Encoding"]),
        tests(
            of: "Simulation",
            [
                "Agent", "Devices", "SimulatedDevices", "TestSupport", "SimulatedChain", "Solana", "Storage",
                "Ledger", "Payments", "Wallet",
                "Sodium",
                "Database", "Encoding", "Home", "Linux", "World", subprocess, system, "depai", "depaid",
                "depai-node",
                "depai-crashing",
            ]),
        .testTarget(name: "TidyTests", swiftSettings: testing),
        .target(
            name: "Fuzzing",
            dependencies: [
                "Devices", "Home", "Market", "Payments", "Solana", "Sodium", "Wallet", "Wasm", "World",
                "Encoding", system,
            ],
            path: "Tests/Fuzzing", exclude: ["Corpus", "Fuzzer.swift", "run"],
            sources: ["Decoders.swift", "Entrances.swift"],
            swiftSettings: strict),
        tests(of: "Fuzzing"),
    ] + fuzzer
)
