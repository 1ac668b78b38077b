import Encoding
import Home
import Testing
import World

/// The section `broker` of the configuration files.
@Suite struct BrokerSettingsTests {
    private func read(_ json: JSON) throws -> BrokerAddress {
        try BrokerAddress(settings: JSONField(json), in: "")
    }

    @Test func `the least and the most are read`() throws {
        let plain = try self.read(["host": "h", "client_id": "c"])
        #expect(
            plain.port == 1_883 && plain.tls == nil && plain.will == nil && plain.sessionSeconds == 86_400)
        let full = try self.read([
            "host": "h", "port": 8_884, "client_id": "c", "username": "u", "password_file": "p",
            "session_seconds": 60,
            "tls": ["ca_file": "ca.pem", "certificate_file": "c.pem", "key_file": "c.key"],
            "birth": ["topic": "robot/state", "payload": "here", "retain": true],
            "will": ["topic": "robot/state", "payload": "gone", "retain": true],
        ])
        #expect(full.port == 8_884 && full.username == "u" && full.sessionSeconds == 60)
        #expect(
            full.tls
                == BrokerAddress.TLS(caFile: "ca.pem", certificateFile: "c.pem", keyFile: "c.key"))
        #expect(
            full.birth == Message(topic: "robot/state", payload: Array("here".utf8), retained: true))
        #expect(
            full.will == Message(topic: "robot/state", payload: Array("gone".utf8), retained: true))
        #expect(try self.read(["host": "h", "client_id": "c", "tls": [:]]).port == 8_883)
    }

    @Test(
        arguments: [
            ["host": "h"], ["host": "h", "client_id": "c", "tls": true],
            ["host": "h", "client_id": "c", "tls": ["key_file": "k"]],
            ["host": "h", "client_id": "c", "password": "secrets are not in this file"],
            ["host": "h", "client_id": "c", "will": ["topic": "a/#", "payload": ""]],
            ["host": "h", "client_id": "c", "birth": ["topic": "a"]],
        ] as [JSON])
    func `what is half or unknown is refused`(json: JSON) {
        #expect(throws: JSONError.self) { try self.read(json) }
    }
}
