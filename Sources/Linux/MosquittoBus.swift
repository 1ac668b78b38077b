internal import CMosquitto
internal import Dispatch
internal import Glibc
internal import Synchronization
public import World

/// Where the broker is and who we are to it.
public struct BrokerAddress: Sendable {
    public var host: String
    public var port: Int32
    /// Stable, so that the broker keeps our session while we are away.
    public var clientID: String
    public var username: String?
    /// The password stands in a file of its own and is read anew at each connect.
    public var passwordFile: String?
    /// Published by the broker when we vanish.
    public var will: Message?

    public init(
        host: String, port: Int32 = 1_883, clientID: String, username: String? = nil,
        passwordFile: String? = nil,
        will: Message? = nil
    ) {
        self.host = host
        self.port = port
        self.clientID = clientID
        self.username = username
        self.passwordFile = passwordFile
        self.will = will
    }
}

/// The bus over libmosquitto, with a network loop of our own.
///
/// Our loop, because the library's gives up for ever when the first connection is refused and ends silently
/// after protocol errors. Threaded mode, because only then a QoS 1 acknowledgement leaves after the receiver
/// returned. A new handle per connection, because the library keeps unsent messages in memory without bound.
public final class MosquittoBus: MessageBus {
    private let address: BrokerAddress
    private let entropy: any Entropy
    private let box = Box()
    /// Runs the loop; never anything else.
    private let thread = DispatchQueue(label: "depai.mqtt")

    public init(_ address: BrokerAddress, entropy: any Entropy) {
        _ = Self.ready
        self.address = address
        self.entropy = entropy
    }

    private static let ready: Bool = mosquitto_lib_init() == Int32(MOSQ_ERR_SUCCESS.rawValue)

    public var isConnected: Bool { self.box.state.withLock { $0.client != nil } }

    /// How many times a connection was established.
    public var connections: Int { self.box.state.withLock { $0.connections } }

    /// Stays connected until the task is cancelled.
    public func run() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.thread.async {
                    self.loop()
                    continuation.resume()
                }
            }
        } onCancel: {
            self.box.stop()
        }
    }

    public func subscribe(
        to filter: String, quality: DeliveryQuality, receive: @escaping @Sendable (Message) -> Void
    ) throws(BusError) {
        guard mosquitto_sub_topic_check(filter) == Int32(MOSQ_ERR_SUCCESS.rawValue) else {
            throw .refused("\"\(filter)\" is not a topic filter")
        }
        self.box.state.withLock { state in
            state.subscriptions.append(Subscription(filter: filter, quality: quality, receive: receive))
            state.subscriptionsWanted = true
        }
        self.box.wake()
    }

    public func publish(_ message: Message) async throws(BusError) {
        guard mosquitto_pub_topic_check(message.topic) == Int32(MOSQ_ERR_SUCCESS.rawValue) else {
            throw .refused("\"\(message.topic)\" is not a topic")
        }
        let result: Result<Void, BusError> = await withCheckedContinuation { continuation in
            self.box.publish(message, continuation)
        }
        try result.get()
    }

    // MARK: the loop

    private func loop() {
        var attempt = 0
        while !self.box.stopped {
            let started = Self.seconds()
            self.connection()
            // A broker that accepts and drops is not a reason to try harder: only a stable minute resets the
            // wait.
            attempt = Self.seconds() - started > 60 ? 0 : min(attempt + 1, 7)
            let ceiling = min(30_000, 250 << attempt)
            self.box.pause(milliseconds: 250 + Int32(self.entropy.number(below: UInt64(ceiling))))
        }
    }

    /// One connection from CONNECT to its end.
    private func connection() {
        guard
            let client = mosquitto_new(
                self.address.clientID, false, Unmanaged.passUnretained(self.box).toOpaque())
        else { return }
        defer { mosquitto_destroy(client) }
        mosquitto_threaded_set(client, true)
        mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1)
        self.setCallbacks(client)
        self.setCredentials(client)
        if let will = self.address.will {
            mosquitto_will_set(
                client, will.topic, Int32(will.payload.count), will.payload, will.quality.rawValue,
                will.retained)
        }
        guard
            mosquitto_connect(client, self.address.host, self.address.port, 30)
                == Int32(MOSQ_ERR_SUCCESS.rawValue)
        else { return }
        defer { self.box.disconnected() }
        while !self.box.stopped, self.turn(client) {}
        if self.box.stopped {
            // An orderly end: our will is not published.
            mosquitto_disconnect(client)
            _ = mosquitto_loop_write(client, 1)
        }
    }

    /// One pass: wait for the socket, read, write, keep alive.
    private func turn(_ client: OpaquePointer) -> Bool {
        let socket = mosquitto_socket(client)
        guard socket >= 0 else { return false }
        var events = [
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
            pollfd(fd: self.box.wakeDescriptor, events: Int16(POLLIN), revents: 0),
        ]
        if mosquitto_want_write(client) { events[0].events |= Int16(POLLOUT) }
        poll(&events, 2, 500)
        if events[1].revents != 0 { self.box.drainWake() }
        let readable = Int16(POLLIN | POLLHUP | POLLERR)
        let success = Int32(MOSQ_ERR_SUCCESS.rawValue)
        if events[0].revents & readable != 0, mosquitto_loop_read(client, 1) != success { return false }
        self.box.accept(Client(pointer: client))
        if mosquitto_want_write(client), mosquitto_loop_write(client, 1) != success { return false }
        return mosquitto_loop_misc(client) == success
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
        mosquitto_connect_callback_set(client) { _, context, code in
            if code == 0 { Box.from(context)?.connected() }
        }
        mosquitto_publish_callback_set(client) { _, context, identifier in
            Box.from(context)?.acknowledged(identifier)
        }
        mosquitto_message_callback_set(client) { _, context, message in
            guard let box = Box.from(context), let message = message?.pointee, let topic = message.topic
            else { return }
            let bytes = UnsafeRawBufferPointer(start: message.payload, count: Int(max(0, message.payloadlen)))
            box.deliver(
                Message(
                    topic: String(cString: topic), payload: [UInt8](bytes),
                    quality: message.qos == 0 ? .atMostOnce : .atLeastOnce, retained: message.retain))
        }
    }

    private static func seconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }
}
