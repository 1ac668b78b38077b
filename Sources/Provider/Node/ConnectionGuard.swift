internal import Hummingbird
internal import NIOCore
internal import NIOHTTPTypes
internal import Synchronization

/// What strangers may make an HTTP server hold.
public struct ConnectionLimits: Sendable, Hashable {
    /// Connections at once; who comes then waits to be let in.
    public var connections = 128
    /// Of one address; more are closed at once.
    public var perAddress = 16
    /// How long a request may take to arrive whole, from the connection's start or the answer before.
    public var readSeconds = 30
    /// How long an answer may take to be fetched.
    public var writeSeconds = 60

    public init() {}
}

/// How many connections each address has.
final class AddressCount: Sendable {
    private let limit: Int
    private let counts = Mutex<[String: Int]>([:])

    init(limit: Int) { self.limit = limit }

    /// Whether there may be one more.
    func open(_ address: String) -> Bool {
        self.counts.withLock { counts in
            guard counts[address, default: 0] < self.limit else { return false }
            counts[address, default: 0] += 1
            return true
        }
    }

    func close(_ address: String) {
        self.counts.withLock { counts in
            let left = counts[address, default: 0] - 1
            counts[address] = left > 0 ? left : nil
        }
    }
}

/// Watches over one connection: a clock that no trickle of bytes sets back, and a place among those of its
/// address. Lives on the connection's event loop.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: ConnectionLimits
    private let addresses: AddressCount
    private var address: String?
    private var deadline: Scheduled<Void>?

    init(_ limits: ConnectionLimits, _ addresses: AddressCount) {
        self.limits = limits
        self.addresses = addresses
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { self.begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard self.address == nil else { return }
        let address = context.remoteAddress?.ipAddress ?? ""
        guard self.addresses.open(address) else {
            // Once its pipeline is whole, as for whoever takes too long.
            let channel = context.channel
            return context.eventLoop.execute { channel.close(promise: nil) }
        }
        self.address = address
        self.wait(self.limits.readSeconds, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.end() }

    private func end() {
        self.deadline?.cancel()
        self.deadline = nil
        if let address = self.address { self.addresses.close(address) }
        self.address = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // From here on it is our work that takes its time.
        if case .end = self.unwrapInboundIn(data) { self.deadline?.cancel() }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch self.unwrapOutboundIn(data) {
        case .head: self.wait(self.limits.writeSeconds, context)
        case .end: self.wait(self.limits.readSeconds, context)
        case .body: break
        }
        context.write(data, promise: promise)
    }

    private func wait(_ seconds: Int, _ context: ChannelHandlerContext) {
        self.deadline?.cancel()
        let channel = context.channel
        self.deadline = context.eventLoop.scheduleTask(in: .seconds(Int64(clamping: seconds))) {
            channel.close(promise: nil)
        }
    }
}
