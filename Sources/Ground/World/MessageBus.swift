/// MQTT's delivery promises that the runtime uses. QoS 2 is left out on purpose: with libmosquitto a crash in
/// the message callback loses a QoS 2 message and redelivers a QoS 1 message.
public enum DeliveryQuality: Int32, Sendable, Hashable {
    case atMostOnce = 0
    case atLeastOnce = 1
}

/// One MQTT application message.
public struct Message: Sendable, Hashable {
    public let topic: String
    public let payload: [UInt8]
    public let quality: DeliveryQuality
    /// On a received message: it was kept by the broker and may be old.
    public let retained: Bool
    public let properties: Properties
    /// How it came; nil for one that needs no acknowledgement, or did not come from a broker.
    public let delivery: Delivery?

    /// What tells a message that the broker brings again, because it did not hear that the first one arrived.
    public struct Delivery: Sendable, Hashable {
        /// The broker's number for it, the same each time.
        public let packet: UInt16
        /// Counts the messages of this bus.
        public let number: UInt64
        /// Counts the connections of this bus.
        public let connection: UInt64
        /// Whether the broker had kept our session, so that what it brings may be what it had brought.
        public let isResumed: Bool

        public init(packet: UInt16, number: UInt64, connection: UInt64, isResumed: Bool) {
            self.packet = packet
            self.number = number
            self.connection = connection
            self.isResumed = isResumed
        }
    }

    /// What MQTT 5 lets a message carry beside its payload.
    public struct Properties: Sendable, Hashable {
        /// Where an answer is expected.
        public var responseTopic: String?
        /// Comes back with the answer, unchanged; at most 65,535 bytes.
        public var correlation: [UInt8]?
        public var contentType: String?
        /// Who has not got the message after so many seconds does not get it.
        public var expirySeconds: UInt32?

        public init(
            responseTopic: String? = nil, correlation: [UInt8]? = nil, contentType: String? = nil,
            expirySeconds: UInt32? = nil
        ) {
            self.responseTopic = responseTopic
            self.correlation = correlation
            self.contentType = contentType
            self.expirySeconds = expirySeconds
        }
    }

    public init(
        topic: String,
        payload: [UInt8],
        quality: DeliveryQuality = .atLeastOnce,
        retained: Bool = false,
        properties: Properties = Properties(),
        delivery: Delivery? = nil
    ) {
        self.topic = topic
        self.payload = payload
        self.quality = quality
        self.retained = retained
        self.properties = properties
        self.delivery = delivery
    }

    /// How it came is no part of what it is.
    public static func == (left: Message, right: Message) -> Bool {
        left.topic == right.topic && left.payload == right.payload && left.quality == right.quality
            && left.retained == right.retained && left.properties == right.properties
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.topic)
        hasher.combine(self.payload)
    }
}

/// Why a message did not reach the broker.
public enum BusError: Error, Equatable {
    /// No connection to the broker; nothing was kept for later.
    case offline
    /// The connection ended before the broker acknowledged: it may or may not have the message.
    case unacknowledged
    /// Topic, filter or payload break MQTT's rules or the bus's limits, or the broker said no: in its words.
    case refused(String)
}

/// Publish and subscribe. The runtime assumes at-least-once delivery, duplicates and silence.
public protocol MessageBus: Sendable {
    /// Hands every message that matches `filter` to `receive`, now and after every reconnect.
    ///
    /// `receive` runs on the bus's thread, and the broker is told that a message arrived only after it
    /// returned: what must not be lost is made durable inside it, or in ``beforeAcknowledging(_:)``. It must
    /// not call the bus and must not wait.
    func subscribe(
        to filter: String,
        quality: DeliveryQuality,
        receive: @escaping @Sendable (Message) -> Void
    ) throws(BusError)

    /// Has `body` called on the bus's thread after receivers got messages and before the broker is told that
    /// any of them arrived: once for all that came together, so that one write makes all of them durable.
    ///
    /// When it throws, the broker is told of none of them: the connection ends, and in the next one the
    /// broker brings them again.
    func beforeAcknowledging(_ body: @escaping @Sendable () throws -> Void)

    /// Returns once the broker has accepted a filter that was subscribed to, in the connection of now or the
    /// next one; waits for it as long as it takes.
    /// - Throws: `.refused` with the broker's words, `.offline` when the task is cancelled or the bus ends.
    func confirm(_ filter: String) async throws(BusError)

    /// Publishes and returns when the broker acknowledged (QoS 1) or the message left (QoS 0).
    func publish(_ message: Message) async throws(BusError)

    /// Whether the broker is connected at this moment.
    var isConnected: Bool { get }
}
