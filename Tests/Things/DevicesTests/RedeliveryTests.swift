import Database
import Encoding
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing
import ThingSupport
import World

@testable import Devices

/// Readings that a broker brings again, because it was not told that they came.
struct RedeliveryTests {
    /// A broker's session: it counts its messages, and the bus counts them and the connections.
    private struct Session {
        var connection: UInt64 = 1
        var isResumed = true
        private var number: UInt64 = 0

        mutating func message(_ packet: UInt16, _ value: String) -> Message {
            self.number += 1
            return Message(
                topic: "stat/plug-1/POWER", payload: Array(value.utf8),
                delivery: .init(
                    packet: packet, number: self.number, connection: self.connection,
                    isResumed: self.isResumed))
        }
    }

    private static func values(_ log: ReadingLog) throws -> [JSON] {
        try log.entries(after: 0, limit: 1_000).map { try JSON.read($0.text)["value"] ?? .null }
    }

    /// One life of a robot, whose log lies in a file.
    private func live(
        _ path: FilePath, _ body: (MemoryBus, ReadingLog) async throws -> Void
    ) async throws {
        let log = try ReadingLog(
            path: path, timeline: StepTimeline(), followers: [.init(name: "all", wanted: nil, mark: 0)])
        let bus = MemoryBus()
        let hub = try DeviceHub(
            things: [try shipped("relay-plug", "plug-1")], bus: bus, store: nil, timeline: StepTimeline(),
            entropy: CountingEntropy(), log: log)
        try await hub.listenToAll()
        try await body(bus, log)
    }

    @Test func `what was kept and not acknowledged is not kept again after a crash`() async throws {
        try await withFolder { folder in
            let path = folder.appending("readings.db")
            var session = Session()
            try await self.live(path) { (bus, _) throws in
                #expect(bus.arrive([session.message(7, "ON"), session.message(8, "OFF")]))
            }
            // Our acknowledgement was lost with us. Another bus, and the broker goes on.
            session = Session()
            try await self.live(path) { (bus, log) throws in
                bus.arrive([session.message(7, "ON"), session.message(8, "OFF")])
                // The same words under another number are another reading, and so is what comes later.
                bus.arrive([session.message(9, "OFF"), session.message(10, "ON")])
                #expect(try Self.values(log) == [true, false, false, true])
            }
        }
    }

    @Test func `it is known in the next connection of one life, too, as often as it comes`() async throws {
        try await withFolder { folder in
            var session = Session()
            try await self.live(folder.appending("readings.db")) { (bus, log) throws in
                bus.arrive([session.message(7, "ON")])
                for connection in UInt64(2)...4 {
                    session.connection = connection
                    bus.arrive([session.message(7, "ON")])
                }
                #expect(try Self.values(log) == [true])
                // A number that was acknowledged is free.
                bus.arrive([session.message(7, "ON")])
                #expect(try Self.values(log) == [true, true])
            }
        }
    }

    @Test func `a broker that forgot us brings news`() async throws {
        try await withFolder { folder in
            var session = Session()
            try await self.live(folder.appending("readings.db")) { (bus, log) throws in
                bus.arrive([session.message(1, "ON")])
                (session.connection, session.isResumed) = (2, false)
                bus.arrive([session.message(1, "ON")])
                #expect(try Self.values(log) == [true, true])
            }
        }
    }

    @Test func `a broker that soon gives a number again is not judged`() async throws {
        try await withFolder { folder in
            var session = Session()
            try await self.live(folder.appending("readings.db")) { (bus, log) throws in
                for value in ["ON", "OFF", "ON"] { bus.arrive([session.message(1, value)]) }
                session.connection = 2
                // It may be a new one: it counts.
                bus.arrive([session.message(1, "ON")])
                #expect(try Self.values(log) == [true, false, true, true])
            }
        }
    }

    @Test func `what could not be written is not acknowledged, and kept once when it comes again`()
        async throws
    {
        try await withFolder { folder in
            let path = folder.appending("readings.db")
            var session = Session()
            try await self.live(path) { (bus, log) throws in
                #expect(bus.arrive([session.message(1, "ON")]))
                let other = try Connection(path: path.string)
                try other.execute("ALTER TABLE entry RENAME TO away")
                for connection in UInt64(2)...3 {
                    session.connection = connection
                    #expect(!bus.arrive([session.message(2, "OFF"), session.message(3, "ON")]))
                }
                try other.execute("ALTER TABLE away RENAME TO entry")
                session.connection = 4
                #expect(bus.arrive([session.message(2, "OFF"), session.message(3, "ON")]))
                #expect(try Self.values(log) == [true, false, true])
            }
        }
    }

    /// Needs the right to mount; everywhere else the test says that it did not look.
    @Test func `a full disk loses none, and one that has room again keeps each once`() async throws {
        try await withFolder { folder in
            let disk = folder.appending("disk")
            try DurableFile.createFolder(disk)
            guard mount("tmpfs", disk.string, "tmpfs", 0, "size=256k") == 0 else {
                withKnownIssue("tmpfs cannot be mounted here", isIntermittent: true) {}
                return
            }
            defer { umount(disk.string) }
            var session = Session()
            try await self.live(disk.appending("readings.db")) { (bus, log) throws in
                var number: UInt16 = 0
                /// Each message until it is acknowledged, as a broker does.
                func say(_ count: Int) -> Bool {
                    for _ in 0..<count {
                        guard bus.arrive([session.message(number + 1, "ON")]) else { return false }
                        number += 1
                    }
                    return true
                }
                #expect(!say(10_000))
                let kept = number
                #expect(kept > 20)
                #expect(try Self.values(log).count == min(Int(kept), 1_000))
                for _ in 0..<3 {
                    session.connection += 1
                    #expect(!say(1))
                }
                #expect(mount("tmpfs", disk.string, "tmpfs", UInt(MS_REMOUNT), "size=4m") == 0)
                session.connection += 1
                #expect(say(50) && number == kept + 50)
                #expect(try log.entries(after: 0, limit: 20_000).count == Int(number))
            }
        }
    }
}
