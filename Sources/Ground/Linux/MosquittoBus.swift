internal import CMosquitto
internal import Glibc
internal import Synchronization
public import World

/// The bus over libmosquitto and MQTT 5, with a network loop of our own on a thread of its own.
///
/// Our loop, because the library's gives up for ever when the first connection is refused and ends silently
/// after protocol errors, and because it waits with `select`, which ends at 1,024 descriptors. Threaded mode,
/// because only then a QoS 1 acknowledgement leaves after the receiver returned. A new handle per connection,
/// because the library keeps unsent messages in memory without bound.
public final class MosquittoBus: MessageBus {
    private let address: BrokerAddress
    private let entropy: any Entropy
    private let limits: LinkLimits
    private let pause: RetryPause
    private let box: Box

    /// - Parameter onEvent: told what happens to the connection, on the bus's thread: it must not call the
    ///   bus and must not wait.
    public init(
        _ address: BrokerAddress, entropy: any Entropy, limits: LinkLimits = LinkLimits(),
        pause: RetryPause = RetryPause(), onEvent: @escaping @Sendable (LinkEvent) -> Void = { _ in }
    ) {
        _ = Self.ready
        self.address = address
        self.entropy = entropy
        self.limits = limits
        self.pause = pause
        self.box = Box(limits: limits, onEvent: onEvent)
    }

    private static let ready: Bool = mosquitto_lib_init() == Int32(MOSQ_ERR_SUCCESS.rawValue)

    public var isConnected: Bool { self.box.state.withLock { $0.client != nil } }

    /// How many times a connection was established.
    public var connections: Int { self.box.state.withLock { $0.connections } }

    /// Stays connected until the task is cancelled.
    public func run() async {
        await withTaskCancellationHandler {
            // A system without a thread to give may have one later.
            while await !self.runOnThread(), !self.box.stopped { try? await Task.sleep(for: .seconds(1)) }
        } onCancel: {
            self.box.stop()
        }
    }

    private func runOnThread() async -> Bool {
        await withCheckedContinuation { continuation in
            let isStarted = LinkThread.start {
                self.loop()
                continuation.resume(returning: true)
            }
            if !isStarted { continuation.resume(returning: false) }
        }
    }

    public func subscribe(
        to filter: String, quality: DeliveryQuality, receive: @escaping @Sendable (Message) -> Void
    ) throws(BusError) {
        guard mosquitto_sub_topic_check(filter) == Int32(MOSQ_ERR_SUCCESS.rawValue) else {
            throw .refused("\"\(filter)\" is not a topic filter")
        }
        self.box.subscribe(Subscription(filter: filter, quality: quality, receive: receive))
    }

    public func beforeAcknowledging(_ body: @escaping @Sendable () throws -> Void) {
        self.box.state.withLock { $0.settlers.append(body) }
    }

