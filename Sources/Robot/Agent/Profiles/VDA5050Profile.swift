package import Devices
package import Encoding
package import SystemPackage
package import VDA5050
package import World

/// The stateful protocols of which this robot's things may be: descriptions are read with them.
package enum Profiles {
    package static let all: [any Profile.Type] = [VDA5050Profile.self]
}

/// A robot that takes orders over VDA 5050.
package struct VDA5050Profile: Profile {
    package let identity: Identity

    package static let names = Version.allCases.map { "vda5050/\($0.rawValue)" }
    package static let actions = ["drive", "cancel", "pause", "resume"]

    /// The robot tells its state where the thing's properties listen.
    package init(_ field: JSONField, properties: [Thing.Property]) throws(JSONError) {
        let name = try field.string()
        guard let version = Version.allCases.first(where: { "vda5050/\($0.rawValue)" == name }) else {
            throw field.fault("one of \(Self.names.joined(separator: ", "))")
        }
        let identity = properties.lazy.flatMap(\.reports).compactMap {
            Self.identity($0.filter, version)
        }.first
        guard let identity else {
            throw field.fault(
                "no property observes INTERFACE/\(version.topicLevel)/MANUFACTURER/SERIAL/state")
        }
        self.identity = identity
    }

    private static func identity(_ filter: String, _ version: Version) -> Identity? {
        let levels = filter.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard levels.count == 5, levels[1] == version.topicLevel, levels[4] == "state" else { return nil }
        return Identity(
            version: version, interface: levels[0], manufacturer: levels[2], serialNumber: levels[3])
    }

    package var machine: String { self.identity.serialNumber }
    package var source: String { self.identity.topic(.state) }
    package var journal: String { RobotControl.journal(of: self.identity) }

    package func adapter(
        bus: any MessageBus, folder: FilePath?, timeline: any Timeline,
        onFault: @escaping @Sendable (ProfileFault) -> Void
    ) throws -> any ProfileAdapter {
        let identity = self.identity
        let control = try RobotControl(
            identity, bus: bus, store: folder?.appending(self.journal), timeline: timeline
        ) { topic, reason in
            onFault(
                ProfileFault(affordance: topic.rawValue, filter: identity.topic(topic), reason: reason))
        }
        return VDA5050Adapter(control: control)
    }
}
