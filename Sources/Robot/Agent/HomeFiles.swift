package import Database
internal import Devices
public import Home
internal import Ledger
internal import Messaging
public import SystemPackage
internal import VDA5050

extension Home {
    /// Readings, purchases on the way, events.
    public var agentPath: FilePath { self.path.appending("agent.db") }
    /// Commands to devices.
    public var devicesPath: FilePath { self.path.appending("devices.db") }
    /// Orders of the fleet that this robot belongs to.
    public var fleetPath: FilePath { self.path.appending("vda5050.db") }
    /// What waits for the broker.
    public var outboxPath: FilePath { self.path.appending("outbox.db") }

    /// Every database that is there, with the tables that this program knows.
    package var databases: [(path: FilePath, schema: Schema)] {
        let names = (try? DurableFile.names(in: self.path)) ?? []
        let orders = names.filter(VDA5050Profile.isJournal).sorted().map {
            (path: self.path.appending($0), schema: RobotControl.schema)
        }
        let all =
            [
                (self.ledgerPath, PaymentLedger.schema), (self.agentPath, AgentStore.schema),
                (self.devicesPath, DeviceFiles.commands), (self.outboxPath, Outbox.schema),
                (self.fleetPath, VehicleLink.schema),
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
