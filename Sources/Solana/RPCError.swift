public import Encoding
public import World

/// Why a Solana node gave no usable answer.
public enum RPCError: Error, Equatable, CustomStringConvertible {
    /// No answer. Except for `WebError.refused` the node may have acted on the request.
    case transport(WebError)
    /// An HTTP status other than 200 without a JSON-RPC error, 429 for instance.
    case status(Int)
    /// The answer is not what the method promises.
    case malformed(JSONError)
    /// The node refused. -32002 is a failed preflight; `data` then has `err` and `logs`.
    case server(code: Int, message: String, data: JSON?)
    /// There is no such account.
    case notFound(Address)
    /// The node shows another genesis hash than the network's.
    case otherNetwork(url: String, expected: String)
    /// The node's block height lies far behind one that was seen before: it lags, or it lies.
    case wentBack(url: String, from: UInt64, to: UInt64)

    /// One line for people.
    public var description: String {
        switch self {
        case .transport(let error): "no answer: \(error)"
        case .status(let status): "HTTP status \(status)"
        case .malformed(let error): "unusable answer: \(error)"
        case .server(let code, let message, _): "\(message) (\(code))"
        case .otherNetwork(let url, let expected): "\(url) is not a node of \(expected)"
        case .wentBack(let url, let from, let to):
            "\(url) says block height \(to), and \(from) was seen already: it lags behind or lies"
        case .notFound(let address): "there is no account \(address)"
        }
    }

    /// Whether another node could do better: this one gave no answer, or none that can be used.
    var isOfTheNode: Bool {
        switch self {
        case .transport(let error): error != .cancelled
        case .status, .malformed, .otherNetwork, .wentBack: true
        // "Node is unhealthy", "node is behind".
        case .server(let code, _, _): code == -32005
        case .notFound: false
        }
    }

    /// The chain's reason inside a refusal, for instance `{"InstructionError":[2,{"Custom":1}]}`.
    public var chainError: JSON? {
        guard case .server(_, _, let data?) = self, let error = data["err"], error != .null else {
            return nil
        }
        return error
    }
}
