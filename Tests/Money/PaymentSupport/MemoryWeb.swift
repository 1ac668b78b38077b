package import Node
package import SimulatedChain
import Synchronization
package import World

/// A web in memory: `http://rpc/` is the cluster, `http://node-a/…` a shop. It keeps the limits of the port,
/// and breaks
/// what a test asks it to break.
package final class MemoryWeb: Web {
    /// What goes wrong, and what went by.
    package struct State: Sendable {
        package var shop: Shop?
        /// Answers instead of the shop.
        package var impostor: (@Sendable (WebRequest) -> WebResponse?)?
        /// The buyer's process is dead: nothing goes out, nothing comes in.
        package var dead = false
        /// The chain's node answers nothing.
        package var rpcSilent = false
        /// So many paid requests do their work, but the answer gets lost.
        package var loseAnswers = 0
        /// Payments that went over the wire, in order.
        package var payments: [String] = []
    }

    private let cluster: Cluster
    private let state = Mutex(State())

    package init(cluster: Cluster) { self.cluster = cluster }

    package func change<Result: Sendable>(_ body: (inout sending State) -> Result) -> Result {
        self.state.withLock { body(&$0) }
    }

    package func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        if self.change({ $0.dead }) { throw .cancelled }
        if request.url == "http://rpc/" {
            if self.change({ $0.rpcSilent }) { throw .timedOut }
            return WebResponse(status: 200, headers: [], body: await self.cluster.respond(to: request.body))
        }
        let prefix = "http://node-a"
        guard request.url.hasPrefix(prefix) else { throw .unreachable(request.url) }
        let payment = request.headers.first { $0.name == "PAYMENT-SIGNATURE" }?.value
        let (shop, impostor) = self.change { state in
            if let payment { state.payments.append(payment) }
            return (state.shop, state.impostor)
        }
        if let response = impostor?(request) { return try self.checked(response, request) }
        guard let shop else { throw .unreachable(request.url) }
        let answer = await shop.respond(
            to: ShopRequest(request, path: String(request.url.dropFirst(prefix.count))))
        let lost =
            payment != nil
            && self.change { state in
                guard state.loseAnswers > 0 else { return false }
                state.loseAnswers -= 1
                return true
            }
        if lost { throw .broken("hung up") }
        return try self.checked(
            WebResponse(status: answer.status, headers: answer.headers, body: answer.body), request)
    }

    /// Limits as every implementation of the port keeps them.
    private func checked(_ response: WebResponse, _ request: WebRequest) throws(WebError) -> WebResponse {
        let head = response.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
        guard head <= request.headerLimit else { throw .tooLarge(limit: request.headerLimit) }
        guard response.body.count <= request.bodyLimit else { throw .tooLarge(limit: request.bodyLimit) }
        return response
    }
}

extension ShopRequest {
    /// A request as it arrives at the shop.
    package init(_ request: WebRequest, path: String) {
        let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
        var query: [String: String] = [:]
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
            query[sides[0]] = sides.count > 1 ? sides[1] : ""
        }
        var headers: [String: String] = [:]
        for header in request.headers { headers[header.name.lowercased()] = header.value }
        self.init(method: request.method, path: parts[0], query: query, headers: headers, body: request.body)
    }
}

/// A clock whose sleepers do not wait: the chain's slots pass instead.
package final class ChainTimeline: Timeline {
    private let cluster: Cluster
    private let elapsed = Mutex<Int64>(0)
    private static let slotMilliseconds: Int64 = 400

    package init(cluster: Cluster) { self.cluster = cluster }

    private var milliseconds: Int64 { self.elapsed.withLock { $0 } }

    package var now: Timestamp {
        Timestamp(milliseconds: 1_800_000_000_000 + self.milliseconds, quality: .virtual)
    }
    package var uptime: Duration { .milliseconds(self.milliseconds) }

    package func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        let (seconds, attoseconds) = duration.components
        let length = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        let slots = self.elapsed.withLock { elapsed in
            let before = elapsed / Self.slotMilliseconds
            elapsed += length
            return elapsed / Self.slotMilliseconds - before
        }
        if slots > 0 { await self.cluster.tick(Int(slots)) }
        // Who sleeps lets others run, also where no time passes: a loop of sleeps would keep its thread for ever.
        await Task.yield()
    }

    /// Lets slots pass without anybody sleeping.
    package func pass(slots: Int) async throws { try await self.sleep(for: .milliseconds(400 * slots)) }
}

/// Random bytes that are the same each time, and different each time they are asked for.
package final class CountingEntropy: Entropy {
    private let count = Mutex<UInt64>(0)

    package init() {}

    package func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        self.count.withLock { count in
            for index in buffer.indices {
                count += 1
                buffer[index] = UInt8(truncatingIfNeeded: count &* 0x9e37_79b9_7f4a_7c15 >> 29)
            }
        }
    }
}
