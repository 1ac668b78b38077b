import ChainNodes
import Encoding
import Stellar
import Synchronization
import Testing
import World

@Suite struct RPCTests {
    private func client(_ results: [String: String], parameters: [String: String] = [:], status: Int = 200)
        -> StellarRPC
    {
        StellarRPC(
            urls: ["http://node"], network: .testnet,
            web: ScriptedNode(results: results, parameters: parameters, status: status))
    }

    /// Shapes as the documentation of Stellar's RPC shows them.
    @Test func `the shapes of a real node are read`() async throws {
        let id = String(repeating: "ab", count: 32)
        let rpc = self.client(
            [
                "getLatestLedger":
                    #""result":{"id":"c73c","protocolVersion":23,"sequence":2552990}"#,
                "getHealth":
                    #""result":{"status":"healthy","latestLedger":51583040,"oldestLedger":51565760,"#
                    + #""ledgerRetentionWindow":17280}"#,
                "getTransaction":
                    #""result":{"status":"NOT_FOUND","latestLedger":2540076,"oldestLedger":2538637,"#
                    + #""latestLedgerCloseTime":"1700086333","oldestLedgerCloseTime":"1700078796"}"#,
                "sendTransaction":
                    #""result":{"status":"PENDING","hash":"d8ec","latestLedger":2553978,"#
                    + #""latestLedgerCloseTime":"1700159337"}"#,
            ],
            parameters: [
                "getTransaction": #"{"hash":"\#(id)"}"#, "sendTransaction": #"{"transaction":"AQI="}"#,
            ])
        #expect(try await rpc.latestLedger() == 2_552_990)
        let history = try await rpc.history()
        #expect(history.latest == 51_583_040 && history.oldest == 51_565_760)
        #expect(try await rpc.transaction(id) == nil)
        let sent = try await rpc.send([1, 2])
        #expect(sent.status == .pending && sent.id == "d8ec")
    }

    @Test func `a transaction is read with what it did`() async throws {
        let envelope = Base64.standard.encode(try Hex.decode(Golden.settled))
        let payment = try StellarPayment(preimage: Hex.decode(Golden.preimage))
        for (status, succeeded) in [("SUCCESS", true), ("FAILED", false)] {
            let landed = try await self.client([
                "getTransaction":
                    #""result":{"status":"\#(status)","ledger":7,"createdAt":"1","applicationOrder":1,"#
                    + #""envelopeXdr":"\#(envelope)","resultXdr":"AAAA"}"#
            ]).transaction(Golden.settledHash)
            #expect(landed?.succeeded == succeeded && landed?.ledger == 7)
            #expect(landed?.transaction?.makes(payment) == true)
        }
    }

