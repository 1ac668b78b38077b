import CCurl
import World

/// One exchange. Redirects are not followed, only http and https are spoken, and every answer is bounded in
/// size and time.
final class Exchange {
    let handle: UnsafeMutableRawPointer
    private let request: WebRequest
    private var fields: UnsafeMutablePointer<curl_slist>?
    private var headers: [Header] = []
    private var headerBytes = 0
    private var body: [UInt8] = []
    private var overflow: Int?

    /// Makes it ready. It lives at least as long as libcurl works on `handle`.
    /// - Throws: ``WebError/refused(_:)``
    init(_ request: WebRequest) throws(WebError) {
        guard request.headers.allSatisfy({ Self.isClean($0.name) && Self.isClean($0.value) }) else {
            throw .refused("a header holds a line break")
        }
        let scheme = request.url.prefix { $0 != ":" }.lowercased()
        guard ["http", "https"].contains(scheme) else { throw .refused("\(scheme) is not spoken here") }
        guard let handle = curl_easy_init() else { throw .refused("libcurl has no memory") }
        self.handle = handle
        self.request = request
        // libcurl would wait a second for "100 Continue" before larger bodies.
        for field in request.headers + [Header("Expect", "")] {
            self.fields = curl_slist_append(
                self.fields, field.value.isEmpty ? "\(field.name):" : "\(field.name): \(field.value)")
        }
        self.ask()
        self.bound()
        self.listen()
    }

    deinit {
        curl_easy_cleanup(self.handle)
        curl_slist_free_all(self.fields)
    }

    /// What is asked for.
    private func ask() {
        depai_curl_set_pointer(self.handle, CURLOPT_URL, self.request.url)
        depai_curl_set_pointer(self.handle, CURLOPT_CUSTOMREQUEST, self.request.method)
        depai_curl_set_pointer(self.handle, CURLOPT_HTTPHEADER, self.fields)
        depai_curl_set_pointer(self.handle, CURLOPT_USERAGENT, "depai")
        if self.request.method == "HEAD" { depai_curl_set_long(self.handle, CURLOPT_NOBODY, 1) }
        guard !self.request.body.isEmpty || self.request.method == "POST" || self.request.method == "PUT"
        else {
            return
        }
        depai_curl_set_large(self.handle, CURLOPT_POSTFIELDSIZE_LARGE, self.request.body.count)
        // libcurl takes a copy. Nothing is an empty text, since a null pointer means another thing.
        if self.request.body.isEmpty {
            depai_curl_set_pointer(self.handle, CURLOPT_COPYPOSTFIELDS, "")
        } else {
            self.request.body.withUnsafeBytes {
                _ = depai_curl_set_pointer(self.handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)
            }
        }
    }

    /// Where it may lead, and how long it may take.
    private func bound() {
        // What is sent pays: no variable of the environment leads it through somebody else's hands.
        depai_curl_set_pointer(self.handle, CURLOPT_PROXY, "")
        depai_curl_set_pointer(self.handle, CURLOPT_NOPROXY, "*")
        depai_curl_set_long(self.handle, CURLOPT_PROTOCOLS, Int(CURLPROTO_HTTP) | Int(CURLPROTO_HTTPS))
        depai_curl_set_long(self.handle, CURLOPT_FOLLOWLOCATION, 0)
        // A connection that died in between would make libcurl send once more by itself.
        depai_curl_set_long(self.handle, CURLOPT_FORBID_REUSE, 1)
        depai_curl_set_long(self.handle, CURLOPT_NOSIGNAL, 1)
        let milliseconds = Int(clamping: max(self.request.timeout, .milliseconds(1)).milliseconds)
        depai_curl_set_long(self.handle, CURLOPT_TIMEOUT_MS, milliseconds)
        depai_curl_set_long(self.handle, CURLOPT_CONNECTTIMEOUT_MS, min(milliseconds, 10_000))
    }

    private func listen() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        depai_curl_set_pointer(self.handle, CURLOPT_WRITEDATA, context)
        depai_curl_set_pointer(self.handle, CURLOPT_HEADERDATA, context)
        depai_curl_set_data_callback(self.handle, CURLOPT_WRITEFUNCTION) { data, size, count, context in
            Exchange.from(context)?.take(body: UnsafeRawBufferPointer(start: data, count: size * count)) ?? 0
        }
        depai_curl_set_data_callback(self.handle, CURLOPT_HEADERFUNCTION) { data, size, count, context in
            Exchange.from(context)?.take(header: UnsafeRawBufferPointer(start: data, count: size * count))
                ?? 0
        }
    }

    /// How it ended, by libcurl's word.
    func outcome(_ code: CURLcode) -> Result<WebResponse, WebError> {
        if let overflow { return .failure(.tooLarge(limit: overflow)) }
        let reason = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_OK:
            var status = 0
            depai_curl_get_status(self.handle, &status)
            return .success(WebResponse(status: status, headers: self.headers, body: self.body))
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
