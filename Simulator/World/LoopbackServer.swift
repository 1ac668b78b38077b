import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Node
package import World

/// A small HTTP server on a free loopback port around one function.
package struct LoopbackServer: Sendable {
    package typealias Handler = @Sendable (WebRequest) async -> WebResponse

    private let handler: Handler
    /// The largest body that is taken, in bytes.
    static let bodyLimit = 4 << 20

    package init(_ handler: @escaping Handler) { self.handler = handler }

    /// Serves until cancelled; tells the port once it listens.
    package func run(ready: @escaping @Sendable (Int) async -> Void) async throws {
        let router = Router()
        // "**" is every path but the root itself.
        for (path, method) in ["", "**"].flatMap({ path in
            [HTTPRequest.Method.get, .put, .post].map { (path, $0) }
        }) {
            router.on(RouterPath(path), method: method) { request, _ in
                let body = try await request.body.collect(upTo: Self.bodyLimit)
                let answer = await self.handler(
                    WebRequest(
                        request.method.rawValue, request.uri.description,
                        headers: request.headers.map { Header($0.name.rawName, $0.value) },
                        body: Array(buffer: body)))
                var fields = HTTPFields()
                for header in answer.headers {
                    if let name = HTTPField.Name(header.name) { fields[name] = header.value }
                }
                return Response(
                    status: .init(code: answer.status), headers: fields,
                    body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
            }
        }
        var logger = Logger(label: "depai-sim.http")
        // Clients that leave in the middle of an answer are part of every scenario.
        logger.logLevel = .critical
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { await ready($0.localAddress?.port ?? 0) }, logger: logger)
        try await application.serve()
    }
}
