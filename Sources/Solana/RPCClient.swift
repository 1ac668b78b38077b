public import Encoding
public import World

/// Speaks JSON-RPC 2.0 with one Solana node. Keeps nothing and repeats nothing: what to do after an error is
/// decided by who knows what was at stake.
public struct RPCClient: Sendable {
    /// Where the node listens.
    public let url: String
    /// For each exchange.
    public let timeout: Duration
    /// The longest answer that is read, in bytes.
    public let bodyLimit: Int
    private let web: any Web

    public init(url: String, web: any Web, timeout: Duration = .seconds(15), bodyLimit: Int = 1 << 20) {
        self.url = url
        self.web = web
        self.timeout = timeout
        self.bodyLimit = bodyLimit
    }

    /// One call: the `result`, whatever it is.
    public func call(_ method: String, _ parameters: [JSON]) async throws(RPCError) -> JSONField {
        let request: JSON = [
            "jsonrpc": "2.0", "id": 1, "method": .string(method), "params": .array(parameters),
        ]
        let response: WebResponse
        do throws(WebError) {
            response = try await self.web.send(
                WebRequest(
                    "POST", self.url, headers: [Header("Content-Type", "application/json")],
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
