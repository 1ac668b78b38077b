internal import CLinux
internal import CMosquitto
internal import Glibc
internal import Synchronization
internal import World

struct Subscription: Sendable {
    enum Standing: Sendable, Equatable {
        /// Has to be sent in this connection.
        case due
        /// Sent under this packet identifier.
        case sent(Int32)
        case accepted
        case refused(String)
    }

    let filter: String
    let quality: DeliveryQuality
    let receive: @Sendable (Message) -> Void
    var standing = Standing.due
}

/// libmosquitto's handle. `@unchecked Sendable`: the library locks inside, and the owner destroys it only
/// after ``Box/disconnected()`` took it away from everybody else.
struct Client: @unchecked Sendable {
    let pointer: OpaquePointer
}

/// What the loop thread, the callbacks and the callers share: everything under one lock.
final class Box: Sendable {
    typealias Answer = CheckedContinuation<Result<Void, BusError>, Never>

    struct State: ~Copyable {
        /// The handle while it is connected, used under the lock only.
        var client: Client?
        var connectedNow = false
        /// Counts what the broker accepted, and says whether it had kept our session.
        var session: (number: UInt64, isResumed: Bool) = (0, false)
        var connections = 0
        var subscriptions: [Subscription] = []
        /// What is done before acknowledgements leave.
        var settlers: [@Sendable () throws -> Void] = []
        /// Messages that receivers got, and how many of them were there when ``Box/settle()`` ran last.
        var delivered: UInt64 = 0
        var settled: UInt64 = 0
        /// QoS 1 messages that the broker has not acknowledged, by packet identifier.
        var waiting: [Int32: (answer: Answer, bytes: Int)] = [:]
        var waitingBytes = 0
        /// Who waits for the broker's word on a filter.
        var confirmations: [UInt64: (filter: String, answer: Answer)] = [:]
        var lastConfirmation: UInt64 = 0
        var birth: Int32?
        /// What the library or the broker said at last about the end of the connection.
        var reason: String?
        /// Why the broker did not want us, until it does.
        var refusal: String?
        var stopped = false
    }

