import Linux
import Subprocess
import SystemPackage
import TestSupport
import Testing
import World

/// TLS in both directions, with certificates that are made for each test.
@Suite(.enabled(if: Broker.isInstalled), .endsHangs)
struct TLSTests {
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
