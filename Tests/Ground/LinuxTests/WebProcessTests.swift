import Foundation
import Glibc
import Synchronization
import SystemPackage
import TestSupport
import Testing
import World

@testable import Linux

/// HTTP in a process of its own: when it is there, what it may do, and what its end means.
@Suite(.endsHangs) struct WebProcessTests {
    private static let program = Repository.program("depai-web").string

    private static func isRunning(_ process: Int32) -> Bool { kill(process, 0) == 0 }

    @Test func `it is started by an exchange, ends when it is idle, and is started again`() async throws {
        let server = try OneAnswerServer(.echo)
        let web = WebProcess(program: Self.program, idle: .milliseconds(300))
        #expect(web.process == nil)
        let body = (0..<500_000).map { UInt8(truncatingIfNeeded: $0) }
        let response = try await web.send(WebRequest("POST", server.url, body: body))
        #expect(response.status == 200 && response.body == body)
        let first = try #require(web.process)
        #expect(Self.isRunning(first))
        _ = try await eventually("its end") { Self.isRunning(first) ? nil : true }
        #expect(web.process == nil)
        _ = try await web.send(WebRequest("POST", server.url, body: [1]))
        #expect(web.process != nil && web.process != first)
    }

    @Test func `it is ended with whoever used it`() async throws {
        let server = try OneAnswerServer(.echo)
        var web: WebProcess? = WebProcess(program: Self.program)
        _ = try await web?.send(WebRequest("POST", server.url, body: [1]))
        let process = try #require(web?.process)
        web = nil
        _ = try await eventually("its end") { Self.isRunning(process) ? nil : true }
    }

