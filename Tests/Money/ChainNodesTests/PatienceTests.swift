import ChainNodes
import Synchronization
import Testing
import World

/// What is done when a node says that it is asked too often.
@Suite struct PatienceTests {
    private let clock = Clock()

    @Test func `it is left for another, and then waited for as it says`() async throws {
        let both = Nodes(["a": [.limited(after: 2)], "b": [.result("7")]])
        #expect(try await ChainClient(["a", "b"], both, timeline: self.clock).number() == 7)
        #expect(both.asked.withLock { $0 } == ["a number", "b number"])
        #expect(self.clock.slept.withLock { $0.isEmpty })
        let one = Nodes(["a": [.limited(after: 2), .error(429, "Too many requests"), .result("8")]])
        #expect(try await ChainClient(["a"], one, timeline: self.clock).number() == 8)
        #expect(self.clock.slept.withLock { $0 } == [.seconds(2), .seconds(2)])
        // Of several waits the shortest.
        let two = Nodes(["a": [.limited(after: 4)], "b": [.limited(after: 3), .result("9")]])
        #expect(try await ChainClient(["a", "b"], two, timeline: self.clock).number() == 9)
        #expect(self.clock.slept.withLock { $0.last } == .seconds(3))
    }

    @Test func `not for ever, and never longer than is good for a robot`() async throws {
        let nodes = Nodes(["a": [.limited(after: 86_400, status: 503)]])
        let error = ChainNodeError.node(url: "a", .limited(after: .seconds(86_400)))
        await #expect(throws: error) { try await ChainClient(["a"], nodes).number() }
        #expect(nodes.asked.withLock { $0.count } == 1)
        await #expect(throws: error) {
            try await ChainClient(["a"], nodes, timeline: self.clock).number()
        }
        #expect(self.clock.slept.withLock { $0 } == [.seconds(5), .seconds(5), .seconds(5)])
        #expect(nodes.asked.withLock { $0.count } == 5)
        #expect(error.description == "a: too many requests, again in 86400 s")
    }

    private func pair(_ client: ChainClient) async throws(ChainNodeError) -> [Int] {
        try await client.withOneNode { (node) async throws(ChainNodeError) in
            [try await node.number("first"), try await node.number("second")]
        }
    }

    @Test func `where one node is asked for all, nothing is waited for before it answered`() async throws {
        let nodes = Nodes(["a": [.limited(after: 2)], "b": [.result("2")]])
        #expect(try await self.pair(ChainClient(["a", "b"], nodes, timeline: self.clock)) == [2, 2])
        #expect(nodes.asked.withLock { $0 } == ["a first", "b first", "b second"])
        #expect(self.clock.slept.withLock { $0.isEmpty })
        let one = Nodes(["a": [.limited(after: 2), .result("3")]])
        #expect(try await self.pair(ChainClient(["a"], one, timeline: self.clock)) == [3, 3])
        #expect(self.clock.slept.withLock { $0 } == [.seconds(2)])
    }

    @Test func `in the middle it is waited for, and what was asked is kept`() async throws {
        let nodes = Nodes([
            "a": [.result("1"), .limited(after: 2), .limited(after: 2), .result("1")], "b": [.result("2")],
        ])
        #expect(try await self.pair(ChainClient(["a", "b"], nodes, timeline: self.clock)) == [1, 1])
        #expect(nodes.asked.withLock { $0 } == ["a first", "a second", "a second", "a second"])
        #expect(self.clock.slept.withLock { $0 } == [.seconds(2), .seconds(2)])
        // Four times, and another one is asked for all of it; what was waited for is not waited for again.
        let never = Nodes(["a": [.result("1"), .limited(after: 1)], "b": [.result("2")]])
        #expect(try await self.pair(ChainClient(["a", "b"], never, timeline: self.clock)) == [2, 2])
        #expect(never.asked.withLock { $0.count } == 7 && self.clock.slept.withLock { $0.count } == 5)
        let alone = Nodes(["a": [.result("1"), .limited(after: 1)]])
        await #expect(throws: ChainNodeError.node(url: "a", .limited(after: .seconds(1)))) {
            try await self.pair(ChainClient(["a"], alone, timeline: self.clock))
        }
        #expect(alone.asked.withLock { $0.count } == 5 && self.clock.slept.withLock { $0.count } == 8)
    }

    @Test func `who gives up waiting is told so`() async {
        let client = ChainClient(["a"], Nodes(["a": [.limited(after: 2)]]), timeline: self.clock)
        let error = await withTaskGroup(of: ChainNodeError?.self) { group in
            group.addTask {
                withUnsafeCurrentTask { $0?.cancel() }
                do throws(ChainNodeError) { _ = try await client.number() } catch { return error }
                return nil
            }
            return await group.next() ?? nil
        }
        #expect(error?.isCancelled == true)
    }
}
