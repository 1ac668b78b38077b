package import Database

/// The databases that this module keeps in a home.
package enum DeviceFiles {
    package static let commands = CommandJournal.schema
    package static let readings = ReadingLog.schema
}
