internal import Encoding
public import World

/// x402 over MQTT 5: the messages of one exchange, mapped one to one onto a request and an answer of the web.
/// What is a header with Base64 there is a member with plain JSON here. The page <doc:X402OverMQTT> is the
/// specification.
public enum MQTTTransport {
    public static let contentType = "application/json"
    /// The longest message in either direction, in bytes.
    public static let messageLimit = 3 << 20
    /// The longest correlation data that is answered, in bytes.
    public static let correlationLimit = 64
    /// Header fields beside the payment's, and the bytes of each value.
    static let headerLimit = 32
    static let headerBytes = 8 << 10

    /// Where the seller called so takes requests.
    public static func requestTopic(of node: String) -> String { "depai/v1/\(node)/req" }

    /// Where the customer called so takes answers.
    public static func answerTopic(of customer: String) -> String { "depai/v1/\(customer)/res" }

    /// Whether a seller may answer there. Anywhere else its answer could be somebody's command.
    public static func isAnswerTopic(_ topic: String) -> Bool {
        let parts = topic.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "depai" && parts[1] == "v1" && Self.isName(parts[2])
            && parts[3] == "res"
    }

    /// 1 to 128 of `A-Z a-z 0-9 . _ -`.
    public static func isName(_ text: some StringProtocol) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    // MARK: Messages

    /// The payload of a request.
    public static func bytes(of request: WebRequest) throws(X402Error) -> [UInt8] {
        var inner: JSON = ["method": .string(request.method), "url": .string(request.url)]
        var message: JSON = [:]
        try self.put(request.headers, payment: [self.payload], into: &message, others: &inner)
        self.put(request.body, headers: request.headers, into: &inner)
        message["request"] = inner
        return Array(message.text.utf8)
    }

    /// Reads the payload of a request.
    public static func request(_ bytes: [UInt8]) throws(X402Error) -> WebRequest {
        do {
            let root = try self.read(bytes)
            let field = root["request"]
            let method = try field["method"].string()
            guard (1...16).contains(method.utf8.count), method.utf8.allSatisfy({ (0x41...0x5a).contains($0) })
            else { throw field["method"].fault("not a method") }
            let url = try field["url"].string()
            guard url.utf8.count <= self.headerBytes else { throw field["url"].fault("too long") }
            var headers = try self.headers(field["headers"])
            headers += try self.payment([self.payload], in: root)
            let body = try self.body(field, headers: &headers)
            return WebRequest(method, url, headers: headers, body: body)
        } catch {
            throw .malformed("\(error)")
        }
    }

    /// The payload of an answer.
    public static func bytes(of response: WebResponse) throws(X402Error) -> [UInt8] {
        var message: JSON = ["status": JSON(response.status)]
        var inner: JSON = [:]
        try self.put(
            response.headers, payment: [self.required, self.settlement], into: &message, others: &inner)
        if let headers = inner["headers"] { message["headers"] = headers }
        self.put(response.body, headers: response.headers, into: &message)
        return Array(message.text.utf8)
    }

    /// Reads the payload of an answer.
    public static func response(_ bytes: [UInt8]) throws(X402Error) -> WebResponse {
        do {
            let root = try self.read(bytes)
            let status = try root["status"].integer(Int.self)
            guard (200...599).contains(status) else { throw root["status"].fault("not a status") }
            var headers = try self.headers(root["headers"])
            headers += try self.payment([self.required, self.settlement], in: root)
            let body = try self.body(root, headers: &headers)
            return WebResponse(status: status, headers: headers, body: body)
        } catch {
            throw .malformed("\(error)")
        }
    }

    // MARK: Headers and members

    private typealias Pair = (header: String, member: String)
    private static let payload: Pair = (X402.signatureHeader, "paymentPayload")
    private static let required: Pair = (X402.requiredHeader, "paymentRequired")
    private static let settlement: Pair = (X402.responseHeader, "settlementResponse")
    private static let paymentHeaders = Set(
        [payload.header, required.header, settlement.header].map { $0.lowercased() })

    private static func read(_ bytes: [UInt8]) throws -> JSONField {
        JSONField(try JSON.read(bytes, limits: .init(bytes: self.messageLimit, depth: 48)))
    }

    private static func put(
        _ headers: [Header], payment: [Pair], into message: inout JSON, others: inout JSON
    ) throws(X402Error) {
        var rest = JSON.Object()
        for header in headers {
            let name = header.name.lowercased()
            if let pair = payment.first(where: { $0.header.lowercased() == name }) {
                message[pair.member] = try X402.decode(header.value).value
            } else if !self.paymentHeaders.contains(name) {
                rest[name] = .string(header.value)
            }
        }
        if !rest.members.isEmpty { others["headers"] = .object(rest) }
    }

    private static func payment(_ pairs: [Pair], in root: JSONField) throws -> [Header] {
        try pairs.compactMap { pair in
            guard let field = root[pair.member].ifPresent else { return nil }
            guard case .object? = field.value else { throw field.fault("not an object") }
            return Header(pair.header, X402.encode(field.value ?? .null))
        }
    }

    private static func headers(_ field: JSONField) throws -> [Header] {
        guard field.exists else { return [] }
        let members = try field.members()
        guard members.count <= self.headerLimit else { throw field.fault("more than \(self.headerLimit)") }
        return try members.map { name, field in
            let value = try field.string()
            guard (1...64).contains(name.utf8.count), self.isName(name), name == name.lowercased(),
                !self.paymentHeaders.contains(name)
            else { throw field.fault("not a header's name in small letters") }
            guard value.utf8.count <= self.headerBytes, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
            else { throw field.fault("not a header's value") }
            return Header(name, value)
        }
    }

    // MARK: Bodies

    /// JSON stays JSON where nothing of it is lost; everything else is Base64.
    private static func put(_ body: [UInt8], headers: [Header], into object: inout JSON) {
        guard !body.isEmpty else { return }
        if self.isJSON(headers),
            let json = try? JSON.read(body, limits: .init(bytes: self.messageLimit, depth: 32)),
            json.text.utf8.elementsEqual(body)
        {
            object["body"] = json
        } else {
            object["bodyBase64"] = .string(Base64.standard.encode(body))
        }
    }

    private static func body(_ field: JSONField, headers: inout [Header]) throws -> [UInt8] {
        let json = field["body"].value
        guard let text = try field["bodyBase64"].ifPresent?.string() else {
            guard let json else { return [] }
            if !headers.contains(where: { $0.name == "content-type" }) {
                headers.append(Header("content-type", self.contentType))
            }
            return Array(json.text.utf8)
        }
        guard json == nil else { throw field["body"].fault("body and bodyBase64 exclude each other") }
        return try Base64.standard.decode(text)
    }

    private static func isJSON(_ headers: [Header]) -> Bool {
        let type = headers.first { $0.name.lowercased() == "content-type" }?.value
        return type?.prefix { $0 != ";" && $0 != " " }.lowercased() == self.contentType
    }
}