    @Test func `a simulation says what a transfer needs, or why it fails`() async throws {
        let envelope = try StellarEnvelope(decoding: Hex.decode(Golden.envelope), on: .testnet)
        let data = Base64.standard.encode(try #require(envelope.resources).bytes)
        let asked = [
            "simulateTransaction":
                #"{"transaction":"\#(envelope.base64)","resourceConfig":{"instructionLeeway":200000}}"#
        ]
        let good = #""result":{"transactionData":"\#(data)","minResourceFee":"20000","latestLedger":9}"#
        let needs = try await self.client(["simulateTransaction": good], parameters: asked).simulate(envelope)
        #expect(needs.resources == envelope.resources && needs.minimumFee == 20_000)
        for (result, expected) in [
            (#""result":{"error":"host \u001b[2J","latestLedger":9}"#, "host \\u{1b}[2J"),
            (
                #""result":{"restorePreamble":{"transactionData":"","minResourceFee":"1"},"latestLedger":9}"#,
                "an entry has to be restored first"
            ),
        ] {
            await #expect(throws: ChainNodeError.simulation(expected)) {
                try await self.client(["simulateTransaction": result]).simulate(envelope)
            }
        }
    }

    @Test func `what is simulated before signing is for a nonce of our own`() async throws {
        let transfer = try knownTransfer()
        func answer(_ nonces: [Int64]) -> [String: String] {
            let resources = StellarResources(
                readOnly: [.account(transfer.from), .instance(transfer.token)],
                readWrite: nonces.map { .nonce(transfer.from, $0) }, instructions: 1, fee: 7)
            let data = Base64.standard.encode(resources.bytes)
            return [
                "simulateTransaction": #""result":{"transactionData":"\#(data)","minResourceFee":"7"}"#
            ]
        }
        let needs = try await self.client(answer([-5])).simulate(transfer)
        #expect(
            needs.resources
                == StellarResources(
                    readOnly: [.account(transfer.from), .instance(transfer.token)],
                    readWrite: [.nonce(transfer.from, Golden.nonce)], instructions: 1, fee: 7))
        for nonces: [Int64] in [[], [1, 2]] {
            await #expect(throws: ChainNodeError.self) {
                try await self.client(answer(nonces)).simulate(transfer)
            }
        }
    }

    @Test(arguments: [
        #""result":null"#, #""result":[]"#, #""result":{"sequence":"7"}"#, #""result":{"sequence":-1}"#,
        #""result":{"sequence":4294967296}"#, #""result":{"sequence":1.5}"#,
    ])
    func `an unusable answer is an error`(_ result: String) async throws {
        let rpc = self.client(["getLatestLedger": result])
        let error = await #expect(throws: ChainNodeError.self) { try await rpc.latestLedger() }
        guard case .malformed? = error?.reason else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `garbage in every place is an error, and nothing is believed`() async throws {
        let owner = try StellarAddress(Golden.address)
        let key = Base64.standard.encode(StellarLedgerKey.trustline(owner, StellarNetwork.testnet.usdc).xdr)
        for entries in [
            "7", "[7]", #"[{"key":"%","xdr":"AAAA"}]"#, #"[{"key":"AAAA","xdr":"AAAA"}]"#,
            #"[{"key":"\#(key)","xdr":""}]"#, #"[{"key":"\#(key)","xdr":"AAAAAQAAAAA="}]"#,
        ] {
            let rpc = self.client(["getLedgerEntries": #""result":{"entries":\#(entries),"latestLedger":9}"#])
            await #expect(throws: ChainNodeError.self, "\(entries)") {
                try await rpc.trustline(of: owner, StellarNetwork.testnet.usdc)
            }
        }
        for nothing in ["[]", "null"] {
            let rpc = self.client(["getLedgerEntries": #""result":{"entries":\#(nothing),"latestLedger":9}"#])
            #expect(try await rpc.trustline(of: owner, StellarNetwork.testnet.usdc) == nil)
        }
        let missing = self.client(["getLedgerEntries": #""result":{"latestLedger":9}"#])
        await #expect(throws: ChainNodeError.self) { try await missing.account(owner) }
    }

    /// Each node with a network and a ledger of its own; others do not answer.
    private final class Nodes: Web {
        let nodes: Mutex<[String: (StellarNetwork, UInt32)]>

        init(nodes: [String: (StellarNetwork, UInt32)]) { self.nodes = Mutex(nodes) }

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            guard let (network, latest) = self.nodes.withLock({ $0[request.url] }) else {
                throw .unreachable(request.url)
            }
            let node = ScriptedNode(
                results: ["getLatestLedger": #""result":{"sequence":\#(latest)}"#],
                passphrase: network.passphrase)
            return try await node.send(request)
        }
    }

    @Test func `a node shows its passphrase first`() async throws {
        let web = Nodes(nodes: ["http://main": (.pubnet, 9), "http://test": (.testnet, 10)])
        let urls = ["http://main", "http://test"]
        #expect(try await StellarRPC(urls: urls, network: .testnet, web: web).latestLedger() == 10)
        #expect(try await StellarRPC(urls: urls, network: .pubnet, web: web).latestLedger() == 9)
        await #expect(
            throws: ChainNodeError.otherNetwork(url: "http://main", expected: "stellar:testnet")
        ) { try await StellarRPC(urls: ["http://main"], network: .testnet, web: web).latestLedger() }
    }

    @Test func `a ledger goes back by no more than honest nodes lie apart`() async throws {
        let web = Nodes(nodes: ["http://new": (.testnet, 100), "http://old": (.testnet, 39)])
        let rpc = StellarRPC(urls: ["http://new", "http://old"], network: .testnet, web: web)
        #expect(try await rpc.latestLedger() == 100)
        web.nodes.withLock { $0["http://new"] = nil }
        await #expect(
            throws: ChainNodeError.wentBack(url: "http://old", kind: "ledger", from: 100, to: 39)
        ) { try await rpc.latestLedger() }
        web.nodes.withLock { $0["http://old"] = (.testnet, 40) }
        #expect(try await rpc.latestLedger() == 40)
    }

    @Test func `a refusal of the request ends the asking`() async throws {
        for (code, error) in [
            (-32_602, ChainNodeError.server(code: -32_602, message: "no")),
            (-32_600, .node(url: "http://node", .server(code: -32_600, message: "no"))),
        ] {
            let rpc = self.client(["getLatestLedger": #""error":{"code":\#(code),"message":"no"}"#])
            await #expect(throws: error) { try await rpc.latestLedger() }
        }
    }
}
