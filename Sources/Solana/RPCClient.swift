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

    public init(url: String, web: any Web, timeout: Duration = .seconds(15), bodyLimit: Int = 1 << 20) {
        self.init(urls: [url], network: nil, web: web, timeout: timeout, bodyLimit: bodyLimit)
    }

    /// - Parameters:
    ///   - urls: at least one.
    ///   - network: what every node has to show before it is believed; nil believes.
    public init(
        urls: [String], network: Network?, web: any Web, timeout: Duration = .seconds(15),
        bodyLimit: Int = 1 << 20
    ) {
        precondition(!urls.isEmpty, "some node has to be asked")
        self.urls = urls
        self.network = network
        self.ring = NodeRing(count: urls.count)
        self.timeout = timeout
        self.bodyLimit = bodyLimit
        self.web = web
    }

    /// One call: the `result`, whatever it is.
    /// - Throws: what the last node that was asked said.
    public func call(_ method: String, _ parameters: [JSON]) async throws(RPCError) -> JSONField {
        var failure: RPCError?
        for _ in self.urls {
            let place = self.ring.current
            do throws(RPCError) {
                try await self.checkNetwork(of: place)
                return try await self.call(method, parameters, at: self.urls[place])
            } catch {
                guard error.isOfTheNode else { throw error }
                failure = error
                self.ring.leave(place)
            }
        }
        throw failure ?? .status(0)
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
            throw response.status == 200 ? .malformed(error) : .status(response.status)
        }
        if let error = answer["error"].ifPresent {
            throw try self.reading { () throws(JSONError) in
                RPCError.server(
                    code: try error["code"].integer(), message: try error["message"].string(),
                    data: error["data"].value)
            }
        }
        guard response.status == 200 else { throw .status(response.status) }
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
