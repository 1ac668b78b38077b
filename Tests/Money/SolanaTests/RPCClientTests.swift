import ChainNodes
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
        await #expect(throws: ChainNodeError.self) { try await wrong.tokenBalance(of: .devnetUSDC) }
    }

    @Test func `a refused preflight keeps its reason`() async throws {
        let client = self.client(
            "sendTransaction",
            #""error":{"code":-32002,"message":"Transaction simulation failed: x","data":{"err":"#
                + #"{"InstructionError":[2,{"Custom":1}]},"logs":[],"unitsConsumed":0}}"#)
        let error = await #expect(throws: ChainNodeError.self) { try await client.send([1]) }
        #expect(error?.chainError == ["InstructionError": [2, ["Custom": 1]]])
    }

    @Test func `broken answers are errors`() async throws {
        for result in ["-1", #""1""#, "null"] {
            let client = self.client("getBlockHeight", #""result":\#(result)"#)
            await #expect(throws: ChainNodeError.self, "\(result)") { try await client.blockHeight() }
        }
        for result in [#"{"context":{"slot":9},"value":null}"#, "[]", #"{"value":{"blockhash":1}}"#] {
            let client = self.client("getLatestBlockhash", #""result":\#(result)"#)
            await #expect(throws: ChainNodeError.self, "\(result)") { try await client.latestBlockhash() }
        }
        // Null instead of a whole answer says nothing about an account.
        let nothing = self.client("getAccountInfo", #""result":null"#)
        await #expect(throws: ChainNodeError.self) { try await nothing.accountInfo(of: .devnetUSDC) }
        let wrongCount = self.client("getSignatureStatuses", #""result":{"value":[null]}"#)
        await #expect(throws: ChainNodeError.self) { try await wrongCount.signatureStatuses(of: ["a", "b"]) }
    }

    @Test func `a refused preflight is no other node's turn, and a missing method is`() async throws {
        for (code, reason) in [
            (-32_002, ChainNodeError.server(code: -32_002, message: "no")),
            (-32_601, .node(url: "http://node", .server(code: -32_601, message: "no"))),
        ] {
            let client = self.client("sendTransaction", #""error":{"code":\#(code),"message":"no"}"#)
            await #expect(throws: reason) { try await client.send([1]) }
        }
    }

    /// Nodes of devnet, or of the main network, with a height.
    private final class Nodes: Web {
        let height: Mutex<UInt64>

        init(height: UInt64) { self.height = Mutex(height) }

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            let network = request.url.contains("main") ? Network.mainnet : .devnet
            let isGenesis = String(decoding: request.body, as: UTF8.self).contains("getGenesisHash")
            let result = isGenesis ? #""\#(network.genesisHash)""# : "\(self.height.withLock { $0 })"
            let answer = #"{"jsonrpc":"2.0","id":1,"result":\#(result)}"#
            return WebResponse(status: 200, headers: [], body: Array(answer.utf8))
        }
    }

    @Test func `a node shows its genesis hash first`() async throws {
        let nodes = Nodes(height: 10)
        let urls = ["http://main", "http://dev"]
        #expect(try await RPCClient(urls: urls, network: .devnet, web: nodes).blockHeight() == 10)
        await #expect(
            throws: ChainNodeError.otherNetwork(url: "http://main", expected: Network.devnet.chainID)
        ) { try await RPCClient(urls: ["http://main"], network: .devnet, web: nodes).blockHeight() }
    }

    @Test func `a height goes back by no more than a blockhash lives, for each commitment`() async throws {
        let nodes = Nodes(height: 1_000)
        let client = RPCClient(url: "http://dev", web: nodes)
        for (height, isBelieved) in [(1_000, true), (850, true), (849, false)] as [(UInt64, Bool)] {
            nodes.height.withLock { $0 = height }
            #expect((try? await client.blockHeight()) == (isBelieved ? height : nil))
        }
        #expect(try await client.blockHeight(.finalized) == 849)
        await #expect(
            throws: ChainNodeError.wentBack(
                url: "http://dev", kind: "block height", from: 1_000, to: 849)
        ) { try await client.blockHeight() }
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
        await #expect(throws: ChainNodeError.self) { try await closed.channels(paidBy: payer) }
    }
}
