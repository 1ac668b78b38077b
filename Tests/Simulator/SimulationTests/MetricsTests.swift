import Database
import Encoding
import Foundation
import Home
import Ledger
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// The numbers of a running robot, as Prometheus reads them.
@Suite(.serialized, .endsHangs)
struct MetricsTests {
    /// What a reader of the socket gets for a request; empty when nobody serves.
    private func ask(_ request: String, at socket: FilePath) async throws -> String {
        let result = try await run(
            .name("python3"),
            arguments: [
                "-c",
                """
                import socket, sys
                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode())
                data = b""
                while piece := s.recv(65536): data += piece
                sys.stdout.buffer.write(data)
                """, socket.string, request,
            ], output: .string(limit: 1 << 20), error: .discarded)
        return result.standardOutput
    }

    private let get = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test func `numbers come over a Unix socket, say what the robot knows, and no secret`() async throws {
        try await withFolder { folder in
            let socket = folder.appending("metrics.sock")
            let robot = try await LoneRobot.make(
                in: folder, broker: try Broker.freePort(),
                more: "metrics: { socket: \(socket) }\nreport: { topic: robots/events }")
            let name = folder.appending("notify").string
            let manager = try Notifications(name)
            try await robot.whileRunning(["NOTIFY_SOCKET": name]) { _ in
                try await manager.wait(for: "READY=1")
                let answer = try await eventually("an answer with the events in the outbox") {
                    let answer = try await self.ask(self.get, at: socket)
                    return answer.contains("depai_outbox_waiting{class=\"must\"} 1") ? answer : nil
                }
                #expect(answer.hasPrefix("HTTP/1.0 200 OK\r\n"), "\(answer)")
                #expect(answer.contains("Content-Type: text/plain; version=0.0.4"))
                let body = String(answer.suffix(from: try #require(answer.range(of: "\r\n\r\n")).upperBound))
                for line in [
                    "depai_wallet_open 1", "depai_broker_connected 0", "depai_payments{state=\"settled\"} 0",
                    "depai_ledger_sequence 0", "depai_devices{state=\"online\"} 0",
                    "depai_readings_waiting 0", "depai_source_failed{source=\"ledger\"} 0",
                    "depai_schema_version{file=\"ledger.db\"} \(PaymentLedger.schema.version)",
                    "depai_outbox_dropped_total 0",
                    "depai_wallet_stopped 0",
                ] { #expect(body.contains(line + "\n"), "\(line) is not in\n\(body)") }
                // The start, and as soon as it is noticed the chain that is away.
                #expect(["1", "2"].contains { body.contains("depai_events_total \($0)\n") })
                let keystore = try JSON.read(try DurableFile.read(robot.home.keystorePath))
                #expect(!body.contains(LoneRobot.passphrase) && !body.contains(folder.string))
                #expect(!body.contains(try JSONField(keystore)["box"].string()))
                // A stopped wallet shows, and the journal has grown.
                _ = try await robot.depai("wallet", "freeze")
                let later = try await self.ask(self.get, at: socket)
                #expect(
                    later.contains("depai_wallet_stopped 1\n") && later.contains("depai_ledger_sequence 1\n"))
                for (request, status) in [
                    ("POST /metrics HTTP/1.1\r\n\r\n", "405"), ("GET / HTTP/1.0\r\n\r\n", "404"),
                    ("nonsense\r\n\r\n", "400"), (String(repeating: "x", count: 20_000), ""),
                ] {
                    let refusal = try await self.ask(request, at: socket)
                    #expect(
                        status.isEmpty ? refusal.isEmpty : refusal.hasPrefix("HTTP/1.0 \(status)"),
                        "\(refusal)")
                }
                // The service's user and group, nobody else.
                var attributes = stat()
                #expect(stat(socket.string, &attributes) == 0 && attributes.st_mode & 0o777 == 0o660)
                try await self.parse(body)
            }
        }
    }

    /// The official client's parser, which is strict where a scrape is lenient.
    private func parse(_ body: String) async throws {
        let python = try await Peer.python(with: "prometheus_client", from: "prometheus_client")
        let result = try await run(
            .name("env"),
            arguments: [
                python, "-c",
                """
                import sys
                from prometheus_client.parser import text_string_to_metric_families as parse
                families = list(parse(sys.argv[1]))
                assert len({f.name for f in families}) == len(families), "a family stands twice"
                assert all(f.documentation and f.type in ("gauge", "counter") for f in families)
                print(sum(len(f.samples) for f in families))
                """, body,
            ], output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
        #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
        #expect(Int(result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 > 25)
    }

    @Test func `a port is the loopback's alone, and a taken one stops nothing else`() async throws {
        try await withFolder { folder in
            let port = try Broker.freePort()
            let robot = try await LoneRobot.make(
                in: folder, broker: try Broker.freePort(), more: "metrics: { port: \(port) }")
            let name = folder.appending("notify").string
            let manager = try Notifications(name)
            try await robot.whileRunning(["NOTIFY_SOCKET": name]) { _ in
                try await manager.wait(for: "READY=1")
                let text = try await eventually("an answer") { () -> String? in
                    let script =
                        "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
                    let result = try await run(
                        .name("python3"), arguments: ["-c", script, "http://127.0.0.1:\(port)/metrics"],
                        output: .string(limit: 1 << 20), error: .discarded)
                    return result.terminationStatus.isSuccess ? result.standardOutput : nil
                }
                #expect(text.contains("depai_wallet_open 1\n"))
                let place = String(format: ":%04X ", port)
                // The kernel's table is not read in one piece: on a busy machine a line may be missing in it.
                let listening = try await eventually("the port in the kernel's table") { () -> [Substring]? in
                    let table = try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)
                    let lines = table.split(separator: "\n").filter {
                        $0.contains(place) && $0.contains(" 0A ")
                    }
                    return lines.isEmpty ? nil : lines
                }
                #expect(listening.count == 1 && listening[0].contains("0100007F\(place)"), "\(listening)")
                // A second robot with the same port works without it, and says so.
                try await withFolder { other in
                    let second = try await LoneRobot.make(
                        in: other, broker: try Broker.freePort(), more: "metrics: { port: \(port) }")
                    try await second.whileRunning { life in
                        _ = try await eventually("the refusal") {
                            life.said.contains("metrics: 127.0.0.1:\(port)") ? true : nil
                        }
                        let list = try await second.depai("device", "list", "--json")
                        #expect(list.code == 0 && life.exitCode == nil, "\(list.talk)")
                    }
                }
            }
        }
    }

    @Test func `without a word in the configuration nothing is served`() async throws {
        try await withFolder { folder in
            let robot = try await LoneRobot.make(in: folder, broker: try Broker.freePort())
            let name = folder.appending("notify").string
            let manager = try Notifications(name)
            try await robot.whileRunning(["NOTIFY_SOCKET": name]) { _ in
                try await manager.wait(for: "READY=1")
                let sockets = try DurableFile.names(in: robot.home.path).filter { $0.hasSuffix(".sock") }
                #expect(sockets == ["control.sock"])
            }
        }
    }
}
