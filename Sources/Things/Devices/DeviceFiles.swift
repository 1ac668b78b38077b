package import Database

/// The databases that this module keeps in a home.
package enum DeviceFiles {
    package static let commands = CommandJournal.schema
    /// Of a robot that belongs to a fleet.
    package static let member = VDA5050.RobotStore.schema
    /// One a robot that speaks VDA 5050.
    package static let orders = VDA5050.FleetStore.schema

    package static func isOrderJournal(_ name: String) -> Bool {
        name.hasPrefix("vda5050-") && name.hasSuffix(".db")
    }
}
