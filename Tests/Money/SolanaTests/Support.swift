import Encoding
import Sodium
import Solana
import World

/// The key whose seed is `byte` 32 times.
func key(_ byte: UInt8) throws -> SigningKey {
    try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) })
}

func address(_ byte: UInt8) throws -> Address { Address(try key(byte).publicKey) }

/// A node that gives one prepared answer to whatever it is asked, if the method is the expected one.
struct ScriptedWeb: Web {
    var method: String
    var answer: String
    var status = 200
    /// Parameters that the request must have.
    var parameters: String?

    func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        guard let call = try? JSON.read(request.body), call["method"] == .string(self.method),
            call["jsonrpc"] == "2.0", call["id"] == 1, request.method == "POST",
            request.header("content-type") == "application/json"
        else { throw .refused("not the expected call: \(String(decoding: request.body, as: UTF8.self))") }
        if let parameters, (try? JSON.read(parameters)) != call["params"] {
            throw .refused("other parameters: \(String(decoding: request.body, as: UTF8.self))")
        }
        return WebResponse(status: self.status, headers: [], body: Array(self.answer.utf8))
    }
}

extension WebRequest {
    func header(_ name: String) -> String? { self.headers.first { $0.name.lowercased() == name }?.value }
}
