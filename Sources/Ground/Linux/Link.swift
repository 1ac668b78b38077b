public import World

/// What a link holds in memory at most.
public struct LinkLimits: Sendable, Hashable {
    /// Messages and bytes that wait for the broker's acknowledgement at once.
    public var waitingMessages = 256
    public var waitingBytes = 16 << 20
    /// The longest packet that the broker may send us, in bytes; it drops longer ones.
    public var packetBytes: UInt32 = 4 << 20
    /// Messages that the broker may send without our acknowledgement.
    public var receiveMaximum: UInt16 = 64
    /// A broker that says nothing for half as long again is gone: 5 to 65,535 seconds.
    public var keepAliveSeconds: UInt16 = 30

    public init() {}
}

/// How long a link waits before it connects again: full jitter under a ceiling that doubles.
///
/// Jitter, because a fleet that lost its broker would come back in one moment. The ceiling falls only after a
/// stable while, because a broker that accepts and drops is no reason to try harder.
public struct RetryPause: Sendable, Hashable {
    public var leastMilliseconds: Int32 = 250
    public var mostMilliseconds: Int32 = 30_000
    public var stableSeconds = 60
    private var attempt = 0

    public init(leastMilliseconds: Int32 = 250, mostMilliseconds: Int32 = 30_000, stableSeconds: Int = 60) {
        self.leastMilliseconds = leastMilliseconds
        self.mostMilliseconds = mostMilliseconds
        self.stableSeconds = stableSeconds
    }

    /// The pause after a connection, or the attempt to get one, that took so many seconds.
    public mutating func next(after seconds: Int, entropy: some Entropy) -> Int32 {
        self.attempt = seconds > self.stableSeconds ? 0 : min(self.attempt + 1, 16)
        let least = max(1, self.leastMilliseconds)
        let ceiling = min(
            Int64(max(1, self.mostMilliseconds - least)), Int64(least) << Int64(self.attempt))
        return least + Int32(entropy.number(below: UInt64(ceiling) + 1))
    }
}

/// What happens to a link, for logs. Told on the bus's thread.
public enum LinkEvent: Sendable, Hashable, CustomStringConvertible {
    /// - Parameter sessionKept: the broker had kept our session.
    case connected(sessionKept: Bool)
    /// The broker does not want us, in its words.
    case refused(String)
    /// The broker does not want to tell us what matches.
    case refusedFilter(String, reason: String)
    /// The broker did not want our birth message.
    case refusedBirth(String)
    /// The connection ended, or there was none.
    case ended(String)

    /// Why a connection ended that another one with the same name took over.
    static let otherClient = "another client has this client_id and took our place; give each its own"

    public var description: String {
        switch self {
        case .connected(let sessionKept):
            sessionKept ? "connected, the broker had kept the session" : "connected"
        case .refused(let reason): "the broker refuses the connection: \(reason)"
        case .refusedFilter(let filter, let reason): "the broker refuses the filter \(filter): \(reason)"
        case .refusedBirth(let reason): "the broker refuses the birth message: \(reason)"
        case .ended(let reason): "not connected: \(reason)"
        }
    }
}