    let state = Mutex(State())
    let limits: LinkLimits
    let onEvent: @Sendable (LinkEvent) -> Void
    let wakeDescriptor: Int32 = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))

    init(limits: LinkLimits, onEvent: @escaping @Sendable (LinkEvent) -> Void) {
        self.limits = limits
        self.onEvent = onEvent
    }

    deinit { close(self.wakeDescriptor) }

    static func from(_ context: UnsafeMutableRawPointer?) -> Box? {
        context.map { Unmanaged<Box>.fromOpaque($0).takeUnretainedValue() }
    }

    var stopped: Bool { self.state.withLock { $0.stopped } }

    func stop() {
        let waiting = self.state.withLock { state in
            state.stopped = true
            defer { state.confirmations = [:] }
            return state.confirmations
        }
        for confirmation in waiting.values { confirmation.answer.resume(returning: .failure(.offline)) }
        self.wake()
    }

    func wake() {
        var one: UInt64 = 1
        write(self.wakeDescriptor, &one, 8)
    }

    func drainWake() {
        var count: UInt64 = 0
        read(self.wakeDescriptor, &count, 8)
    }

    /// Waits, but not when the bus is stopped.
    func pause(milliseconds: Int32) {
        var left = milliseconds
        // A wake for another reason does not make it shorter.
        while left > 0, !self.stopped {
            let start = Clock.monotonic.milliseconds
            var event = pollfd(fd: self.wakeDescriptor, events: Int16(POLLIN), revents: 0)
            poll(&event, 1, left)
            self.drainWake()
            left -= Int32(clamping: Clock.monotonic.milliseconds - start)
        }
    }

    // MARK: The connection

    func connected(sessionKept: Bool) {
        self.state.withLock { state in
            state.connectedNow = true
            state.session = (state.session.number + 1, sessionKept)
            (state.reason, state.refusal) = (nil, nil)
            for index in state.subscriptions.indices { state.subscriptions[index].standing = .due }
        }
    }

    /// The broker does not want us: told once for each reason.
    func refused(_ reason: String) {
        let isNew = self.state.withLock { state in
            defer { (state.reason, state.refusal) = (reason, reason) }
            return state.refusal != reason
        }
        if isNew { self.onEvent(.refused(reason)) }
    }

    func note(reason: String?) { self.state.withLock { $0.reason = reason } }

    /// Runs on the loop thread after reading: publishes the handle and sends what is due.
    func accept(_ client: Client, birth: Message?) {
        self.state.withLock { state in
            guard state.connectedNow else { return }
            let isNew = state.client == nil
            state.client = client
            // Here and not sooner: who sees the count can publish.
            if isNew { state.connections += 1 }
            Self.sendFilters(&state)
            if isNew, let birth {
                var identifier: Int32 = 0
                if Self.send(birth, client, &identifier) == MOSQ_ERR_SUCCESS { state.birth = identifier }
            }
        }
    }

    /// A filter leaves before any message that is published later: its answer finds us listening.
    private static func sendFilters(_ state: inout State) {
        guard let client = state.client else { return }
        for index in state.subscriptions.indices where state.subscriptions[index].standing == .due {
            let subscription = state.subscriptions[index]
            var identifier: Int32 = 0
            let code = mosquitto_subscribe_v5(
                client.pointer, &identifier, subscription.filter, subscription.quality.rawValue, 0, nil)
            guard mosq_err_t(code) == MOSQ_ERR_SUCCESS else { return }
            state.subscriptions[index].standing = .sent(identifier)
        }
    }

    func disconnected() -> String? {
        let (waiting, reason) = self.state.withLock { state in
            state.client = nil
            state.connectedNow = false
            state.birth = nil
            for index in state.subscriptions.indices { state.subscriptions[index].standing = .due }
            defer {
                state.waiting = [:]
                state.waitingBytes = 0
            }
            return (state.waiting, state.reason)
        }
        for entry in waiting.values { entry.answer.resume(returning: .failure(.unacknowledged)) }
        return reason
    }

    // MARK: Filters

    func subscribe(_ subscription: Subscription) {
        self.state.withLock { $0.subscriptions.append(subscription) }
        self.wake()
    }

    /// The broker's word on a filter.
    func answered(_ identifier: Int32, refusal: String?) {
        let (filter, answers): (String?, [Answer]) = self.state.withLock { state in
            guard
                let index = state.subscriptions.firstIndex(where: { $0.standing == .sent(identifier) })
            else { return (nil, []) }
            state.subscriptions[index].standing = refusal.map { .refused($0) } ?? .accepted
            let filter = state.subscriptions[index].filter
            let names = state.confirmations.filter { Self.isSame($0.value.filter, filter) }.map(\.key)
            return (filter, names.compactMap { state.confirmations.removeValue(forKey: $0)?.answer })
        }
        for answer in answers {
            answer.resume(returning: refusal.map { .failure(.refused($0)) } ?? .success(()))
        }
        if let filter, let refusal { self.onEvent(.refusedFilter(filter, reason: refusal)) }
    }

    func confirm(_ filter: String, as name: UInt64, _ answer: Answer) {
        let now: Result<Void, BusError>? = self.state.withLock { state in
            guard !state.stopped else { return .failure(.offline) }
            switch state.subscriptions.first(where: { Self.isSame($0.filter, filter) })?.standing {
            case nil: return .failure(.refused("nobody subscribed to \(filter)"))
            case .accepted?: return .success(())
            case .refused(let reason)?: return .failure(.refused(reason))
            case .due?, .sent?:
                guard state.confirmations.count < self.limits.waitingMessages else {
                    return .failure(.refused("too many wait for a filter"))
                }
                state.confirmations[name] = (filter, answer)
                return nil
            }
        }
        if let now { answer.resume(returning: now) }
    }

    /// Topics are bytes to the broker; two that Swift calls equal are two.
    private static func isSame(_ filter: String, _ other: String) -> Bool {
        filter.utf8.elementsEqual(other.utf8)
    }

    func newConfirmation() -> UInt64 {
        self.state.withLock { state in
            state.lastConfirmation += 1
            return state.lastConfirmation
        }
    }

    func giveUp(confirmation name: UInt64) {
        let entry = self.state.withLock { $0.confirmations.removeValue(forKey: name) }
        entry?.answer.resume(returning: .failure(.offline))
    }

    // MARK: Messages

    func publish(_ message: Message, _ answer: Answer) {
        // The lock is held while the library takes the message, so that its acknowledgement finds the
        // continuation.
        let now: Result<Void, BusError>? = self.state.withLock { state in
            guard let client = state.client else { return .failure(.offline) }
            let bytes = message.payload.count
            guard state.waiting.count < self.limits.waitingMessages,
                state.waitingBytes + bytes <= self.limits.waitingBytes
            else { return .failure(.refused("too many messages wait")) }
            Self.sendFilters(&state)
            var identifier: Int32 = 0
            let code = Self.send(message, client, &identifier)
            switch code {
            case MOSQ_ERR_SUCCESS where message.quality == .atMostOnce: return .success(())
            case MOSQ_ERR_SUCCESS:
                state.waiting[identifier] = (answer, bytes)
                state.waitingBytes += bytes
                return nil
            case MOSQ_ERR_NO_CONN, MOSQ_ERR_CONN_LOST: return .failure(.unacknowledged)
            default:
                let reason = String(cString: mosquitto_strerror(Int32(code.rawValue)))
                return .failure(.refused(reason))
            }
        }
        // In threaded mode the library only queues the message; the loop sends it, and must not sleep until
        // then.
        self.wake()
        if let now { answer.resume(returning: now) }
    }

    private static func send(_ message: Message, _ client: Client, _ identifier: inout Int32) -> mosq_err_t {
        let properties = PropertyList(message.properties)
        return mosq_err_t(
            mosquitto_publish_v5(
                client.pointer, &identifier, message.topic, Int32(message.payload.count), message.payload,
                message.quality.rawValue, message.retained, properties.head))
    }

    /// - Parameter refusal: the broker's words when it did not take the message.
    func acknowledged(_ identifier: Int32, refusal: String?) {
        let (entry, isBirth) = self.state.withLock { state in
            let entry = state.waiting.removeValue(forKey: identifier)
            state.waitingBytes -= entry?.bytes ?? 0
            return (entry, state.birth == identifier)
        }
        entry?.answer.resume(returning: refusal.map { .failure(.refused($0)) } ?? .success(()))
        if isBirth, let refusal { self.onEvent(.refusedBirth(refusal)) }
    }

    var delivered: UInt64 { self.state.withLock { $0.delivered } }

    /// Runs on the loop thread after reading and before anything is written.
    /// - Returns: why nothing may be written any more.
    func settle() -> String? {
        let settlers = self.state.withLock { state in
            defer { state.settled = state.delivered }
            return state.settled == state.delivered ? [] : state.settlers
        }
        var fault: String?
        for settler in settlers { do { try settler() } catch { fault = "what came was not kept: \(error)" } }
        return fault
    }

    /// - Parameter message: makes the message of how it came.
    func deliver(_ topic: String, packet: UInt16?, _ message: (Message.Delivery?) -> Message) {
        let (receivers, delivery) = self.state.withLock { state in
            state.delivered &+= 1
            let delivery = packet.map {
                Message.Delivery(
                    packet: $0, number: state.delivered, connection: state.session.number,
                    isResumed: state.session.isResumed)
            }
            let receivers = state.subscriptions.filter { subscription in
                var matches = false
                mosquitto_topic_matches_sub(subscription.filter, topic, &matches)
                return matches
            }
            return (receivers, delivery)
        }
        let message = message(delivery)
        for receiver in receivers { receiver.receive(message) }
    }
}
