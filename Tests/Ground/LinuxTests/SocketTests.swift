import Glibc
import Synchronization
import TestSupport
import Testing
import World

@testable import Linux

/// What the socket below the connection does.
@Suite(.enabled(if: Broker.isInstalled), .endsHangs)
struct SocketTests {
    @Test func `small packets do not wait for one another`() async throws {
        try await Broker.with { broker in
            try await withLink(broker.address("one")) { bus in
                try await bus.connected()
                let sockets = Self.sockets(to: broker.port)
                #expect(!sockets.isEmpty)
                for socket in sockets { #expect(Self.option(TCP_NODELAY, of: socket) == 1) }
            }
        }
    }

    @Test func `a broker that hangs with its connection open is left and looked for again`() async throws {
        try await ScriptedBroker.with { peer in
            peer.accept()
            // Takes everything, answers nothing: what a machine that lost its power looks like.
            while peer.read(within: 30_000) != nil {}
        } _: { broker in
            var limits = LinkLimits()
            limits.keepAliveSeconds = 5
            let events = Record<LinkEvent>()
            let address = BrokerAddress(host: "127.0.0.1", port: broker.port, clientID: "one")
            try await withLink(address, limits: limits, events: events) { bus in
                try await bus.connected()
                // Whoever waits for an answer is told that he gets none.
                await #expect(throws: BusError.unacknowledged) { try await bus.publish(Message("a", "x")) }
                _ = try await eventually("another connection") { broker.connections > 1 ? true : nil }
                #expect(events.all.contains { if case .ended = $0 { true } else { false } })
            }
        }
    }

    /// A gate before a broker that lets few bytes through at a time.
    @Test func `TLS over a line that brings few bytes at a time comes about`() async throws {
        try await withFolder { folder in
            let certificates = try await Certificates(in: folder)
            try await Broker.with(certificates.broker("broker")) { broker in
                try await ScriptedBroker.with { peer in
                    guard let other = Self.connect(to: broker.port) else { return }
                    defer { close(other) }
                    Self.carry(between: peer.descriptor, and: other, portion: 16, pause: 2_000)
                } _: { gate in
                    var address = certificates.address(broker, ca: "ours", client: "robot")
                    address.port = gate.port
                    try await withLink(address) { bus in
                        try await bus.connected()
                        try await bus.publish(Message("robot/state", "slow"))
                    }
                }
            }
        }
    }

    // MARK: sockets

    private static func sockets(to port: Int32) -> [Int32] {
        // Other tests hold more than a thousand links at once.
        (0..<Int32(65_536)).filter { descriptor in
            var address = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &size) }
            }
            return result == 0 && address.sin_family == sa_family_t(AF_INET)
                && UInt16(bigEndian: address.sin_port) == UInt16(port)
        }
    }

    private static func option(_ name: Int32, of socket: Int32) -> Int32 {
        var value: Int32 = -1
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(socket, Int32(IPPROTO_TCP), name, &value, &size)
        return value
    }

    private static func connect(to port: Int32) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result != 0 { close(descriptor) }
        return result == 0 ? descriptor : nil
    }

    /// Until one side ends.
    private static func carry(between one: Int32, and other: Int32, portion: Int, pause: UInt32) {
        var buffer = [UInt8](repeating: 0, count: portion)
        while true {
            var events = [one, other].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&events, 2, 30_000) > 0 else { return }
            for (index, event) in events.enumerated() where event.revents != 0 {
                let count = recv(event.fd, &buffer, portion, 0)
                guard count > 0 else { return }
                send(index == 0 ? other : one, buffer, count, Int32(MSG_NOSIGNAL))
            }
            usleep(pause)
        }
    }
}
