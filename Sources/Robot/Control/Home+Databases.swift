package import Database
internal import Devices
package import Home
internal import Ledger
package import SystemPackage

extension Home {
    /// Every database that is there, with the tables that this program knows.
    package var databases: [(path: FilePath, schema: Schema)] {
        let names = (try? DurableFile.names(in: self.path)) ?? []
        let orders = names.filter(DeviceFiles.isOrderJournal).sorted().map {
            (path: self.path.appending($0), schema: DeviceFiles.orders)
        }
        let all =
            [
                (self.ledgerPath, PaymentLedger.schema), (self.agentPath, AgentView.schema),
                (self.devicesPath, DeviceFiles.commands), (self.outboxPath, DeviceFiles.outbox),
                (self.fleetPath, DeviceFiles.member),
            ] + orders
        return all.filter { DurableFile.exists($0.path) }
    }

    /// Looks at all of the home before any of it is opened: an older program must not bring some of a newer
    /// one's files up to date, nor work with half of them.
    /// - Throws: `SchemaError.newer`; nothing was changed.
    package func checkSchemas() throws {
        for (path, schema) in self.databases { try schema.check(path) }
    }
}