    public func confirm(_ filter: String) async throws(BusError) {
        let name = self.box.newConfirmation()
        let result: Result<Void, BusError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.box.confirm(filter, as: name, continuation)
                // Cancelled before it waited: then the handler found nothing to end.
                if Task.isCancelled { self.box.giveUp(confirmation: name) }
            }
        } onCancel: {
            self.box.giveUp(confirmation: name)
        }
        try result.get()
    }

    public func publish(_ message: Message) async throws(BusError) {
        guard mosquitto_pub_topic_check(message.topic) == Int32(MOSQ_ERR_SUCCESS.rawValue) else {
            throw .refused("\"\(message.topic)\" is not a topic")
        }
        guard (message.properties.correlation?.count ?? 0) <= Int(UInt16.max) else {
            throw .refused("the correlation data is longer than 65,535 bytes")
        }
        let result: Result<Void, BusError> = await withCheckedContinuation { continuation in
            self.box.publish(message, continuation)
        }
        try result.get()
    }

    // MARK: The loop

    private func loop() {
        var pause = self.pause
        var last: LinkEvent?
        var losses = Losses()
        while !self.box.stopped {
            let (started, before) = (Clock.monotonic.seconds, self.connections)
            var reason = self.connection()
            guard !self.box.stopped else { return }
            if losses.count(isEstablished: self.connections > before, Clock.monotonic.seconds - started) {
                reason += "; does another client have the client_id \(self.address.clientID)?"
            }
            // An outage of an hour is one line in a log.
            let event = LinkEvent.ended(reason)
            if event != last || Clock.monotonic.seconds - started > 1 { self.box.onEvent(event) }
            last = event
            self.box.pause(
                milliseconds: pause.next(after: Clock.monotonic.seconds - started, entropy: self.entropy))
        }
    }

    /// One connection from CONNECT to its end.
    /// - Returns: why it ended.
    private func connection() -> String {
        guard
            let client = mosquitto_new(
                self.address.clientID, false, Unmanaged.passUnretained(self.box).toOpaque())
        else { return "libmosquitto gives no handle: \(String(cString: strerror(errno)))" }
        defer { mosquitto_destroy(client) }
        self.box.note(reason: nil)
        if let fault = self.prepare(client) { return fault }
        var properties = PropertyList()
        properties.add(MQTT_PROP_SESSION_EXPIRY_INTERVAL, self.address.sessionSeconds)
        properties.add(MQTT_PROP_RECEIVE_MAXIMUM, self.limits.receiveMaximum)
        properties.add(MQTT_PROP_MAXIMUM_PACKET_SIZE, self.limits.packetBytes)
        let keepAlive = Int32(self.limits.keepAliveSeconds)
        let code = mosquitto_connect_bind_v5(
            client, self.address.host, self.address.port, keepAlive, nil, properties.head)
        guard mosq_err_t(code) == MOSQ_ERR_SUCCESS else { return Self.words(code) }
        let sleeps = SleepWatch(limitMilliseconds: Int64(keepAlive) * 1_500)
        var end: String?
        while !self.box.stopped, end == nil {
            end = sleeps.overslept ? "the machine slept" : self.turn(client)
        }
        // What is written now would carry acknowledgements along that must not leave.
        if self.box.stopped, end == nil {
            // An orderly end has no last will; but who announced himself takes his leave with it.
            let farewell =
                self.address.birth == nil ? MQTT_RC_NORMAL_DISCONNECTION : MQTT_RC_DISCONNECT_WITH_WILL_MSG
            mosquitto_disconnect_v5(client, Int32(farewell.rawValue), nil)
            _ = mosquitto_loop_write(client, 1)
        }
        return self.box.disconnected() ?? end ?? "stopped"
    }

    /// One pass: wait for the socket, read, write, keep alive.
    /// - Returns: why the connection is over; nil while it lives.
    private func turn(_ client: OpaquePointer) -> String? {
        let socket = mosquitto_socket(client)
        guard socket >= 0 else { return "the broker ended the connection" }
        var events = [
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
            pollfd(fd: self.box.wakeDescriptor, events: Int16(POLLIN), revents: 0),
        ]
        if mosquitto_want_write(client) { events[0].events |= Int16(POLLOUT) }
        poll(&events, 2, 1_000)
        if events[1].revents != 0 { self.box.drainWake() }
        let readable = Int16(POLLIN | POLLHUP | POLLERR)
        if events[0].revents & readable != 0 {
            let code = self.read(client)
            if let fault = self.box.settle() { return fault }
            guard mosq_err_t(code) == MOSQ_ERR_SUCCESS else { return Self.words(code) }
        }
        self.box.accept(Client(pointer: client), birth: self.address.birth)
        if mosquitto_want_write(client) {
            let code = mosquitto_loop_write(client, 1)
            guard mosq_err_t(code) == MOSQ_ERR_SUCCESS else { return Self.words(code) }
        }
        let code = mosquitto_loop_misc(client)
        return mosq_err_t(code) == MOSQ_ERR_SUCCESS ? nil : Self.words(code)
    }

    /// Reads what is there, as far as the broker sends without an acknowledgement. In threaded mode those
    /// leave with `mosquitto_loop_write`, so that what came together can be made durable together.
    private func read(_ client: OpaquePointer) -> Int32 {
        var left = self.limits.receiveMaximum
        while true {
            let before = self.box.delivered
            let code = mosquitto_loop_read(client, 1)
            left -= 1
            guard mosq_err_t(code) == MOSQ_ERR_SUCCESS, self.box.delivered != before, left > 0 else {
                return code
            }
        }
    }

    private static func words(_ code: Int32) -> String {
        switch mosq_err_t(code) {
        case MOSQ_ERR_ERRNO: return String(cString: strerror(errno))
        // The library has no words for it.
        case MOSQ_ERR_KEEPALIVE: return "the broker stopped answering"
        default: return String(cString: mosquitto_strerror(code))
        }
    }
}

