import Encoding
import Sodium
import Stellar
import World

/// The key with this seed.
func key(seed: [UInt8]) throws -> SigningKey {
    try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: seed) })
}

/// The key that the known answers are signed with.
func knownKey() throws -> SigningKey { try key(seed: Array(1...32)) }

/// The known payment.
func knownTransfer(
    network: StellarNetwork = .testnet, amount: UInt64 = Golden.amount,
    credentials: StellarCredentials = .address
) throws -> StellarTransfer {
    StellarTransfer(
        network: network, token: StellarNetwork.testnet.usdcContract,
        from: StellarAddress(try knownKey().publicKey), to: try StellarAddress(Golden.payTo),
        amount: amount, nonce: Golden.nonce, expiration: Golden.expiration, credentials: credentials)
}

extension StellarTransfer {
    func signed(by key: borrowing SigningKey) throws -> StellarAuthorization {
        try StellarAuthorization(self, signature: key.signature(over: self.signedHash))
    }
}

/// A node that answers each method with one prepared result.
struct ScriptedNode: Web {
    /// JSON by method.
    var results: [String: String]
    /// What a request of a method has to ask.
    var parameters: [String: String] = [:]
    var status = 200
    var passphrase = StellarNetwork.testnet.passphrase

    func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        guard let call = try? JSON.read(request.body), call["jsonrpc"] == "2.0", call["id"] == 1,
            request.method == "POST", case .string(let method)? = call["method"]
        else { throw .refused("no call: \(String(decoding: request.body, as: UTF8.self))") }
        if let expected = self.parameters[method], (try? JSON.read(expected)) != call["params"] {
            throw .refused("other parameters: \(String(decoding: request.body, as: UTF8.self))")
        }
        var answer = #"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}"#
        if method == "getNetwork" {
            answer = #"{"jsonrpc":"2.0","id":1,"result":{"passphrase":"\#(self.passphrase)"}}"#
        } else if let result = self.results[method] {
            answer = #"{"jsonrpc":"2.0","id":1,\#(result)}"#
        }
        return WebResponse(status: self.status, headers: [], body: Array(answer.utf8))
    }
}
