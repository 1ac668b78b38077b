internal import Encoding
public import World

/// Where something is sold over MQTT: `mqtt://BROKER[:PORT]/NODE/PATH?QUERY`, or `mqtts` for TLS.
///
/// The broker is named as the customer reaches it; the seller may know it by another name.
public struct MQTTAddress: Sendable, Hashable {
    public let isSecure: Bool
    public let host: String
    public let port: Int32
    /// The seller's name on the broker.
    public let node: String
    /// Path and query below the seller; begins with a slash.
    public let target: String

    /// Nil for anything else.
    public init?(_ url: String) {
        guard let colon = url.firstPlace(of: "://"), !url.contains("#"),
            url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { return nil }
        switch url[..<colon.lowerBound].lowercased() {
        case "mqtt": self.isSecure = false
        case "mqtts": self.isSecure = true
        default: return nil
        }
        let parts = url[colon.upperBound...].split(
            separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let (host, port) = Self.place(parts[0], secure: self.isSecure),
            MQTTTransport.isName(parts[1])
        else { return nil }
        self.host = host
        self.port = port
        self.node = String(parts[1])
        self.target = parts.count == 3 ? "/\(parts[2])" : "/"
    }

    /// Whether a link to `address` leads there.
    public func isReached(through address: BrokerAddress) -> Bool {
        self.host == address.host.lowercased() && self.port == address.port
            && self.isSecure == (address.tls != nil)
    }

    /// The broker, for people: `mqtts://host:port`.
    public var broker: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "\(self.isSecure ? "mqtts" : "mqtt")://\(host):\(self.port)"
    }

    private static func place(_ text: Substring, secure: Bool) -> (String, Int32)? {
        let usual: Int32 = secure ? 8_883 : 1_883
        var (host, rest) = (text, text[text.endIndex...])
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else if let colon = text.firstIndex(of: ":") {
            (host, rest) = (text[..<colon], text[colon...])
        }
        // A name and a password do not belong into a URL.
        guard !host.isEmpty, !text.contains("@"), !text.contains("?") else { return nil }
        guard !rest.isEmpty else { return (host.lowercased(), usual) }
        guard rest.first == ":", let port = UInt16(rest.dropFirst()), port > 0 else { return nil }
        return (host.lowercased(), Int32(port))
    }
}
