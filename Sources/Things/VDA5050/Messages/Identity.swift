internal import Encoding

/// The versions that are spoken. One set of types stands behind both.
/// Source: VDA 5050 2.1.0 and 3.0.0 (https://github.com/VDA5050/VDA5050).
package enum Version: String, Sendable, Hashable, CaseIterable {
    case two = "2.1.0"
    case three = "3.0.0"

    /// The topic level. Source: VDA 5050 2.1.0 section 6.3.
    package var topicLevel: String { self == .two ? "v2" : "v3" }
    var dialect: WireDialect { self == .two ? .two : .three }
}

/// The topics that are spoken. Source: VDA 5050 2.1.0 section 6.5.
package enum Topic: String, Sendable, Hashable, CaseIterable {
    case order, instantActions, state, connection, factsheet, visualization
}

/// Which robot, in which version. Source: VDA 5050 2.1.0 sections 6.3 and 6.4.
package struct Identity: Sendable, Hashable {
    package let version: Version
    /// The first topic level, e.g. `uagv`.
    package let interface: String
    package let manufacturer: String
    package let serialNumber: String

    /// The most bytes of one topic level.
    package static let levelLimit = 64

    /// - Returns: nil when a part cannot be a topic level: empty, too long, or with `/ + # $` or a
    ///   character that does not print; the serial number has only `A-Z a-z 0-9 _ . : -`.
    package init?(version: Version, interface: String, manufacturer: String, serialNumber: String) {
        for level in [interface, manufacturer, serialNumber] {
            guard (1...Self.levelLimit).contains(level.utf8.count),
                level.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f && !Self.reserved.contains($0) })
            else { return nil }
        }
        guard serialNumber.utf8.allSatisfy(Self.isSerial) else { return nil }
        self.version = version
        self.interface = interface
        self.manufacturer = manufacturer
        self.serialNumber = serialNumber
    }

    private static let reserved = Array("/+#$".utf8)

    private static func isSerial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "_.:-".utf8.contains(byte)
        }
    }

    /// The full topic: interface, major version, manufacturer, serial number, name.
    package func topic(_ topic: Topic) -> String {
        [
            self.interface, self.version.topicLevel, self.manufacturer, self.serialNumber, topic.rawValue,
        ].joined(separator: "/")
    }
}
