internal import Encoding
internal import World

/// One question and its answer, as JSON-RPC 2.0 over HTTP.
enum JSONRPC {
    /// The longest answer that is read, in bytes.
    private static let bodyLimit = 1 << 20

    static func request(_ method: String, _ parameters: JSON, to url: String) -> WebRequest {
        var request: JSON = ["jsonrpc": "2.0", "id": 1, "method": .string(method)]
        if parameters != .null { request["params"] = parameters }
        return WebRequest(
            "POST", url, headers: [Header("Content-Type", "application/json")],
            body: Array(request.text.utf8), timeout: .seconds(15), bodyLimit: self.bodyLimit)
    }

    /// What `read` makes of the answer's `result`.
    static func read<Value>(
        _ response: WebResponse, _ read: (JSONField) throws(JSONError) -> Value
    ) throws(ChainNodeError) -> Value {
        let answer: JSONField
        do throws(JSONError) {
            answer = JSONField(try JSON.read(response.body, limits: JSON.Limits(bytes: self.bodyLimit)))
        } catch { throw response.status == 200 ? .malformed(error) : self.refusal(response) }
        if let error = answer["error"].ifPresent {
            let (code, message) = try self.reading { () throws(JSONError) in
                (try error["code"].integer(Int.self), try error["message"].string().plain())
            }
            guard code != 429 else { throw .limited(after: self.pause(response)) }
            throw .server(code: code, message: message, data: error["data"].value)
        }
        guard response.status == 200 else { throw self.refusal(response) }
        return try self.reading { () throws(JSONError) in
            guard try answer["id"].integer(Int.self) == 1 else {
                throw answer["id"].fault("an answer to another call")
            }
            // Null is a result, too; no member at all is not.
            guard answer["result"].value != nil else {
                throw answer["result"].fault("neither result nor error")
            }
            return try read(answer["result"])
        }
    }

    private static func refusal(_ response: WebResponse) -> ChainNodeError {
        switch response.status {
        case 429, 503: .limited(after: self.pause(response))
        default: .status(response.status)
        }
    }

    /// `Retry-After` in seconds; a date is not read.
    private static func pause(_ response: WebResponse) -> Duration? {
        response.header("Retry-After").flatMap { UInt32($0) }.map { .seconds(Int64($0)) }
    }

    private static func reading<Value>(
        _ read: () throws(JSONError) -> Value
    ) throws(ChainNodeError) -> Value {
        do throws(JSONError) { return try read() } catch { throw .malformed(error) }
    }
}
