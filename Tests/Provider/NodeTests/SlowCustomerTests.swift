import Glibc
import Hummingbird
import Synchronization
import TestSupport
import Testing

@testable import Node

/// Customers who hold what they should use, over real sockets.
@Suite(.endsHangs) struct SlowCustomerTests {
    /// The server is cancelled at the end.
    private func withServer(
        _ limits: ConnectionLimits, work: @escaping @Sendable () async -> String = { "hello" },
        _ body: @escaping @Sendable (UInt16) async throws -> Void
    ) async throws {
        let router = Router()
        router.get("**") { _, _ in await work() }
        let (ports, arrival) = AsyncStream<Int>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let application = Application(
            router: router, server: NodeServer.http(limits),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { arrival.yield($0.localAddress?.port ?? 0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.serve() }
            defer { group.cancelAll() }
            for await port in ports {
                try await body(UInt16(clamping: port))
                return
            }
        }
    }

    private static let question = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"

    /// A connection that is not waited for.
    private static func connection(_ port: UInt16, _ text: String = "") -> Int32 {
        let peer = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(peer, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if !text.isEmpty { _ = send(peer, text, text.utf8.count, Int32(MSG_NOSIGNAL)) }
        return peer
    }

    /// What a connection has said; nil once it is closed.
    private static func heard(_ peer: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = recv(peer, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN { return "" }
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    @Test(arguments: ["", "GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\na"])
    func `half a request is not waited for, however it trickles`(text: String) async throws {
        var limits = ConnectionLimits()
        limits.readSeconds = 1
        try await self.withServer(limits) { port in
            let peer = Self.connection(port, text)
            defer { close(peer) }
            let start = ContinuousClock.now
            _ = try await eventually("the end of the connection") { () -> Bool? in
                if !text.isEmpty { _ = send(peer, "x", 1, Int32(MSG_NOSIGNAL)) }
                return Self.heard(peer) == nil ? true : nil
            }
            // The machine may be busy; without the limit it would never end.
            #expect(ContinuousClock.now - start < .seconds(100))
        }
    }

    @Test func `an address has its share, and who goes makes room`() async throws {
        var limits = ConnectionLimits()
        limits.perAddress = 3
        try await self.withServer(limits) { port in
            // Which of them is let in last is the machine's to choose.
            var held = (0..<4).map { _ in Self.connection(port) }
            defer { for peer in held { close(peer) } }
            let extra = try await eventually("the end of one too many") {
                held.firstIndex { Self.heard($0) == nil }
            }
            close(held.remove(at: extra))
            for peer in held { #expect(Self.heard(peer) == "") }
            close(held.removeLast())
            _ = try await eventually("an answer to one that came later") { () -> Bool? in
                let late = Self.connection(port, Self.question)
                defer { close(late) }
                try await Task.sleep(for: .milliseconds(50))
                return Self.heard(late)?.contains("hello") == true ? true : nil
            }
        }
    }

    @Test func `a server that ends while customers come ends alone`() async throws {
        for _ in 0..<20 {
            let peers = Mutex<[Int32]>([])
            // They are on their way when the server is told to end; the program must outlive that.
            try await self.withServer(ConnectionLimits()) { port in
                for _ in 0..<60 {
                    let peer = Self.connection(port, Self.question)
                    peers.withLock { $0.append(peer) }
                }
            }
            for peer in peers.withLock({ $0 }) { close(peer) }
        }
    }

    @Test func `a server that ends answers who is inside`() async throws {
        let (inside, arrival) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let peer = Mutex<Int32>(-1)
        try await self.withServer(
            ConnectionLimits(),
            work: {
                arrival.yield()
                // What is cancelled here gives no answer.
                do { try await Task.sleep(for: .milliseconds(200)) } catch { return "cancelled" }
                return "hello"
            }
        ) { port in
            peer.withLock { $0 = Self.connection(port, Self.question) }
            for await _ in inside { return }
        }
        let heard = peer.withLock { Self.heard($0) }
        #expect(heard?.contains("hello") == true, "\(heard ?? "-")")
        close(peer.withLock { $0 })
    }
}
