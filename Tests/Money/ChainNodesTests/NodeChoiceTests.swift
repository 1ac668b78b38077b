import Synchronization
import Testing
import World

@testable import ChainNodes

/// Which node is asked, and which is believed.
@Suite struct NodeChoiceTests {
    @Test func `who does not answer or is of another network is left for the next`() async throws {
        let nodes = Nodes(
            ["other": [.result("9")], "good": [.result("10")]], networks: ["other": "test:two"])
        let client = ChainClient(["down", "other", "good"], nodes, network: "test:one")
        #expect(try await client.number() == 10)
        #expect(try await client.number() == 10)
        // The network is asked for once, and the good one is stayed with.
        #expect(
            nodes.asked.withLock { $0 } == [
                "down network", "other network", "good network", "good number", "good number",
            ])
        let wrong = await #expect(throws: ChainNodeError.self) {
            try await ChainClient(["other"], nodes, network: "test:one").number()
        }
        #expect(wrong == .otherNetwork(url: "other", expected: "test:one") && wrong?.isOtherNetwork == true)
        await #expect(throws: ChainNodeError.node(url: "off", .transport(.unreachable("off")))) {
            try await ChainClient(["down", "off"], nodes, network: "test:one").number()
        }
        #expect(try await ChainClient(["other"], nodes).number() == 9)
    }

    @Test(arguments: [
        Nodes.Answer.result("null"), .result("[]"), .error(-32601, "no such method"),
        .error(-32603, "internal error"), .init(body: ""), .init(status: 500, body: ""),
    ])
    func `an answer that cannot be used is another node's turn`(_ bad: Nodes.Answer) async throws {
        let nodes = Nodes(["a": [bad], "b": [.result("7")]])
        #expect(try await ChainClient(["a", "b"], nodes).number() == 7)
        #expect(nodes.asked.withLock { $0 } == ["a number", "b number"])
    }

    @Test func `a refusal of the request ends the asking`() async throws {
        let nodes = Nodes(["a": [.error(-32602, "invalid params")], "b": [.result("7")]])
        let client = ChainClient(["a", "b"], nodes)
        await #expect(throws: ChainNodeError.server(code: -32_602, message: "invalid params")) {
            try await client.number()
        }
        for refusal in [ChainNodeError.notFound(account: "x"), .simulation("no"), .transport(.cancelled)] {
            await #expect(throws: refusal) {
                try await client.withOneNode { (_) async throws(ChainNodeError) -> Int in throw refusal }
            }
        }
        #expect(nodes.asked.withLock { $0 } == ["a number"])
    }

    @Test func `the ring moves on unless somebody else did so already`() {
        let ring = NodeRing(count: 3)
        ring.leave(0)
        ring.leave(0)
        #expect(ring.current == 1)
        ring.leave(1)
        ring.leave(2)
        #expect(ring.current == 0)
    }

    @Test func `answers that have to fit together come from one node`() async throws {
        let nodes = Nodes(["a": [.result("1"), .result("null")], "b": [.result("2")]])
        let client = ChainClient(["a", "b"], nodes)
        let pair = try await client.withOneNode { (node) async throws(ChainNodeError) in
            let first = try await node.number("first")
            return try await node.withOneNode { (same) async throws(ChainNodeError) in
                [first, try await same.number("second")]
            }
        }
        #expect(pair == [2, 2])
        #expect(nodes.asked.withLock { $0 } == ["a first", "a second", "b first", "b second"])
    }

    @Test func `a node whose height goes back is not believed`() async throws {
        let nodes = Nodes(["new": [.result("1000")], "old": [.result("989")], "near": [.result("990")]])
        let client = ChainClient(["new", "old", "near"], nodes)
        #expect(try await client.height() == 1_000)
        nodes.answers.withLock { $0["new"] = nil }
        // What is asked in the middle is compared as well.
        let height = try await client.withOneNode { (node) async throws(ChainNodeError) in
            try await node.height()
        }
        #expect(height == 990)
        // Heights of another kind have nothing to do with it.
        nodes.answers.withLock { $0["near"] = [.result("989")] }
        #expect(try await client.height(of: "final") == 989)
        let error = await #expect(throws: ChainNodeError.self) { try await client.height() }
        #expect(error == .wentBack(url: "old", kind: "block", from: 1_000, to: 989))
        #expect(
            error?.description
                == "old says block 989, and 1000 was seen already: it lags behind or lies")
    }

    @Test func `one wrong height shuts nobody out for ever`() async throws {
        let nodes = Nodes(["a": [.result("\(UInt64.max >> 11)"), .result("1000")]])
        let client = ChainClient(["a"], nodes)
        _ = try await client.height()
        for _ in 0..<NodeRing.mostContradictions {
            await #expect(throws: ChainNodeError.self) { try await client.height() }
        }
        #expect(try await client.height() == 1_000)
        nodes.answers.withLock { $0["a"] = [.result("989")] }
        await #expect(throws: ChainNodeError.self) { try await client.height() }
    }
}
