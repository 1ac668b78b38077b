import Encoding
import Solana
import Synchronization
import Testing
import World

@Suite struct RPCClientTests {
    private func client(
        _ method: String, _ result: String, parameters: String? = nil, status: Int = 200
    ) -> RPCClient {
        let answer = #"{"jsonrpc":"2.0","id":1,\#(result)}"#
        return RPCClient(
            url: "http://node",
            web: ScriptedWeb(method: method, answer: answer, status: status, parameters: parameters))
    }

    @Test func `the shapes of a real node are read`() async throws {
        let one = try address(1)
        let hash =
            #""result":{"context":{"slot":9,"apiVersion":"2.0"},"value":{"blockhash":"\#(one)","#
            + #""lastValidBlockHeight":3090}}"#
        let latest = try await self.client(
            "getLatestBlockhash", hash, parameters: #"[{"commitment":"confirmed"}]"#
        ).latestBlockhash()
        #expect(
            latest.lastValidBlockHeight == 3_090 && latest.slot == 9 && latest.blockhash.bytes == one.bytes)

        let statuses = try await self.client(
            "getSignatureStatuses",
            #""result":{"context":{"slot":82},"value":[{"slot":48,"confirmations":null,"err":null,"#
                + #""status":{"Ok":null},"confirmationStatus":"finalized"},null,{"slot":50,"#
                + #""confirmations":3,"err":{"InstructionError":[2,{"Custom":1}]},"#
                + #""confirmationStatus":"confirmed"}]}"#,
            parameters: #"[["a","b","c"],{"searchTransactionHistory":true}]"#
        ).signatureStatuses(of: ["a", "b", "c"])
        #expect(statuses[0]?.succeeded(at: .finalized) == true)
        #expect(statuses[1] == nil)
        #expect(statuses[2]?.succeeded(at: .processed) == false)
        #expect(statuses[2]?.confirmations == 3)

