public import Encoding
public import World

/// Speaks JSON-RPC 2.0 with a Solana node, or with the first of several that is of use. Where a node does
/// not answer, or is one of another network, the next one is asked the same; asking twice is harmless for
/// every method, since a transaction's bytes are the same each time. What to do after an error is decided by
/// who knows what was at stake.
public struct RPCClient: Sendable {
    /// Where the nodes listen, in the order of preference.
    public let urls: [String]
    private let network: Network?
    private let ring: NodeRing
    /// For each exchange.
    public let timeout: Duration
    /// The longest answer that is read, in bytes.
    public let bodyLimit: Int
    private let web: any Web
    /// Waits where every node asks to come back later; nil does not wait.
    private let timeline: (any Timeline)?

    public init(
        url: String, web: any Web, timeline: (any Timeline)? = nil, timeout: Duration = .seconds(15),
        bodyLimit: Int = 1 << 20
    ) {
        self.init(
            urls: [url], network: nil, web: web, timeline: timeline, timeout: timeout, bodyLimit: bodyLimit)
    }

    /// - Parameters:
    ///   - urls: at least one.
    ///   - network: what every node has to show before it is believed; nil believes.
    public init(
        urls: [String], network: Network?, web: any Web, timeline: (any Timeline)? = nil,
        timeout: Duration = .seconds(15), bodyLimit: Int = 1 << 20
    ) {
        precondition(!urls.isEmpty, "some node has to be asked")
        self.urls = urls
        self.network = network
        self.ring = NodeRing(count: urls.count)
        self.timeout = timeout
        self.bodyLimit = bodyLimit
        self.web = web
        self.timeline = timeline
    }

    /// How often all nodes are asked while each says that it is asked too often.
    private static let rounds = 4
    /// The longest wait between two rounds, whatever a node asks for: who waits longer holds the robot up.
    private static let longestWait = Duration.seconds(5)

    /// One call: what `read` makes of the `result`. A node whose answer cannot be read is left for the next
    /// like one that gives none.
    /// - Throws: what the last node that was asked said.
    public func call<Value>(
        _ method: String, _ parameters: [JSON], _ read: (JSONField) throws(JSONError) -> Value
    ) async throws(RPCError) -> Value {
        var round = 0
        while true {
            round += 1
            var failure = RPCError.status(0)
            var wait: Duration?
            for _ in self.urls {
                let place = self.ring.current
                do throws(RPCError) {
                    try await self.checkNetwork(of: place)
                    let result = try await self.call(method, parameters, at: self.urls[place])
                    return try self.reading { () throws(JSONError) in try read(result) }
                } catch {
                    guard error.isOfTheNode else { throw error }
                    failure = self.named(error, place)
                    if case .limited(let after) = error {
                        let after = after ?? .milliseconds(500 << min(round, 3))
                        wait = min(wait ?? after, after)
                    }
                    self.ring.leave(place)
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

    /// Asks one node for all of `body`, and begins anew with the next where it fails in the middle: answers
    /// that have to fit together come from one place.
    public func withOneNode<Value>(
        _ body: (RPCClient) async throws(RPCError) -> Value
    ) async throws(RPCError) -> Value {
        var failure = RPCError.status(0)
        for _ in self.urls {
            let place = self.ring.current
            let node = RPCClient(
                urls: [self.urls[place]], network: self.ring.isKnown(place) ? nil : self.network,
                web: self.web, timeline: self.timeline, timeout: self.timeout, bodyLimit: self.bodyLimit)
            do throws(RPCError) {
                let value = try await body(node)
                if self.network != nil { self.ring.know(place) }
                return value
            } catch {
                guard error.isOfTheNode else { throw error }
                failure = error
                self.ring.leave(place)
            }
        }
        throw failure
    }

    /// With the node's name, unless the error says it already.
    private func named(_ error: RPCError, _ place: Int) -> RPCError {
        switch error {
        case .node, .otherNetwork, .wentBack: error
        default: .node(url: self.urls[place], error)
        }
    }

    /// A node is asked once which network it belongs to.
    private func checkNetwork(of place: Int) async throws(RPCError) {
        guard let network = self.network, !self.ring.isKnown(place) else { return }
        let answer = try await self.call("getGenesisHash", [], at: self.urls[place])
        guard try self.reading(answer.string) == network.genesisHash else {
            throw .otherNetwork(url: self.urls[place], expected: network.chainID)
        }
        self.ring.know(place)
    }

    /// Notes a block height. One that lies further back than a blockhash lives comes from a node that lags
    /// or lies: what it says about the present is of no use.
    func checkProgress(_ height: UInt64, _ commitment: Commitment) throws(RPCError) {
        guard let seen = self.ring.regression(height, commitment) else { return }
        let url = self.urls[self.ring.current]
        self.ring.leave(self.ring.current)
        throw .wentBack(url: url, from: seen, to: height)
    }

    private func call(
        _ method: String, _ parameters: [JSON], at url: String
    ) async throws(RPCError) -> JSONField {
        let request: JSON = [
            "jsonrpc": "2.0", "id": 1, "method": .string(method), "params": .array(parameters),
        ]
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

    private func result(of response: WebResponse) throws(RPCError) -> JSONField {
        let answer: JSONField
        do throws(JSONError) {
            answer = JSONField(try JSON.read(response.body, limits: JSON.Limits(bytes: self.bodyLimit)))
        } catch {
            throw response.status == 200 ? .malformed(error) : Self.refusal(response)
        }
        if let error = answer["error"].ifPresent {
            let refusal = try self.reading { () throws(JSONError) in
                RPCError.server(
                    code: try error["code"].integer(), message: try error["message"].string(),
                    data: error["data"].value)
            }
            if case .server(429, _, _) = refusal { throw .limited(after: Self.pause(response)) }
            throw refusal
        }
        guard response.status == 200 else { throw Self.refusal(response) }
        return try self.reading { () throws(JSONError) in
            guard try answer["id"].integer(Int.self) == 1 else {
                throw answer["id"].fault("an answer to another call")
            }
            // Null is a result, too; no member at all is not.
            guard answer["result"].value != nil else {
                throw answer["result"].fault("neither result nor error")
            }
            return answer["result"]
        }
    }

    private static func refusal(_ response: WebResponse) -> RPCError {
        switch response.status {
        case 429, 503: .limited(after: self.pause(response))
        default: .status(response.status)
        }
    }

    /// `Retry-After` in seconds; a date is not read.
    private static func pause(_ response: WebResponse) -> Duration? {
        response.header("Retry-After").flatMap { UInt32($0) }.map { .seconds(Int64($0)) }
    }

    /// Runs `read` and turns a wrong shape into an error of this module.
    func reading<Value>(_ read: () throws(JSONError) -> Value) throws(RPCError) -> Value {
        do throws(JSONError) { return try read() } catch { throw .malformed(error) }
    }
}

extension JSONField {
    /// A Base58 address.
    func address() throws(JSONError) -> Address {
        let text = try self.string()
        do throws(DecodingError) { return try Address(text) } catch { throw self.fault(error.description) }
    }

    /// Bytes as nodes write them: `["...", "base64"]`.
    func encodedBytes() throws(JSONError) -> [UInt8] {
        guard try self[1].string() == "base64" else { throw self[1].fault("asked for base64") }
        let text = try self[0].string()
        do throws(DecodingError) { return try Base64.standard.decode(text) } catch {
            throw self[0].fault(error.description)
        }
    }
}
