import Foundation
import Glibc
import Linux
import Simulation
import Synchronization
import SystemPackage
import TestSupport
import Testing
import World

/// Web servers that nobody wants to meet, and the client that meets them: bounded in memory and time, never
/// led elsewhere.
@Suite(.endsHangs)
struct HostileServerTests {
    private static let web = WebProcess(program: Repository.program("depai-web").string)

    /// A server of a few lines: to every connection it sends pieces, one each `pause`, and hangs up.
    private final class Server: Sendable {
        let port: Int
        private let listener: Int32
        private let connections = Atomic<Int>(0)

        var count: Int { self.connections.load(ordering: .relaxed) }

        init(_ pieces: [[UInt8]], pause: UInt32 = 0) throws {
            let (listener, port) = try Child.boundSocket()
            guard listen(listener, 4) == 0 else { throw Errno(rawValue: errno) }
            self.listener = listener
            self.port = port
            Thread { [weak self] in
                while case let peer = accept(listener, nil, nil), peer >= 0 {
                    self?.connections.add(1, ordering: .relaxed)
                    var request = [UInt8](repeating: 0, count: 1 << 16)
                    _ = recv(peer, &request, request.count, 0)
                    for piece in pieces {
                        guard send(peer, piece, piece.count, Int32(MSG_NOSIGNAL)) > 0 else { break }
                        if pause > 0 { usleep(pause) }
                    }
                    close(peer)
                }
            }.start()
        }

        deinit { shutdown(self.listener, Int32(SHUT_RDWR)) }
    }

    private func answer(
        _ pieces: [String], pause: UInt32 = 0, bodyLimit: Int = 1 << 20
    ) async throws -> (result: Result<WebResponse, WebError>, connections: Int) {
        let server = try Server(pieces.map { Array($0.utf8) }, pause: pause)
        var request = WebRequest("GET", "http://127.0.0.1:\(server.port)/", timeout: .seconds(2))
        request.bodyLimit = bodyLimit
        let result: Result<WebResponse, WebError>
        do throws(WebError) {
            result = .success(try await Self.web.send(request))
        } catch {
            result = .failure(error)
        }
        return (result, server.count)
    }

    @Test func `headers without end are cut off`() async throws {
        let answer = try await self.answer(
            ["HTTP/1.1 200 OK\r\n"] + (0..<64).map { "X-\($0): \(String(repeating: "x", count: 1_000))\r\n" })
        #expect(answer.result == .failure(.tooLarge(limit: 32 << 10)))
    }

    @Test func `a body without end is cut off`() async throws {
        let answer = try await self.answer(
            ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
                + (0..<64).map { _ in "400\r\n\(String(repeating: "x", count: 1_024))\r\n" },
            bodyLimit: 32 << 10)
        #expect(answer.result == .failure(.tooLarge(limit: 32 << 10)))
        // What is announced is not believed, either.
        let liar = try await self.answer(["HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx"])
        #expect((try? liar.result.get()) == nil)
    }

    @Test func `a slow trickle ends with the time for the whole exchange`() async throws {
        let answer = try await self.answer(
            ["HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"] + (0..<100).map { _ in "x" }, pause: 100_000
        )
        #expect(answer.result == .failure(.timedOut))
    }

    @Test func `a redirect is an answer and leads nowhere`() async throws {
        let answer = try await self.answer([
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        ])
        #expect(try answer.result.get().status == 302 && answer.connections == 1)
    }

    @Test(arguments: ["SSH-2.0-OpenSSH\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
    func `what is not HTTP, or not whole, is broken`(text: String) async throws {
        let answer = try await self.answer(text.isEmpty ? [] : [text])
        guard case .failure(.broken) = answer.result else {
            Issue.record("\(answer.result)")
            return
        }
    }

    @Test func `a header with a line break and a scheme without web are not sent`() async throws {
        let server = try Server([])
        for request in [
            WebRequest("GET", "http://127.0.0.1:\(server.port)/", headers: [Header("X", "a\r\nY: b")]),
            WebRequest("GET", "file:///etc/passwd"), WebRequest("GET", "gopher://127.0.0.1:\(server.port)/"),
            WebRequest("GET", "http://"),
        ] {
            do throws(WebError) {
                _ = try await Self.web.send(request)
                Issue.record("\(request.url) was sent")
            } catch {
                guard case .refused = error else {
                    Issue.record("\(request.url): \(error)")
                    continue
                }
            }
        }
        #expect(server.count == 0)
    }
}