        let account = try await self.client(
            "getAccountInfo",
            #""result":{"context":{"slot":1},"value":{"data":["AQI=","base64"],"executable":false,"#
                + #""lamports":5,"owner":"11111111111111111111111111111111","#
                + #""rentEpoch":18446744073709551615,"space":2}}"#
        ).accountInfo(of: one)
        #expect(account == AccountInfo(lamports: 5, owner: .systemProgram, data: [1, 2], executable: false))
    }

    @Test func `a missing token account is no error`() async throws {
        let missing = self.client(
            "getTokenAccountBalance",
            #""error":{"code":-32602,"message":"Invalid param: could not find account"}"#)
        #expect(try await missing.tokenBalance(of: .devnetUSDC) == nil)
        let wrong = self.client(
            "getTokenAccountBalance",
            #""error":{"code":-32602,"message":"Invalid param: not a Token account"}"#)
        await #expect(throws: RPCError.self) { try await wrong.tokenBalance(of: .devnetUSDC) }
    }

    @Test func `a refused preflight keeps its reason`() async throws {
        let client = self.client(
            "sendTransaction",
            #""error":{"code":-32002,"message":"Transaction simulation failed: x","data":{"err":"#
                + #"{"InstructionError":[2,{"Custom":1}]},"logs":[],"unitsConsumed":0}}"#)
        let error = await #expect(throws: RPCError.self) { try await client.send([1]) }
        #expect(error?.chainError == ["InstructionError": [2, ["Custom": 1]]])
    }

    @Test func `broken answers are errors`() async throws {
        for answer in [
            "", "{}", "[]", #"{"jsonrpc":"2.0","id":2,"result":1}"#, #"{"jsonrpc":"2.0","id":1}"#,
            #"{"jsonrpc":"2.0","id":1,"result":-1}"#, #"{"jsonrpc":"2.0","id":1,"result":"1"}"#,
            #"{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}"#,
        ] {
            let client = RPCClient(
                url: "http://node", web: ScriptedWeb(method: "getBlockHeight", answer: answer))
            let error = await #expect(throws: RPCError.self, "\(answer)") { try await client.blockHeight() }
            guard case .malformed? = error?.reason else {
                Issue.record("\(answer) gave \(String(describing: error))")
                continue
            }
        }
        let wrongCount = self.client("getSignatureStatuses", #""result":{"value":[null]}"#)
        await #expect(throws: RPCError.self) { try await wrongCount.signatureStatuses(of: ["a", "b"]) }
    }

    @Test func `failures keep their kind, and say whose they are`() async throws {
        var web = ScriptedWeb(method: "getSlot", answer: "<html>", status: 500)
        func failure() async -> RPCError? {
            do throws(RPCError) {
                _ = try await RPCClient(url: "u", web: web).slot()
                return nil
            } catch {
                return error
            }
        }
        #expect(await failure() == .node(url: "u", .status(500)))
        web.status = 429
        #expect(await failure() == .node(url: "u", .limited(after: nil)))
        web.answer =
            #"{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"Node is unhealthy"}}"#
        #expect(
            await failure() == .node(url: "u", .server(code: -32005, message: "Node is unhealthy", data: nil))
        )
        web.failure = .timedOut
        #expect(await failure()?.reason == .transport(.timedOut))
        #expect(await failure()?.description == "u: no answer: no answer in time")
    }

    /// Answers each method from a list, the last answer for ever; counts what each node was asked.
    private final class Scripted: Web {
        struct Answer: Sendable {
            var status = 200
            var headers: [Header] = []
            var body: String
        }
        let answers: Mutex<[String: [Answer]]>
        let asked = Mutex<[String]>([])

        init(_ answers: [String: [Answer]]) { self.answers = Mutex(answers) }

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            self.asked.withLock { $0.append(request.url) }
            let answer = self.answers.withLock { answers -> Answer? in
                guard let first = answers[request.url]?.first else { return nil }
                if answers[request.url]?.count ?? 0 > 1 { answers[request.url]?.removeFirst() }
                return first
            }
            guard let answer else { throw .unreachable(request.url) }
            return WebResponse(
                status: answer.status, headers: answer.headers, body: Array(answer.body.utf8))
        }
    }

    /// Notes how long somebody slept.
    private final class Clock: Timeline {
        let slept = Mutex<[Duration]>([])
        var now: Timestamp { Timestamp(milliseconds: 0, quality: .virtual) }
        var uptime: Duration { .zero }
        func sleep(for duration: Duration) async throws { self.slept.withLock { $0.append(duration) } }
    }

    private static func result(_ text: String) -> Scripted.Answer {
        Scripted.Answer(body: #"{"jsonrpc":"2.0","id":1,"result":\#(text)}"#)
    }

    @Test func `a node that is asked too often is left for another, and then waited for as it says`()
        async throws
    {
        let limited = Scripted.Answer(status: 429, headers: [Header("Retry-After", "2")], body: "slow down")
        let words = Scripted.Answer(
            body: #"{"jsonrpc":"2.0","id":1,"error":{"code":429,"message":"Too many requests"}}"#)
        let clock = Clock()
        let both = Scripted(["a": [limited], "b": [Self.result("7")]])
        let client = RPCClient(urls: ["a", "b"], network: nil, web: both, timeline: clock)
        #expect(try await client.slot() == 7)
        #expect(both.asked.withLock { $0 } == ["a", "b"] && clock.slept.withLock { $0.isEmpty })
        let one = Scripted(["a": [limited, words, Self.result("8")]])
        #expect(try await RPCClient(url: "a", web: one, timeline: clock).slot() == 8)
        #expect(clock.slept.withLock { $0 } == [.seconds(2), .seconds(2)])
        // Not for ever, and never longer than is good for a robot.
        let never = Scripted(
            ["a": [Scripted.Answer(status: 503, headers: [Header("Retry-After", "86400")], body: "")]])
        let error = await #expect(throws: RPCError.self) {
            try await RPCClient(url: "a", web: never, timeline: clock).slot()
        }
        #expect(error == .node(url: "a", .limited(after: .seconds(86_400))))
        #expect(clock.slept.withLock { $0.dropFirst(2).allSatisfy { $0 <= .seconds(5) } })
        #expect(never.asked.withLock { $0.count } == 4)
    }

    @Test func `an answer that cannot be used is another node's turn, for every method`() async throws {
        let hash = try address(1)
        let good =
            #"{"context":{"slot":9},"value":{"blockhash":"\#(hash)","lastValidBlockHeight":3}}"#
        for bad in [#"{"context":{"slot":9},"value":null}"#, "null", "[]", #"{"value":{"blockhash":1}}"#] {
            let web = Scripted(["a": [Self.result(bad)], "b": [Self.result(good)]])
            let client = RPCClient(urls: ["a", "b"], network: nil, web: web)
            #expect(try await client.latestBlockhash().slot == 9, "\(bad)")
        }
        // Null instead of a whole answer says nothing about an account.
        let web = Scripted(["a": [Self.result("null")]])
        await #expect(throws: RPCError.self) { try await RPCClient(url: "a", web: web).accountInfo(of: hash) }
        for method in ["no such method", "internal error"] {
            let code = method == "internal error" ? -32603 : -32601
            let refusal = Scripted.Answer(
                body: #"{"jsonrpc":"2.0","id":1,"error":{"code":\#(code),"message":"\#(method)"}}"#)
            let web = Scripted(["a": [refusal], "b": [Self.result("[]")]])
            let client = RPCClient(urls: ["a", "b"], network: nil, web: web)
            #expect(try await client.signatures(for: hash).isEmpty)
        }
    }

    /// Nodes with a network and a height of their own; "down" answers nothing.
    private final class Nodes: Web {
        let heights: Mutex<[String: UInt64]>
        let asked = Mutex<[String]>([])

        init(heights: [String: UInt64]) { self.heights = Mutex(heights) }

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            self.asked.withLock { $0.append(request.url) }
            guard let height = self.heights.withLock({ $0[request.url] }) else {
                throw .unreachable(request.url)
            }
            let isGenesis = String(decoding: request.body, as: UTF8.self).contains("getGenesisHash")
            let genesis =
                request.url.contains("main") ? Network.mainnet.genesisHash : Network.devnet.genesisHash
            let result = isGenesis ? #""\#(genesis)""# : String(height)
            let answer = #"{"jsonrpc":"2.0","id":1,"result":\#(result)}"#
            return WebResponse(status: 200, headers: [], body: Array(answer.utf8))
        }
    }

    @Test func `who does not answer or is of another network is left for the next`() async throws {
        let nodes = Nodes(heights: ["http://main": 9, "http://dev": 10])
        let client = RPCClient(
            urls: ["http://down", "http://main", "http://dev"], network: .devnet, web: nodes)
        #expect(try await client.blockHeight() == 10)
        #expect(try await client.blockHeight() == 10)
        // The network is asked for once, and the good one is stayed with.
        #expect(
            nodes.asked.withLock { $0 }
                == ["http://down", "http://main", "http://dev", "http://dev", "http://dev"])
        let wrong = RPCClient(urls: ["http://main"], network: .devnet, web: nodes)
        await #expect(
            throws: RPCError.otherNetwork(url: "http://main", expected: Network.devnet.chainID)
        ) { try await wrong.blockHeight() }
        let silent = RPCClient(urls: ["http://down", "http://off"], network: .devnet, web: nodes)
        await #expect(throws: RPCError.node(url: "http://off", .transport(.unreachable("http://off")))) {
            try await silent.blockHeight()
        }
    }

    @Test func `a node whose height goes back is not believed`() async throws {
        let nodes = Nodes(heights: ["http://new": 1_000, "http://old": 849, "http://near": 851])
        let client = RPCClient(urls: ["http://new", "http://old", "http://near"], network: nil, web: nodes)
        #expect(try await client.blockHeight() == 1_000)
        // The first one goes away; the second is behind by more than a blockhash lives.
        nodes.heights.withLock { $0["http://new"] = nil }
        #expect(try await client.blockHeight() == 851)
        nodes.heights.withLock { $0["http://near"] = 849 }
        await #expect(throws: RPCError.self) { try await client.blockHeight() }
    }

    @Test func `one wrong height shuts nobody out for ever`() async throws {
        let nodes = Nodes(heights: ["http://node": UInt64.max >> 11])
        let client = RPCClient(urls: ["http://node"], network: nil, web: nodes)
        _ = try await client.blockHeight()
        nodes.heights.withLock { $0["http://node"] = 1_000 }
        for _ in 0..<4 {
            await #expect(throws: RPCError.self) { try await client.blockHeight() }
        }
        #expect(try await client.blockHeight() == 1_000)
        nodes.heights.withLock { $0["http://node"] = 849 }
        await #expect(throws: RPCError.self) { try await client.blockHeight() }
    }

    @Test func `the accounts of a program are asked for by size and bytes, and a false answer is left out`()
        async throws
    {
        let payer = try address(1)
        let seeds = ChannelSeeds(
            payer: payer, payee: try address(2), mint: .devnetUSDC, voucherSigner: try address(3), salt: 7,
            openSlot: 9)
        let derived = try #require(seeds.derived)
        let good = ChannelAccount(
            seeds: seeds, bump: derived.bump, deposit: 5, grace: 900, shares: [], rentPayer: try address(2))
        func line(_ key: Address, _ data: [UInt8], owner: Address = .paymentChannelsProgram) -> String {
            #"{"pubkey":"\#(key)","account":{"data":["\#(Base64.standard.encode(data))","base64"],"#
                + #""executable":false,"lamports":5,"owner":"\#(owner)","rentEpoch":0,"space":256}}"#
        }
        let other = ChannelSeeds(
            payer: try address(2), payee: payer, mint: .devnetUSDC, voucherSigner: payer, salt: 7,
            openSlot: 9)
        let foreign = ChannelAccount(
            seeds: other, bump: 0, deposit: 5, grace: 900, shares: [], rentPayer: payer)
        let lines = [
            line(derived.address, good.bytes), line(payer, good.bytes),
            line(try #require(other.derived).address, foreign.bytes),
            line(derived.address, good.bytes, owner: .systemProgram), line(derived.address, [1, 2]),
        ]
        let found = try await self.client(
            "getProgramAccounts", #""result":[\#(lines.joined(separator: ","))]"#,
            parameters: #"["\#(Address.paymentChannelsProgram)",{"encoding":"base64","filters":"#
                + #"[{"dataSize":256},{"memcmp":{"offset":88,"bytes":"\#(payer)","encoding":"base58"}}],"#
                + #""commitment":"confirmed"}]"#
        ).channels(paidBy: payer)
        #expect(found.map(\.address) == [derived.address] && found.first?.account == good)
        let closed = self.client(
            "getProgramAccounts",
            #""error":{"code":-32010,"message":"excluded from account secondary indexes"}"#)
        await #expect(throws: RPCError.self) { try await closed.channels(paidBy: payer) }
    }
}
