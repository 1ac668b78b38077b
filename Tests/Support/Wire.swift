internal import Foundation
import Synchronization

/// A wire to a port of this machine that can be cut, as a cable is: neither side is told before.
public final class Wire: Sendable {
    /// Where the near end is, on 127.0.0.1.
    public let port: Int32
    private let far: Int32
    private let listener: Int32
    private let open = Mutex<[Int32]>([])

    /// Runs `body` beside a wire.
    public static func with(to port: Int32, _ body: @Sendable (Wire) async throws -> Void) async throws {
        let wire = try Wire(to: port)
        Thread.detachNewThread { wire.serve() }
        defer {
            shutdown(wire.listener, Int32(SHUT_RDWR))
            wire.cut()
        }
        try await body(wire)
    }

    /// Ends everything that goes through at this moment. New connections are taken.
    public func cut() {
        self.open.withLock { open in
            for descriptor in open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    private init(to far: Int32) throws {
        self.far = far
        self.port = try Broker.freePort()
        self.listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let listener = self.listener
        let isBound = Broker.atLoopback(self.port) { bind(listener, $0, $1) == 0 }
        guard isBound, listen(listener, 64) == 0 else {
            throw Broker.Failure(description: "no port for a wire: errno \(errno)")
        }
    }

    private func serve() {
        while case let near = accept(self.listener, nil, nil), near >= 0 {
            let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            guard Broker.atLoopback(self.far, { connect(far, $0, $1) == 0 }) else {
                close(near)
                close(far)
                continue
            }
            self.open.withLock { $0 += [near, far] }
            Thread.detachNewThread { self.carry(near, far) }
        }
        close(self.listener)
    }

    private func carry(_ near: Int32, _ far: Int32) {
        var room = [UInt8](repeating: 0, count: 64 << 10)
        var events = [near, far].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        lively: while poll(&events, 2, -1) > 0 {
            for (index, event) in events.enumerated() where event.revents != 0 {
                let count = recv(event.fd, &room, room.count, 0)
                guard count > 0 else { break lively }
                var sent = 0
                while sent < count {
                    let more = send(
                        events[1 - index].fd, Array(room[sent..<count]), count - sent, Int32(MSG_NOSIGNAL))
                    guard more > 0 else { break lively }
                    sent += more
                }
            }
        }
        self.open.withLock { open in open.removeAll { $0 == near || $0 == far } }
        close(near)
        close(far)
    }
}
