public import Encoding
internal import Synchronization
public import World

/// Speaks JSON-RPC 2.0 with a Stellar node, or with the first of several that is of use. Where a node does
/// not answer, or is one of another network, the next one is asked the same; asking twice is harmless for
/// every method, since an entry moves its money once. What to do after an error is decided by who knows what
/// was at stake.
public struct StellarRPC: Sendable {
    /// Where the nodes listen, in the order of preference.
    public let urls: [String]
    /// What every node has to show before it is believed.
    public let network: StellarNetwork
    /// For each exchange.
    public let timeout: Duration
    /// The longest answer that is read, in bytes.
    public let bodyLimit: Int
    private let web: any Web
    /// Waits where every node asks to come back later; nil does not wait.
    private let timeline: (any Timeline)?
    private let memory: Memory

    /// What the nodes have shown so far.
    private final class Memory: Sendable {
        struct State {
            var current = 0
            var known: Set<Int> = []
            var latest: UInt32 = 0
            var contradictions = 0
        }
        let state = Mutex(State())
    }

    /// - Parameter urls: at least one.
    public init(
        urls: [String], network: StellarNetwork, web: any Web, timeline: (any Timeline)? = nil,
        timeout: Duration = .seconds(15), bodyLimit: Int = 1 << 20
    ) {
        precondition(!urls.isEmpty, "some node has to be asked")
        self.urls = urls
        self.network = network
        self.web = web
        self.timeline = timeline
        self.timeout = timeout
        self.bodyLimit = bodyLimit
        self.memory = Memory()
    }

    /// One call: what `read` makes of the `result`. A node whose answer cannot be read is left for the next
    /// like one that gives none.
    /// - Throws: what the last node that was asked said.
    public func call<Value>(
        _ method: String, _ parameters: JSON, _ read: (JSONField) throws(JSONError) -> Value
    ) async throws(StellarRPCError) -> Value {
        try await self.withOneNode { (node) async throws(StellarRPCError) in
            try await node.ask(method, parameters, read)
        }
    }

    /// One node for a while: answers that have to fit together come from one place.
    public struct Node: Sendable {
        let rpc: StellarRPC
        let url: String

        func ask<Value>(
            _ method: String, _ parameters: JSON, _ read: (JSONField) throws(JSONError) -> Value
        ) async throws(StellarRPCError) -> Value {
            let result = try await self.rpc.exchange(method, parameters, at: self.url)
            do throws(JSONError) { return try read(result) } catch { throw .malformed(error) }
        }
    }

    /// Asks one node for all of `body`, and begins anew with the next where it fails in the middle.
    public func withOneNode<Value>(
        _ body: (Node) async throws(StellarRPCError) -> Value
    ) async throws(StellarRPCError) -> Value {
        var round = 0
        while true {
            round += 1
            var failure = StellarRPCError.status(0)
            var wait: Duration?
            for _ in self.urls {
                let place = self.memory.state.withLock { $0.current }
                let node = Node(rpc: self, url: self.urls[place])
                do throws(StellarRPCError) {
                    try await self.checkNetwork(of: place, node)
                    return try await body(node)
                } catch {
                    guard error.isOfTheNode else { throw error }
                    failure = self.named(error, node.url)
                    if case .limited(let after) = error {
                        let after = after ?? .milliseconds(500 << min(round, 3))
                        wait = min(wait ?? after, after)
                    }
                    self.leave(place)
                }
            }
            guard let wait, let timeline, round < Self.rounds else { throw failure }
            do {
                try await timeline.sleep(for: min(max(wait, .zero), Self.longestWait))
            } catch {
                throw .transport(.cancelled)
            }
        }
    }

    /// How often all nodes are asked while one of them says that it is asked too often.
    private static let rounds = 4
    /// The longest wait between two rounds, whatever a node asks for: who waits longer holds the robot up.
    private static let longestWait = Duration.seconds(5)

