import Glibc
import Synchronization
import TestSupport

/// A broker that does what a test says, for what a real one does not do when asked: one connection after the
/// other, each answered by `script`.
final class ScriptedBroker: Sendable {
    let port: Int32
    private let listener: Int32
    private let count = Atomic<Int>(0)

    /// How many connections were accepted.
    var connections: Int { self.count.load(ordering: .relaxed) }

    /// One packet: its first byte and what follows the length.
    struct Packet {
        let kind: UInt8
        let body: [UInt8]
    }

    /// One accepted connection.
    struct Peer {
        let descriptor: Int32
        let number: Int

        /// The next packet; nil at the end, or when `milliseconds` pass in silence.
        func read(within milliseconds: Int32 = 5_000) -> Packet? {
            var event = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&event, 1, milliseconds) == 1, let kind = self.bytes(1)?.first else { return nil }
            var length = 0
            var shift = 0
            while let byte = self.bytes(1)?.first {
                length |= Int(byte & 0x7f) << shift
                shift += 7
                if byte & 0x80 == 0 { return self.bytes(length).map { Packet(kind: kind, body: $0) } }
            }
            return nil
        }

        func write(_ kind: UInt8, _ body: [UInt8]) {
            var rest = body.count
            var packet = [kind]
            repeat {
                packet.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
                rest >>= 7
            } while rest > 0
            packet += body
            send(self.descriptor, packet, packet.count, Int32(MSG_NOSIGNAL))
        }

        /// Reads CONNECT and answers it.
        func accept(_ code: UInt8 = 0) {
            _ = self.read()
            self.write(0x20, [0, code, 0])
        }

        private func bytes(_ count: Int) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: count)
            var found = 0
            while found < count {
                let more = recv(self.descriptor, &bytes[found], count - found, 0)
                guard more > 0 else { return nil }
                found += more
            }
            return bytes
        }
    }

    /// - Parameter script: runs on a thread of its own; the connection ends when it returns.
    static func with(
        _ script: @escaping @Sendable (Peer) -> Void, _ body: (ScriptedBroker) async throws -> Void
    ) async throws {
        let broker = try ScriptedBroker()
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Job { broker.serve(script) })
        pthread_create(
            &thread, nil,
            { context in
                context.map { Unmanaged<Job>.fromOpaque($0).takeRetainedValue().run() }
                return nil
            }, context.toOpaque())
        pthread_detach(thread)
        defer { shutdown(broker.listener, Int32(SHUT_RDWR)) }
        try await body(broker)
    }

    private final class Job: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private init() throws {
        // The kernel picks the port and holds it at once: nobody comes in between.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, $0, &size) == 0
            }
        }
        self.listener = listener
        self.port = Int32(UInt16(bigEndian: address.sin_port))
        guard isListening else {
            throw Broker.Failure(description: "no port for a scripted broker: errno \(errno)")
        }
    }

    private func serve(_ script: (Peer) -> Void) {
        while case let descriptor = Glibc.accept(self.listener, nil, nil), descriptor >= 0 {
            let number = self.count.add(1, ordering: .relaxed).newValue
            script(Peer(descriptor: descriptor, number: number))
            close(descriptor)
        }
        close(self.listener)
    }
}