/// Connections that the broker took and soon ended, one after the other: so it looks where two clients have
/// one name and the broker does not say so.
private struct Losses {
    private var soon = 0
    /// More than a broker that starts anew makes of them.
    private static let limit = 3
    private static let soonSeconds = 30

    /// - Returns: whether there are so many that it should be said.
    mutating func count(isEstablished: Bool, _ seconds: Int) -> Bool {
        // Attempts in between that fail say nothing.
        guard isEstablished else { return false }
        self.soon = seconds < Self.soonSeconds ? self.soon + 1 : 0
        return self.soon >= Self.limit
    }
}

// MARK: A handle before it connects

extension MosquittoBus {
    /// - Returns: what is wrong with our own settings.
    private func prepare(_ client: OpaquePointer) -> String? {
        mosquitto_threaded_set(client, true)
        mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5)
        mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1)
        self.setCallbacks(client)
        self.setCredentials(client)
        if let fault = self.setTLS(client) { return fault }
        guard let will = self.address.will else { return nil }
        let code = mosquitto_will_set_v5(
            client, will.topic, Int32(will.payload.count), will.payload, will.quality.rawValue,
            will.retained, nil)
        return mosq_err_t(code) == MOSQ_ERR_SUCCESS ? nil : "the will: \(Self.words(code))"
    }

    /// Where Debian keeps the system's authorities, each under its hash.
    private static let authorities = "/etc/ssl/certs"

    private func setTLS(_ client: OpaquePointer) -> String? {
        guard let tls = self.address.tls else { return nil }
        let code = mosquitto_tls_set(
            client, tls.caFile, tls.caFile == nil ? Self.authorities : nil, tls.certificateFile, tls.keyFile,
            nil)
        return mosq_err_t(code) == MOSQ_ERR_SUCCESS
            ? nil : "a file for TLS cannot be read, or a key is without its certificate"
    }

    private func setCredentials(_ client: OpaquePointer) {
        guard let username = self.address.username else { return }
        let size = 1_024
        let room = UnsafeMutablePointer<CChar>.allocate(capacity: size)
        room.initialize(repeating: 0, count: size)
        defer {
            explicit_bzero(room, size)
            room.deallocate()
        }
        if let path = self.address.passwordFile, let file = fopen(path, "re") {
            setvbuf(file, nil, _IONBF, 0)
            _ = fgets(room, Int32(size), file)
            fclose(file)
            for index in 0..<size where room[index] == 0x0a { room[index] = 0 }
        }
        mosquitto_username_pw_set(client, username, room)
    }

    private func setCallbacks(_ client: OpaquePointer) {
        mosquitto_connect_v5_callback_set(client) { _, context, code, flags, properties in
            guard let box = Box.from(context) else { return }
            guard code != 0 else {
                box.connected(sessionKept: flags & 1 == 1)
                return box.onEvent(.connected(sessionKept: flags & 1 == 1))
            }
            box.refused(refusal(code, properties) ?? "code \(code)")
        }
        mosquitto_disconnect_v5_callback_set(client) { _, context, code, properties in
            // The broker's own reason; what the library found out by itself comes from the loop.
            if let reason = refusal(code, properties) { Box.from(context)?.note(reason: reason) }
        }
        mosquitto_subscribe_v5_callback_set(client) { _, context, identifier, count, granted, properties in
            let code = count > 0 ? granted?.pointee ?? 0x80 : 0x80
            Box.from(context)?.answered(identifier, refusal: refusal(code, properties))
        }
        mosquitto_publish_v5_callback_set(client) { _, context, identifier, code, properties in
            Box.from(context)?.acknowledged(identifier, refusal: refusal(code, properties))
        }
        mosquitto_message_v5_callback_set(client) { _, context, message, properties in
            guard let box = Box.from(context), let message = message?.pointee,
                let topic = message.topic.map({ String(cString: $0) })
            else { return }
            let bytes = UnsafeRawBufferPointer(start: message.payload, count: Int(max(0, message.payloadlen)))
            box.deliver(topic, packet: message.qos == 0 ? nil : UInt16(truncatingIfNeeded: message.mid)) {
                Message(
                    topic: topic, payload: [UInt8](bytes),
                    quality: message.qos == 0 ? .atMostOnce : .atLeastOnce, retained: message.retain,
                    properties: Message.Properties(properties), delivery: $0)
            }
        }
    }
}