    @Test func `it ends when its program is killed`() async throws {
        let result = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            let server = try OneAnswerServer(.echo)
            let web = WebProcess(program: Repository.program("depai-web").string)
            _ = try await web.send(WebRequest("POST", server.url, body: [1]))
            print("process \(web.process ?? 0) is there")
            fflush(nil)
            kill(getpid(), SIGKILL)
        }
        let text = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        let process = try #require(
            text.split(separator: " ").drop { !$0.hasSuffix("process") }.dropFirst().first)
        let number = try #require(Int32(process))
        _ = try await eventually("its end") { Self.isRunning(number) ? nil : true }
    }

    @Test func `when it dies in the middle, the outcome is unknown, and the next exchange works`()
        async throws
    {
        let (silent, echo) = (try OneAnswerServer(.silent), try OneAnswerServer(.echo))
        let web = WebProcess(program: Self.program)
        let unanswered = Task { try await web.send(WebRequest("GET", silent.url)) }
        let process = try await eventually("its start") { silent.count > 0 ? web.process : nil }
        kill(process, SIGKILL)
        await #expect(throws: WebError.broken("the web process ended")) { try await unanswered.value }
        #expect(try await web.send(WebRequest("POST", echo.url, body: [7])).body == [7])
        #expect(web.process != process)
    }

    @Test func `who is cancelled waits no longer`() async throws {
        let server = try OneAnswerServer(.silent)
        let web = WebProcess(program: Self.program)
        let task = Task { try await web.send(WebRequest("GET", server.url)) }
        _ = try await eventually("a request") { server.count > 0 ? true : nil }
        let began = ContinuousClock.now
        task.cancel()
        await #expect(throws: WebError.cancelled) { try await task.value }
        #expect(began.duration(to: .now) < .seconds(10))
        // The server sees it, too: nothing goes on behind its back.
        _ = try await eventually("the end of the connection") { server.left > 0 ? true : nil }
    }

    @Test func `more than it may do at once are refused, and nothing of them was sent`() async throws {
        let server = try OneAnswerServer(.silent)
        let web = WebProcess(program: Self.program, limit: 3)
        await withTaskGroup(of: WebError?.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    do throws(WebError) {
                        _ = try await web.send(WebRequest("GET", server.url, timeout: .seconds(2)))
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            var ends: [WebError?] = []
            for await end in group { ends.append(end) }
            #expect(ends.count { $0 == .refused("3 exchanges are under way") } == 5)
            #expect(ends.count { $0 == .timedOut } == 3)
        }
        #expect(server.count == 3)
    }

    @Test func `without the program nothing is sent, and it is said what to do`() async throws {
        await #expect(
            throws: WebError.refused("/nowhere/depai-web cannot be started: No such file or directory")
        ) {
            try await WebProcess(program: "/nowhere/depai-web").send(WebRequest("GET", "http://127.0.0.1:9/"))
        }
    }

    /// A program in the place of `depai-web` that strangers have taken over.
    @Test(arguments: [
        (#"printf 'HTTP/1.1 200 OK\r\n\r\n' >&0; sleep 60"#, "the web process answered nonsense"),
        (#"printf '\377\377\377\377\377\377\377\377' >&0; sleep 60"#, "the web process answered nonsense"),
        // An answer to the first request, with a body of five bytes where four are asked for.
        (
            #"""
            head='{"id":"1","status":200,"headers":[]}'; printf "\\$(printf %o ${#head})\0\0\0\5\0\0\0${head}12345" >&0
            sleep 60
            """#, "the web process answered nonsense"
        ), ("exit 0", "the web process ended"), ("sleep 60", "the web process ended"),
    ])
    func `what a false one says is not believed, and it is ended`(script: String, reason: String) async throws
    {
        try await withFolder { folder in
            let program = folder.appending("depai-web").string
            try Data("#!/bin/bash\n\(script)\n".utf8).write(to: URL(filePath: program))
            chmod(program, 0o700)
            let web = WebProcess(program: program, grace: .milliseconds(500))
            var request = WebRequest("GET", "http://127.0.0.1:9/", timeout: .milliseconds(500))
            request.bodyLimit = 4
            await #expect(throws: WebError.broken(reason)) { try await web.send(request) }
            _ = try await eventually("its end") { web.process == nil ? true : nil }
        }
    }
}

/// A server for one request a connection: gives its body back, or says nothing until the other side leaves.
private final class OneAnswerServer: Sendable {
    enum Manner { case echo, silent }

    let url: String
    private let listener: Int32
    private let counts = Counts()

    private final class Counts: Sendable {
        let came = Atomic<Int>(0)
        let left = Atomic<Int>(0)
    }

    var count: Int { self.counts.came.load(ordering: .relaxed) }
    /// Connections that the other side ended.
    var left: Int { self.counts.left.load(ordering: .relaxed) }

    init(_ manner: Manner) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutableBytes(of: &address) {
            $0.withMemoryRebound(to: sockaddr.self) {
                bind(listener, $0.baseAddress, size) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, $0.baseAddress, &size) == 0
            }
        }
        guard isBound else { throw Errno(rawValue: errno) }
        self.listener = listener
        self.url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))/"
        let counts = self.counts
        Thread {
            while case let peer = accept(listener, nil, nil), peer >= 0 {
                counts.came.add(1, ordering: .relaxed)
                Thread {
                    manner == .echo ? Self.echo(peer) : Self.wait(peer)
                    counts.left.add(1, ordering: .relaxed)
                    close(peer)
                }.start()
            }
        }.start()
    }

    deinit { shutdown(self.listener, Int32(SHUT_RDWR)) }

    private static func wait(_ peer: Int32) {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while recv(peer, &chunk, chunk.count, 0) > 0 {}
    }

    private static func echo(_ peer: Int32) {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(peer, &chunk, chunk.count, 0)
            guard count > 0 else { return }
            bytes += chunk[..<count]
            guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { continue }
            let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).lowercased()
            let length =
                head.split(separator: "content-length: ").dropFirst().first?.prefix { $0.isNumber } ?? "0"
            guard let length = Int(length), bytes.count >= end.upperBound + length else { continue }
            let answer =
                Array("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n".utf8) + bytes[end.upperBound...]
            var sent = 0
            while sent < answer.count {
                let count = answer.withUnsafeBytes {
                    send(peer, $0.baseAddress.map { $0 + sent }, answer.count - sent, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return }
                sent += count
            }
            return
        }
    }
}
