import Subprocess
import SystemPackage
import TestSupport
import Testing
import World

/// A folder with two authorities, a broker's certificate and clients' ones.
struct Certificates {
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
