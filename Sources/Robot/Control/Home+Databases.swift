package import Database
internal import Devices
package import Home
internal import Ledger
internal import Messaging
package import SystemPackage
internal import VDA5050

extension Home {
    /// Every database that is there, with the tables that this program knows.
    package var databases: [(path: FilePath, schema: Schema)] {
        let names = (try? DurableFile.names(in: self.path)) ?? []
        let orders = names.filter(RobotControl.isJournal).sorted().map {
            (path: self.path.appending($0), schema: RobotControl.schema)
        }
        let all =
            [
                (self.ledgerPath, PaymentLedger.schema), (self.agentPath, AgentView.schema),
                (self.devicesPath, DeviceFiles.commands), (self.readingsPath, DeviceFiles.readings),
                (self.outboxPath, Outbox.schema), (self.fleetPath, VehicleLink.schema),
            ] + orders
        return all.filter { DurableFile.exists($0.path) }
    }

    /// Readings that wait for a batch of the archive.
    package func waitingReadings() throws -> Int {
        guard DurableFile.exists(self.readingsPath), DurableFile.exists(self.agentPath),
            let mark = try AgentView(path: self.agentPath).mark("archive")
        else { return 0 }
        return try DurableLogView(path: self.readingsPath).count(after: mark)
    }

    /// Looks at all of the home before any of it is opened: an older program must not bring some of a newer
    /// one's files up to date, nor work with half of them.
    /// - Throws: `SchemaError.newer`; nothing was changed.
    package func checkSchemas() throws {
        for (path, schema) in self.databases { try schema.check(path) }
    }
}
