import Agent
import Database
import Encoding
import Home
import SystemPackage
import TestSupport
import Testing
import World

/// What a configuration may say, and how it is told what is wrong.
@Suite struct ConfigurationTests {
    private static let identity = "9hSR6S7WPtxmTojgo6GG3k4yDPecgJY292j7xrsUGWBu"

    private static let archive: JSON = ["readings": 10, "days": 30, "challenges": 4]
    private static let errand: JSON = [
        "base": "b", "plug": "p", "map": "maps/hall.map", "module": "route.wasm", "goal": ["x": 1, "y": 2],
        "units": 1000,
    ]

    private static func document(_ changes: [(String, JSON?)] = []) -> JSON {
        var document: JSON = [
            "network": "devnet", "rpc": "https://node.example", "passphrase_file": "secret/pass",
            "broker": [
                "host": "localhost", "client_id": "r", "username": "u", "password_file": "broker-pass",
                "tls": ["ca_file": "ca.pem", "certificate_file": "/etc/c.pem", "key_file": "k.pem"],
            ],
            "devices": "devices", "metrics": ["socket": "metrics.sock"],
            "providers": [["url": "https://p.example", "identity": .string(Self.identity)]],
            "behaviours": ["archive": Self.archive, "errand": Self.errand],
        ]
        for (name, value) in changes { document[name] = value }
        return document
    }

    @Test func `a name without a folder is below the home, wherever that is`() throws {
        for home in ["/var/lib/depai", "/elsewhere"] as [FilePath] {
            let read = try AgentConfiguration(JSONField(Self.document()), in: home)
            #expect(read.devices == home.appending("devices"))
            #expect(read.passphraseFile == home.appending("secret/pass"))
            #expect(read.broker.passwordFile == home.appending("broker-pass").string)
            #expect(read.broker.tls?.caFile == home.appending("ca.pem").string)
            #expect(read.broker.tls?.certificateFile == "/etc/c.pem")
            #expect(read.metrics == .socket(home.appending("metrics.sock")))
            #expect(read.errand?.map == home.appending("maps/hall.map"))
        }
    }

    @Test func `a second network is named beside the first`() throws {
        #expect(try AgentConfiguration(JSONField(Self.document()), in: "/home").rails.stellar == nil)
        for name in ["testnet", "stellar:testnet"] {
            let section: JSON = [
                "network": .string(name), "rpc": "https://a", "rpc_witnesses": ["https://b"],
            ]
            let read = try AgentConfiguration(
                JSONField(Self.document([("stellar", section)])), in: "/home")
            let stellar = try #require(read.rails.stellar)
            #expect(stellar.network.chainID == "stellar:testnet")
            #expect(stellar.rpc == ["https://a"] && stellar.witnesses == ["https://b"])
        }
    }

    @Test(
        arguments: [
            (
                "behaviours", ["archive": ["readings": 0, "days": 1, "challenges": 1]],
                "/behaviours/archive/readings"
            ),
            (
                "behaviours", ["archive": ["readings": -5, "days": 1, "challenges": 1]],
                "/behaviours/archive/readings"
            ),
            (
                "behaviours", ["archive": ["readings": 200_000, "days": 1, "challenges": 1]],
                "/behaviours/archive/readings"
            ),
            (
                "behaviours", ["archive": ["readings": 1, "days": -30, "challenges": 1]],
                "/behaviours/archive/days"
            ),
            (
                "behaviours", ["archive": ["readings": 1, "days": 367, "challenges": 1]],
                "/behaviours/archive/days"
            ),
            (
                "behaviours", ["archive": ["readings": 1, "days": 1, "challenges": -4]],
                "/behaviours/archive/challenges"
            ),
            (
                "behaviours", ["archive": ["readings": 1, "days": 1, "challenges": 1, "batches": 0]],
                "/behaviours/archive/batches"
            ),
            ("broker", ["host": "h", "client_id": "r", "port": 99_999], "/broker/port"),
            ("broker", ["host": "h", "client_id": "r", "port": 0], "/broker/port"),
            ("broker", ["host": "", "client_id": "r"], "/broker/host"),
            ("broker", ["host": "mqtt://h", "client_id": "r"], "/broker/host"),
            ("rpc", "api.devnet.solana.com", "/rpc"), ("rpc", ["https://a", "ftp://b"], "/rpc/1"),
            ("rpc", "https://", "/rpc"), ("rpc", "https:///x", "/rpc"), ("rpc", "https://a b", "/rpc"),
            ("rpc_witnesses", ["x"], "/rpc_witnesses/0"), ("facilitator", "x", "/facilitator"),
            ("stellar", ["network": "mars", "rpc": "https://a"], "/stellar/network"),
            ("stellar", ["network": "testnet", "rpc": []], "/stellar/rpc"),
            ("stellar", ["network": "testnet", "rpc": ["https://a", "b"]], "/stellar/rpc/1"),
            (
                "stellar", ["network": "testnet", "rpc": "https://a", "rpc_witnesses": 1],
                "/stellar/rpc_witnesses"
            ),
            ("stellar", ["network": "testnet", "rpc": "https://a", "key": "x"], "/stellar/key"),
            ("providers", [["url": "x", "identity": .string(Self.identity)]], "/providers/0/url"),
            ("providers", [["url": "https://p", "identity": "abc"]], "/providers/0/identity"),
            ("operators", ["abc"], "/operators/0"), ("metrics", ["port": 0], "/metrics/port"),
            ("metrics", ["port": 65_536], "/metrics/port"), ("devices", "", "/devices"),
            ("devices", "a\u{0}b", "/devices"),
            (
                "behaviours",
                [
                    "errand": [
                        "base": "b", "plug": "p", "map": "m", "module": "w", "goal": ["x": 512, "y": 0],
                        "units": 1,
                    ]
                ], "/behaviours/errand/goal/x"
            ),
            (
                "behaviours",
                [
                    "errand": [
                        "base": "b", "plug": "p", "map": "m", "module": "w", "goal": ["x": 1, "y": 0],
                        "goals": [["x": 1, "y": 0]], "units": 1,
                    ]
                ], "/behaviours/errand/goal"
            ),
            (
                "behaviours",
                [
                    "errand": [
                        "base": "b", "plug": "p", "map": "m", "module": "w", "goals": [], "units": 1,
                    ]
                ], "/behaviours/errand/goals"
            ),
        ] as [(String, JSON, String)])
    func `a value out of bounds is told with its file and its place`(
        member: String, value: JSON, place: String
    ) async throws {
        try await Self.expectFault(member, value, "\(place):")
    }

