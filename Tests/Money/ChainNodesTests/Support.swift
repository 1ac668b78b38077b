import ChainNodes
import Encoding
import Synchronization
import World

/// Nodes that answer from a list each, the last answer for ever; who has no list does not answer. Notes who
/// was asked what.
final class Nodes: Web {
    struct Answer: Sendable {
        var status = 200
        var headers: [Header] = []
        var body: String
    }

    let answers: Mutex<[String: [Answer]]>
    let asked = Mutex<[String]>([])
    /// Where it is another than `test:one`.
    let networks: [String: String]

    init(_ answers: [String: [Answer]], networks: [String: String] = [:]) {
        self.answers = Mutex(answers)
        self.networks = networks
    }

    func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        guard case .string(let method)? = (try? JSON.read(request.body))?["method"] else {
            throw .refused("no call: \(String(decoding: request.body, as: UTF8.self))")
        }
        self.asked.withLock { $0.append("\(request.url) \(method)") }
        let answer = self.answers.withLock { answers -> Answer? in
            guard let first = answers[request.url]?.first else { return nil }
            if method == "network" { return .result(#""\#(self.networks[request.url] ?? "test:one")""#) }
            if answers[request.url]?.count ?? 0 > 1 { answers[request.url]?.removeFirst() }
            return first
        }
        guard let answer else { throw .unreachable(request.url) }
        return WebResponse(status: answer.status, headers: answer.headers, body: Array(answer.body.utf8))
    }
}

extension Nodes.Answer {
    static func result(_ text: String) -> Self {
        Self(body: #"{"jsonrpc":"2.0","id":1,"result":\#(text)}"#)
    }

    static func error(_ code: Int, _ message: String) -> Self {
        Self(body: #"{"jsonrpc":"2.0","id":1,"error":{"code":\#(code),"message":"\#(message)"}}"#)
    }

    static func limited(after seconds: Int, status: Int = 429) -> Self {
        Self(status: status, headers: [Header("Retry-After", "\(seconds)")], body: "slow down")
    }
}

/// Notes how long somebody slept.
final class Clock: Timeline {
    let slept = Mutex<[Duration]>([])
    var now: Timestamp { Timestamp(milliseconds: 0, quality: .virtual) }
    var uptime: Duration { .zero }
    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        self.slept.withLock { $0.append(duration) }
    }
}

extension ChainClient {
    /// Nodes of `test:one`, whose heights may lie ten apart.
    init(
        _ urls: [String], _ web: any Web, network: String? = nil, timeline: (any Timeline)? = nil
    ) {
        self.init(
            urls: urls,
            dialect: ChainDialect(
                network: network, shownBy: ("network", .null), finalCodes: [-32602], height: ("block", 10)
            ) { result throws(JSONError) in try result.string() == network },
            web: web, timeline: timeline)
    }

    /// One question for a number.
    func number(_ method: String = "number") async throws(ChainNodeError) -> Int {
        try await self.call(method, .null) { result throws(JSONError) in try result.integer() }
    }

    /// One question for a height.
    func height(of kind: String = "") async throws(ChainNodeError) -> UInt64 {
        try await self.height("height", .null, of: kind) { result throws(JSONError) in try result.integer() }
    }
}
