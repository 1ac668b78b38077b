public import Encoding
public import World

/// Why a Stellar node gave no usable answer.
public indirect enum StellarRPCError: Error, Equatable, CustomStringConvertible {
    /// What the last node that was asked said, where another one might have done better.
    case node(url: String, StellarRPCError)
    /// The node asks to come back later (HTTP 429 or 503), and when if it says so.
    case limited(after: Duration?)
    /// No answer. Except for `WebError.refused` the node may have acted on the request.
    case transport(WebError)
    /// An HTTP status other than 200 without a JSON-RPC error.
    case status(Int)
    /// The answer is not what the method promises.
    case malformed(JSONError)
    /// The node refused.
    case server(code: Int, message: String)
    /// A simulation says that the transaction would fail.
    case simulation(String)
    /// The node shows another passphrase than the network's.
    case otherNetwork(url: String, expected: String)
    /// The node's latest ledger lies far behind one that was seen before: it lags, or it lies.
    case wentBack(url: String, from: UInt32, to: UInt32)

    /// One line for people.
    public var description: String {
        switch self {
        case .node(let url, let error): "\(url): \(error)"
        case .limited(let after):
            "too many requests" + (after.map { ", again in \($0.components.seconds) s" } ?? "")
        case .transport(let error): "no answer: \(error)"
        case .status(let status): "HTTP status \(status)"
        case .malformed(let error): "unusable answer: \(error)"
        case .server(let code, let message): "\(message) (\(code))"
        case .simulation(let reason): "the network would refuse: \(reason)"
        case .otherNetwork(let url, let expected): "\(url) is not a node of \(expected)"
        case .wentBack(let url, let from, let to):
            "\(url) says ledger \(to), and \(from) was seen already: it lags behind or lies"
        }
    }

    /// Whether another node could do better: this one gave no answer, or none that can be used. A refusal of
    /// the request itself is the same everywhere.
    var isOfTheNode: Bool {
        switch self {
        case .transport(let error): error != .cancelled
        case .node, .limited, .status, .malformed, .otherNetwork, .wentBack: true
        // Invalid parameters. An "invalid request" may be about the ledgers that this node has.
        case .server(let code, _): code != -32602
        case .simulation: false
        }
    }

    /// What is wrong, without the node's name.
    public var reason: StellarRPCError {
        if case .node(_, let error) = self { error.reason } else { self }
    }

    /// Whether the caller itself gave up.
    public var isCancelled: Bool { self.reason == .transport(.cancelled) }
}
