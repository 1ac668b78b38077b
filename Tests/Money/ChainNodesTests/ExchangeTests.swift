import ChainNodes
import Encoding
import Synchronization
import Testing
import World

/// What goes out to a node, and what is made of its answer.
@Suite struct ExchangeTests {
    /// Answers once and keeps the request.
    private final class Keeper: Web {
        let request = Mutex<WebRequest?>(nil)

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            self.request.withLock { $0 = request }
            return WebResponse(
                status: 200, headers: [], body: Array(#"{"jsonrpc":"2.0","id":1,"result":7}"#.utf8))
        }
    }

    @Test(arguments: [JSON.null, [], [1, ["a": true]]])
    func `a call is JSON-RPC 2.0 by POST`(_ parameters: JSON) async throws {
        let web = Keeper()
        let answer = try await ChainClient(["http://node"], web).call("m", parameters) {
            result throws(JSONError) in try result.integer(Int.self)
        }
        #expect(answer == 7)
        let request = try #require(web.request.withLock { $0 })
        #expect(request.method == "POST" && request.url == "http://node")
        #expect(request.headers.contains { $0.name == "Content-Type" && $0.value == "application/json" })
        let call = try JSON.read(request.body)
        #expect(call["jsonrpc"] == "2.0" && call["id"] == 1 && call["method"] == "m")
        #expect(call["params"] == (parameters == .null ? JSON?.none : parameters))
    }

    private func failure(_ answer: Nodes.Answer) async -> ChainNodeError? {
        await #expect(throws: ChainNodeError.self, "\(answer)") {
            try await ChainClient(["u"], Nodes(["u": [answer]])).number()
        }
    }

    @Test(arguments: [
        "", "{}", "[]", #"{"jsonrpc":"2.0","id":2,"result":1}"#, #"{"jsonrpc":"2.0","id":1}"#,
        #"{"jsonrpc":"2.0","id":1,"result":null}"#, #"{"jsonrpc":"2.0","id":1,"result":"1"}"#,
        #"{"jsonrpc":"2.0","id":1,"result":1.5}"#, #"{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}"#,
        #"{"jsonrpc":"2.0","id":1,"error":{}}"#, #"{"jsonrpc":"2.0","id":1,"error":7}"#,
    ])
    func `an unusable answer is an error`(_ answer: String) async {
        let error = await self.failure(Nodes.Answer(body: answer))
        guard case .malformed? = error?.reason else {
            Issue.record("\(answer) gave \(String(describing: error))")
            return
        }
    }

    @Test func `failures keep their kind, and say whose they are`() async {
        #expect(await self.failure(.init(status: 500, body: "<html>")) == .node(url: "u", .status(500)))
        #expect(
            await self.failure(.init(status: 429, body: "<html>")) == .node(url: "u", .limited(after: nil)))
        // A status says less than the words of JSON-RPC.
        var unhealthy = Nodes.Answer.error(-32_005, "Node is unhealthy")
        unhealthy.status = 429
        #expect(
            await self.failure(unhealthy)
                == .node(url: "u", .server(code: -32_005, message: "Node is unhealthy")))
        #expect(await self.failure(unhealthy)?.description == "u: Node is unhealthy (-32005)")
        let silence = await #expect(throws: ChainNodeError.self) {
            try await ChainClient(["u"], Nodes([:])).number()
        }
        #expect(silence?.reason == .transport(.unreachable("u")) && silence?.isCancelled == false)
    }

    @Test func `a node's words steer no terminal, and its data is kept`() async {
        let answer = Nodes.Answer(
            body: #"{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"no \u001b[2J","data":[1]}}"#)
        #expect(
            await self.failure(answer)?.reason
                == .server(code: -32_002, message: "no \\u{1b}[2J", data: [1]))
    }
}
