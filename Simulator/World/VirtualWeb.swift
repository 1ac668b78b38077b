import Node
import Synchronization
package import World

/// The web of a world in one process: who has a name there is asked without a socket.
package final class VirtualWeb: Web {
    package typealias Host = @Sendable (WebRequest) async -> WebResponse

    private static let scheme = "http://"
    private let hosts = Mutex<[String: Host]>([:])

    package init() {}

    /// Lets `answer` be reached as `http://NAME`.
    package func host(_ name: String, _ answer: @escaping Host) {
        self.hosts.withLock { $0[name] = answer }
    }

    /// Lets a shop be reached as `http://NAME`.
    func host(_ name: String, _ shop: Shop) {
        self.host(name) { request in
            guard
                let wanted = ShopRequest(
                    request, target: Self.parts(of: request.url).target, base: Self.scheme + name)
            else { return WebResponse(status: 400, headers: [], body: []) }
            let answer = await shop.respond(to: wanted)
            return WebResponse(status: answer.status, headers: answer.headers, body: answer.body)
        }
    }

    package func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        let name = Self.parts(of: request.url).name
        guard let host = self.hosts.withLock({ $0[name] }) else { throw .unreachable(request.url) }
        let response = await host(request)
        guard response.body.count <= request.bodyLimit else { throw .tooLarge(limit: request.bodyLimit) }
        return response
    }

    /// Who is asked, and for what; no name for what is no address here.
    static func parts(of url: String) -> (name: String, target: String) {
        guard url.hasPrefix(self.scheme) else { return ("", "") }
        let rest = url.dropFirst(self.scheme.count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        return (String(rest[..<slash]), String(rest[slash...]))
    }
}
