import ChainNodes
import Encoding
import SimulatedChain
import Solana
import TestSupport
import Testing
import World

@Suite struct ClusterTests {
    private func cluster(_ genesis: Genesis = Genesis()) throws -> (Cluster, RPCClient) {
        let cluster = try Cluster(genesis)
        return (cluster, RPCClient(url: "memory:", web: MemoryWeb(cluster: cluster)))
    }

    /// A cluster whose bank is that of a scene.
    private func market() async throws -> (Cluster, RPCClient, Scene) {
        let (cluster, client) = try self.cluster()
        let scene = try Scene()
        await cluster.withBank { $0 = scene.bank }
        await cluster.tick()
        return (cluster, client, scene)
    }

    @Test func `it presents itself as devnet and gives lamports away`() async throws {
        let (cluster, client) = try self.cluster()
        #expect(try await client.genesisHash() == Network.devnet.genesisHash)
        let id = try await client.requestAirdrop(to: address(1), lamports: 5_000_000)
        #expect(try await client.balance(of: address(1)) == 5_000_000)
        #expect(try await client.signatureStatuses(of: [id])[0]?.confirmationStatus == "processed")
        #expect(try await client.minimumBalanceForRentExemption(space: 165) == 2_039_280)
        #expect(try await client.accountInfo(of: address(2)) == nil)
        #expect(try await client.accountInfo(of: .tokenProgram)?.executable == true)
        await #expect(throws: ChainNodeError.self) {
            try await client.requestAirdrop(to: address(3), lamports: 1)
        }
        #expect(await cluster.transcript().count == 1 + 1 + 2)
    }

    @Test func `the accounts of a program are found by their size and by bytes in them`() async throws {
        let (_, client, scene) = try await self.market()
        func found(_ filters: [AccountFilter]) async throws -> [Address] {
            try await client.programAccounts(of: .tokenProgram, where: filters).map(\.address)
        }
        let (robot, node) = (try scene.tokens(Scene.robot), try scene.tokens(Scene.node))
        #expect(try await found([.dataSize(82)]) == [address(Scene.mint)])
        #expect(try await Set(found([.dataSize(165)])) == [robot, node])
        let owner = try address(Scene.node).bytes
        #expect(try await found([.dataSize(165), .bytes(owner, at: 32)]) == [node])
        #expect(try await found([.bytes(owner, at: 33)]).isEmpty)
        #expect(try await found([.bytes([1], at: 10_000)]).isEmpty)
        await #expect(throws: ChainNodeError.self) {
            try await found([AccountFilter](repeating: .dataSize(1), count: 5))
        }
        await #expect(throws: ChainNodeError.self) {
            try await found([.bytes([UInt8](repeating: 1, count: 129), at: 0)])
        }
    }

    @Test func `a payment goes from preflight to final`() async throws {
        let (cluster, client, scene) = try await self.market()
        let latest = try await client.latestBlockhash()
        #expect(try await client.isBlockhashValid(latest.blockhash))
        #expect(latest.lastValidBlockHeight == (try await client.blockHeight()) + 150)
        #expect(latest.slot == (try await client.slot()))
        let payment = try transaction(
            scene.payment(1_500, memo: "robot 7"), signers: [Scene.sponsor, Scene.robot],
            blockhash: latest.blockhash)
        let simulation = try await client.simulate(payment.bytes, sigVerify: true)
        #expect(simulation.err == nil && simulation.units == 692)
        let id = try await client.send(payment.bytes)
        #expect(id == payment.id)
        #expect(try await client.signatureStatuses(of: [id]) == [nil])
        #expect(try await client.transaction(id) == nil)
        await cluster.tick()
        #expect(try await client.signatureStatuses(of: [id])[0]?.confirmationStatus == "processed")
        #expect(try await client.transaction(id) == nil)
        await cluster.tick()
        let status = try await client.signatureStatuses(of: [id])[0]
        #expect(status?.succeeded(at: .confirmed) == true && status?.confirmations == 1)
        let confirmed = try await client.transaction(id)
        #expect(confirmed?.transaction == payment && confirmed?.err == nil && confirmed?.fee == 10_300)
        #expect(
            try await client.tokenBalance(of: scene.tokens(Scene.node))
                == TokenBalance(amount: 1_500, decimals: 6))
        #expect(try await client.tokenMint(at: address(Scene.mint)).mint.supply == 1_000_000_000)
        await cluster.tick(31)
        #expect(try await client.signatureStatuses(of: [id])[0]?.confirmations == nil)
        #expect(try await client.transaction(id, .finalized)?.slot == status?.slot)

        let robot = try address(Scene.robot)
        let lines = try await client.signatures(for: robot)
        #expect(lines.first?.signature == id && lines.first?.memo == "[7] robot 7")
        #expect(try await client.signatures(for: robot, until: id).isEmpty)
        #expect(try await client.signatures(for: robot, before: id).first?.signature == lines[1].signature)
        #expect(try await client.signatures(for: robot, limit: 1).count == 1)
    }

    @Test func `a preflight refuses with the chain's reason`() async throws {
        let (_, client, scene) = try await self.market()
        let hash = try await client.latestBlockhash().blockhash
        func refusal(_ transaction: Transaction) async -> ChainNodeError? {
            await #expect(throws: ChainNodeError.self) { try await client.send(transaction.bytes) }
        }
        let overdraft = try transaction(
            scene.payment(.max), signers: [Scene.sponsor, Scene.robot], blockhash: hash)
        let error = await refusal(overdraft)
        #expect(error?.chainError == ["InstructionError": [2, ["Custom": 1]]])
        guard case .server(-32002, let message, let data?)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(
            message
                == "Transaction simulation failed: Error processing Instruction 2: custom program error: 0x1")
        #expect(JSONField(data)["logs"].exists && JSONField(data)["unitsConsumed"].exists)
        let unsigned = try transaction(
            scene.payment(1), signers: [Scene.robot], blockhash: hash, payer: address(Scene.sponsor))
        guard case .server(-32003, _, _)? = await refusal(unsigned) else {
            Issue.record("an unsigned transaction was not refused")
            return
        }
        let old = try transaction(
            scene.payment(1), signers: [Scene.sponsor, Scene.robot],
            blockhash: Blockhash(bytes: Array(1...32)))
        #expect(await refusal(old)?.chainError == "BlockhashNotFound")
    }

    @Test func `the same bytes can be sent again until they have landed`() async throws {
        let (cluster, client, scene) = try await self.market()
        let hash = try await client.latestBlockhash().blockhash
        let payment = try transaction(
            scene.payment(5), signers: [Scene.sponsor, Scene.robot], blockhash: hash)
        for _ in 0..<3 { #expect(try await client.send(payment.bytes) == payment.id) }
        await cluster.tick()
        let error = await #expect(throws: ChainNodeError.self) { try await client.send(payment.bytes) }
        #expect(error?.chainError == "AlreadyProcessed")
        #expect(try await client.send(payment.bytes, skipPreflight: true) == payment.id)
        await cluster.tick()
        #expect(try await client.tokenBalance(of: scene.tokens(Scene.node))?.amount == 5)
    }

    @Test func `faults happen as often as they were asked for`() async throws {
        let (cluster, client, scene) = try await self.market()
        func payment(_ amount: UInt64) async throws -> Transaction {
            try transaction(
                scene.payment(amount), signers: [Scene.sponsor, Scene.robot],
                blockhash: await client.latestBlockhash().blockhash)
        }
        func statuses(_ id: String?) async throws -> SignatureStatus? {
            try await client.signatureStatuses(of: [#require(id)])[0]
        }
        var faults = Faults()
        faults.dropNext = 1
        await cluster.set(faults)
        let dropped = try await payment(1)
        #expect(try await client.send(dropped.bytes) == dropped.id)
        await cluster.tick(2)
        #expect(try await statuses(dropped.id) == nil)
        #expect(try await client.send(dropped.bytes) == dropped.id)  // the second copy lands
        await cluster.tick(2)
        #expect(try await statuses(dropped.id)?.succeeded(at: .confirmed) == true)

        faults = Faults()
        faults.delaySlots = 3
        await cluster.set(faults)
        let late = try await payment(2)
        #expect(try await client.send(late.bytes) == late.id)
        await cluster.tick(3)
        #expect(try await statuses(late.id) == nil)
        await cluster.tick()
        #expect(try await statuses(late.id) != nil)

        faults = Faults()
        faults.blindPreflightNext = 2
        await cluster.set(faults)
        let doomed = try await payment(.max)
        #expect(try await client.simulate(doomed.bytes, sigVerify: true).err == nil)
        #expect(try await client.send(doomed.bytes) == doomed.id)
        await cluster.tick(2)
        let status = try await statuses(doomed.id)
        #expect(status?.confirmationStatus == "confirmed")
        #expect(status?.err == ["InstructionError": [2, ["Custom": 1]]])
        #expect(status?.succeeded(at: .processed) == false)

        faults = Faults()
        faults.loseAnswerNext = 1
        faults.refuseNext = 1
        await cluster.set(faults)
        await #expect(throws: ChainNodeError.self) { try await client.slot() }
        let silent = try await payment(3)
        let lost = await #expect(throws: ChainNodeError.self) { try await client.send(silent.bytes) }
        #expect(lost?.reason == .server(code: -32603, message: "Internal error", data: nil))
        await cluster.tick(2)
        #expect(try await statuses(silent.id)?.succeeded(at: .confirmed) == true)
    }

    @Test(
        arguments: [
            ("", -32700), ("{", -32700), ("[]", -32600),
            (#"[{"jsonrpc":"2.0","id":1,"method":"getSlot"}]"#, -32600),
            ("{}", -32600), ("1", -32600), (#"{"jsonrpc":"1.0","id":1,"method":"getSlot"}"#, -32600),
            (#"{"jsonrpc":"2.0","method":"getSlot"}"#, -32600),
            (#"{"jsonrpc":"2.0","id":1,"method":"getBlocks"}"#, -32601),
            (#"{"jsonrpc":"2.0","id":1,"method":"getBalance"}"#, -32602),
            (#"{"jsonrpc":"2.0","id":1,"method":"getBalance","params":["0"]}"#, -32602),
            (
                #"{"jsonrpc":"2.0","id":1,"method":"getSlot","params":[{"commitment":"sure"}]}"#,
                -32602
            ),
            (#"{"jsonrpc":"2.0","id":1,"method":"sendTransaction","params":["AAAA"]}"#, -32602),
            (
                #"{"jsonrpc":"2.0","id":1,"method":"sendTransaction","params":["A",{"encoding":"hex"}]}"#,
                -32602
            ),
        ] as [(String, Int)])
    func `bad requests get a clear error`(body: String, code: Int) async throws {
        let (cluster, _) = try self.cluster()
        let answer = try JSON.read(await cluster.respond(to: Array(body.utf8)))
        #expect(answer["error"]?["code"] == JSON(code))
        #expect(answer["result"] == nil)
    }

    @Test func `an endless request is not read`() async throws {
        let (cluster, _) = try self.cluster()
        let body = [UInt8](repeating: UInt8(ascii: " "), count: Cluster.requestLimit + 1)
        #expect(try JSON.read(await cluster.respond(to: body))["error"]?["code"] == -32700)
    }

    @Test func `the id comes back as it was`() async throws {
        let (cluster, _) = try self.cluster()
        for id in ["7", #""seven""#, "null"] {
            let body = #"{"jsonrpc":"2.0","id":\#(id),"method":"getHealth"}"#
            let answer = String(decoding: await cluster.respond(to: Array(body.utf8)), as: UTF8.self)
            #expect(answer == #"{"jsonrpc":"2.0","result":"ok","id":\#(id)}"#)
        }
    }

    @Test func `hostile requests never stop it`() async throws {
        let (cluster, _, scene) = try await self.market()
        let payment = try transaction(
            scene.payment(5), signers: [Scene.sponsor, Scene.robot],
            blockhash: await cluster.withBank { $0.latestBlockhash(.confirmed).blockhash })
        let good =
            #"{"jsonrpc":"2.0","id":1,"method":"simulateTransaction","params":[""#
            + Base64.standard.encode(payment.bytes)
            + #"",{"encoding":"base64","commitment":"confirmed"}]}"#
        var random = Seeded(5)
        for _ in 0..<500 {
            var bytes = Array(good.utf8)
            for _ in 0...2 {
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 32...126, using: &random)
            }
            _ = try JSON.read(await cluster.respond(to: bytes))
        }
    }

    @Test func `time passes with the timeline until it is cancelled`() async throws {
        let (cluster, client) = try self.cluster()
        let timeline = CountedTimeline(sleeps: 40)
        await #expect(throws: CancellationError.self) { try await cluster.run(timeline: timeline) }
        #expect(try await client.blockHeight(.processed) == 40)
        #expect(try await client.blockHeight(.confirmed) == 39)
        #expect(try await client.blockHeight(.finalized) == 9)
    }
}

/// A timeline on which so many sleeps pass at once and the next one is cancelled.
actor CountedTimeline: Timeline {
    private var left: Int

    init(sleeps: Int) { self.left = sleeps }

    nonisolated var now: Timestamp { Timestamp(milliseconds: 0, quality: .virtual) }
    nonisolated var uptime: Duration { .zero }

    func sleep(for duration: Duration) async throws {
        guard self.left > 0, duration == .milliseconds(400) else { throw CancellationError() }
        self.left -= 1
    }
}
