public import Encoding
public import World

/// Why the nodes of a network gave no usable answer.
public indirect enum ChainNodeError: Error, Equatable, CustomStringConvertible {
    /// What the last node that was asked said, where another one might have done better.
    case node(url: String, ChainNodeError)
    /// The node asks to come back later (HTTP 429 or 503, JSON-RPC 429), and when if it says so.
    case limited(after: Duration?)
    /// No answer. Except for `WebError.refused` the node may have acted on the request.
    case transport(WebError)
    /// An HTTP status other than 200 without a JSON-RPC error.
    case status(Int)
    /// The answer is not what the method promises.
    case malformed(JSONError)
    /// The node refused. Solana's -32002 is a failed preflight; `data` then has `err` and `logs`.
    case server(code: Int, message: String, data: JSON? = nil)
    /// There is no such account.
    case notFound(account: String)
    /// A simulation says that the transaction would fail.
    case simulation(String)
    /// The node shows another network than the one that is paid on.
    case otherNetwork(url: String, expected: String)
    /// The node's height lies far below one that was seen before: it lags, or it lies. `kind` is the chain's
    /// word for a height.
    case wentBack(url: String, kind: String, from: UInt64, to: UInt64)

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
        case .notFound(let account): "there is no account \(account)"
        case .simulation(let reason): "the network would refuse: \(reason)"
        case .otherNetwork(let url, let expected): "\(url) is not a node of \(expected)"
        case .wentBack(let url, let kind, let from, let to):
            "\(url) says \(kind) \(to), and \(from) was seen already: it lags behind or lies"
        }
    }

    /// What is wrong, without the node's name.
    public var reason: ChainNodeError {
        if case .node(_, let error) = self { error.reason } else { self }
    }

    /// Whether the caller itself gave up.
    public var isCancelled: Bool { self.reason == .transport(.cancelled) }

    /// Whether who answers belongs to another network: that does not heal by waiting.
    public var isOtherNetwork: Bool { if case .otherNetwork = self.reason { true } else { false } }

    /// With the node's name, unless the error says it already.
    func named(_ url: String) -> ChainNodeError {
        switch self {
        case .node, .otherNetwork, .wentBack: self
        default: .node(url: url, self)
        }
    }
}
