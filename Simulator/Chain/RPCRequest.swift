import Encoding
import Solana

/// One JSON-RPC request, or why it is none.
struct RPCRequest {
    /// Echoed in the answer: a string, a number or null.
    let id: JSON
    let method: String
    let parameters: JSONField

    init(_ body: [UInt8], limit: Int) throws(RPCRefusal) {
        let document: JSON
        do throws(JSONError) {
            document = try JSON.read(body, limits: JSON.Limits(bytes: limit, depth: 16))
        } catch {
            throw RPCRefusal(-32700, "Parse error: \(error)")
        }
        if case .array = document { throw RPCRefusal(-32600, "Invalid request: batches are not served") }
        let field = JSONField(document)
        guard let method = try? field["method"].string(), (try? field["jsonrpc"].string()) == "2.0" else {
            throw RPCRefusal(-32600, "Invalid request")
        }
        switch document["id"] {
        case .array?, .object?, .bool?, nil: throw RPCRefusal(-32600, "Invalid request: no usable id")
        case let id?: self.id = id
        }
        self.method = method
        self.parameters = field["params"]
    }

    /// The commitment in the options at `index`; nodes take finalized when none is given.
    func commitment(at index: Int, _ name: String = "commitment") throws(RPCRefusal) -> Commitment {
        guard let field = self.parameters[index][name].ifPresent else { return .finalized }
        let word = try reading(field.string)
        guard let commitment = Commitment(rawValue: word) else {
            throw RPCRefusal(-32602, "Invalid params: unknown commitment \"\(word.prefix(20))\"")
        }
        return commitment
    }

    func address(at index: Int) throws(RPCRefusal) -> Address {
        let text = try reading(self.parameters[index].string)
        do throws(DecodingError) { return try Address(text) } catch {
            throw RPCRefusal(-32602, "Invalid param: \(error)")
        }
    }

    /// The transaction at 0 in the encoding that the options name; Base58 when they name none.
    func transaction() throws(RPCRefusal) -> Transaction {
        let text = try reading(self.parameters[0].string)
        let encoding = try reading { () throws(JSONError) in
            try self.parameters[1]["encoding"].ifPresent?.string() ?? "base58"
        }
        guard encoding == "base58" || encoding == "base64" else {
            throw RPCRefusal(-32602, "unsupported encoding: \(encoding.prefix(20))")
        }
        let bytes: [UInt8]
        do throws(DecodingError) {
            bytes =
                encoding == "base64"
                ? try Base64.standard.decode(text) : try Base58.decode(text, maximumLength: 1_683)
        } catch {
            throw RPCRefusal(-32602, "invalid \(encoding) encoding: \(error)")
        }
        do throws(WireError) { return try Transaction(decoding: bytes) } catch {
            throw RPCRefusal(-32602, "failed to deserialize transaction: \(error)")
        }
    }
}

/// A JSON-RPC error.
struct RPCRefusal: Error {
    let code: Int
    let message: String
    let data: JSON?

    init(_ code: Int, _ message: String, data: JSON? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }
}

/// A wrong parameter is the client's fault.
func reading<Value>(_ read: () throws(JSONError) -> Value) throws(RPCRefusal) -> Value {
    do throws(JSONError) { return try read() } catch { throw RPCRefusal(-32602, "Invalid params: \(error)") }
}
