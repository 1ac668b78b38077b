internal import Exchanges
internal import Synchronization
public import World

/// HTTP in a process of its own: `depai-web`, which has neither key nor books and may open nothing of the
/// home.
///
/// It is started by the first exchange and ended when there was none for a while, so that a program at rest
/// carries no web library. When it ends by itself, whether a request arrived is as unknown as when a server
/// hangs up.
public final class WebProcess: Web {
    private let exchanges: WebExchanges

    /// - Parameters:
    ///   - program: the path of `depai-web`; by default it lies beside the running program, or where the
    ///     Debian package has it.
    ///   - limit: how many exchanges may be under way at once; more are refused.
    ///   - idle: how long it stays without an exchange.
    ///   - grace: how much later than its own deadline an exchange is given up, and the process with it.
    public init(
        program: String? = nil, limit: Int = 32, idle: Duration = .seconds(3),
        grace: Duration = .seconds(5)
    ) {
        self.exchanges = WebExchanges(program: program, limit: limit, idle: idle, grace: grace)
    }

    deinit { self.exchanges.end() }

    /// Where `depai-web` lies; nil where it was not installed.
    public static var program: String? {
        OwnProgram.place(of: "depai-web")
    }

    /// The process that does the exchanges now; nil at rest.
    package var process: Int32? { self.exchanges.process }

    public func send(_ request: WebRequest) async throws(WebError) -> WebResponse {
        let (exchanges, id) = (self.exchanges, self.exchanges.nextID())
        let result: Result<WebResponse, WebError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                exchanges.begin(id, request) { continuation.resume(returning: $0) }
                // The task may have been cancelled before there was anything to cancel.
                if Task.isCancelled { exchanges.cancel(id) }
            }
        } onCancel: {
            exchanges.cancel(id)
        }
        return try result.get()
    }
}

/// The exchanges that are under way, and the process that does them.
final class WebExchanges: Sendable {
    private struct Waiting {
        let request: WebRequest
        let deadline: ContinuousClock.Instant
        let end: @Sendable (Result<WebResponse, WebError>) -> Void
    }

    private struct State {
        var helper: WebHelper?
        var waiting: [UInt64: Waiting] = [:]
        /// When the last exchange ended.
        var quietSince = ContinuousClock.now

        /// Takes an exchange off the list.
        mutating func finish(_ id: UInt64) -> Waiting? {
            defer { if self.waiting.isEmpty { self.quietSince = .now } }
            return self.waiting.removeValue(forKey: id)
        }
    }

    private let state = Mutex(State())
    private let ids = Atomic<UInt64>(0)
    private let program: String?
    private let limit: Int
    private let idle: Duration

    private let grace: Duration

    init(program: String?, limit: Int, idle: Duration, grace: Duration) {
        self.program = program
        self.limit = limit
        self.idle = idle
        self.grace = grace
    }

    var process: Int32? { self.state.withLock { $0.helper?.process } }

    func nextID() -> UInt64 { self.ids.add(1, ordering: .relaxed).newValue }

    /// Hands a request over. `end` is called once.
    func begin(
        _ id: UInt64, _ request: WebRequest,
        _ end: @escaping @Sendable (Result<WebResponse, WebError>) -> Void
    ) {
        do throws(WebError) {
            let frame: [UInt8]
            do {
                frame = try Frame.request(id: id, request).bytes()
            } catch {
                throw .refused("it is longer than \(Frame.bodyLimit) bytes")
            }
            let deadline = ContinuousClock.now + min(request.timeout, .seconds(86_400)) + self.grace
            let helper = try self.state.withLock { state throws(WebError) -> WebHelper in
                guard state.waiting.count < self.limit else {
                    throw .refused("\(self.limit) exchanges are under way")
                }
                let helper: WebHelper
                if let running = state.helper { helper = running } else { helper = try self.start() }
                state.helper = helper
                state.waiting[id] = Waiting(request: request, deadline: deadline, end: end)
                return helper
            }
            helper.write(frame)
        } catch {
            end(.failure(error))
        }
    }

    private func start() throws(WebError) -> WebHelper {
        guard let program = self.program ?? WebProcess.program else {
            throw .refused("depai-web is not beside this program; install the whole package again")
        }
        let helper = try WebHelper(program)
        guard LinkThread.start({ self.follow(helper) }) else {
            helper.end()
            throw .refused("the system gives no thread")
        }
        return helper
    }

    /// Nobody waits for it any more.
    func cancel(_ id: UInt64) {
        let (waiting, helper) = self.state.withLock { ($0.finish(id), $0.helper) }
        guard let waiting else { return }
        if let frame = try? Frame.cancel(id: id).bytes() { helper?.write(frame) }
        waiting.end(.failure(.cancelled))
    }

    /// Ends the process. Who waits for an answer holds its ``WebProcess``, so nobody does.
    func end() { self.state.withLock { $0.helper }?.hangUp() }

    /// The thread of one process: hands out its answers, and ends it when it is not needed or not to be
    /// trusted.
    private func follow(_ helper: WebHelper) {
        var reader = FrameReader()
        var reason = "the web process ended"
        reading: while true {
            switch helper.read(within: .seconds(1)) {
            case .ended: break reading
            case .nothing:
                if self.leaves(helper) { break reading }
            case .bytes(let bytes):
                reader.take(bytes)
                do {
                    while let frame = try reader.next() { try self.take(frame) }
                } catch {
                    reason = "the web process answered nonsense"
                    break reading
                }
            }
        }
        let left = self.state.withLock { state in
            // A process that took this one's place has exchanges of its own.
            guard state.helper === helper else { return [Waiting]() }
            state.helper = nil
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        helper.end()
        for waiting in left { waiting.end(.failure(.broken(reason))) }
    }

    /// Whether it is time to end the process: it was not needed for long, or hangs.
    private func leaves(_ helper: WebHelper) -> Bool {
        let now = ContinuousClock.now
        return self.state.withLock { state in
            if state.waiting.isEmpty {
                guard now - state.quietSince >= self.idle else { return false }
                // From here on a new exchange starts a new process.
                state.helper = nil
                return true
            }
            return state.waiting.values.contains { $0.deadline <= now }
        }
    }

    /// An answer counts only as far as it keeps what its request said.
    private func take(_ frame: Frame) throws(FrameError) {
        guard case .answer(let id, let result) = frame else { throw .broken("no answer") }
        // Of one that was given up in between nothing is known here.
        guard let waiting = self.state.withLock({ $0.finish(id) }) else { return }
        guard case .success(let response) = result else { return waiting.end(result) }
        let headerBytes = response.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        guard response.body.count <= waiting.request.bodyLimit,
            headerBytes <= waiting.request.headerLimit
        else {
            waiting.end(.failure(.broken("the web process answered nonsense")))
            throw .tooLarge
        }
        waiting.end(result)
    }
}
