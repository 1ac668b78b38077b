internal import CLinux
internal import CMosquitto
internal import Glibc
internal import Synchronization
internal import World

struct Subscription: Sendable {
    let filter: String
    let quality: DeliveryQuality
    let receive: @Sendable (Message) -> Void
}

/// libmosquitto's handle. `@unchecked Sendable`: the library locks inside, and the owner destroys it only
/// after ``Box/disconnected()`` took it away from everybody else.
struct Client: @unchecked Sendable {
    let pointer: OpaquePointer
}

/// What the loop thread, the callbacks and the callers share: everything under one lock.
final class Box: Sendable {
    struct State: ~Copyable {
        /// The handle while it is connected, used under the lock only.
        var client: Client?
        var connectedNow = false
        var connections = 0
        var subscriptions: [Subscription] = []
        /// Filters are to be sent: after a connect, or when one was added.
        var subscriptionsWanted = false
        /// QoS 1 messages that the broker has not acknowledged, by packet identifier.
        var waiting: [Int32: CheckedContinuation<Result<Void, BusError>, Never>] = [:]
        var stopped = false
    }

    let state = Mutex(State())
    let wakeDescriptor: Int32 = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    /// The most messages that may wait for the broker at once.
    static let window = 256

    deinit { close(self.wakeDescriptor) }

    static func from(_ context: UnsafeMutableRawPointer?) -> Box? {
        context.map { Unmanaged<Box>.fromOpaque($0).takeUnretainedValue() }
    }

    var stopped: Bool { self.state.withLock { $0.stopped } }

    func stop() {
        self.state.withLock { $0.stopped = true }
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
        guard !self.stopped else { return }
        var event = pollfd(fd: self.wakeDescriptor, events: Int16(POLLIN), revents: 0)
        poll(&event, 1, milliseconds)
        self.drainWake()
    }

    func connected() {
        self.state.withLock {
            $0.connectedNow = true
            $0.subscriptionsWanted = true
            $0.connections += 1
        }
    }

    /// Runs on the loop thread after reading: publishes the handle and sends the filters that are due.
    func accept(_ client: Client) {
        let due: [Subscription] = self.state.withLock { state in
            guard state.connectedNow else { return [] }
            state.client = client
            defer { state.subscriptionsWanted = false }
            return state.subscriptionsWanted ? state.subscriptions : []
        }
        for subscription in due {
            mosquitto_subscribe(client.pointer, nil, subscription.filter, subscription.quality.rawValue)
        }
    }

    func disconnected() {
        let waiting = self.state.withLock { state in
            state.client = nil
            state.connectedNow = false
            defer { state.waiting = [:] }
            return state.waiting
        }
        for continuation in waiting.values { continuation.resume(returning: .failure(.unacknowledged)) }
    }

    func publish(_ message: Message, _ continuation: CheckedContinuation<Result<Void, BusError>, Never>) {
        // The lock is held while the library takes the message, so that its acknowledgement finds the
        // continuation.
        let now: Result<Void, BusError>? = self.state.withLock { state in
            guard let client = state.client else { return .failure(.offline) }
            guard state.waiting.count < Self.window else {
                return .failure(.refused("too many messages wait"))
            }
            var identifier: Int32 = 0
            let code = mosquitto_publish(
                client.pointer, &identifier, message.topic, Int32(message.payload.count), message.payload,
                message.quality.rawValue, message.retained)
            switch mosq_err_t(code) {
            case MOSQ_ERR_SUCCESS where message.quality == .atMostOnce: return .success(())
            case MOSQ_ERR_SUCCESS:
                state.waiting[identifier] = continuation
                return nil
            case MOSQ_ERR_NO_CONN, MOSQ_ERR_CONN_LOST: return .failure(.unacknowledged)
            default: return .failure(.refused(String(cString: mosquitto_strerror(code))))
            }
        }
        // In threaded mode the library only queues the message; the loop sends it, and must not sleep until
        // then.
        self.wake()
        if let now { continuation.resume(returning: now) }
    }

    func acknowledged(_ identifier: Int32) {
        let continuation = self.state.withLock { $0.waiting.removeValue(forKey: identifier) }
        continuation?.resume(returning: .success(()))
    }

    func deliver(_ message: Message) {
        let receivers = self.state.withLock { state in
            state.subscriptions.filter { subscription in
                var matches = false
                mosquitto_topic_matches_sub(subscription.filter, message.topic, &matches)
                return matches
            }
        }
        for receiver in receivers { receiver.receive(message) }
    }
}
