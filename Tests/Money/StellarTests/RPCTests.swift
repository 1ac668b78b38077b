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
            await #expect(throws: StellarRPCError.simulation(expected)) {
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
            await #expect(throws: StellarRPCError.self) {
                try await self.client(answer(nonces)).simulate(transfer)
            }
        }
    }

    @Test(arguments: [
        "", #""result":null"#, #""result":[]"#, #""result":{"sequence":"7"}"#, #""result":{"sequence":-1}"#,
        #""result":{"sequence":4294967296}"#, #""result":{"sequence":1.5}"#, #""error":{}"#, #""error":7"#,
    ])
    func `an unusable answer is an error`(_ result: String) async throws {
        let rpc = self.client(["getLatestLedger": result])
        let error = await #expect(throws: StellarRPCError.self) { try await rpc.latestLedger() }
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
            await #expect(throws: StellarRPCError.self, "\(entries)") {
                try await rpc.trustline(of: owner, StellarNetwork.testnet.usdc)
            }
        }
        for nothing in ["[]", "null"] {
            let rpc = self.client(["getLedgerEntries": #""result":{"entries":\#(nothing),"latestLedger":9}"#])
            #expect(try await rpc.trustline(of: owner, StellarNetwork.testnet.usdc) == nil)
        }
        let missing = self.client(["getLedgerEntries": #""result":{"latestLedger":9}"#])
        await #expect(throws: StellarRPCError.self) { try await missing.account(owner) }
    }

    /// Each node with a network and a ledger of its own; others do not answer.
    private struct Nodes: Web {
        var nodes: [String: (StellarNetwork, UInt32)]

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            guard let (network, latest) = self.nodes[request.url] else { throw .unreachable(request.url) }
            let node = ScriptedNode(
                results: ["getLatestLedger": #""result":{"sequence":\#(latest)}"#],
                passphrase: network.passphrase)
            return try await node.send(request)
        }
    }

    @Test func `who does not answer, or is of another network, is left for the next`() async throws {
        let web = Nodes(nodes: ["http://main": (.pubnet, 9), "http://test": (.testnet, 10)])
        let urls = ["http://down", "http://main", "http://test"]
        #expect(try await StellarRPC(urls: urls, network: .testnet, web: web).latestLedger() == 10)
        #expect(try await StellarRPC(urls: urls, network: .pubnet, web: web).latestLedger() == 9)
        let wrong = await #expect(throws: StellarRPCError.self) {
            try await StellarRPC(urls: ["http://main"], network: .testnet, web: web).latestLedger()
        }
        #expect(wrong == .otherNetwork(url: "http://main", expected: "stellar:testnet"))
        await #expect(
            throws: StellarRPCError.node(url: "http://down", .transport(.unreachable("http://down")))
        ) { try await StellarRPC(urls: ["http://down"], network: .testnet, web: web).latestLedger() }
    }

    @Test func `a refusal of the request ends the asking`() async throws {
        let invalid = #""error":{"code":-32602,"message":"invalid params"}"#
        let error = await #expect(throws: StellarRPCError.self) {
            try await self.client(["getLatestLedger": invalid]).latestLedger()
        }
        #expect(error == .server(code: -32_602, message: "invalid params"))
        #expect(error?.description == "invalid params (-32602)" && error?.isCancelled == false)
    }

    /// Notes how long somebody slept.
    private final class Clock: Timeline {
        let slept = Mutex<[Duration]>([])
        var now: Timestamp { Timestamp(milliseconds: 0, quality: .virtual) }
        var uptime: Duration { .zero }
        func sleep(for duration: Duration) async throws { self.slept.withLock { $0.append(duration) } }
    }

    /// Says a few times that it is asked too often.
    private final class Busy: Web {
        let left: Mutex<Int>

        init(_ times: Int) { self.left = Mutex(times) }

        func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
            let isBusy = self.left.withLock { left in
                left -= 1
                return left >= 0
            }
            if isBusy { return WebResponse(status: 429, headers: [Header("Retry-After", "2")], body: []) }
            let node = ScriptedNode(results: ["getLatestLedger": #""result":{"sequence":7}"#])
            return try await node.send(request)
        }
    }

    @Test func `a node that is asked too often is waited for as it says, and not for ever`() async throws {
        let clock = Clock()
        func latest(_ web: any Web, _ timeline: (any Timeline)?) async throws -> UInt32 {
            try await StellarRPC(urls: ["a"], network: .testnet, web: web, timeline: timeline).latestLedger()
        }
        #expect(try await latest(Busy(2), clock) == 7)
        #expect(clock.slept.withLock { $0 } == [.seconds(2), .seconds(2)])
        for timeline: (any Timeline)? in [nil, clock] {
            await #expect(throws: StellarRPCError.node(url: "a", .limited(after: .seconds(2)))) {
                try await latest(Busy(9), timeline)
            }
        }
        #expect(clock.slept.withLock { $0.count } == 5)
    }
}
