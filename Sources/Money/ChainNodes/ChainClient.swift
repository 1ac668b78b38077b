package import Encoding
internal import Synchronization
package import World

/// Speaks JSON-RPC 2.0 with a chain's node, or with the first of several that is of use. Where a node does
/// not answer, or is one of another network, the next one is asked the same; asking twice is harmless for
/// every method, since what is signed moves its money once. What to do after an error is decided by who knows
/// what was at stake.
package struct ChainClient: Sendable {
    /// A while with one node.
    private final class Stay: Sendable {
        let place: Int
        let hasAnswered = Atomic(false)

        init(at place: Int) { self.place = place }
    }

    /// How often a question is asked while the answer is that it is asked too often.
    private static let rounds = 4
    /// The longest wait between two rounds, whatever a node asks for: who waits longer holds the robot up.
    private static let longestWait = Duration.seconds(5)

    private let urls: [String]
    private let dialect: ChainDialect
    private let web: any Web
    private let timeline: (any Timeline)?
    private let ring: NodeRing
    private var stay: Stay?

    /// Who is asked.
    private var url: String { self.urls[self.stay?.place ?? self.ring.current] }

    /// - Parameters:
    ///   - urls: where the nodes listen, in the order of preference; at least one.
    ///   - timeline: waits where every node asks to come back later; nil does not wait.
    package init(urls: [String], dialect: ChainDialect, web: any Web, timeline: (any Timeline)?) {
        precondition(!urls.isEmpty, "some node has to be asked")
        self.urls = urls
        self.dialect = dialect
        self.web = web
        self.timeline = timeline
        self.ring = NodeRing(count: urls.count)
    }

    /// One call: what `read` makes of the `result`. A node whose answer cannot be read is left for the next
    /// like one that gives none.
    /// - Throws: what the last node that was asked said.
    package func call<Value>(
        _ method: String, _ parameters: JSON, _ read: (JSONField) throws(JSONError) -> Value
    ) async throws(ChainNodeError) -> Value {
        guard let stay else {
            return try await self.withOneNode { (node) async throws(ChainNodeError) in
                try await node.call(method, parameters, read)
            }
        }
        var round = 1
        while true {
            do throws(ChainNodeError) {
                let value = try await self.exchange(method, parameters, read)
                stay.hasAnswered.store(true, ordering: .relaxed)
                return value
            } catch {
                // To leave in the middle is to begin anew: there it is waited.
                guard case .limited(let after) = error, stay.hasAnswered.load(ordering: .relaxed) else {
                    throw error
                }
                guard try await self.waits(for: after, round) else { throw error.named(self.url) }
                round += 1
            }
        }
    }

    /// Like ``call(_:_:_:)`` for a height. One that lies far below what was seen comes from a node that lags
    /// or lies: what it says about the present is of no use.
    /// - Parameter kind: heights of one kind are compared with each other.
    package func height<Height: FixedWidthInteger & UnsignedInteger>(
        _ method: String, _ parameters: JSON, of kind: String = "",
        _ read: (JSONField) throws(JSONError) -> Height
    ) async throws(ChainNodeError) -> Height {
        try await self.withOneNode { (node) async throws(ChainNodeError) in
            let height = try await node.call(method, parameters, read)
            let (name, tolerance) = self.dialect.height
            let number = UInt64(clamping: height)
            if let seen = self.ring.regression(number, of: kind, tolerance: tolerance) {
                throw .wentBack(url: node.url, kind: name, from: seen, to: number)
            }
            return height
        }
    }

    /// Asks one node for all of `body`, and begins anew with the next where it fails in the middle: answers
    /// that have to fit together come from one place.
    package func withOneNode<Value>(
        _ body: (ChainClient) async throws(ChainNodeError) -> Value
    ) async throws(ChainNodeError) -> Value {
        guard self.stay == nil else { return try await body(self) }
        var round = 1
        while true {
            var failure = ChainNodeError.status(0)
            var wait: Duration?
            for _ in self.urls {
                let place = self.ring.current
                var node = self
                node.stay = Stay(at: place)
                do throws(ChainNodeError) {
                    if !self.ring.isKnown(place) { try await node.checkNetwork() }
                    self.ring.know(place)
                    return try await body(node)
                } catch {
                    guard self.dialect.isOfTheNode(error) else { throw error }
                    failure = error.named(node.url)
                    if case .limited(let after) = error {
                        let after = after ?? Self.usualWait(round)
                        wait = min(wait ?? after, after)
                    }
                    self.ring.leave(place)
                }
            }
            guard let wait, try await self.waits(for: wait, round) else { throw failure }
            round += 1
        }
    }

    private static func usualWait(_ round: Int) -> Duration { .milliseconds(500 << min(round, 3)) }

    /// Waits as a node asks; false where it is not worth another round.
    private func waits(for wait: Duration?, _ round: Int) async throws(ChainNodeError) -> Bool {
        guard let timeline, round < Self.rounds else { return false }
        let wait = wait ?? Self.usualWait(round)
        do { try await timeline.sleep(for: min(max(wait, .zero), Self.longestWait)) } catch {
            throw .transport(.cancelled)
        }
        return true
    }

    /// A node is asked once which network it belongs to.
    private func checkNetwork() async throws(ChainNodeError) {
        guard let expected = self.dialect.network else { return }
        let (method, parameters) = self.dialect.networkQuestion
        guard try await self.exchange(method, parameters, self.dialect.isNetwork) else {
            throw .otherNetwork(url: self.url, expected: expected)
        }
    }

    private func exchange<Value>(
        _ method: String, _ parameters: JSON, _ read: (JSONField) throws(JSONError) -> Value
    ) async throws(ChainNodeError) -> Value {
        let response: WebResponse
        do throws(WebError) {
            response = try await self.web.send(JSONRPC.request(method, parameters, to: self.url))
        } catch { throw .transport(error) }
        return try JSONRPC.read(response, read)
    }
}
