/// One HTTP request. Redirects are never followed: who redirects a payment wants it elsewhere.
public struct WebRequest: Sendable, Hashable {
    public var method: String
    public var url: String
    public var headers: [Header]
    public var body: [UInt8]
    /// For the whole exchange, connect included.
    public var timeout: Duration
    /// The largest body that is read, in bytes; a longer one is an error.
    public var bodyLimit: Int
    /// The largest header block that is read, in bytes; a longer one is an error.
    public var headerLimit: Int

    public init(
        _ method: String,
        _ url: String,
        headers: [Header] = [],
        body: [UInt8] = [],
        timeout: Duration = .seconds(30),
        bodyLimit: Int = 1 << 20,
        headerLimit: Int = 32 << 10
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.bodyLimit = bodyLimit
        self.headerLimit = headerLimit
    }
}

/// A header field. Names compare without regard to case.
public struct Header: Sendable, Hashable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// The answer to a ``WebRequest``.
public struct WebResponse: Sendable, Hashable {
    public let status: Int
    public let headers: [Header]
    public let body: [UInt8]

    public init(status: Int, headers: [Header], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first field called `name`, in any case.
    public func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return self.headers.first { $0.name.lowercased() == wanted }?.value
    }
}

/// Why there is no answer. Whether the request arrived is unknown in every case but ``refused(_:)``.
public enum WebError: Error, Equatable {
    /// The request itself cannot be sent: bad URL, bad header.
    case refused(String)
    /// Nobody answered at that address.
    case unreachable(String)
    case timedOut
    /// The answer broke a limit of the request, in bytes.
    case tooLarge(limit: Int)
    /// The peer broke HTTP or hung up in the middle.
    case broken(String)
    case cancelled
}

extension WebError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self {
        case .refused(let reason): "cannot be sent: \(reason)"
        case .unreachable(let reason): "unreachable: \(reason)"
        case .timedOut: "no answer in time"
        case .tooLarge(let limit): "the answer is longer than \(limit) bytes"
        case .broken(let reason): "broken off: \(reason)"
        case .cancelled: "given up"
        }
    }
}

/// HTTP exchanges, one request and one answer.
public protocol Web: Sendable {
    func send(_ request: WebRequest) async throws(WebError) -> WebResponse
}
