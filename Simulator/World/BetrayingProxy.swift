import Encoding
import Payments
import Synchronization
package import World

/// Stands between an honest node and the robot and makes the node betray it: the node's program knows no
/// faults.
package final class BetrayingProxy: Sendable {
    private let fault: Scenario.NodeFault
    private let node: String
    private let web: any Web
    private let entropy: SeededEntropy
    private let killNode: @Sendable () -> Void
    private let dead = Atomic<Bool>(false)

    /// - Parameters:
    ///   - node: URL of the honest node.
    ///   - killNode: ends the node's process at once.
    package init(
        _ fault: Scenario.NodeFault, node: String, web: any Web, entropy: SeededEntropy,
        killNode: @escaping @Sendable () -> Void
    ) {
        self.fault = fault
        self.node = node
        self.web = web
        self.entropy = entropy
        self.killNode = killNode
    }

    package func answer(_ request: WebRequest) async -> WebResponse {
        guard !self.dead.load(ordering: .relaxed) else { return Self.nobody }
        let paid = request.headers.contains { $0.name.lowercased() == X402.signatureHeader.lowercased() }
        var forwarded = request
        forwarded.url = self.node + request.url
        forwarded.timeout = .seconds(60)
        forwarded.bodyLimit = LoopbackServer.bodyLimit
        let dropped: Set<String> = ["host", "content-length", "connection", "transfer-encoding"]
        forwarded.headers.removeAll { dropped.contains($0.name.lowercased()) }
        guard let answer = try? await self.web.send(forwarded) else { return Self.nobody }
        guard paid, answer.status == 200 else { return answer }
        switch self.fault {
        case .diesAfterPayment:
            self.dead.store(true, ordering: .relaxed)
            self.killNode()
            return Self.nobody
        case .garbage:
            return WebResponse(
                status: 200, headers: answer.headers.filter { $0.name.lowercased() != "content-length" },
                body: self.entropy.bytes(answer.body.count))
        }
    }

    private static let nobody = WebResponse(status: 502, headers: [], body: [])
}
