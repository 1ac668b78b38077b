import Compute
import Encoding
import Market
import Node
import PaymentSupport
import Payments
import Rails
import Solana
import Storage
import Testing
import World

@Suite struct ServiceTests {
    @Test func `a stored object is proved and fetched, whole and in ranges`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let object = try StoredObject(bytes)
            let order = StorageClient.order(
                object, days: 1, at: market.provider, name: "node a", ceiling: 1_000)
            guard case .answered(_, let response) = try await market.buyer(market.robotLedger()).buy(order)
            else {
                Issue.record("not stored")
                return
            }
            let summary = ObjectSummary(object)
            _ = try StorageClient.receipt(response.body, for: summary, days: 1, from: market.provider)
            #expect(throws: StorageError.self) {
                try StorageClient.receipt(response.body, for: summary, days: 2, from: market.provider)
            }
            let client = StorageClient(web: market.web, entropy: CountingEntropy())
            for _ in 0..<5 {
                let proof = try await client.challenge(summary, at: market.provider)
                #expect(proof.leaf == object.leaf(proof.index)?.data)
            }
            #expect(try await client.fetch(summary, at: market.provider) == bytes)
            let url = "\(TestMarket.nodeURL)/v1/storage/\(object.id)"
            for (range, expected) in [
                ("bytes=0-0", 0..<1), ("bytes=9999-", 9_999..<10_000), ("bytes=-2", 9_998..<10_000),
                ("bytes=5-20000", 5..<10_000),
            ] {
                let part = try await market.web.send(
                    WebRequest("GET", url, headers: [Header("Range", range)]))
                #expect(part.status == 206 && part.body == Array(bytes[expected]), "\(range)")
            }
            for range in [
                "bytes=10000-", "bytes=5-4", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=-0", "bytes=-",
            ] {
                let part = try await market.web.send(
                    WebRequest("GET", url, headers: [Header("Range", range)]))
                #expect(part.status == 416, "\(range)")
            }
            for query in [
                "leaf=\(object.leafCount)&nonce=0011223344556677", "leaf=-1&nonce=0011223344556677",
                "leaf=0&nonce=00", "leaf=0", "leaf=0&nonce=zz11223344556677",
            ] {
                let answer = try await market.web.send(WebRequest("GET", "\(url)/proof?\(query)"))
                #expect(answer.status == 400, "\(query): \(String(decoding: answer.body, as: UTF8.self))")
            }
        }
    }

    @Test func `a node that lost or changed the bytes cannot prove them`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let object = try market.object()
            _ = try await market.buyer(market.robotLedger()).buy(market.order())
            let client = StorageClient(web: market.web, entropy: CountingEntropy())
            let file = market.folder.appending("node/blobs").appending(object.id.description)
            try market.overwrite(file, with: Array("a mop".utf8))
            await #expect(throws: (any Error).self) {
                try await client.challenge(ObjectSummary(object), at: market.provider)
            }
            await #expect(throws: (any Error).self) {
                try await client.fetch(ObjectSummary(object), at: market.provider)
            }
        }
    }

    /// (module (memory (export "memory") 1)) is no step job: paid, it fails, and the answer says so.
    @Test func `a module that is no job is refused before money moves or answered with its failure`()
        async throws
    {
        try await TestMarket.with { market in
            try await market.openShop()
            let broken = Job(module: [0, 1, 2, 3], input: [], unitLimit: 1_000_000)
            let order = ComputeClient.order(
                broken, at: market.provider, name: "node a", ceiling: 1_000, tries: 1)
            guard case .open = try await market.buyer(market.robotLedger()).buy(order) else {
                Issue.record("a module that is none was worked for")
                return
            }
            #expect(await market.transfers().isEmpty)
        }
    }

    @Test func `the facilitator's interface verifies and settles payments to this shop only`() async throws {
        try await TestMarket.with { market in
            try await market.openShop()
            let url = "\(TestMarket.nodeURL)/facilitator"
            let supported = JSONField(
                try JSON.read(try await market.web.send(WebRequest("GET", "\(url)/supported")).body))
            #expect(try supported["kinds"][0]["extra"]["feePayer"].string() == market.sponsor.description)
            let stranger = PaymentRequirements(
                network: market.network.chainID, amount: 5, asset: market.mint.description,
                payTo: market.payer.description,
                maxTimeoutSeconds: 60, feePayer: market.sponsor.description, memo: nil, paymentFlow: "upfront"
            )
            let payload = PaymentPayload(resource: "/", accepted: stranger, transaction: [1], identifier: nil)
            let body: JSON = [
                "paymentPayload": try JSON.read(payload.bytes), "paymentRequirements": stranger.json,
            ]
            for (path, member) in [("verify", "isValid"), ("settle", "success")] {
                let response = try await market.web.send(
                    WebRequest("POST", "\(url)/\(path)", body: Array(body.text.utf8)))
                let answer = JSONField(try JSON.read(response.body))
                #expect(try answer[member].bool() == false && response.status == 200)
                #expect(
                    try await market.web.send(WebRequest("POST", "\(url)/\(path)", body: [1])).status == 400)
            }
        }
    }
}