    @Test func `behaviours beside the section are read once more, with a warning that says the new words`()
        throws
    {
        let new = try AgentConfiguration(JSONField(Self.document()), in: "/home")
        #expect(new.warnings == [])
        #expect(new.archive?.readings == 10 && new.errand?.units == 1_000)
        let old = try AgentConfiguration(
            JSONField(
                Self.document([
                    ("behaviours", nil), ("archive", Self.archive), ("errand", Self.errand),
                ])), in: "/home")
        #expect(old.archive?.readings == 10 && old.errand?.map == "/home/maps/hall.map")
        #expect(old.warnings.count == 2)
        for (warning, name) in zip(old.warnings, ["archive", "errand"]) {
            #expect(warning.hasPrefix("/\(name): "))
            #expect(warning.contains("behaviours: { \(name): … }"))
        }
        // Each for itself: one may stand below, the other beside.
        let mixed = try AgentConfiguration(
            JSONField(
                Self.document([("behaviours", ["archive": Self.archive]), ("errand", Self.errand)])),
            in: "/home")
        #expect(mixed.archive != nil && mixed.errand != nil && mixed.warnings.count == 1)
        let neither = try AgentConfiguration(JSONField(Self.document([("behaviours", nil)])), in: "/home")
        #expect(neither.archive == nil && neither.errand == nil)
    }

    @Test(
        arguments: [
            ("archive", Self.archive, "/archive: stands in /behaviours/archive too"),
            ("errand", Self.errand, "/errand: stands in /behaviours/errand too"),
            (
                "behaviours", ["archiv": Self.archive],
                "/behaviours/archiv: no such behaviour; did you mean archive?"
            ),
            ("behaviours", ["errands": 1], "/behaviours/errands: no such behaviour; did you mean errand?"),
            (
                "behaviours", ["patrol": [:]],
                "/behaviours/patrol: no such behaviour; there are: archive, errand"
            ),
            ("behaviours", ["archive"], "/behaviours: "),
        ] as [(String, JSON, String)])
    func `a behaviour that is given twice or is not known is told with its file and its place`(
        member: String, value: JSON, reason: String
    ) async throws {
        try await Self.expectFault(member, value, reason)
    }

    /// The file and the place are told.
    private static func expectFault(
        _ member: String, _ value: JSON, _ reason: String, at location: SourceLocation = #_sourceLocation
    ) async throws {
        try await withFolder { folder in
            let file = folder.appending("depai.yaml")
            try DurableFile.write(Array(Self.document([(member, value)]).text.utf8), to: file)
            let error = #expect(throws: SettingsError.self, sourceLocation: location) {
                try Settings.read(file) { try AgentConfiguration($0, in: folder) }
            }
            #expect(error?.path == file.string, sourceLocation: location)
            #expect(
                error?.reason.hasPrefix(reason) == true, "\(error?.reason ?? "")", sourceLocation: location)
        }
    }
}
