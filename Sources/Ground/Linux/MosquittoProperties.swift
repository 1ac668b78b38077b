internal import CMosquitto
internal import Glibc
internal import World

/// A list of MQTT 5 properties that is freed with its owner.
struct PropertyList: ~Copyable {
    private(set) var head: OpaquePointer?

    init() {}

    init(_ properties: Message.Properties) {
        if let topic = properties.responseTopic { self.add(MQTT_PROP_RESPONSE_TOPIC, topic) }
        if let type = properties.contentType { self.add(MQTT_PROP_CONTENT_TYPE, type) }
        if let correlation = properties.correlation {
            mosquitto_property_add_binary(
                &self.head, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), correlation,
                UInt16(clamping: correlation.count))
        }
        if let seconds = properties.expirySeconds { self.add(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, seconds) }
    }

    deinit {
        var head = self.head
        mosquitto_property_free_all(&head)
    }

    mutating func add(_ name: mqtt5_property, _ text: String) {
        mosquitto_property_add_string(&self.head, Int32(name.rawValue), text)
    }

    mutating func add(_ name: mqtt5_property, _ number: UInt32) {
        mosquitto_property_add_int32(&self.head, Int32(name.rawValue), number)
    }

    mutating func add(_ name: mqtt5_property, _ number: UInt16) {
        mosquitto_property_add_int16(&self.head, Int32(name.rawValue), number)
    }

    /// A text of a list that the library lends to a callback.
    static func text(_ name: mqtt5_property, in list: OpaquePointer?) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard mosquitto_property_read_string(list, Int32(name.rawValue), &text, false) != nil, let text else {
            return nil
        }
        defer { free(text) }
        return String(cString: text)
    }
}

extension Message.Properties {
    /// Copies what the library lends to a callback.
    init(_ list: OpaquePointer?) {
        self.init()
        guard list != nil else { return }
        self.responseTopic = PropertyList.text(MQTT_PROP_RESPONSE_TOPIC, in: list)
        self.contentType = PropertyList.text(MQTT_PROP_CONTENT_TYPE, in: list)
        var bytes: UnsafeMutableRawPointer?
        var count: UInt16 = 0
        let name = Int32(MQTT_PROP_CORRELATION_DATA.rawValue)
        if mosquitto_property_read_binary(list, name, &bytes, &count, false) != nil {
            self.correlation = [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            free(bytes)
        }
        var seconds: UInt32 = 0
        let expiry = Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue)
        if mosquitto_property_read_int32(list, expiry, &seconds, false) != nil {
            self.expirySeconds = seconds
        }
    }
}

/// What a reason code of the broker says; nil when it is no refusal.
func refusal(_ code: Int32, _ properties: OpaquePointer?) -> String? {
    guard code >= 0x80 else { return nil }
    // The standard's words do not say what to do.
    let name =
        code == Int32(MQTT_RC_SESSION_TAKEN_OVER.rawValue)
        ? LinkEvent.otherClient : String(cString: mosquitto_reason_string(code))
    let words = PropertyList.text(MQTT_PROP_REASON_STRING, in: properties)
    return words.map { "\(name): \($0)" } ?? name
}
