internal import Encoding
package import World

/// What a program and its web process say to one another, over one socket.
///
/// A frame is the length of its head and of its body (four bytes each, the least first), the head as JSON,
/// the body as it is. Ids are the asking side's, and each is used once.
package enum Frame: Sendable, Equatable {
    /// Asks for an exchange.
    case request(id: UInt64, WebRequest)
    /// Nobody waits for it any more.
    case cancel(id: UInt64)
    /// How an exchange ended.
    case answer(id: UInt64, Result<WebResponse, WebError>)

    /// The longest head and the longest body, in bytes.
    package static let headLimit = 1 << 20
    package static let bodyLimit = 32 << 20
    /// The most bytes of header fields that may be asked for: written as JSON they still fit in a head.
    package static let headerLimit = Self.headLimit / 8
    static let prefix = 8

    /// The frame's bytes.
    /// - Throws: ``FrameError`` when head or body is longer than a frame may hold.
    package func bytes() throws(FrameError) -> [UInt8] {
        let head = Array(self.head.text.utf8)
        let body = self.body
        guard head.count <= Self.headLimit, body.count <= Self.bodyLimit else { throw .tooLarge }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.prefix + head.count + body.count)
        for count in [head.count, body.count] {
            for shift in stride(from: 0, to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: count >> shift))
            }
        }
        bytes.append(contentsOf: head)
        bytes.append(contentsOf: body)
        return bytes
    }

    private var body: [UInt8] {
        switch self {
        case .request(_, let request): request.body
        case .answer(_, .success(let response)): response.body
        case .answer(_, .failure), .cancel: []
        }
    }

    private var head: JSON {
        switch self {
        case .request(let id, let request):
            [
                "id": Self.text(id), "method": .string(request.method), "url": .string(request.url),
                "headers": Self.list(request.headers),
                "milliseconds": JSON(max(1, min(request.timeout, .seconds(86_400)).milliseconds)),
                "body_limit": JSON(min(request.bodyLimit, Self.bodyLimit)),
                "header_limit": JSON(min(request.headerLimit, Self.headerLimit)),
            ]
        case .cancel(let id): ["id": Self.text(id), "cancel": true]
        case .answer(let id, .success(let response)):
            [
                "id": Self.text(id), "status": JSON(response.status), "headers": Self.list(response.headers),
            ]
        case .answer(let id, .failure(let error)):
            ["id": Self.text(id), "failure": .string(error.kind), "detail": error.detail]
        }
    }

    private static func text(_ id: UInt64) -> JSON { .string(String(id)) }

    private static func list(_ headers: [Header]) -> JSON {
        .array(headers.map { .array([.string($0.name), .string($0.value)]) })
    }

    /// Reads a frame's parts.
    init(head: [UInt8], body: [UInt8]) throws(FrameError) {
        do throws(JSONError) {
            let limits = JSON.Limits(bytes: Self.headLimit, depth: 4)
            let field = JSONField(try JSON.read(head, limits: limits))
            let id = try field["id"].decimal()
            if field["cancel"].exists {
                self = .cancel(id: id)
            } else if field["method"].exists {
                self = .request(id: id, try WebRequest(field, body: body))
            } else if field["failure"].exists {
                self = .answer(id: id, .failure(try WebError(field)))
            } else {
                let response = WebResponse(
                    status: try field["status"].integer(in: 100...999), headers: try field.headers(),
                    body: body)
                self = .answer(id: id, .success(response))
            }
        } catch {
            throw .broken("\(error)")
        }
    }
}

/// Why bytes are no frame, or a frame no bytes.
package enum FrameError: Error, Equatable {
    case tooLarge
    case broken(String)
}

extension WebRequest {
    fileprivate init(_ field: JSONField, body: [UInt8]) throws(JSONError) {
        self.init(
            try field["method"].string(), try field["url"].string(), headers: try field.headers(), body: body,
            timeout: .milliseconds(try field["milliseconds"].integer(in: 1...86_400_000)),
            bodyLimit: try field["body_limit"].integer(in: 0...Frame.bodyLimit),
            headerLimit: try field["header_limit"].integer(in: 0...Frame.headerLimit))
    }
}

extension JSONField {
    fileprivate func headers() throws(JSONError) -> [Header] {
        var headers: [Header] = []
        for field in try self["headers"].elements() {
            headers.append(Header(try field[0].string(), try field[1].string()))
        }
        return headers
    }
}

extension WebError {
    fileprivate var kind: String {
        switch self {
        case .refused: "refused"
        case .unreachable: "unreachable"
        case .timedOut: "timedOut"
        case .tooLarge: "tooLarge"
        case .broken: "broken"
        case .cancelled: "cancelled"
        }
    }

    fileprivate var detail: JSON {
        switch self {
        case .refused(let reason), .unreachable(let reason), .broken(let reason): .string(reason)
        case .tooLarge(let limit): JSON(limit)
        case .timedOut, .cancelled: .null
        }
    }

    fileprivate init(_ field: JSONField) throws(JSONError) {
        let kind = try field["failure"].string()
        let detail = field["detail"]
        switch kind {
        case "refused": self = .refused(try detail.string().plain(limit: 200))
        case "unreachable": self = .unreachable(try detail.string().plain(limit: 200))
        case "timedOut": self = .timedOut
        case "tooLarge": self = .tooLarge(limit: try detail.integer())
        case "broken": self = .broken(try detail.string().plain(limit: 200))
        case "cancelled": self = .cancelled
        default: throw field["failure"].fault("no kind of failure")
        }
    }
}
