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
            guard case .malformed? = error else {
                Issue.record("\(answer) gave \(String(describing: error))")
                continue
            }
        }
        let wrongCount = self.client("getSignatureStatuses", #""result":{"value":[null]}"#)
        await #expect(throws: RPCError.self) { try await wrongCount.signatureStatuses(of: ["a", "b"]) }
    }

    @Test func `transport and HTTP failures keep their kind`() async throws {
        var web = ScriptedWeb(method: "getSlot", answer: "<html>", status: 429)
        await #expect(throws: RPCError.status(429)) { try await RPCClient(url: "u", web: web).slot() }
        web.answer =
            #"{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"Node is unhealthy"}}"#
        await #expect(throws: RPCError.server(code: -32005, message: "Node is unhealthy", data: nil)) {
            try await RPCClient(url: "u", web: web).slot()
        }
        web.failure = .timedOut
        await #expect(throws: RPCError.transport(.timedOut)) {
            try await RPCClient(url: "u", web: web).slot()
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
        await #expect(throws: RPCError.transport(.unreachable("http://off"))) {
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
