import Testing
import World

@testable import Exchanges

@Suite struct FrameTests {
    static let request = WebRequest(
        "POST", "https://a.example/b?c=é", headers: [Header("PAYMENT-SIGNATURE", "e30="), Header("X", "")],
        body: [0, 1, 255, 10], timeout: .milliseconds(1_500), bodyLimit: 99, headerLimit: 7)

    static let all: [Frame] = [
        .request(id: 1, Self.request), .request(id: .max, WebRequest("GET", "http://h/")), .cancel(id: 0),
        .answer(
            id: 7, .success(WebResponse(status: 402, headers: [Header("a", "b\u{7f}\"\\")], body: [1, 2]))),
        .answer(id: 7, .success(WebResponse(status: 200, headers: [], body: []))),
        .answer(id: 8, .failure(.refused("bad \n URL"))), .answer(id: 8, .failure(.unreachable("nobody"))),
        .answer(id: 8, .failure(.timedOut)), .answer(id: 8, .failure(.tooLarge(limit: 5))),
        .answer(id: 8, .failure(.broken("half"))), .answer(id: 8, .failure(.cancelled)),
    ]

    @Test(arguments: Self.all) func `a frame is read as it was written`(frame: Frame) throws {
        var reader = FrameReader()
        reader.take(try frame.bytes())
        let read = try reader.next()
        if case .answer(8, .failure(.refused)) = frame {
            // Words of a failure are for a terminal or a log, and stay one line there.
            #expect(read != frame && read != nil)
        } else {
            #expect(read == frame)
        }
        #expect(try reader.next() == nil)
    }

    @Test func `frames are cut out of pieces of any size`() throws {
        let frames = Self.all.filter { if case .answer(8, .failure(.refused)) = $0 { false } else { true } }
        let bytes = try frames.flatMap { try $0.bytes() }
        for size in [1, 2, 3, 7, 64, bytes.count] {
            var (reader, read) = (FrameReader(), [Frame]())
            for start in stride(from: 0, to: bytes.count, by: size) {
                reader.take(bytes[start..<min(start + size, bytes.count)])
                while let frame = try reader.next() { read.append(frame) }
            }
            #expect(read == frames, "pieces of \(size)")
        }
    }

    @Test func `what is too long is refused before it is taken into memory`() throws {
        var reader = FrameReader()
        reader.take([0, 0, 0x11, 0, 0, 0, 0, 0])
        #expect(throws: FrameError.tooLarge) { try reader.next() }
        reader = FrameReader()
        reader.take([2, 0, 0, 0, 255, 255, 255, 255])
        #expect(throws: FrameError.tooLarge) { try reader.next() }
        let long = WebRequest("POST", "http://h/", body: [UInt8](repeating: 0, count: Frame.bodyLimit + 1))
        #expect(throws: FrameError.tooLarge) { try Frame.request(id: 1, long).bytes() }
    }

    @Test(arguments: [
        "", "[]", #"{"id":"1"}"#, #"{"id":1,"cancel":true}"#, #"{"id":"-1","cancel":true}"#,
        #"{"id":"1","status":99,"headers":[]}"#, #"{"id":"1","status":200,"headers":[["a"]]}"#,
        #"{"id":"1","failure":"odd"}"#, #"{"id":"1","failure":"tooLarge","detail":"x"}"#,
        #"{"id":"1","method":"GET","url":"http://h/","headers":[],"milliseconds":0,"body_limit":1,"header_limit":1}"#,
        #"{"id":"1","method":"GET","url":"http://h/","headers":[],"milliseconds":9,"body_limit":-1,"header_limit":1}"#,
    ]) func `what is no frame is refused`(head: String) {
        #expect(throws: FrameError.self) { try Frame(head: Array(head.utf8), body: []) }
    }
}
