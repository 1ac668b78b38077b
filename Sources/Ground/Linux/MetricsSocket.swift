internal import Glibc
public import World

/// Numbers for Prometheus over HTTP/1.0: one `GET /metrics` and its answer per connection. On a Unix socket
/// for the service's user and group, or on a port of the loopback interface.
public struct MetricsSocket: MetricsChannel {
    private enum Place {
        case path(String)
        case port(UInt16)
    }

    private let place: Place
    /// Readers that are answered at once; more wait in the kernel's queue.
    static let room = 2
    /// How long a reader may take to ask, and to take the answer.
    static let patience = Duration.seconds(2)
    /// The longest request, in bytes; a scraper sends some hundred.
    static let requestLimit = 8_192

    public init(path: String) { self.place = .path(path) }

    /// - Parameter loopback: port at 127.0.0.1.
    public init(loopback port: UInt16) { self.place = .port(port) }

    public func serve(_ text: @escaping @Sendable () async -> String) async throws {
        let listener =
            switch self.place {
            case .path(let path): try SocketListener(path: path, mode: 0o660, room: Self.room)
            case .port(let port): try SocketListener(loopback: port, room: Self.room)
            }
        try await listener.serve(opened: {}) { peer in
            guard let request = try await Self.readHead(peer) else { return }
            let answer = await Self.answer(to: request, text)
            try await ControlSocket.writeAll(answer, to: peer, within: Self.patience)
            // Whoever sent more than was read gets the answer before the reset.
            shutdown(peer, Int32(SHUT_WR))
        }
    }

    static func answer(to request: [UInt8], _ text: () async -> String) async -> [UInt8] {
        let line = String(decoding: request.prefix { $0 != 0x0d && $0 != 0x0a }, as: UTF8.self)
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2].hasPrefix("HTTP/1.") else {
            return self.answer("400 Bad Request", "")
        }
        guard words[0] == "GET" else { return self.answer("405 Method Not Allowed", "") }
        guard words[1].prefix(while: { $0 != "?" }) == "/metrics" else {
            return self.answer("404 Not Found", "the numbers are at /metrics\n")
        }
        return self.answer("200 OK", await text())
    }

    private static func answer(_ status: String, _ text: String) -> [UInt8] {
        let body = Array(text.utf8)
        let head = """
            HTTP/1.0 \(status)\r
            Content-Type: text/plain; version=0.0.4; charset=utf-8\r
            Content-Length: \(body.count)\r
            Connection: close\r
            \r

            """
        return Array(head.utf8) + body
    }

    /// Everything up to the empty line; nil when the reader is too slow or too long.
    private static func readHead(_ peer: Int32) async throws -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1_024)
        let end = ContinuousClock.now + self.patience
        while ContinuousClock.now < end, bytes.count <= self.requestLimit {
            let count = recv(peer, &chunk, chunk.count, 0)
            if count > 0 {
                bytes += chunk[..<count]
                if self.holdsEmptyLine(bytes) { return bytes }
            } else if count < 0, errno == EAGAIN {
                try await Task.sleep(for: .milliseconds(5))
            } else if count == 0 || errno != EINTR {
                return nil
            }
        }
        return nil
    }

    private static func holdsEmptyLine(_ bytes: [UInt8]) -> Bool {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return lines.dropLast().contains { $0.allSatisfy { $0 == UInt8(ascii: "\r") } }
    }
}
