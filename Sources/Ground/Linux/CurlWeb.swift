internal import CCurl
internal import Dispatch
internal import Synchronization
public import World

/// HTTP over the distribution's libcurl, one blocking exchange per worker thread.
///
/// Redirects are not followed, only http and https are spoken, and every answer is bounded in size and time.
public final class CurlWeb: Web {
    private let queue = DispatchQueue(label: "depai.web", attributes: .concurrent)
    private let underWay = Atomic<Int>(0)
    private let limit: Int

    /// libcurl's one-time start must not race.
    private static let ready: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// - Parameter exchanges: how many may be under way at once; more are refused.
    public init(exchanges: Int = 32) { self.limit = exchanges }

    public func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        guard Self.ready else { throw .refused("libcurl does not start") }
        guard self.underWay.add(1, ordering: .relaxed).newValue <= self.limit else {
            self.underWay.subtract(1, ordering: .relaxed)
            throw .refused("\(self.limit) exchanges are under way")
        }
        defer { self.underWay.subtract(1, ordering: .relaxed) }
        let exchange = Exchange(request)
        let result: Result<WebResponse, WebError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.queue.async { continuation.resume(returning: exchange.perform()) }
            }
        } onCancel: {
            exchange.cancelled.store(true, ordering: .relaxed)
        }
        return try result.get()
    }
}

/// One exchange on one thread. `@unchecked Sendable`: `cancelled` is atomic; everything else is touched only
/// by the thread inside ``perform()``, which runs once.
private final class Exchange: @unchecked Sendable {
    let request: WebRequest
    let cancelled = Atomic<Bool>(false)
    private var status = 0
    private var headers: [Header] = []
    private var headerBytes = 0
    private var body: [UInt8] = []
    private var overflow: Int?

    init(_ request: WebRequest) { self.request = request }

    func perform() -> Result<WebResponse, WebError> {
        guard self.request.headers.allSatisfy({ Self.isClean($0.name) && Self.isClean($0.value) }) else {
            return .failure(.refused("a header holds a line break"))
        }
        let scheme = self.request.url.prefix { $0 != ":" }.lowercased()
        guard ["http", "https"].contains(scheme) else {
            return .failure(.refused("\(scheme) is not spoken here"))
        }
        guard let handle = curl_easy_init() else { return .failure(.refused("libcurl has no memory")) }
        defer { curl_easy_cleanup(handle) }
        var fields: UnsafeMutablePointer<curl_slist>?
        // libcurl would wait a second for "100 Continue" before larger bodies.
        for field in self.request.headers + [Header("Expect", "")] {
            fields = curl_slist_append(
                fields, field.value.isEmpty ? "\(field.name):" : "\(field.name): \(field.value)")
        }
        defer { curl_slist_free_all(fields) }
        // Some callers take it from a seller's answer: a day is as good as for ever.
        let milliseconds = min(max(self.request.timeout, .milliseconds(1)), .seconds(86_400)).milliseconds
        depai_curl_set_pointer(handle, CURLOPT_URL, self.request.url)
        depai_curl_set_pointer(handle, CURLOPT_CUSTOMREQUEST, self.request.method)
        depai_curl_set_pointer(handle, CURLOPT_HTTPHEADER, fields)
        depai_curl_set_pointer(handle, CURLOPT_USERAGENT, "depai")
        // What is sent pays: no variable of the environment leads it through somebody else's hands.
        depai_curl_set_pointer(handle, CURLOPT_PROXY, "")
        depai_curl_set_pointer(handle, CURLOPT_NOPROXY, "*")
        depai_curl_set_long(handle, CURLOPT_PROTOCOLS, Int(CURLPROTO_HTTP | CURLPROTO_HTTPS))
        depai_curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
        depai_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        depai_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(milliseconds))
        depai_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, Int(min(milliseconds, 10_000)))
        depai_curl_set_long(handle, CURLOPT_NOPROGRESS, 0)
        if self.request.method == "HEAD" { depai_curl_set_long(handle, CURLOPT_NOBODY, 1) }
        let context = Unmanaged.passUnretained(self).toOpaque()
        depai_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        depai_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        depai_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
        depai_curl_set_data_callback(handle, CURLOPT_WRITEFUNCTION) { data, size, count, context in
            Exchange.from(context)?.take(body: UnsafeRawBufferPointer(start: data, count: size * count)) ?? 0
        }
        depai_curl_set_data_callback(handle, CURLOPT_HEADERFUNCTION) { data, size, count, context in
            Exchange.from(context)?.take(header: UnsafeRawBufferPointer(start: data, count: size * count))
                ?? 0
        }
        depai_curl_set_progress_callback(handle) { context, _, _, _, _ in
            Exchange.from(context)?.cancelled.load(ordering: .relaxed) == true ? 1 : 0
        }
        let code = self.request.body.withUnsafeBytes { bytes in
            if !bytes.isEmpty || self.request.method == "POST" || self.request.method == "PUT" {
                depai_curl_set_large(handle, CURLOPT_POSTFIELDSIZE_LARGE, bytes.count)
                depai_curl_set_pointer(
                    handle, CURLOPT_POSTFIELDS, bytes.baseAddress ?? UnsafeRawPointer(context))
            }
            return curl_easy_perform(handle)
        }
        depai_curl_get_status(handle, &self.status)
        return self.outcome(code)
    }

    private func outcome(_ code: CURLcode) -> Result<WebResponse, WebError> {
        if let overflow { return .failure(.tooLarge(limit: overflow)) }
        let reason = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_OK:
            return .success(WebResponse(status: self.status, headers: self.headers, body: self.body))
        case CURLE_ABORTED_BY_CALLBACK: return .failure(.cancelled)
        case CURLE_OPERATION_TIMEDOUT: return .failure(.timedOut)
        case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            return .failure(.unreachable(reason))
        // CURLE_UNSUPPORTED_PROTOCOL is no refusal: so ends an answer that is not HTTP.
        case CURLE_URL_MALFORMAT: return .failure(.refused(reason))
        default: return .failure(.broken(reason))
        }
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> Exchange? {
        context.map { Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Returning less than was given makes libcurl stop.
    private func take(body bytes: UnsafeRawBufferPointer) -> Int {
        guard self.body.count + bytes.count <= self.request.bodyLimit else {
            self.overflow = self.request.bodyLimit
            return 0
        }
        self.body.append(contentsOf: bytes)
        return bytes.count
    }

    private func take(header bytes: UnsafeRawBufferPointer) -> Int {
        self.headerBytes += bytes.count
        guard self.headerBytes <= self.request.headerLimit else {
            self.overflow = self.request.headerLimit
            return 0
        }
        let line = String(decoding: bytes, as: UTF8.self)
        // A status line starts a new answer: an interim one (1xx) leaves nothing behind.
        if line.hasPrefix("HTTP/") { self.headers = [] }
        if let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...]
            self.headers.append(Header(String(line[..<colon]), Self.trimmed(value)))
        }
        return bytes.count
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop { $0.isWhitespace }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    private static func isClean(_ text: String) -> Bool {
        !text.utf8.contains { $0 == 0x0a || $0 == 0x0d || $0 == 0 }
    }
}