    /// Goes on to the next node, unless somebody else did so already.
    private func leave(_ place: Int) {
        self.memory.state.withLock { state in
            if state.current == place { state.current = (place + 1) % self.urls.count }
        }
    }

    /// With the node's name, unless the error says it already.
    private func named(_ error: StellarRPCError, _ url: String) -> StellarRPCError {
        switch error {
        case .node, .otherNetwork, .wentBack: error
        default: .node(url: url, error)
        }
    }

    /// A node is asked once which network it belongs to.
    private func checkNetwork(of place: Int, _ node: Node) async throws(StellarRPCError) {
        guard self.memory.state.withLock({ !$0.known.contains(place) }) else { return }
        guard try await node.passphrase() == self.network.passphrase else {
            throw .otherNetwork(url: node.url, expected: self.network.chainID)
        }
        self.memory.state.withLock { _ = $0.known.insert(place) }
    }

    /// Ledgers that two honest nodes may lie apart.
    static let tolerance: UInt32 = 60
    /// Answers in a row after which a greater ledger, seen before, was the wrong one. Else a single wrong
    /// number would shut out every node for as long as the process lives.
    private static let mostContradictions = 4

    /// Notes a latest ledger. One that lies far behind comes from a node that lags or lies: what it says
    /// about the present is of no use.
    func checkProgress(_ latest: UInt32, of url: String) throws(StellarRPCError) {
        let regression = self.memory.state.withLock { state -> UInt32? in
            guard latest < state.latest, state.latest - latest > Self.tolerance,
                state.contradictions < Self.mostContradictions
            else {
                let isBack = latest < state.latest && state.latest - latest > Self.tolerance
                state.latest = isBack ? latest : max(state.latest, latest)
                state.contradictions = 0
                return nil
            }
            state.contradictions += 1
            return state.latest
        }
        if let regression { throw .wentBack(url: url, from: regression, to: latest) }
    }

    private func exchange(
        _ method: String, _ parameters: JSON, at url: String
    ) async throws(StellarRPCError) -> JSONField {
        var request: JSON = ["jsonrpc": "2.0", "id": 1, "method": .string(method)]
        if parameters != .null { request["params"] = parameters }
        let response: WebResponse
        do throws(WebError) {
            response = try await self.web.send(
                WebRequest(
                    "POST", url, headers: [Header("Content-Type", "application/json")],
                    body: Array(request.text.utf8), timeout: self.timeout, bodyLimit: self.bodyLimit))
        } catch {
            throw .transport(error)
        }
        return try self.result(of: response)
    }

    private func result(of response: WebResponse) throws(StellarRPCError) -> JSONField {
        let answer: JSONField
        do throws(JSONError) {
            answer = JSONField(try JSON.read(response.body, limits: JSON.Limits(bytes: self.bodyLimit)))
        } catch {
            throw response.status == 200 ? .malformed(error) : Self.refusal(response)
        }
        let refusal: StellarRPCError?
        do throws(JSONError) {
            refusal = try answer["error"].ifPresent.map { error throws(JSONError) in
                .server(
                    code: try error["code"].integer(), message: try error["message"].string().plain())
            }
            if refusal == nil, response.status == 200 {
                guard try answer["id"].integer(Int.self) == 1 else {
                    throw answer["id"].fault("an answer to another call")
                }
                guard answer["result"].exists else {
                    throw answer["result"].fault("neither result nor error")
                }
            }
        } catch { throw .malformed(error) }
        if let refusal { throw refusal }
        guard response.status == 200 else { throw Self.refusal(response) }
        return answer["result"]
    }

    private static func refusal(_ response: WebResponse) -> StellarRPCError {
        switch response.status {
        case 429, 503:
            // A date is not read.
            .limited(after: response.header("Retry-After").flatMap { UInt32($0) }.map { .seconds(Int64($0)) })
        default: .status(response.status)
        }
    }
}
