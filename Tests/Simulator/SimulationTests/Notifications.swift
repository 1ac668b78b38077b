import Foundation
import Synchronization
import TestSupport

/// A datagram socket as a service manager has one.
final class Notifications: Sendable {
    private let descriptor: Int32
    private let heard = Mutex<[(at: ContinuousClock.Instant, text: String)]>([])

    /// - Parameter name: a path, or a name of the abstract name space with `@` in front.
    init(_ name: String) throws {
        self.descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        if !name.hasPrefix("@") { unlink(name) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if name.hasPrefix("@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let size = MemoryLayout<sa_family_t>.size + bytes.count + (bytes[0] == 0 ? 0 : 1)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(self.descriptor, $0, socklen_t(size)) == 0
            }
        }
        guard isBound else { throw Broker.Failure(description: "no socket at \(name): errno \(errno)") }
    }

    deinit { close(self.descriptor) }

    /// All that came, with the time at which it was picked up here.
    var all: [(at: ContinuousClock.Instant, text: String)] {
        var room = [UInt8](repeating: 0, count: 4_096)
        return self.heard.withLock { heard in
            while case let count = recv(self.descriptor, &room, room.count, 0), count > 0 {
                heard.append((.now, String(decoding: room[..<count], as: UTF8.self)))
            }
            return heard
        }
    }

    var texts: [String] { self.all.map(\.text) }

    func wait(for text: String) async throws {
        _ = try await eventually(text) { self.texts.contains { $0.contains(text) } ? true : nil }
    }
}
