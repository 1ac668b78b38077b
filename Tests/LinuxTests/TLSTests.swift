import Linux
import Subprocess
import SystemPackage
import TestSupport
import Testing
import World

/// TLS in both directions, with certificates that are made for each test.
@Suite(.enabled(if: Broker.isInstalled), .timeLimit(.minutes(3)))
struct TLSTests {
    /// A folder with two authorities, a broker's certificate and clients' ones.
    private struct Certificates {
        let folder: FilePath

        func path(_ name: String) -> String { self.folder.appending(name).string }

        func openssl(_ arguments: String...) async throws {
            let (isContent, output, errors) = try await Peer.run("openssl", from: "openssl", arguments)
            #expect(isContent, "\(output)\(errors)")
        }

        func authority(_ name: String) async throws {
            try await self.openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days",
                "2", "-subj", "/CN=\(name)", "-keyout", self.path("\(name).key"), "-out",
                self.path("\(name).pem"))
        }

        func issue(_ name: String, by authority: String, names: String) async throws {
            try await self.openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days",
                "2", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)", "-addext",
                "basicConstraints=critical,CA:FALSE", "-CA", self.path("\(authority).pem"), "-CAkey",
                self.path("\(authority).key"), "-keyout", self.path("\(name).key"), "-out",
                self.path("\(name).pem"))
        }

        init(in folder: FilePath) async throws {
            self.folder = folder
            try await self.authority("ours")
            try await self.authority("theirs")
            try await self.issue("broker", by: "ours", names: "IP:127.0.0.1,DNS:localhost")
            try await self.issue("other", by: "ours", names: "DNS:other.example")
            try await self.issue("robot", by: "ours", names: "DNS:robot")
            try await self.issue("stranger", by: "theirs", names: "DNS:robot")
        }

        func broker(_ name: String) -> Broker.Settings {
            Broker.Settings(
                lines: [
                    "cafile \(self.path("ours.pem"))", "certfile \(self.path("\(name).pem"))",
                    "keyfile \(self.path("\(name).key"))", "require_certificate true",
                    // Who somebody is says the certificate.
                    "use_identity_as_username true", "acl_file FOLDER/acl",
                ], files: ["acl": "user robot\ntopic readwrite #\n"])
        }

        func address(_ broker: Broker, ca: String?, client: String?) -> BrokerAddress {
            BrokerAddress(
                host: "127.0.0.1", port: broker.port, clientID: "robot",
                will: Message("robot/state", "gone", retained: true),
                birth: Message("robot/state", "here", retained: true),
                tls: BrokerAddress.TLS(
                    caFile: ca.map { self.path("\($0).pem") },
                    certificateFile: client.map { self.path("\($0).pem") },
                    keyFile: client.map { self.path("\($0).key") }))
        }
    }

    @Test func `both sides show certificates, and messages go through`() async throws {
        try await withFolder { folder in
            let certificates = try await Certificates(in: folder)
            try await Broker.with(certificates.broker("broker")) { broker in
                let received = Record<Message>()
                try await withLink(
                    certificates.address(broker, ca: "ours", client: "robot"),
                    prepare: {
                        try $0.subscribe(to: "robot/state", quality: .atLeastOnce) { received.add($0) }
                    }
                ) { bus in
                    try await bus.confirm("robot/state")
                    _ = try await eventually("birth") { received.all.first?.text == "here" ? true : nil }
                    // More than one record of TLS holds.
                    let long = Message(topic: "robot/state", payload: [UInt8](repeating: 7, count: 300_000))
                    try await bus.publish(long)
                    _ = try await eventually("it") { received.all.last == long ? true : nil }
                    try await broker.restart()
                    _ = try await eventually("a second connection") { bus.connections == 2 ? true : nil }
                    try await bus.publish(Message("robot/state", "again"))
                }
            }
        }
    }

    @Test func `who is not who he should be is not spoken to`() async throws {
        try await withFolder { folder in
            let certificates = try await Certificates(in: folder)
            for (name, ca, client) in [
                // The broker's certificate is of an authority that we do not know, or for another host.
                ("broker", "theirs", "robot"), ("broker", nil, "robot"), ("other", "ours", "robot"),
                // Ours is missing, or the broker does not know who vouches for it.
                ("broker", "ours", nil), ("broker", "ours", "stranger"),
                // A file that is not there.
                ("broker", "nowhere", "robot"),
            ] as [(String, String?, String?)] {
                try await Broker.with(certificates.broker(name)) { broker in
                    let events = Record<LinkEvent>()
                    try await withLink(certificates.address(broker, ca: ca, client: client), events: events) {
                        bus in
                        _ = try await eventually("an end") { events.all.isEmpty ? nil : true }
                        #expect(bus.connections == 0, "\(name) \(ca ?? "-") \(client ?? "-"): \(events.all)")
                        guard case .ended(let reason)? = events.all.first else {
                            Issue.record("\(events.all)")
                            return
                        }
                        #expect((ca == "nowhere") == reason.contains("a file for TLS cannot be read"))
                    }
                }
            }
        }
    }

    @Test func `nothing is said in the open to a broker that wants TLS`() async throws {
        try await withFolder { folder in
            let certificates = try await Certificates(in: folder)
            try await Broker.with(certificates.broker("broker")) { broker in
                let events = Record<LinkEvent>()
                try await withLink(broker.address("robot"), events: events) { bus in
                    _ = try await eventually("an end") { events.all.isEmpty ? nil : true }
                    #expect(bus.connections == 0)
                }
            }
        }
    }
}
