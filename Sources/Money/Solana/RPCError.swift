public import Encoding
public import World

/// Why a Solana node gave no usable answer.
public indirect enum RPCError: Error, Equatable, CustomStringConvertible {
    /// What the last node that was asked said, where another one might have done better.
    case node(url: String, RPCError)
    /// The node asks to come back later (HTTP 429 or 503, JSON-RPC 429), and when if it says so.
    case limited(after: Duration?)
    /// No answer. Except for `WebError.refused` the node may have acted on the request.
    case transport(WebError)
    /// An HTTP status other than 200 without a JSON-RPC error.
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
        case .node(let url, let error): "\(url): \(error)"
        case .limited(let after):
            "too many requests" + (after.map { ", again in \($0.components.seconds) s" } ?? "")
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

    /// Whether another node could do better: this one gave no answer, or none that can be used. A refusal of
    /// the request itself is the same everywhere.
    var isOfTheNode: Bool {
        switch self {
        case .transport(let error): error != .cancelled
        case .node, .limited, .status, .malformed, .otherNetwork, .wentBack: true
        case .server(let code, _, _): !Self.final.contains(code)
        case .notFound: false
        }
    }

    /// Wrong request, wrong parameters; a preflight or signature that failed; a slot or a transaction version
    /// that is not to be had.
    private static let final: Set<Int> = [
        -32600, -32602, -32002, -32003, -32006, -32007, -32009, -32013, -32015,
    ]

    /// What is wrong, without the node's name.
    public var reason: RPCError {
        if case .node(_, let error) = self { error.reason } else { self }
    }

    /// Whether the caller itself gave up.
    public var isCancelled: Bool { self.reason == .transport(.cancelled) }

    /// The chain's reason inside a refusal, for instance `{"InstructionError":[2,{"Custom":1}]}`.
    public var chainError: JSON? {
        guard case .server(_, _, let data?) = self.reason, let error = data["err"], error != .null else {
            return nil
        }
        return error
    }
}
